"use strict";
/* Where the error lies: by joint, by time, by frequency, and in the bones. */
const LINES = ["solid", "dash", "dot", "dashdot"];
/* Joints without what all their names begin with ("CC_Base_"). */
const PREFIX = (() => {
  const names = (data.errors || {}).joints || [];
  let head = names[0] || "";
  for (const n of names) while (head && !n.startsWith(head)) head = head.slice(0, -1);
  return names.length > 2 ? head.replace(/[^_:. ]*$/, "").length : 0;
})();
const wordsOf = (joint) => joint.slice(PREFIX).replace(/_/g, " ");

/* Joints in the order of the skeleton's parts, those of no coded part left out. */
function jointOrder(errors) {
  const known = errors.joints.map((_, j) => j).filter((j) => state.pins.some((i) => { const e = errors.points[rowOf(i)]; return e && finite(e.mean[j]); }));
  if (!motion) return known;
  const rank = new Map();
  Object.entries(motion.parts).filter(([n]) => n !== "full").forEach(([, joints], p) => joints.forEach((j, k) => { if (!rank.has(j)) rank.set(j, p * 1000 + k); }));
  return known.sort((a, b) => (rank.get(a) ?? 9e5) - (rank.get(b) ?? 9e5));
}

function drawErrors() {
  const told = data.errors, own = told ? state.pins.filter((i) => told.points[rowOf(i)]) : [];
  $("errors-empty").hidden = Boolean(own.length);
  $("errors-body").hidden = !own.length;
  if (!own.length) return;
  drawJoints(told, own);
  drawSpectra(told, own);
  drawBones(told, own);
  drawHeatmap();
}

function drawJoints(told, own) {
  const t = theme(), layout = layoutOf(t, true), order = jointOrder(told), traces = [];
  own.forEach((i, k) => {
    const e = told.points[rowOf(i)], c = t.codec[points.codec[i]], shift = own.length > 1 ? (k - (own.length - 1) / 2) * 0.2 : 0;
    const x = order.map((_, n) => n + shift), y = order.map((j) => e.mean[j]);
    const text = order.map((j) => `<b>${escaped(wordsOf(told.joints[j]))}</b>, ${escaped(points.label[i])}<br>mean ${say(e.mean[j])} ${told.unit}${e.low ? ` (${say(e.low[j])} … ${say(e.high[j])})` : ""}${e.p95 ? `<br>95 % of frames stay under ${say(e.p95[j])}` : ""}`);
    traces.push({ type: "bar", x, y, width: 0.8 / own.length, text, textposition: "none", hovertemplate: "%{text}<extra></extra>", marker: { color: c, opacity: k ? 0.45 : 0.8, line: { color: c, width: 1 } }, error_y: e.low ? { type: "data", symmetric: false, array: order.map((j) => Math.max(0, e.high[j] - e.mean[j])), arrayminus: order.map((j) => Math.max(0, e.mean[j] - e.low[j])), thickness: 1, width: 0, color: t.ink } : undefined });
    if (e.p95) traces.push({ x, y: order.map((j) => e.p95[j]), mode: "markers", marker: { symbol: "line-ew-open", size: 9, color: c, line: { width: 2, color: c } }, text, hovertemplate: "%{text}<extra></extra>" });
  });
  Object.assign(layout.xaxis, { tickvals: order.map((_, n) => n), ticktext: order.map((j) => wordsOf(told.joints[j])), tickangle: -90, tickfont: { size: order.length > 40 ? 9 : 11 }, showgrid: false, range: [-0.7, order.length - 0.3] });
  layout.yaxis.title.text = `error, ${told.unit}`;
  layout.yaxis.rangemode = "tozero";
  layout.margin = { l: 50, r: 10, t: 8, b: 130 };
  layout.barmode = "overlay";
  Plotly.react($("plot-joints"), traces, layout, { ...config, displayModeBar: false });
}

