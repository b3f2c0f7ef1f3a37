"use strict";
/* Marks of many points on a canvas under the plot, and what the pointer does over it: say, choose, select. */
const MANY = 1200;
const cornered = (p, x, y, r, corners, inner = 1, turn = 0) => {
  for (let k = 0; k < corners; k++) {
    const a = (k / corners) * 6.2832 + turn, far = k % 2 ? r * inner : r;
    k ? p.lineTo(x + far * Math.sin(a), y - far * Math.cos(a)) : p.moveTo(x + far * Math.sin(a), y - far * Math.cos(a));
  }
  p.closePath();
};
const shapes = {
  circle: (p, x, y, r) => p.arc(x, y, r, 0, 6.2832),
  square: (p, x, y, r) => p.rect(x - r, y - r, 2 * r, 2 * r),
  diamond: (p, x, y, r) => { p.moveTo(x, y - r * 1.3); p.lineTo(x + r * 1.3, y); p.lineTo(x, y + r * 1.3); p.lineTo(x - r * 1.3, y); p.closePath(); },
  "triangle-up": (p, x, y, r) => { p.moveTo(x, y - r * 1.2); p.lineTo(x + r * 1.2, y + r); p.lineTo(x - r * 1.2, y + r); p.closePath(); },
  pentagon: (p, x, y, r) => cornered(p, x, y, r * 1.15, 5),
  hexagon: (p, x, y, r) => cornered(p, x, y, r * 1.15, 6, 1, 0.5236),
  "star-diamond": (p, x, y, r) => cornered(p, x, y, r * 1.45, 8, 0.5),
  "triangle-down": (p, x, y, r) => { p.moveTo(x, y + r * 1.2); p.lineTo(x + r * 1.2, y - r); p.lineTo(x - r * 1.2, y - r); p.closePath(); },
};

/* Scene of the main plot, left by frontPlot: positions in data units and what to say of them. */
let scene = { x: [], y: [], shown: [], extras: [], metric: null };
const area = (div) => div._fullLayout && div._fullLayout._size;
const toPixels = (div, x, y) => [div._fullLayout.xaxis.d2p(x), div._fullLayout.yaxis.d2p(y)];

/* What the cloud on the canvas was drawn from: Plotly tells of a plot more than once, and drawing it again would show the same. */
let drawn = [];
const modelOf = (() => { const known = new Map(); return Int32Array.from({ length: count }, (_, i) => { const m = `${points.codec[i]}/${points.config_hash[i]}`; if (!known.has(m)) known.set(m, known.size); return known.get(m); }); })();

function drawCloud(div) {
  const size = area(div), canvas = div.querySelector("canvas.cloud");
  if (!size) return;
  place(div);
  drawPinMarks(div);
  if (!scene.many) { if (canvas) canvas.remove(); drawn = []; return; }
  const { xaxis, yaxis } = div._fullLayout, t = theme();
  const from = [scene, kept, t, state.links, state.printing, window.devicePixelRatio, size.l, size.t, size.w, size.h, xaxis.type, ...xaxis.range, ...yaxis.range];
  if (canvas && from.length === drawn.length && from.every((v, k) => v === drawn[k])) return;
  drawn = from;
  const made = canvas || div.insertBefore(element("canvas", { className: "cloud" }), div.firstChild);
  Object.assign(made.style, { left: `${size.l}px`, top: `${size.t}px` });
  const pen = sized(made, size.w, size.h), inFront = new Uint8Array(count);
  for (const i of frontOf(state.metric, state.x)) inFront[i] = 1;
  // One walk over the points: pixels, which marks are drawn alike, and from which point a model's line comes.
  const alike = data.codecs.map(() => [[], [], [], [], [], []]), lines = data.codecs.map(() => []), px = new Float32Array(count), py = new Float32Array(count), last = new Int32Array(count).fill(-1);
  for (const i of scene.shown) {
    px[i] = xaxis.d2p(scene.x[i]); py[i] = yaxis.d2p(scene.y[i]);
    const codec = codecOf[points.codec[i]].index;
    alike[codec][(kept[i] ? 1 + inFront[i] : 0) * 2 + (points.is_prefix[i] ? 1 : 0)].push(i);
    if (!state.links || !kept[i]) continue;
    const m = modelOf[i];
    if (last[m] >= 0) lines[codec].push(last[m], i);
    last[m] = i;
  }
  pen.globalAlpha = 0.12; pen.lineWidth = 0.8;
  data.codecs.forEach((codec, c) => {
    pen.strokeStyle = t.codec[codec.name]; pen.beginPath();
    let at = -1;
    for (let k = 0; k < lines[c].length; k += 2) {
      const [a, b] = [lines[c][k], lines[c][k + 1]];
      if (a !== at) pen.moveTo(px[a], py[a]);
      pen.lineTo(px[b], py[b]);
      at = b;
    }
    pen.stroke();
  });
  for (const strength of [0, 1, 2]) data.codecs.forEach((codec, c) => { for (const open of [1, 0]) {
    const r = strength === 2 ? 4.2 : 2.4, mark = shapes[codec.symbol] || shapes.circle, own = alike[c][2 * strength + open];
    if (!own.length) continue;
    pen.strokeStyle = pen.fillStyle = t.codec[codec.name];
    pen.globalAlpha = [0.06, 0.6, 1][strength]; pen.lineWidth = strength === 2 ? 1.6 : 1;
    // Paths of some hundred marks: what one path costs grows faster than its length.
    for (let k = 0; k < own.length; k += 256) {
      pen.beginPath();
      for (const i of own.slice(k, k + 256)) { pen.moveTo(px[i] + r, py[i]); mark(pen, px[i], py[i], r); }
      open ? pen.stroke() : pen.fill();
    }
  } });
  pen.globalAlpha = 1;
}

