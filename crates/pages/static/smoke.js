// Draws every <figure class="smoke">: the median of the round-trip times, a dark band up to the 95th
// percentile, a light one from the least to the 99th, and lost probes as marks on the ground, the taller and
// the redder the more were lost. A window that lost everything has no time and stands as a full mark.
// Ranges and refresh are those of chart.js, which sets data-range on the figures of its own kind only.
(() => {
  "use strict";
  const RANGES = { "1h": [3600e3, 10e3], "24h": [864e5, 300e3], "7d": [6048e5, 1800e3], "30d": [2592e6, 7200e3] };
  const FIELDS = ["rtt_p50", "rtt_p95", "rtt_p99", "rtt_min", "loss"];
  const HEIGHT = 220;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const two = (n) => String(n).padStart(2, "0");
  const zone = document.documentElement.dataset.zone;
  const clock = (ms) => (zone ? uPlot.tzDate(new Date(ms), zone) : new Date(ms));
  const minute = (d) => `${two(d.getHours())}:${two(d.getMinutes())}`;
  const day = (d) => `${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const { seconds, percent, tick, secondSteps } = Figures;

  // The series on one time axis; a missing value stays a hole.
  function join(answers) {
    const at = new Map();
    answers.forEach((answer, index) => {
      for (const [t, v] of answer.points) {
        if (!at.has(t)) at.set(t, FIELDS.map(() => null));
        at.get(t)[index] = v;
      }
    });
    const times = [...at.keys()].sort((a, b) => a - b);
    return [times.map((t) => t / 1000), ...FIELDS.map((_, i) => times.map((t) => at.get(t)[i]))];
  }

  // Lost probes, on the ground of the plot.
  function losses(plot) {
    const { ctx, bbox, data } = plot;
    const width = Math.max(2, (bbox.width / Math.max(data[0].length, 1)) | 0);
    ctx.save();
    ctx.fillStyle = colour("--down");
    data[5].forEach((loss, i) => {
      if (!loss) return;
      const x = plot.valToPos(data[0][i], "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) return;
      const height = loss >= 1 ? bbox.height : Math.max(4, Math.sqrt(loss) * bbox.height * 0.5);
      ctx.globalAlpha = loss >= 1 ? 0.28 : 0.85;
      ctx.fillRect(x - width / 2, bbox.top + bbox.height - height, width, height);
    });
    ctx.restore();
  }

  function options(smoke) {
    const axis = {
      stroke: colour("--muted"), font: "11px system-ui, sans-serif",
      grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false },
    };
    const line = colour("--accent");
    const none = { stroke: "transparent", points: { show: false }, spanGaps: false };
    const span = smoke.to - smoke.from;
    return {
      width: smoke.plotBox.clientWidth, height: HEIGHT, padding: [8, 8, 0, 0],
      legend: { show: false }, tzDate: (s) => clock(s * 1000),
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 }, sync: { key: "time" } },
      hooks: { setCursor: [(plot) => readout(smoke, plot)], drawAxes: [losses] },
      scales: { x: { time: true, range: () => [smoke.from / 1000, smoke.to / 1000] },
        y: { range: (_plot, _low, high) => [0, (high || 0.001) * 1.08] } },
      axes: [
        { ...axis, size: 26, space: 64, values: (_plot, splits) => splits.map((s) => {
          const d = clock(s * 1000);
          return span > 2 * 864e5 || (d.getHours() === 0 && d.getMinutes() === 0) ? day(d) : minute(d);
        }) },
        { ...axis, size: 72, space: 34, incrs: secondSteps,
          values: (_plot, splits) => splits.map((v) => tick(seconds(v))) },
      ],
      series: [{}, { ...none, stroke: line, width: 1.75 }, none, none, none, { ...none, scale: "loss" }],
      bands: [{ series: [3, 4], fill: `${line}26` }, { series: [2, 1], fill: `${line}59` }],
    };
  }

  function readout(smoke, plot) {
    const at = plot.cursor.idx;
    const known = at !== null && at !== undefined && plot.data[0][at] !== undefined;
    if (!known) { smoke.cursor.textContent = ""; return; }
    const d = clock(plot.data[0][at] * 1000);
    smoke.cursor.textContent = `${day(d)} ${minute(d)} · ${seconds(plot.data[1][at])} · 95 % ${seconds(plot.data[2][at])} · ${percent(plot.data[5][at])}`;
  }

  // The figures of the shown span, for whoever cannot or does not point at it: the middle of the windows' medians and of
  // their 95th percentiles, and the most that a window lost.
  function middle(values) {
    const known = values.filter((v) => v !== null).sort((a, b) => a - b);
    return known.length === 0 ? null : known[(known.length - 1) >> 1];
  }
  function summarise(smoke) {
    const [, p50, p95, , , loss] = smoke.data;
    const lost = loss.filter((v) => v !== null);
    const stats = { median: seconds(middle(p50)), p95: seconds(middle(p95)),
      loss: percent(lost.length === 0 ? null : lost.reduce((a, b) => Math.max(a, b))) };
    for (const box of smoke.figure.querySelectorAll("[data-stat]")) box.textContent = stats[box.dataset.stat];
  }

  function draw(smoke) {
    if (!smoke.data) return;
    if (smoke.plot) smoke.plot.destroy();
    smoke.plot = new uPlot(options(smoke), smoke.data, smoke.plotBox);
  }

  async function load(smoke) {
    if (smoke.request) smoke.request.abort();
    const request = smoke.request = new AbortController();
    const [span, step] = RANGES[smoke.figure.dataset.range] || RANGES["1h"];
    const to = Date.now();
    const ask = async (field) => {
      const series = `${smoke.figure.dataset.subject}#${field}@${smoke.figure.dataset.agent}`;
      const query = new URLSearchParams({ series, from: to - span, to, step });
      const response = await fetch(`/api/v1/history?${query}`, { signal: request.signal, headers: { Accept: "application/json" } });
      if (response.status === 404) return { points: [] };
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      return response.json();
    };
    try {
      smoke.data = join(await Promise.all(FIELDS.map(ask)));
      smoke.from = to - span;
      smoke.to = to;
      smoke.error.hidden = true;
      smoke.empty.hidden = smoke.data[0].length > 0;
      smoke.plotBox.hidden = smoke.data[0].length === 0;
      summarise(smoke);
      if (!smoke.plotBox.hidden) draw(smoke);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      smoke.cause.textContent = problem.message;
      smoke.error.hidden = false;
      smoke.plotBox.hidden = !smoke.plot;
    }
  }

  const smokes = [...document.querySelectorAll("figure.smoke")].map((figure) => ({
    figure,
    plotBox: figure.querySelector(".chart-plot"),
    cursor: figure.querySelector(".chart-cursor"),
    empty: figure.querySelector(".chart-empty"),
    error: figure.querySelector(".chart-error"),
    cause: figure.querySelector(".chart-cause"),
  }));
  if (smokes.length === 0) return;
  const all = () => smokes.forEach(load);
  const buttons = [...document.querySelectorAll(".ranges button")];
  for (const button of buttons) {
    button.parentElement.hidden = false;
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      for (const smoke of smokes) smoke.figure.dataset.range = button.dataset.range;
      all();
    });
  }
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const smoke = smokes.find((s) => s.plotBox === target);
      if (smoke.plot && target.clientWidth > 0) smoke.plot.setSize({ width: target.clientWidth, height: HEIGHT });
    }
  });
  smokes.forEach((smoke) => resized.observe(smoke.plotBox));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => smokes.forEach(draw));
  setInterval(() => { if (!document.hidden) all(); }, 30000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) all(); });
  all();
})();
