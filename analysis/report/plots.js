"use strict";
/* The plot of the front, large and small. Everything compared was compared in Python; here points only become marks. */
const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"], toImageButtonOptions: { format: "svg", filename: "ratefront" } };

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

const FEW_SEEDS = 3;
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
  const t = theme(), layout = layoutOf(t, small), m = metricOf[metric], traces = [], extras = [];
  const across_ = metricOf[small ? rateName(state.rate) : xName()], split = state.split;
  const x = valuesOf(across_.name, split), y = valuesOf(metric, split), e = points.values[`${columnOf(metric, split)}_se`];
  let shown = [];
  for (let i = 0; i < count; i++) if (visible(i) && finite(x[i]) && finite(y[i]) && (x[i] > 0 || state.axis === "linear")) shown.push(i);
  const front = frontOf(metric, small ? "" : state.x).filter((i) => finite(x[i]) && finite(y[i]));
  const many = shown.length > (small ? 400 : MANY), size = small ? 6 : 9;
  const inFront = new Set(front);
  const all = shown;
  // Many points stand on a canvas; small plots show an even choice of them.
  if (many) shown = small ? shown.filter((i, k) => inFront.has(i) || k % Math.ceil(all.length / 300) === 0) : [];
  for (const codec of data.codecs) {
    const c = t.codec[codec.name], every = shown.filter((i) => points.codec[i] === codec.name);
    if (!every.length) continue;
    if (state.links && !many) {
      const lines = { x: [], y: [] };
      for (const model of groups(every.filter((i) => kept[i])).values()) {
        for (const i of [...model].sort((a, b) => points.depth[a] - points.depth[b])) { lines.x.push(x[i]); lines.y.push(y[i]); }
        lines.x.push(null); lines.y.push(null);
      }
      traces.push({ ...lines, mode: "lines", line: { color: c, width: 1 }, opacity: 0.28, hoverinfo: "skip" });
    }
    for (const keeps of [0, 1]) {
      const own = every.filter((i) => kept[i] === keeps);
      if (!own.length) continue;
      traces.push({
        x: own.map((i) => x[i]), y: own.map((i) => y[i]), mode: "markers", name: codec.label, opacity: keeps ? 1 : 0.12,
        marker: { color: c, size, symbol: own.map((i) => codec.symbol + (points.is_prefix[i] ? "-open" : "")), line: { width: small ? 1.2 : 1.6, color: c } },
        error_y: e && keeps ? { type: "data", array: own.map((i) => e[i]), thickness: 1.1, width: small ? 0 : 3, color: c } : undefined,
        ...(keeps ? { text: own.map((i) => hover(i, metric, split)), hovertemplate: "%{text}<extra></extra>" } : { hoverinfo: "skip" }),
      });
    }
  }
  const line = [...front].sort((a, b) => x[a] - x[b]);
  const stepped = split === "val";
  if (line.length) {
    traces.unshift({ x: line.map((i) => x[i]), y: line.map((i) => y[i]), mode: "lines", line: { color: t.ink, width: small ? 1.3 : 1.8, shape: stepped ? "hv" : "linear", dash: stepped ? "solid" : "dot" }, hoverinfo: "skip" });
    const ringed = line.filter((i) => visible(i));
    traces.push({ x: ringed.map((i) => x[i]), y: ringed.map((i) => y[i]), mode: "markers", marker: { symbol: "circle-open", size: size + (small ? 4 : 7), color: t.ink, line: { width: small ? 0.9 : 1.1 } }, hoverinfo: "skip" });
    const few = ringed.filter((i) => points.seeds[i] < FEW_SEEDS);
    if (!small && few.length && few.length < ringed.length) traces.push({ x: few.map((i) => x[i]), y: few.map((i) => y[i]), mode: "text", text: few.map(() => "†"), textposition: "top right", textfont: { color: t.ink, size: 13 }, hoverinfo: "skip" });
  }
  if (!small) drawAttained(traces, t, metric, state);
  let top = all.reduce((v, i) => Math.max(v, y[i]), 0);
  const own = small || !state.x;
  if (state.bounds && own) top = Math.max(top, drawBounds(traces, layout, t, metric, state, small));
  if (!small && own) top = Math.max(top, drawBaselines(traces, t, metric, state));
  const paper = data.published[metric];
  if (paper && own) top = Math.max(top, drawPaper(traces, paper, t, small));
  const reference = data.references[metric];
  if (reference && finite(reference[split])) {
    across(layout, t, reference[split], reference.label, "solid", small, "above");
    top = Math.max(top, reference[split]);
  }
  let low = Infinity, high = 0;
  const widen = (v) => { if (finite(v) && v > 0) { low = Math.min(low, v); high = Math.max(high, v); } };
  for (const r of traces) for (const v of r.x) widen(v);
  for (const i of all) widen(x[i]);
  if (high > 0 && state.axis === "log") {
    [low, high] = [low / 1.25, high * 1.25];
    const ticks = roundRates(low, high);
    Object.assign(layout.xaxis, { type: "log", range: [Math.log10(low), Math.log10(high)], tickvals: ticks, ticktext: ticks.map((v) => v.toLocaleString("en")) });
  } else Object.assign(layout.xaxis, { range: [-0.02, 1.05].map((s) => s * Math.max(high, 1e-9)), tickformat: across_.rate ? ",.0f" : "" });
  layout.yaxis.range = [0, top * 1.08 || 1];
  if (own) drawTrivial(traces, layout, t, metric, state, small);
  layout.xaxis.title.text = small ? "bits/s" : xTitle(across_, split);
  if (!small) {
    layout.yaxis.title.text = `${m.label} (${m.unit})`;
    if (many) layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
    for (const r of traces) if (r.extra) r.x.forEach((v, k) => { if (finite(v)) extras.push({ x: v, y: r.y[k], text: r.text ? r.text[k] : r.extra }); });
    scene = { x, y, shown: all, extras, metric, many };
  }
  const done = Plotly.react(div, traces, layout, small ? { ...config, displayModeBar: false } : config);
  if (!small) {
    drawCloud(div);
    if (!div.dataset.heard) { div.dataset.heard = "1"; for (const event of ["plotly_afterplot", "plotly_relayout", "plotly_relayouting"]) div.on(event, () => drawCloud(div)); }
  }
  return done;
}

