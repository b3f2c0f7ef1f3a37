"use strict";
/* The numbers of the page, unpacked, and how they are said. Everything compared was compared in Python. */
const data = JSON.parse(document.getElementById("data").textContent);
const points = data.points;
const count = points.codec.length;
const $ = (id) => document.getElementById(id);

function bytesOf(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let k = 0; k < raw.length; k++) bytes[k] = raw.charCodeAt(k);
  return bytes;
}
for (const [name, packed] of Object.entries(points.values)) {
  if (typeof packed !== "string") continue;
  points.values[name] = Array.from(new Float32Array(bytesOf(packed).buffer), (v) => (Number.isNaN(v) ? null : v));
}

/* Rates are numbers of a point like any other: they may stand on either axis. */
const rateMetrics = [...data.rates.map((r) => ({ ...r, group: "Rates, all parts together" })), ...data.part_rates.map((r) => ({ ...r, group: `Rates, ${r.part}` }))]
  .map((r) => ({ name: r.name, label: r.label, short: r.label, unit: "bits/s", group: r.group, optimised: true, rate: true }));
const metricOf = Object.fromEntries([...data.metrics, ...rateMetrics].map((m) => [m.name, m]));
const codecOf = Object.fromEntries(data.codecs.map((c, i) => [c.name, { ...c, index: i }]));
const finite = (v) => typeof v === "number" && isFinite(v);
const columnOf = (name, split) => (`val_${name}` in points.values || `test_${name}` in points.values ? `${split}_${name}` : name);
const NOTHING = new Array(count).fill(null);
const valuesOf = (name, split) => points.values[columnOf(name, split)] || NOTHING;
const rateName = (key) => data.rates.find((r) => r.key === key).name;
/* Row of the point in what was looked at closely: clips, errors. */
const rowOf = (i) => String(data.rows ? data.rows[i] : i);
const indexOfRow = new Map(Array.from({ length: count }, (_, i) => [rowOf(i), i]));

function say(v) {
  if (!finite(v)) return "–";
  if (Math.abs(v) >= 100) return Math.round(v).toLocaleString("en");
  return String(Number(v.toPrecision(3)));
}
const lower = (s) => s[0].toLowerCase() + s.slice(1);
const escaped = (s) => String(s).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

/* Colours are CSS's; a probe element turns light-dark() into the one in use. */
function colour(variable) {
  const probe = document.createElement("i");
  probe.style.color = `var(${variable})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
let themed = null;
function theme() {
  if (themed) return themed;
  const names = ["paper", "panel", "ink", "soft", "faint", "line", "grid", "accent"];
  themed = Object.fromEntries(names.map((n) => [n, colour(`--${n}`)]));
  themed.codec = Object.fromEntries(data.codecs.map((c, i) => [c.name, colour(`--codec-${i}`)]));
  themed.dark = Number(themed.paper.match(/\d+/)[0]) < 128;
  themed.font = getComputedStyle(document.body).fontFamily;
  return themed;
}

/* Viridis, without its darkest on dark paper, and safe for colour-blind eyes: error in colour. */
const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37]];
function heat(share) {
  const whole = Math.max(0, Math.min(0.9999, share)), at = (theme().dark ? 0.2 + 0.8 * whole : whole) * (VIRIDIS.length - 1), k = Math.floor(at), f = at - k;
  return `rgb(${VIRIDIS[k].map((v, j) => Math.round(v + f * (VIRIDIS[k + 1][j] - v))).join()})`;
}

/* A canvas as sharp as the screen is. */
function sized(canvas, width, height) {
  const ratio = Math.max(1, window.devicePixelRatio || 1) * (state.printing ? 2 : 1);
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen;
}

function element(name, fields = {}, ...inside) {
  const made = Object.assign(document.createElement(name), fields);
  made.append(...inside);
  return made;
}
