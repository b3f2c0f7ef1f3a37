"use strict";
/* What the person has chosen: axes, filters, and the points that are looked at. One place; views read it and are told. */
const state = {
  metric: data.metrics.length ? data.metrics[0].name : null, x: "", rate: data.rate, split: "val", axis: "linear", drag: "select",
  prefixes: true, links: true, bounds: true, baselines: true, attained: false, hidden: new Set(),
  box: null, ranges: {}, words: "", pins: [], printing: false,
};
const MOST_PINS = 4;
const xName = () => state.x || rateName(state.rate);

/* Points that pass every filter: codecs shown, prefixes, box in the plot, ranges on axes, words. */
let kept = new Uint8Array(count).fill(1);
const haystack = Array.from({ length: count }, (_, i) => null);
function textOf(i) {
  if (haystack[i] === null) haystack[i] = `${points.label[i]} ${points.trial[i]} ${Object.entries(points.config[i]).map(([k, v]) => `${k}=${v}`).join(" ")}`.toLowerCase();
  return haystack[i];
}
const visible = (i) => !state.hidden.has(points.codec[i]) && (state.prefixes || !points.is_prefix[i]);
function refilter() {
  const words = state.words.toLowerCase().split(/\s+/).filter(Boolean);
  const ranges = data.dimensions.map((d, k) => [d, state.ranges[d.key], axisScale(k)]).filter((r) => r[1]);
  const box = state.box, x = box && valuesOf(box.x, box.split), y = box && valuesOf(box.y, box.split);
  kept = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    if (!visible(i)) continue;
    if (box && !(finite(x[i]) && finite(y[i]) && x[i] >= box.from[0] && x[i] <= box.to[0] && y[i] >= box.from[1] && y[i] <= box.to[1])) continue;
    if (ranges.some(([d, r, scale]) => { const h = scale(d.values[i]); return h < r[0] || h > r[1]; })) continue;
    if (words.length && !words.every((w) => textOf(i).includes(w))) continue;
    kept[i] = 1;
  }
}
const brushed = () => Boolean(state.box || state.words.trim() || Object.keys(state.ranges).length);
const keptCount = () => kept.reduce((a, b) => a + b, 0);

/* Non-dominated on validation over two numbers that are both to be small; duplicates stay, as in Python. */
function nondominated(xs, ys) {
  const order = [];
  for (let i = 0; i < count; i++) if (finite(xs[i]) && finite(ys[i])) order.push(i);
  order.sort((a, b) => xs[a] - xs[b] || ys[a] - ys[b]);
  const front = [];
  let least = Infinity, at = -Infinity;
  for (const i of order) {
    if (ys[i] < least) { least = ys[i]; at = xs[i]; front.push(i); }
    else if (ys[i] === least && xs[i] === at) front.push(i);
  }
  return front;
}
const fronts = new Map();
function frontOf(metric, x = "", rate = state.rate) {
  const m = metricOf[metric];
  if (m && !x && (data.fronts[rate] || {})[metric]) return data.fronts[rate][metric];
  if (!m || !m.optimised) return [];
  const across = metricOf[x || rateName(rate)];
  if (!across || !across.optimised || across === m) return [];
  const key = `${across.name} ${metric}`;
  if (!fronts.has(key)) fronts.set(key, nondominated(valuesOf(across.name, "val"), valuesOf(metric, "val")));
  return fronts.get(key);
}
const mainFront = () => new Set((data.fronts[data.rate] || {})[data.leading] || []);

function pin(i, only = false) {
  if (only) state.pins = [i];
  else if (state.pins.includes(i)) state.pins = state.pins.filter((p) => p !== i);
  else state.pins = [i, ...state.pins].slice(0, MOST_PINS);
  pinned();
}
/* Redraws are put together and done before the next frame. */
const due = new Set();
function later(draw) {
  if (!due.size) requestAnimationFrame(() => { const all = [...due]; due.clear(); all.forEach((d) => d()); });
  due.add(draw);
}
/* Of many points, what the eye is not on follows one drawing a frame, so that the next event need not wait for all. */
const rest = new Set();
let resting = false;
function soon(draw) {
  if (count <= MANY || state.printing) return later(draw);
  rest.delete(draw);
  rest.add(draw);
  if (!resting) { resting = true; requestAnimationFrame(() => setTimeout(drawNext)); }
}
function drawNext() {
  const [draw] = rest;
  if (!draw) { resting = false; return; }
  rest.delete(draw);
  requestAnimationFrame(() => setTimeout(drawNext));
  draw();
}
