// Puts the server's fragments in place by id; src/live.rs describes the stream and says why this is
// not a library. Focus stays where it was, and a text that somebody is selecting is left alone until
// the selection ends.
(() => {
  "use strict";
  const state = document.querySelector("[data-live]");
  if (!state || !window.EventSource) return;
  const SILENCE = 40000;
  const waiting = new Map();
  let source, watchdog;
  const show = (word) => { document.body.dataset.live = word; };

  function place(id, fresh) {
    const old = document.getElementById(id);
    if (!old) return true;
    const selection = document.getSelection();
    if (selection && !selection.isCollapsed && selection.containsNode(old, true)) return false;
    const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    old.replaceWith(fresh);
    if (focused) {
      const same = [...fresh.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused);
      if (same) same.focus({ preventScroll: true });
    }
    if (fresh.dataset.title) {
      document.title = fresh.dataset.title + document.title.slice(document.title.lastIndexOf(" · "));
    }
    return true;
  }

  function flush() {
    for (const [id, fresh] of waiting) if (place(id, fresh)) waiting.delete(id);
  }

  function heard() {
    show("on");
    clearTimeout(watchdog);
    watchdog = setTimeout(connect, SILENCE);
  }

  function connect() {
    if (source) { source.close(); show("lost"); }
    source = new EventSource(state.dataset.live);
    source.addEventListener("tick", heard);
    source.addEventListener("fragments", (event) => {
      const holder = document.createElement("template");
      holder.innerHTML = event.data;
      for (const fresh of [...holder.content.children]) if (fresh.id) waiting.set(fresh.id, fresh);
      flush();
      heard();
    });
    source.onerror = () => show("lost");
    clearTimeout(watchdog);
    watchdog = setTimeout(connect, SILENCE);
  }

  document.addEventListener("selectionchange", flush);
  connect();
})();