function drawSpectra(told, own) {
  const t = theme(), f = told.frequencies, parts = told.parts || [];
  $("spectra").hidden = !f;
  if (!f) return;
  for (const kind of ["velocity", "jerk"]) {
    const layout = layoutOf(t, true), traces = [], part = Math.max(0, parts.indexOf($("spectrum-part").value)), floor = [];
    const add = (values, name, look) => { if (values && values[part]) { traces.push({ x: f.slice(1), y: values[part].slice(1), mode: "lines", name, line: look, hovertemplate: `${escaped(name)}<br>%{x:.1f} Hz<extra></extra>` }); floor.push(...values[part].slice(1).filter((v) => finite(v) && v > 0)); } };
    own.forEach((i, k) => add(told.points[rowOf(i)][kind], points.label[i], { color: t.codec[points.codec[i]], width: 2, dash: LINES[k] }));
    add(told.original && told.original[kind], "original", { color: t.ink, width: 1.6 });
    const div = $(`plot-${kind}`);
    if (!floor.length) { Plotly.purge(div); div.textContent = "The recordings are too short for a spectrum, or the trial left none."; continue; }
    if (!div._fullLayout) div.textContent = "";
    Object.assign(layout.xaxis, { type: "log", title: { ...layout.xaxis.title, text: "Hz" }, tickvals: [0.5, 1, 2, 5, 10, 20, 50] });
    Object.assign(layout.yaxis, { type: "log", exponentformat: "power", dtick: 1, title: { ...layout.yaxis.title, text: kind === "velocity" ? "power of velocity" : "power of jerk" } });
    layout.margin = { l: 58, r: 10, t: 8, b: 40 };
    Plotly.react(div, traces, layout, { ...config, displayModeBar: false });
  }
}

function drawBones(told, own) {
  const box = $("bones");
  box.replaceChildren();
  for (const i of own) {
    const drift = told.points[rowOf(i)].drift, line = element("li", {}, element("b", { textContent: `${points.label[i]}: ` }));
    const worst = drift ? drift.map((v, k) => [v, told.bones[k]]).filter(([v]) => finite(v)).sort((a, b) => b[0] - a[0]) : [];
    if (!drift) line.append("the trial left no lengths of bones.");
    else if (!worst.length || worst[0][0] < 0.01) line.append(`no bone changes by more than ${say(worst[0][0])} ${told.unit}: angles are coded, bones go along as they are.`);
    else line.append(`mean change ${say(worst.reduce((a, [v]) => a + v, 0) / worst.length)} ${told.unit}; most at ${worst.slice(0, 3).map(([v, n]) => `${wordsOf(n)} ${say(v)}`).join(", ")} ${told.unit}.`);
    box.append(line);
  }
}

/* Error of every joint in every frame of the clip that the player shows. */
function drawHeatmap() {
  const box = $("heatmap"), takes = player.takes;
  if (!box) return;
  const take = takes && takes.each.find((k) => k.clip), told = data.errors;
  $("heat").hidden = !take || !told;
  if (!take || !told) return;
  const order = jointOrder(told), n = motion.joints.length, wide = box.parentElement.clientWidth - 118, row = Math.max(5, Math.min(12, 420 / order.length)), high = row * order.length;
  const pen = sized(box, wide + 118, high + 18), t = theme();
  pen.font = `${Math.min(10, row + 1)}px ${t.font}`;
  order.forEach((j, r) => {
    for (let f = 0; f < takes.frames; f++) {
      const e = take.errors[f * n + j];
      pen.fillStyle = isFinite(e) ? heat(e / takes.scale) : t.grid;
      pen.fillRect(114 + (f * wide) / takes.frames, r * row, wide / takes.frames + 0.6, row + 0.4);
    }
    if (row >= 8 || r % 2 === 0) { pen.fillStyle = t.soft; pen.textAlign = "right"; pen.fillText(wordsOf(motion.joints[j]), 109, r * row + row - 1); }
  });
  pen.textAlign = "left"; pen.fillStyle = t.soft; pen.font = `11px ${t.font}`;
  for (let s = 0; s < takes.frames / motion.fps - 0.2; s++) pen.fillText(`${s} s`, 114 + (s * motion.fps * wide) / takes.frames, high + 14);
  Object.assign($("playhead").style, { height: `${high}px` });
  $("heat-said").textContent = `${points.label[take.point]} on ${takes.recording}, joint by joint over the frames of the player's clip; yellow is ${say(takes.scale)} ${motion.unit} and more. Press to go there.`;
  drawPlayhead();
}
function drawPlayhead() {
  const takes = player.takes, box = $("heatmap");
  if (!takes || !box || $("heat").hidden) return;
  $("playhead").style.left = `${114 + ((player.frame + 0.5) / takes.frames) * (box.parentElement.clientWidth - 118)}px`;
}

function fillErrors() {
  const told = data.errors;
  if (!told) return;
  for (const part of told.parts || []) $("spectrum-part").append(new Option(part.replace(/_/g, " "), part));
  $("spectrum-part").addEventListener("change", () => drawErrors());
  $("heatmap").addEventListener("pointerdown", (e) => {
    const b = $("heatmap").getBoundingClientRect();
    play(false);
    if (player.takes) seek(Math.floor(((e.clientX - b.left - 114) / (b.width - 118)) * player.takes.frames));
  });
}
