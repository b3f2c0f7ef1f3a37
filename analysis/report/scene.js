"use strict";
/* Clips unpacked, and bodies drawn: orbit, errors in colour, hands enlarged. */
const motion = data.motion;
const hasMotion = (i) => Boolean(motion && motion.points[rowOf(i)]);
const unpacked = new Map();

/* Packed motion -> Float32Array (frames x joints x 3) in the data's unit, NaN where not seen. */
function unpack(packed, frames) {
  if (!unpacked.has(packed)) unpacked.set(packed, inflate(packed, frames));
  return unpacked.get(packed);
}
async function inflate(packed, frames) {
  const stream = new Blob([bytesOf(packed)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer()), half = bytes.length / 2, series = half / frames;
  const found = new Float32Array(half);
  for (let s = 0; s < series; s++) {
    let value = 0;
    for (let f = 0; f < frames; f++) {
      const k = s * frames + f;
      value = (value + bytes[k] + (bytes[half + k] << 8)) & 0xffff;
      const signed = value > 32767 ? value - 65536 : value;
      found[f * series + s] = signed === -32768 ? NaN : signed * motion.step;
    }
  }
  return found;
}

/* Distance of every joint from where it was, in the unit that is shown; (frames x joints). */
function distances(original, rebuilt) {
  const found = new Float32Array(original.length / 3);
  for (let k = 0; k < found.length; k++) found[k] = motion.factor * Math.hypot(original[3 * k] - rebuilt[3 * k], original[3 * k + 1] - rebuilt[3 * k + 1], original[3 * k + 2] - rebuilt[3 * k + 2]);
  return found;
}

const hands = motion ? Object.entries(motion.parts).filter(([name]) => name.endsWith("hand")).map(([name, joints]) => ({ name, joints })) : [];
const coded = motion ? new Set(motion.parts.full || motion.joints.map((_, j) => j)) : new Set();

/* Box of the coded joints over a whole clip, so that nothing jumps while it plays; `radius` holds it however the body is turned about the upright. */
function boundsOf(clip, joints) {
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity], n = motion.joints.length;
  for (let f = 0; f < clip.length / n / 3; f++) for (const j of joints) for (let a = 0; a < 3; a++) {
    const v = clip[(f * n + j) * 3 + a];
    if (v < low[a]) low[a] = v;
    if (v > high[a]) high[a] = v;
  }
  return { middle: low.map((v, a) => (v + high[a]) / 2), radius: Math.max(0.05, 0.5 * Math.max(high[1] - low[1], Math.hypot(high[0] - low[0], high[2] - low[2])) || 0.05), low, high };
}

/* Middle of some joints in a frame: what a hand is drawn around. */
function middleOf(clip, frame, joints) {
  const n = motion.joints.length, found = [0, 0, 0];
  let seen = 0;
  for (const j of joints) {
    const k = (frame * n + j) * 3;
    if (!isFinite(clip[k])) continue;
    seen++;
    for (let a = 0; a < 3; a++) found[a] += clip[k + a];
  }
  return found.map((v) => v / Math.max(seen, 1));
}

/* Draws bodies of one frame into a rectangle of a canvas. Each body: clip, colour or errors, alpha. */
function drawBodies(pen, rect, bodies, frame, joints, view, options = {}) {
  const n = motion.joints.length, [cy, sy, cp, sp] = [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)];
  const size = Math.min(rect.w, rect.h) / 2 / options.radius * (options.zoom || 1), members = new Set(joints);
  pen.save();
  pen.beginPath(); pen.rect(rect.x, rect.y, rect.w, rect.h); pen.clip();
  pen.lineCap = pen.lineJoin = "round";
  for (const body of bodies) {
    const middle = options.follow ? middleOf(body.clip, frame, options.follow) : options.middle;
    const put = (j) => {
      const k = (frame * n + j) * 3;
      const [x, y, z] = [0, 1, 2].map((a) => body.clip[k + a] - middle[a]);
      const across = x * cy + z * sy, deep = -x * sy + z * cy;
      return [rect.x + rect.w / 2 + size * across, rect.y + rect.h / 2 - size * (y * cp - deep * sp)];
    };
    pen.globalAlpha = body.alpha || 1;
    for (const j of joints) {
      const parent = motion.parents[j];
      if (parent < 0 || !(members.has(parent) || coded.has(parent))) continue;
      if (options.follow && !members.has(parent)) continue;
      const [ax, ay] = put(j), [bx, by] = put(parent);
      if (!isFinite(ax + ay + bx + by)) continue;
      const e = body.errors ? body.errors[frame * n + j] : 0;
      pen.strokeStyle = body.errors ? heat(e / body.scale) : body.colour;
      pen.lineWidth = (options.thick || 3) * (body.thin || 1);
      pen.setLineDash(body.dash || []);
      pen.beginPath(); pen.moveTo(ax, ay); pen.lineTo(bx, by); pen.stroke();
    }
    pen.setLineDash([]);
    for (const j of joints) {
      const [x, y] = put(j);
      if (!isFinite(x + y)) continue;
      pen.fillStyle = body.errors ? heat(body.errors[frame * n + j] / body.scale) : body.colour;
      pen.beginPath(); pen.arc(x, y, (options.dot || 2.2) * (body.thin || 1), 0, 6.2832); pen.fill();
    }
  }
  pen.restore();
}
