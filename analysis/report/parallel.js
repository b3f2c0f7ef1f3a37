"use strict";
/* Parallel coordinates on a canvas: one line a point, a range on every axis to filter by. */
const scales = data.dimensions.map(scaleOf);
const axisScale = (k) => scales[k];
const PAD = { left: 96, right: 60, top: 92, bottom: 26 };

/* Value to height on its axis, 0 to 1; what a codec lacks lies at the foot. */
function scaleOf(d) {
  if (d.kind === "category") return (v) => (v == null ? -0.1 : d.ticks.length < 2 ? 0.5 : d.ticks.indexOf(v) / (d.ticks.length - 1));
  const f = d.kind === "log" ? Math.log : (v) => v;
  let low = Infinity, high = -Infinity;
  for (const v of d.values) if (finite(v)) { const g = f(v); if (g < low) low = g; if (g > high) high = g; }
  return (v) => (finite(v) ? (f(v) - low) / (high - low || 1) : -0.1);
}

function fillParallel() {
  const box = $("plot-parallel");
  box.append(element("canvas"), element("canvas", { className: "pinned" }));
  data.dimensions.forEach((d, k) => {
    const axis = element("div", { className: "axis", tabIndex: 0 }), range = element("i", { className: "range", hidden: true });
    const title = element("b", { textContent: d.label.replace(/_/g, " ") });
    axis.append(title, range);
    for (const v of d.ticks) {
      const tick = element("span", { textContent: typeof v === "number" ? say(v) : v });
      tick.style.bottom = `${scales[k](v) * 100}%`;
      axis.append(tick);
    }
    axis.setAttribute("role", "group");
    axis.setAttribute("aria-label", `${d.label}: drag, or Up and Down (Shift for the lower end), to filter; Escape clears`);
    let from = null, moved = false;
    const at = (e) => { const b = axis.getBoundingClientRect(); return Math.max(-0.12, Math.min(1.02, 1 - (e.clientY - b.top) / b.height)); };
    axis.addEventListener("pointerdown", (e) => { from = at(e); moved = false; if (e.isTrusted) axis.setPointerCapture(e.pointerId); e.preventDefault(); axis.focus({ preventScroll: true }); });
    axis.addEventListener("pointermove", (e) => {
      if (from === null) return;
      const to = at(e);
      if (Math.abs(to - from) < 0.02 && !moved) return;
      moved = true;
      state.ranges[d.key] = [Math.min(from, to), Math.max(from, to)];
      filtered();
    });
    axis.addEventListener("pointerup", () => { if (from !== null && !moved) { delete state.ranges[d.key]; filtered(); } from = null; });
    axis.addEventListener("keydown", (e) => {
      if (e.key === "Escape") delete state.ranges[d.key];
      else if (e.key === "ArrowUp" || e.key === "ArrowDown") {
        const r = state.ranges[d.key] || [-0.12, 1.02], by = e.key === "ArrowUp" ? 0.05 : -0.05;
        if (e.shiftKey) r[0] = Math.max(-0.12, Math.min(r[1], r[0] + by)); else r[1] = Math.min(1.02, Math.max(r[0], r[1] + by));
        state.ranges[d.key] = r;
      } else return;
      e.preventDefault();
      filtered();
    });
    box.append(axis);
  });
}

/* A range moves with the hand; the lines may come a moment later. */
function placeRanges() {
  document.querySelectorAll("#plot-parallel .range").forEach((range, k) => {
    const r = state.ranges[data.dimensions[k].key];
    range.hidden = !r;
    if (r) Object.assign(range.style, { bottom: `${r[0] * 100}%`, height: `${(r[1] - r[0]) * 100}%` });
  });
}