/* Rings of the points that are looked at stand on the glass, so that choosing redraws nothing. */
function drawPinMarks(div) {
  const glass = div.querySelector(".glass");
  if (!glass || !area(div)) return;
  glass.querySelectorAll(".pinmark").forEach((m) => m.remove());
  state.pins.forEach((i, k) => {
    if (!finite(scene.x[i]) || !finite(scene.y[i]) || (state.axis === "log" && scene.x[i] <= 0)) return;
    const [x, y] = toPixels(div, scene.x[i], scene.y[i]), mark = element("b", { className: "pinmark", textContent: String(k + 1) });
    Object.assign(mark.style, { left: `${x}px`, top: `${y}px` });
    glass.append(mark);
  });
}

/* Nearest point within reach of the pointer; of points that lie on one another the last drawn. */
function nearest(div, px, py, reach = 12) {
  let best = null, least = reach * reach;
  const weigh = (x, y, what) => {
    const [qx, qy] = toPixels(div, x, y), d = (qx - px) ** 2 + (qy - py) ** 2;
    if (d <= least) { least = d; best = what; }
  };
  for (const i of scene.shown) if (kept[i]) weigh(scene.x[i], scene.y[i], i);
  if (best === null) for (const extra of scene.extras) weigh(extra.x, extra.y, extra);
  return best;
}

function place(div) {
  const size = area(div);
  let glass = div.querySelector(".glass");
  if (!glass) { glass = element("div", { className: "glass" }, element("i", { className: "rubber", hidden: true })); div.append(glass); listen(div, glass); }
  Object.assign(glass.style, { left: `${size.l}px`, top: `${size.t}px`, width: `${size.w}px`, height: `${size.h}px`, pointerEvents: state.drag === "select" ? "auto" : "none" });
}

function tell(div, what, px, py) {
  const tip = $("tip");
  if (what === null) { tip.hidden = true; return; }
  tip.innerHTML = typeof what === "number" ? hover(what, scene.metric, state.split) + (hasMotion(what) ? "<br><i>click: play it</i>" : "") : what.text;
  tip.hidden = false;
  const box = div.getBoundingClientRect(), size = area(div), wide = tip.offsetWidth;
  const left = Math.min(box.left + size.l + px + 14, innerWidth - wide - 8), above = box.top + size.t + py - tip.offsetHeight - 12;
  tip.style.left = `${Math.max(4, left) + scrollX}px`;
  tip.style.top = `${(above > 4 ? above : box.top + size.t + py + 16) + scrollY}px`;
}

function listen(div, glass) {
  const rubber = glass.firstChild;
  let from = null;
  const at = (e) => { const b = glass.getBoundingClientRect(); return [Math.max(0, Math.min(b.width, e.clientX - b.left)), Math.max(0, Math.min(b.height, e.clientY - b.top))]; };
  glass.addEventListener("pointerdown", (e) => { if (e.button) return; from = at(e); if (e.isTrusted) glass.setPointerCapture(e.pointerId); e.preventDefault(); div.focus({ preventScroll: true }); });
  glass.addEventListener("pointermove", (e) => {
    const [x, y] = at(e);
    if (!from) { const what = nearest(div, x, y); glass.style.cursor = what === null ? "crosshair" : "pointer"; tell(div, what, x, y); return; }
    tell(div, null);
    Object.assign(rubber.style, { left: `${Math.min(x, from[0])}px`, top: `${Math.min(y, from[1])}px`, width: `${Math.abs(x - from[0])}px`, height: `${Math.abs(y - from[1])}px` });
    rubber.hidden = Math.abs(x - from[0]) + Math.abs(y - from[1]) < 6;
  });
  glass.addEventListener("pointerup", (e) => {
    if (!from) return;
    const [x, y] = at(e), start = from;
    from = null;
    rubber.hidden = true;
    if (Math.abs(x - start[0]) + Math.abs(y - start[1]) < 6) {
      const what = nearest(div, x, y);
      if (typeof what === "number") pin(what, !e.shiftKey);
      else if (what === null && state.box) { state.box = null; filtered(); }
      return;
    }
    const { xaxis, yaxis } = div._fullLayout, xs = [x, start[0]].map((v) => xaxis.p2d(v)).sort((a, b) => a - b), ys = [y, start[1]].map((v) => yaxis.p2d(v)).sort((a, b) => a - b);
    state.box = { x: xName(), y: state.metric, split: state.split, from: [xs[0], ys[0]], to: [xs[1], ys[1]] };
    filtered();
  });
  glass.addEventListener("pointerleave", () => tell(div, null));
  let step = -1;
  div.addEventListener("keydown", (e) => {
    const line = frontOf(state.metric, state.x).filter((i) => scene.shown.includes(i)).sort((a, b) => scene.x[a] - scene.x[b]);
    if (!line.length || !["ArrowLeft", "ArrowRight", "Enter", "Escape"].includes(e.key)) return;
    e.preventDefault();
    if (e.key === "Escape") { step = -1; tell(div, null); if (brushed()) clearFilters(); return; }
    if (e.key === "Enter") { if (step >= 0) pin(line[Math.min(step, line.length - 1)], !e.shiftKey); return; }
    step = Math.max(0, Math.min(line.length - 1, step + (e.key === "ArrowRight" ? 1 : -1)));
    const i = line[step];
    tell(div, i, ...toPixels(div, scene.x[i], scene.y[i]));
    $("spoken").textContent = `${points.label[i]}: ${say(scene.y[i])} ${metricOf[state.metric].unit} at ${say(scene.x[i])}`;
  });
  div.addEventListener("blur", () => tell(div, null));
}
