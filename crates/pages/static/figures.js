// Figures and their units as text, for all charts: the rules of src/format.rs. testdata/figures.tsv holds both to the
// same texts.
const Figures = (() => {
  "use strict";
  const NOTHING = "–";
  function three(v) {
    const a = Math.abs(v);
    return v.toFixed(a >= 99.95 || a === 0 ? 0 : a >= 9.995 ? 1 : a >= 0.9995 ? 2 : 3);
  }
  function scaled(v, base, units) {
    let unit = 0;
    while (Math.abs(v) + 0.5 >= base && unit + 1 < units.length) { v /= base; unit += 1; }
    return `${unit === 0 && Number.isInteger(v) ? v : three(v)} ${units[unit]}`;
  }
  const bytes = (v) => scaled(v, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]);
  const bits = (v) => scaled(v, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]);
  function seconds(v) {
    for (const [length, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (Math.abs(v) >= 2 * length) return `${three(v / length)} ${unit}`;
    }
    const micros = v * 1e6;
    if (Math.abs(micros) < 0.5) return "0 ms";
    if (Math.abs(micros) < 999.5) return `${micros.toFixed(0)} µs`;
    return scaled(v * 1e3, 1000, ["ms", "s"]);
  }
  function percent(v) {
    const p = v * 100;
    if (p === 0) return "0 %";
    if (Math.abs(p) < 0.01) return "<0.01 %";
    if (p < 9.995) return `${p.toFixed(2)} %`;
    return p >= 100 ? `${p.toFixed(0)} %` : `${Math.min(p, 99.9).toFixed(1)} %`;
  }
  // What is not known is no figure.
  const known = (show) => (v) => (v === null || v === undefined ? NOTHING : show(v));
  // A tick is a round figure: 6 %, not 6.00 %.
  const tick = (text) => text.replace(/\.0+ /, " ").replace(/(\.\d*[1-9])0+ /, "$1 ");
  // Round steps between the ticks of an axis of seconds; below a microsecond nothing is told apart.
  function steps() {
    const out = [];
    for (let e = -6; e < 2; e++) for (const m of [1, 2, 5]) out.push(m * 10 ** e);
    for (const length of [60, 3600, 86400]) for (const m of [2, 5, 10, 20]) out.push(m * length);
    for (let e = 2; e < 7; e++) for (const m of [0.5, 1, 2]) out.push(m * 10 ** e * 86400);
    return out.sort((a, b) => a - b);
  }
  return {
    NOTHING, three, tick, bytes: known(bytes), bits: known(bits), seconds: known(seconds), percent: known(percent),
    secondSteps: steps(),
  };
})();