const MOST_LINES = 2000;
const evenly = (list, most) => (list.length <= most ? list : list.filter((_, k) => Math.floor((k * most) / list.length) !== Math.floor(((k - 1) * most) / list.length)));
let lanes = null;
/* Lines of the points that are looked at, on a canvas of their own. */
function drawPinLines() {
  if (!lanes) return;
  const pen = sized($("plot-parallel").querySelector(".pinned"), lanes.wide, lanes.high);
  pen.strokeStyle = theme().ink; pen.lineWidth = 2.6; pen.globalAlpha = 0.85;
  for (const i of state.pins.filter(visible)) {
    pen.beginPath();
    lanes.xs.forEach((x, a) => (a ? pen.lineTo(x, lanes.heights[a][i]) : pen.moveTo(x, lanes.heights[a][i])));
    pen.stroke();
  }
}

function parallelPlot() {
  const box = $("plot-parallel"), dims = data.dimensions, wide = Math.max(box.clientWidth, state.printing ? 0 : PAD.left + PAD.right + 56 * (dims.length - 1)), high = box.clientHeight;
  if (!box.clientWidth || dims.length < 2) return;
  const gap = (wide - PAD.left - PAD.right) / (dims.length - 1), tall = high - PAD.top - PAD.bottom;
  const xs = dims.map((_, k) => PAD.left + k * gap);
  const pen = sized(box.querySelector("canvas"), wide, high), t = theme(), front = mainFront();
  [...box.querySelectorAll(".axis")].forEach((axis, k) => {
    Object.assign(axis.style, { left: `${xs[k]}px`, top: `${PAD.top}px`, height: `${tall}px` });
    // Where axes stand close, every second title stands a storey higher.
    const title = axis.querySelector("b"), close = gap < 92;
    title.style.width = `${close ? 2 * gap - 8 : gap - 6}px`;
    title.style.bottom = `calc(100% + ${close && k % 2 ? 50 : 12}px)`;
  });
  placeRanges();
  if (!lanes || lanes.tall !== tall || lanes.axes !== dims.length) lanes = { tall, axes: dims.length, heights: dims.map((d, k) => Float32Array.from(d.values, (v) => PAD.top + (1 - scales[k](v)) * tall)) };
  Object.assign(lanes, { xs, wide, high });
  const heights = lanes.heights;
  const some = keptCount();
  const stroke = (own, style, width, alpha) => {
    pen.strokeStyle = style; pen.lineWidth = width; pen.globalAlpha = alpha;
    // Many lines to a path are quick; a path of all of them would show no density.
    for (let k = 0; k < own.length; k += 400) {
      pen.beginPath();
      for (const i of own.slice(k, k + 400)) for (let a = 0; a < dims.length; a++) a ? pen.lineTo(xs[a], heights[a][i]) : pen.moveTo(xs[a], heights[a][i]);
      pen.stroke();
    }
  };
  const quiet = [], loud = Object.fromEntries(data.codecs.map((c) => [c.name, []])), strong = Object.fromEntries(data.codecs.map((c) => [c.name, []]));
  for (let i = 0; i < count; i++) {
    if (!visible(i)) continue;
    if (!kept[i]) quiet.push(i); else (front.has(i) ? strong : loud)[points.codec[i]].push(i);
  }
  stroke(evenly(quiet, 800), t.faint, 0.7, 0.12);
  const alpha = brushed() ? Math.min(0.8, 0.25 + 20 / some) : Math.min(0.45, 0.08 + 30 / some);
  const plain = data.codecs.reduce((n, c) => n + loud[c.name].length, 0);
  for (const c of data.codecs) stroke(evenly(loud[c.name], Math.ceil((MOST_LINES * loud[c.name].length) / Math.max(plain, 1))), t.codec[c.name], 1, alpha);
  for (const c of data.codecs) stroke(strong[c.name], t.codec[c.name], 2, 0.95);
  pen.globalAlpha = 1;
  drawPinLines();
  $("parallel-said").textContent = brushed() ? `${keptCount().toLocaleString("en")} of ${count.toLocaleString("en")} points pass the filters.` : "";
  if (plain > MOST_LINES) $("parallel-said").textContent += ` An even choice of ${MOST_LINES.toLocaleString("en")} lines is drawn, and the front.`;
}