function xTitle(m, split) {
  const rate = data.rates.find((r) => r.name === m.name), told = columnOf(m.name, split) === m.name ? "" : `, ${split === "val" ? "validation" : "test"}`;
  return rate ? `${rate.label}, all parts together (bits/s${told})` : `${m.label} (${m.unit}${told})`;
}

/* What a quarter, half and three quarters of the seeds reach, as steps. */
function drawAttained(traces, t, metric, state) {
  const told = data.attainment[metric];
  if (!state.attained || !told || state.x || state.rate !== data.rate || state.split !== "val") return;
  const looks = { 25: "dot", 50: "solid", 75: "dash" };
  for (const [percent, steps] of Object.entries(told.surfaces)) {
    traces.unshift({ x: steps.map((s) => s[0]), y: steps.map((s) => s[1]), mode: "lines", line: { color: t.accent, width: 1.6, shape: "hv", dash: looks[percent] || "solid" }, hoverinfo: "skip" });
  }
}

function groups(indices) {
  const found = new Map();
  for (const i of indices) { const own = found.get(points.config_hash[i]); own ? own.push(i) : found.set(points.config_hash[i], [i]); }
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
      traces.push({ x: [at], y: [v], mode: "markers", marker: { symbol: "x", size: small ? 7 : 10, color: t.soft }, text: [`<b>${escaped(bound.name)}</b><br>${say(v)} ${metricOf[metric].unit} at ${say(at)} bits/s<br>${escaped(bound.note)}`], extra: true, hovertemplate: "%{text}<extra></extra>" });
    }
  }
  return top;
}

/* Quantised floats at the rate that is shown. They cost far more than any codec, so a linear axis takes those alone that lie near the points. */
function baselinesOf(metric, state) {
  const rate = columnOf(rateName(state.rate), state.split), column = columnOf(metric, state.split);
  const found = data.baselines.map((b) => ({ name: b.name, x: b.values[rate], y: b.values[column] })).filter((p) => finite(p.x) && finite(p.y));
  const reach = 1.5 * valuesOf(rateName(state.rate), state.split).reduce((a, v) => (finite(v) && v > a ? v : a), 0);
  const near = (p) => state.axis === "log" || p.x <= reach;
  return { shown: state.baselines ? found.filter(near) : [], beyond: state.baselines ? found.filter((p) => !near(p)) : [] };
}

function drawBaselines(traces, t, metric, state) {
  const own = baselinesOf(metric, state).shown.sort((a, b) => a.x - b.x);
  if (own.length) traces.push({
    x: own.map((p) => p.x), y: own.map((p) => p.y), mode: "lines+markers", line: { color: t.faint, width: 1, dash: "dash" },
    marker: { symbol: "asterisk-open", size: 10, color: t.soft, line: { width: 1.4, color: t.soft } },
    text: own.map((p) => `<b>${escaped(p.name)}</b><br>${say(p.y)} ${metricOf[metric].unit} at ${say(p.x)} bits/s`), extra: true, hovertemplate: "%{text}<extra></extra>",
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
      text: p.map((q) => `<b>${escaped(curve.name)}</b>, ${escaped(q.name)}<br>${say(q.y)} ${unit} at ${say(q.x)} bits/s`), extra: true, hovertemplate: "%{text}<extra></extra>",
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
      extra: true, hovertemplate: "%{text}<extra></extra>",
    });
  }
  return Math.max(...paper.points.map((p) => p.value));
}
