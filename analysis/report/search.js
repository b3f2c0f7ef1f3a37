"use strict";
/* How the search went: hypervolume as trials ended, learning curves and where they were cut. */
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

/* One line a trial that was scored on its way; a cross where it was stopped early. */
function curvesPlot(div, clock) {
  const t = theme(), layout = layoutOf(t, false), told = data.curves, traces = [];
  const shown = told.curves.filter((c) => !state.hidden.has(c.codec));
  for (const codec of data.codecs) {
    const own = shown.filter((c) => c.codec === codec.name), x = [], y = [], text = [], ends = { x: [], y: [], text: [] };
    for (const c of own) {
      const xs = clock === "share" ? c.share : c.seconds, last = xs.length - 1;
      c.value.forEach((v, k) => { x.push(xs[k]); y.push(v); text.push(`<b>${escaped(c.trial)}</b>, ${escaped(c.status)}<br>${say(v)} ${metricOf[data.leading].unit} at ${say(c.share[k])} % of its budget, ${say(c.seconds[k])} s`); });
      x.push(null); y.push(null); text.push("");
      if (c.status === "stopped") { ends.x.push(xs[last]); ends.y.push(c.value[last]); ends.text.push(`<b>${escaped(c.trial)}</b> was stopped early`); }
    }
    if (!own.length) continue;
    const c = t.codec[codec.name], hover = { hovertemplate: "%{text}<extra></extra>" };
    traces.push({ x, y, text, mode: "lines+markers", opacity: own.length > 60 ? 0.3 : 0.6, line: { color: c, width: 1.2 }, marker: { size: 5, color: c, symbol: codec.symbol }, ...hover });
    if (ends.x.length) traces.push({ ...ends, mode: "markers", marker: { symbol: "x", size: 9, color: c, line: { width: 1, color: t.panel } }, ...hover });
  }
  layout.xaxis.title.text = clock === "share" ? "% of the training budget" : "seconds of training";
  layout.yaxis.title.text = `${metricOf[data.leading].short} on validation (${metricOf[data.leading].unit})`;
  layout.xaxis.rangemode = "tozero";
  layout.yaxis.rangemode = "tozero";
  return Plotly.react(div, traces, layout, config);
}
