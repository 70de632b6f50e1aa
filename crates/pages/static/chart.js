// Draws every <figure class="chart"> from /api/v1/history with uPlot. The range buttons act on all
// figures of the page, and their cursors move together. Time runs from left to right in both
// languages. Styles are set through the style object only, which the page's policy allows.
(() => {
  "use strict";
  const RANGES = { "1h": [3600e3, 10e3], "24h": [864e5, 300e3], "7d": [6048e5, 1800e3], "30d": [2592e6, 7200e3] };
  const HEIGHT = 170;
  const { NOTHING, three, tick, bytes, bits, seconds, percent } = Figures;

  const two = (n) => String(n).padStart(2, "0");
  const day = (d) => `${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const minute = (d) => `${two(d.getHours())}:${two(d.getMinutes())}`;
  // The clock of the institution, wherever the reader sits: the same as in the page's text.
  const zone = document.documentElement.dataset.zone;
  const clock = (ms) => (zone ? uPlot.tzDate(new Date(ms), zone) : new Date(ms));
  const moment = (ms) => { const d = clock(ms); return `${d.getFullYear()}-${day(d)} ${minute(d)}`; };
  function format(unit, v, figure) {
    if (v === null || v === undefined) return NOTHING;
    switch (unit) {
      case "ratio": return percent(v);
      case "bytes": return bytes(v);
      case "bytes_per_second": return bits(v * 8);
      case "bits_per_second": return bits(v);
      case "per_second": return v === 0 ? "0 /s" : `${three(v)} /s`;
      case "seconds": return seconds(v);
      case "celsius": return `${three(v)} °C`;
      case "volts": return `${three(v)} V`;
      case "amperes": return `${three(v)} A`;
      case "watts": return `${three(v)} W`;
      case "hertz": return `${three(v)} Hz`;
      case "per_minute": return `${three(v)} /min`;
      case "unix_seconds": return moment(v * 1000);
      case "flag": return v === 0 ? figure.dataset.no : v === 1 ? figure.dataset.yes : percent(v);
      default: return Number.isInteger(v) || Math.abs(v) >= 999.5 ? Math.round(v).toLocaleString("en") : three(v);
    }
  }

  // ---- drawing --------------------------------------------------------------------------------
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // Round steps: powers of two for bytes (in units of bits for rates), 1-2-5 otherwise.
  function steps(unit) {
    const out = [];
    if (unit === "seconds") return Figures.secondSteps;
    if (unit === "bytes") {
      for (let e = 0; e < 63; e++) out.push(2 ** e);
    } else {
      const scale = unit === "bytes_per_second" ? 1 / 8 : 1;
      for (let e = -9; e < 19; e++) for (const m of [1, 2, 5]) out.push(m * 10 ** e * scale);
    }
    return out;
  }
  function limits(unit, mark) {
    return (_plot, low, high) => {
      if (mark !== null && low !== null) return [0, Math.max(high, mark) * 1.08];
      if (unit === "flag") return [-0.08, 1.08];
      if (low === null || high === null) return [0, 1];
      if (unit === "unix_seconds") return [low - 60, high + 60];
      const bottom = Math.min(0, low);
      const top = Math.max(0, high);
      const air = (top - bottom || 1) * 0.08;
      return [bottom < 0 ? bottom - air : 0, top > 0 || bottom === 0 ? top + air : 0];
    };
  }
  // A figure to compare with, such as the rate that was bought, as a dashed line.
  const markOf = (chart) => (chart.figure.dataset.mark ? Number(chart.figure.dataset.mark) : null);
  function marked(chart, plot) {
    const mark = markOf(chart);
    if (mark === null) return;
    const { ctx, bbox } = plot;
    const y = plot.valToPos(mark, "y", true);
    ctx.save();
    ctx.strokeStyle = colour("--degraded-shape");
    ctx.setLineDash([6, 4]);
    ctx.lineWidth = 1.5 * (devicePixelRatio || 1);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }
  function options(chart, unit, span) {
    const axis = {
      stroke: colour("--muted"), font: "11px system-ui, sans-serif",
      grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false },
    };
    const line = colour("--accent");
    return {
      width: chart.plotBox.clientWidth, height: HEIGHT, padding: [8, 8, 0, 0],
      legend: { show: false }, tzDate: (s) => clock(s * 1000),
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 }, sync: { key: "time" } },
      hooks: { setCursor: [(plot) => readout(chart, plot, unit)], draw: [(plot) => marked(chart, plot)] },
      scales: { x: { time: true, range: () => [chart.from / 1000, chart.to / 1000] }, y: { range: limits(unit, markOf(chart)) } },
      axes: [
        { ...axis, size: 26, space: 64, values: (_plot, splits) => splits.map((s) => {
          const d = clock(s * 1000);
          return span > 2 * 864e5 || (d.getHours() === 0 && d.getMinutes() === 0) ? day(d) : minute(d);
        }) },
        { ...axis, size: 72, space: 34, incrs: steps(unit),
          splits: unit === "flag" ? () => [0, 1] : undefined,
          values: (_plot, splits) => splits.map((v) => tick(format(unit, v, chart.figure))) },
      ],
      series: [{}, {
        stroke: line, width: 1.5, fill: `${line}1f`, spanGaps: false, points: { show: false },
        paths: unit === "flag" ? uPlot.paths.stepped({ align: 1 }) : undefined,
      }],
    };
  }
  function readout(chart, plot, unit) {
    const at = plot.cursor.idx;
    const known = at !== null && at !== undefined && plot.data[0][at] !== undefined;
    chart.cursor.textContent = known
      ? `${moment(plot.data[0][at] * 1000)} · ${format(unit, plot.data[1][at], chart.figure)}` : "";
  }
  function draw(chart) {
    if (!chart.answer) return;
    const { unit, points } = chart.answer;
    if (chart.plot) chart.plot.destroy();
    const data = [points.map((p) => p[0] / 1000), points.map((p) => p[1])];
    chart.plot = new uPlot(options(chart, unit, chart.to - chart.from), data, chart.plotBox);
  }
  function summarise(chart) {
    const { unit, points } = chart.answer;
    const known = points.map((p) => p[1]).filter((v) => v !== null);
    const stats = known.length === 0 ? {} : {
      last: known[known.length - 1],
      min: known.reduce((a, b) => Math.min(a, b)),
      max: known.reduce((a, b) => Math.max(a, b)),
      mean: known.reduce((a, b) => a + b, 0) / known.length,
    };
    for (const box of chart.figure.querySelectorAll("[data-stat]")) {
      box.textContent = format(unit, stats[box.dataset.stat], chart.figure);
    }
    chart.empty.hidden = known.length > 0;
    chart.plotBox.hidden = known.length === 0;
  }

  // ---- fetching -------------------------------------------------------------------------------
  async function load(chart) {
    if (chart.request) chart.request.abort();
    const request = chart.request = new AbortController();
    const [span, step] = RANGES[chart.figure.dataset.range] || RANGES["1h"];
    const to = Date.now();
    const query = new URLSearchParams({ series: chart.figure.dataset.series, from: to - span, to, step });
    try {
      const response = await fetch(`/api/v1/history?${query}`, { signal: request.signal, headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const answer = await response.json();
      chart.answer = { unit: answer.unit || chart.figure.dataset.unit, points: answer.points };
      chart.from = to - span;
      chart.to = to;
      chart.error.hidden = true;
      summarise(chart);
      if (!chart.plotBox.hidden) draw(chart);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      chart.cause.textContent = problem.message;
      chart.error.hidden = false;
      chart.plotBox.hidden = !chart.plot;
    }
  }

  const charts = [...document.querySelectorAll("figure.chart")].map((figure) => ({
    figure,
    plotBox: figure.querySelector(".chart-plot"),
    cursor: figure.querySelector(".chart-cursor"),
    empty: figure.querySelector(".chart-empty"),
    error: figure.querySelector(".chart-error"),
    cause: figure.querySelector(".chart-cause"),
  }));
  if (charts.length === 0) return;

  const all = () => charts.forEach(load);
  const buttons = [...document.querySelectorAll(".ranges button")];
  for (const button of buttons) {
    button.parentElement.hidden = false;
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      for (const chart of charts) chart.figure.dataset.range = button.dataset.range;
      all();
    });
  }
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const chart = charts.find((c) => c.plotBox === target);
      if (chart.plot && target.clientWidth > 0) chart.plot.setSize({ width: target.clientWidth, height: HEIGHT });
    }
  });
  charts.forEach((chart) => resized.observe(chart.plotBox));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(draw));
  setInterval(() => { if (!document.hidden) all(); }, 30000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) all(); });
  all();
})();
