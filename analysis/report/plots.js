"use strict";
/* Drawing. Everything compared was compared in Python; here points only become marks. */
const data = JSON.parse(document.getElementById("data").textContent);
const points = data.points;
const count = points.codec.length;
const metricOf = Object.fromEntries(data.metrics.map((m) => [m.name, m]));
const codecOf = Object.fromEntries(data.codecs.map((c, i) => [c.name, { ...c, index: i }]));
const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"], toImageButtonOptions: { format: "svg", filename: "ratefront" } };

/* Colours are CSS's; a probe element turns light-dark() into the one in use. */
function colour(variable) {
  const probe = document.createElement("i");
  probe.style.color = `var(${variable})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
function theme() {
  const names = ["paper", "panel", "ink", "soft", "faint", "line", "grid"];
  const t = Object.fromEntries(names.map((n) => [n, colour(`--${n}`)]));
  t.codec = Object.fromEntries(data.codecs.map((c, i) => [c.name, colour(`--codec-${i}`)]));
  return t;
}

const finite = (v) => typeof v === "number" && isFinite(v);
const columnOf = (name, split) => (`val_${name}` in points.values || `test_${name}` in points.values ? `${split}_${name}` : name);
const valuesOf = (name, split) => points.values[columnOf(name, split)] || new Array(count).fill(null);
function say(v) {
  if (!finite(v)) return "–";
  if (Math.abs(v) >= 100) return Math.round(v).toLocaleString("en");
  return String(Number(v.toPrecision(3)));
}
const escaped = (s) => String(s).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const rateName = (key) => data.rates.find((r) => r.key === key).name;

function hover(i, metric, split) {
  const m = metricOf[metric];
  const score = (s) => {
    const v = valuesOf(metric, s)[i];
    const e = (points.values[`${s}_${metric}_se`] || [])[i];
    return `${say(v)}${finite(e) ? ` ± ${say(Number(e.toPrecision(2)))}` : ""}`;
  };
  const rates = data.rates.map((r) => `${r.key} ${say(valuesOf(r.name, split)[i])}`).join(" · ");
  const settings = Object.entries(points.config[i]).map(([k, v]) => `${escaped(k)} ${escaped(finite(v) ? Number(v.toPrecision(3)) : v)}`);
  const lines = [];
  for (let k = 0; k < settings.length; k += 2) lines.push(settings.slice(k, k + 2).join(" · "));
  const levels = points.is_prefix[i] ? `prefix: ${points.depth[i]} of ${points.levels[i]} levels` : points.levels[i] > 1 ? `all ${points.levels[i]} levels` : "one level";
  const seeds = data.seeds > 1 ? ` · ${points.seeds[i]} seeds` : ` · seed ${points.seed[i]}`;
  return `<b>${escaped(points.label[i])}</b><br>${escaped(m.short)}: ${score("val")} ${m.unit} validation, ${score("test")} test<br>bits/s: ${rates}<br>${lines.join("<br>")}<br>${levels}${seeds} · ${escaped(points.trial[i])}`;
}

function layoutOf(t, small) {
  const axis = () => ({ gridcolor: t.grid, linecolor: t.line, zerolinecolor: t.line, tickcolor: t.line, ticks: "outside", ticklen: 4, title: { font: { size: small ? 11 : 13, color: t.soft }, standoff: small ? 6 : 12 } });
  return {
    paper_bgcolor: t.panel, plot_bgcolor: t.panel, showlegend: false, hovermode: "closest",
    font: { family: getComputedStyle(document.body).fontFamily, size: small ? 11 : 13, color: t.ink },
    hoverlabel: { bgcolor: t.panel, bordercolor: t.faint, font: { family: getComputedStyle(document.body).fontFamily, color: t.ink, size: 12.5 }, align: "left" },
    margin: small ? { l: 46, r: 12, t: 10, b: 40 } : { l: 62, r: 22, t: 18, b: 54 },
    xaxis: axis(), yaxis: axis(), shapes: [], annotations: [],
  };
}

const logged = (state, x) => (state.axis === "log" ? Math.log10(x) : x);
/* Round rates (1, 2, 5 times a power of ten) inside a range, as ticks of a logarithmic axis. */
function roundRates(low, high) {
  const ticks = [];
  for (let k = Math.floor(Math.log10(low)); k <= Math.log10(high); k++)
    for (const m of [1, 2, 5]) if (m * 10 ** k >= low && m * 10 ** k <= high) ticks.push(m * 10 ** k);
  return ticks;
}

/* A line the whole width across, with its words above it at the right, or below it at the left, where rates are low and no point lies. */
function across(layout, t, y, words, dash, small, side) {
  layout.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: dash === "solid" ? t.soft : t.faint, width: dash === "solid" ? 1.5 : 1, dash }, layer: "below" });
  layout.annotations.push({ xref: "paper", x: side === "below" ? 0.01 : 1, xanchor: side === "below" ? "left" : "right", y, yanchor: side === "below" ? "top" : "bottom", text: words, showarrow: false, bgcolor: t.panel, opacity: 0.9, borderpad: 1, font: { size: small ? 10 : 12, color: t.soft } });
}

function frontPlot(div, metric, state, small) {
  const t = theme(), layout = layoutOf(t, small), m = metricOf[metric], traces = [];
  const x = valuesOf(rateName(state.rate), state.split), y = valuesOf(metric, state.split);
  const e = points.values[`${columnOf(metric, state.split)}_se`];
  const shown = [...Array(count).keys()].filter((i) => finite(x[i]) && finite(y[i]) && x[i] > 0 && !state.hidden.has(points.codec[i]) && (state.prefixes || !points.is_prefix[i]));
  const front = ((data.fronts[state.rate] || {})[metric] || []).filter((i) => finite(x[i]) && finite(y[i]));
  const size = small ? 6 : 9;
  for (const codec of data.codecs) {
    const own = shown.filter((i) => points.codec[i] === codec.name), c = t.codec[codec.name];
    if (!own.length) continue;
    if (state.links) {
      const lines = { x: [], y: [] };
      const models = Map.groupBy ? Map.groupBy(own, (i) => points.config_hash[i]) : groups(own);
      for (const model of models.values()) {
        for (const i of [...model].sort((a, b) => points.depth[a] - points.depth[b])) { lines.x.push(x[i]); lines.y.push(y[i]); }
        lines.x.push(null); lines.y.push(null);
      }
      traces.push({ ...lines, mode: "lines", line: { color: c, width: 1 }, opacity: 0.28, hoverinfo: "skip" });
    }
    traces.push({
      x: own.map((i) => x[i]), y: own.map((i) => y[i]), mode: "markers", name: codec.label,
      marker: { color: c, size, symbol: own.map((i) => codec.symbol + (points.is_prefix[i] ? "-open" : "")), line: { width: small ? 1.2 : 1.6, color: c } },
      error_y: e ? { type: "data", array: own.map((i) => e[i]), thickness: 1.1, width: small ? 0 : 3, color: c } : undefined,
      text: own.map((i) => hover(i, metric, state.split)), hovertemplate: "%{text}<extra></extra>",
    });
  }
  const line = [...front].sort((a, b) => x[a] - x[b]);
  const stepped = state.split === "val";
  if (line.length) {
    traces.unshift({ x: line.map((i) => x[i]), y: line.map((i) => y[i]), mode: "lines", line: { color: t.ink, width: small ? 1.3 : 1.8, shape: stepped ? "hv" : "linear", dash: stepped ? "solid" : "dot" }, hoverinfo: "skip" });
    const ringed = line.filter((i) => shown.includes(i));
    traces.push({ x: ringed.map((i) => x[i]), y: ringed.map((i) => y[i]), mode: "markers", marker: { symbol: "circle-open", size: size + (small ? 4 : 7), color: t.ink, line: { width: small ? 0.9 : 1.1 } }, hoverinfo: "skip" });
  }
  let top = Math.max(0, ...shown.map((i) => y[i]));
  if (state.bounds) top = Math.max(top, drawBounds(traces, layout, t, metric, state, small));
  if (!small) top = Math.max(top, drawBaselines(traces, t, metric, state));
  const paper = data.published[metric];
  if (paper) top = Math.max(top, drawPaper(traces, paper, t, small));
  const reference = data.references[metric];
  if (reference && finite(reference[state.split])) {
    across(layout, t, reference[state.split], reference.label, "solid", small, "above");
    top = Math.max(top, reference[state.split]);
  }
  const rates = traces.flatMap((r) => r.x).filter((v) => finite(v) && v > 0);
  if (rates.length && state.axis === "log") {
    const [low, high] = [Math.min(...rates) / 1.25, Math.max(...rates) * 1.25];
    const ticks = roundRates(low, high);
    Object.assign(layout.xaxis, { type: "log", range: [Math.log10(low), Math.log10(high)], tickvals: ticks, ticktext: ticks.map((v) => v.toLocaleString("en")) });
  } else Object.assign(layout.xaxis, { range: [-0.02, 1.05].map((s) => s * Math.max(1, ...rates)), tickformat: ",.0f" });
  layout.yaxis.range = [0, top * 1.08 || 1];
  drawTrivial(traces, layout, t, metric, state, small);
  const rate = data.rates.find((r) => r.key === state.rate);
  layout.xaxis.title.text = small ? "bits/s" : `${rate.label}, all parts together (bits/s${rate.measured ? `, ${state.split === "val" ? "validation" : "test"}` : ""})`;
  if (!small) layout.yaxis.title.text = `${m.label} (${m.unit})`;
  return Plotly.react(div, traces, layout, small ? { ...config, displayModeBar: false } : config);
}

function groups(indices) {
  const found = new Map();
  for (const i of indices) found.set(points.config_hash[i], [...(found.get(points.config_hash[i]) || []), i]);
  return found;
}

function drawBounds(traces, layout, t, metric, state, small) {
  let top = 0;
  const column = columnOf(metric, state.split), rate = columnOf(rateName(state.rate), state.split);
  for (const [k, bound] of data.bounds.entries()) {
    const v = bound.values[column];
    if (!finite(v)) continue;
    top = Math.max(top, v);
    const at = finite(bound.values[rate]) ? bound.values[rate] : bound.values.rate_nominal_bps;
    across(layout, t, v, small ? bound.name : `${bound.name} · ${bound.note}`, k ? "dot" : "dash", small, k ? "below" : "above");
    if (finite(at) && (at > 0 || state.axis === "linear")) {
      traces.push({ x: [at], y: [v], mode: "markers", marker: { symbol: "x", size: small ? 7 : 10, color: t.soft }, hovertemplate: `<b>${escaped(bound.name)}</b><br>${say(v)} ${metricOf[metric].unit} at ${say(at)} bits/s<br>${escaped(bound.note)}<extra></extra>` });
    }
  }
  return top;
}

/* Quantised floats at the rate that is shown. They cost far more than any codec, so a linear axis takes those alone that lie near the points. */
function baselinesOf(metric, state) {
  const rate = columnOf(rateName(state.rate), state.split), column = columnOf(metric, state.split);
  const found = data.baselines.map((b) => ({ name: b.name, x: b.values[rate], y: b.values[column] })).filter((p) => finite(p.x) && finite(p.y));
  const reach = 1.5 * Math.max(0, ...valuesOf(rateName(state.rate), state.split).filter(finite));
  const near = (p) => state.axis === "log" || p.x <= reach;
  return { shown: state.baselines ? found.filter(near) : [], beyond: state.baselines ? found.filter((p) => !near(p)) : [] };
}

function drawBaselines(traces, t, metric, state) {
  const own = baselinesOf(metric, state).shown.sort((a, b) => a.x - b.x);
  if (own.length) traces.push({
    x: own.map((p) => p.x), y: own.map((p) => p.y), mode: "lines+markers", line: { color: t.faint, width: 1, dash: "dash" },
    marker: { symbol: "asterisk-open", size: 10, color: t.soft, line: { width: 1.4, color: t.soft } },
    text: own.map((p) => `<b>${escaped(p.name)}</b><br>${say(p.y)} ${metricOf[metric].unit} at ${say(p.x)} bits/s`), hovertemplate: "%{text}<extra></extra>",
  });
  return Math.max(0, ...own.map((p) => p.y));
}

/* Trivial codecs: thin curves over a measured rate. They widen no axis; what lies beyond is said in the corner. */
const DASHES = ["dot", "dash", "dashdot", "solid"];
function trivialOf(metric, state) {
  if (!data.rates.find((r) => r.key === state.rate).trivial) return [];
  const rate = columnOf(rateName(state.rate), state.split), column = columnOf(metric, state.split);
  return data.trivial.map((c, k) => ({ name: c.name, dash: DASHES[k % DASHES.length], points: c.points.map((p) => ({ name: p.name, x: p.values[rate], y: p.values[column] })).filter((p) => finite(p.x) && finite(p.y) && p.x > 0) })).filter((c) => c.points.length && !state.hidden.has(c.name));
}

function drawTrivial(traces, layout, t, metric, state, small) {
  const end = state.axis === "log" ? 10 ** layout.xaxis.range[1] : layout.xaxis.range[1], high = layout.yaxis.range[1], beyond = [];
  for (const curve of trivialOf(metric, state)) {
    const above = curve.dash === "dot" || curve.dash === "dash"; // the worse two; the better ones are named from below, away from them and from the front
    const p = curve.points, unit = metricOf[metric].unit;
    traces.unshift({
      x: p.map((q) => q.x), y: p.map((q) => q.y), mode: "lines+markers", line: { color: t.soft, width: small ? 0.9 : 1.2, dash: curve.dash }, opacity: 0.75,
      marker: { symbol: "line-ns-open", size: small ? 4 : 7, color: t.soft, line: { width: 1.2, color: t.soft } },
      text: p.map((q) => `<b>${escaped(curve.name)}</b>, ${escaped(q.name)}<br>${say(q.y)} ${unit} at ${say(q.x)} bits/s`), hovertemplate: "%{text}<extra></extra>",
    });
    if (small) continue;
    const seen = p.filter((q) => q.x <= end && q.y <= high), last = p[p.length - 1];
    const at = seen[Math.min(seen.length - 1, Math.max(0, p.length - 2))];
    if (at) layout.annotations.push({ x: logged(state, at.x), y: at.y, text: escaped(curve.name), showarrow: false, xanchor: above ? "left" : "right", yanchor: above ? "bottom" : "top", xshift: above ? 4 : -4, font: { size: 11, color: t.soft } });
    if (last.x > end) beyond.push(`${escaped(curve.name)}: ${say(last.y)} ${unit} at ${say(last.x)} bits/s`);
  }
  if (beyond.length) layout.annotations.push({ xref: "paper", yref: "paper", x: 1, y: 0.9, xanchor: "right", yanchor: "top", align: "right", showarrow: false, text: `beyond the axis →<br>${beyond.join("<br>")}`, font: { size: 11, color: t.soft }, bgcolor: t.panel, opacity: 0.9, borderpad: 2 });
}

function drawPaper(traces, paper, t, small) {
  for (const codec of new Set(paper.points.map((p) => p.codec))) {
    const own = paper.points.filter((p) => p.codec === codec), c = t.codec[codec] || t.soft;
    traces.push({
      x: own.map((p) => p.rate), y: own.map((p) => p.value), mode: "lines+markers",
      line: { color: c, width: 1.2, dash: "dot" }, marker: { symbol: "star-open", size: small ? 9 : 13, color: c, line: { width: 1.4 } },
      text: own.map((p) => `<b>${escaped(p.label)}</b>, ${escaped(paper.title)}<br>${say(p.value)} % at ${say(p.rate)} bits/s (3 × ${say(p.rate / 3)} per stream)<br>other data`),
      hovertemplate: "%{text}<extra></extra>",
    });
  }
  return Math.max(...paper.points.map((p) => p.value));
}

function historyPlot(div, clock) {
  const h = data.history, t = theme(), layout = layoutOf(t, false);
  const shares = h.share.every(finite), y = [0, ...(shares ? h.share : h.value)], x = [0, ...h[clock]];
  layout.xaxis.title.text = clock === "trials" ? "trials that gave points" : "running time (s)";
  layout.yaxis.title.text = shares ? "% of the box under the reference point" : h.unit;
  layout.yaxis.rangemode = "tozero";
  layout.xaxis.rangemode = "tozero";
  const text = ["before the first point", ...h.value.map((v, i) => `<b>${say(v)}</b> ${h.unit}<br>after ${h.trials[i]} trials, ${say(h.seconds[i])} s`)];
  const line = { color: t.ink, width: 2, shape: "hv" };
  return Plotly.react(div, [{ x, y, text, mode: "lines", line, fill: "tozeroy", fillcolor: t.grid, hovertemplate: "%{text}<extra></extra>" }], layout, config);
}

function parallelPlot(div, state) {
  const t = theme(), layout = layoutOf(t, false), dims = data.dimensions, traces = [];
  const scales = dims.map(scaleOf);
  const front = new Set((data.fronts[data.rate] || {})[data.full_pose] || []);
  const onFront = (i) => front.has(i);
  for (const strong of [false, true]) {
    for (const codec of data.codecs) {
      const own = [...Array(count).keys()].filter((i) => points.codec[i] === codec.name && onFront(i) === strong && !state.hidden.has(codec.name));
      const x = [], y = [], text = [];
      for (const i of own) {
        dims.forEach((d, k) => {
          x.push(k); y.push(scales[k](d.values[i]));
          text.push(`<b>${escaped(points.label[i])}</b><br>${escaped(d.label)}: ${typeof d.values[i] === "number" ? say(d.values[i]) : escaped(d.values[i] ?? "none")}`);
        });
        x.push(null); y.push(null); text.push("");
      }
      traces.push({ x, y, text, mode: "lines", line: { color: t.codec[codec.name], width: strong ? 2 : 1 }, opacity: strong ? 0.95 : 0.2, hovertemplate: "%{text}<extra></extra>" });
    }
  }
  dims.forEach((d, k) => {
    layout.shapes.push({ type: "line", x0: k, x1: k, y0: 0, y1: 1, line: { color: t.faint, width: 1 }, layer: "below" });
    for (const v of d.ticks) layout.annotations.push({ x: k, y: scales[k](v), text: typeof v === "number" ? say(v) : escaped(v), showarrow: false, xanchor: k ? "left" : "right", xshift: k ? 5 : -5, bgcolor: t.panel, opacity: 0.92, font: { size: 11, color: t.soft } });
  });
  const words = dims.map((d) => escaped(d.label).replace(/ \(/, "<br>(").replace(/, /, ",<br>").replace(/_/, "_<br>"));
  Object.assign(layout.xaxis, { tickvals: dims.map((_, k) => k), ticktext: words, showgrid: false, zeroline: false, side: "top", ticks: "", range: [-0.15, dims.length - 0.55], fixedrange: true, tickangle: 0, tickfont: { size: dims.length > 11 ? 10 : 11.5 } });
  Object.assign(layout.yaxis, { visible: false, range: [-0.16, 1.06], fixedrange: true });
  layout.margin = { l: 100, r: 8, t: 56, b: 10 };
  return Plotly.react(div, traces, layout, { ...config, displayModeBar: false });
}

/* Value to height on its axis; what a codec lacks lies at the foot. */
function scaleOf(d) {
  if (d.kind === "category") return (v) => (v == null ? -0.1 : d.ticks.length < 2 ? 0.5 : d.ticks.indexOf(v) / (d.ticks.length - 1));
  const f = d.kind === "log" ? Math.log : (v) => v;
  const given = d.values.filter(finite).map(f), low = Math.min(...given), high = Math.max(...given);
  return (v) => (finite(v) ? (f(v) - low) / (high - low || 1) : -0.1);
}
