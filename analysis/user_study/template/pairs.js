"use strict";
/* The study: a rater's own order of pairs, two figures in step with the sound, answers that survive a reload. */
const QUESTIONS = ["preference", "beats", "diversity"], STORE = `ratefront-study-${told.study}`;
const now = { rater: "", order: [], at: 0, answers: [], begun: "", clips: null, shown: 0, clock: 0, time: 0, playing: false, watched: 0, ticket: 0 };

/* Numbers below 1 that follow from a text: FNV-1a into mulberry32. */
function numbers(text) {
  let seed = 2166136261;
  for (const c of text) seed = Math.imul(seed ^ c.codePointAt(0), 16777619);
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
function shuffled(list, draw) {
  const found = [...list];
  for (let k = found.length - 1; k > 0; k--) {
    const j = Math.floor(draw() * (k + 1));
    [found[k], found[j]] = [found[j], found[k]];
  }
  return found;
}

/* What a rater sees: a stretch of the pairs, all checks among them, sides drawn, and some of the first half again with their sides exchanged. */
function orderOf(rater) {
  const draw = numbers(`${told.study}/${rater}`), many = told.pairs.length, from = Math.floor(draw() * many);
  const own = Array.from({ length: told.asked }, (_, k) => told.pairs[(from + k) % many]);
  const sided = (pair) => (draw() < 0.5 ? [pair[0], pair[1]] : [pair[1], pair[0]]);
  const first = shuffled([...own.map((p) => ({ pair: sided(p), real: true })), ...told.checks.map((p) => ({ pair: sided(p), real: false }))], draw);
  const early = first.slice(0, Math.ceil(first.length / 2)).filter((p) => p.real), again = shuffled(early, draw).slice(0, told.repeats);
  const late = first.slice(Math.ceil(first.length / 2)).concat(again.map((p) => ({ pair: [p.pair[1], p.pair[0]], real: true })));
  return [...first.slice(0, Math.ceil(first.length / 2)), ...shuffled(late, draw)].map((p) => p.pair);
}

function keep() {
  try { localStorage.setItem(STORE, JSON.stringify({ rater: now.rater, answers: now.answers, begun: now.begun })); } catch { /* a private window keeps nothing */ }
}
function kept() {
  try { return JSON.parse(localStorage.getItem(STORE) || "null"); } catch { return null; }
}

const audio = $("audio");
const seconds = () => (now.clips ? now.clips[0].frames / told.fps : 0);
const sounds = () => Boolean(audio.src) && !audio.error;
const place = () => (sounds() ? audio.currentTime : now.time);

async function show() {
  const ticket = ++now.ticket, names = now.order[now.at], clips = [];
  play(false);
  now.clips = null;
  for (const name of names) {
    const clip = told.clips[name];
    clips.push({ name, frames: clip.frames, sound: clip.sound, motion: await unpack(clip.motion, clip.frames) });
  }
  if (ticket !== now.ticket) return;
  const heard = told.sounds[clips[0].sound];
  if (heard) audio.src = heard; else audio.removeAttribute("src");
  $("silent").hidden = Boolean(heard);
  // One frame for both, so that neither looks nearer; of hands the smaller one's, for a shaken one has any size.
  const boxes = clips.map((c) => boundsOf(c.motion, [...coded]));
  const radius = Math.max(...boxes.map((b) => b.radius));
  const near = Math.max(0.02, Math.min(...clips.map((c) => Math.max(0, ...hands.map((h) => reach(c, h.joints))))));
  now.clips = clips.map((c, k) => ({ ...c, middle: boxes[k].middle, radius, near }));
  Object.assign(now, { time: 0, watched: 0, shown: performance.now() });
  $("questions").reset();
  answered();
  $("where").textContent = `pair ${now.at + 1} of ${now.order.length}`;
  $("next").textContent = now.at + 1 < now.order.length ? "Next pair" : "Finish";
  const bar = $("bar");
  bar.setAttribute("aria-valuemax", String(now.order.length));
  bar.setAttribute("aria-valuenow", String(now.at));
  bar.firstChild.style.width = `${(100 * now.at) / now.order.length}%`;
  draw();
}
function reach(clip, joints) {
  const n = told.joints;
  let far = 0;
  for (let f = 0; f < clip.frames; f += 5) {
    const middle = middleOf(clip.motion, f, joints);
    for (const j of joints) {
      const k = (f * n + j) * 3, d = Math.hypot(clip.motion[k] - middle[0], clip.motion[k + 1] - middle[1], clip.motion[k + 2] - middle[2]);
      if (d > far) far = d;
    }
  }
  return far;
}

function draw() {
  if (!now.clips) return;
  const frame = Math.max(0, Math.min(now.clips[0].frames - 1, Math.floor(place() * told.fps + 1e-6))), ink = getComputedStyle(document.body).color;
  [$("left"), $("right")].forEach((canvas, side) => {
    const clip = now.clips[side], wide = Math.max(120, canvas.parentElement.clientWidth - 2), low = hands.length ? Math.min(130, wide / 2.4) : 0, high = Math.min(360, wide * 1.05), ratio = Math.max(1, devicePixelRatio || 1);
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round((high + low) * ratio);
    canvas.style.width = `${wide}px`;
    canvas.style.height = `${high + low}px`;
    canvas.dataset.frame = String(frame);
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const bodies = [{ clip: clip.motion, colour: ink }], view = { yaw: 0.25, pitch: 0.06 };
    drawBodies(pen, { x: 0, y: 0, w: wide, h: high }, bodies, frame, [...coded], view, { middle: clip.middle, radius: clip.radius, zoom: 0.94, thick: 3, dot: 1.7 });
    hands.forEach((hand, k) => {
      const each = wide / hands.length;
      drawBodies(pen, { x: k * each, y: high, w: each, h: low }, bodies, frame, hand.joints, view, { follow: hand.joints, radius: clip.near, zoom: 0.9, thick: 3, dot: 2.2 });
    });
  });
  $("seek").value = String(Math.round((1000 * place()) / seconds()));
  $("clock").textContent = `${place().toFixed(1)} of ${seconds().toFixed(1)} s`;
}

function tick(moment) {
  if (!now.playing) return;
  const passed = Math.min(0.5, (moment - now.clock) / 1000);
  now.clock = moment;
  now.watched += passed;
  if (!sounds()) now.time += passed;
  if (sounds() ? audio.ended : now.time >= seconds()) { play(false); draw(); return; }
  draw();
  requestAnimationFrame(tick);
}
function play(on) {
  now.playing = on && Boolean(now.clips);
  $("play").textContent = now.playing ? "❚❚ Pause" : "▶ Play";
  if (!now.playing) { if (sounds()) audio.pause(); return; }
  if (place() >= seconds() - 0.05) seek(0);
  if (sounds()) audio.play().catch(() => { now.time = audio.currentTime; play(false); });
  requestAnimationFrame((moment) => { now.clock = moment; tick(moment); });
}
function seek(to) {
  now.time = Math.max(0, Math.min(seconds(), to));
  if (sounds()) audio.currentTime = now.time;
  draw();
}

const chosen = () => Object.fromEntries(QUESTIONS.map((q) => [q, ($("questions").querySelector(`[name="${q}"]:checked`) || {}).value]));
const answered = () => { $("next").disabled = !QUESTIONS.every((q) => chosen()[q]); };
function next() {
  if ($("next").disabled || !now.clips) return;
  const [left, right] = now.order[now.at];
  now.answers.push({ left, right, ...chosen(), seconds: Number(((performance.now() - now.shown) / 1000).toFixed(2)), watched: Number(now.watched.toFixed(2)) });
  now.at += 1;
  keep();
  state();
}

function state() {
  const begun = Boolean(now.rater), over = begun && now.at >= now.order.length;
  $("intro").hidden = begun;
  $("trial").hidden = !begun || over;
  $("done").hidden = !over;
  if (over) play(false); else if (begun) show();
}
function begin(rater, before) {
  Object.assign(now, { rater, order: orderOf(rater), answers: before ? before.answers : [], begun: before ? before.begun : new Date().toISOString() });
  now.at = now.answers.length;
  keep();
  state();
}
const result = () => JSON.stringify({ ratefront_study: told.ratefront_study, study: told.study, rater: now.rater, begun: now.begun, ended: new Date().toISOString(), answers: now.answers }, null, 1);
function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([result()], { type: "application/json" }));
  link.download = `answers-${told.study}-${now.rater.replace(/[^\w-]+/g, "_")}.json`;
  link.click();
}

$("count").textContent = String(orderOf("anybody").length);
$("entry").addEventListener("submit", (e) => { e.preventDefault(); const rater = $("rater").value.trim(); if (rater) begin(rater, null); });
$("play").addEventListener("click", () => play(!now.playing));
$("seek").addEventListener("input", (e) => seek((seconds() * Number(e.target.value)) / 1000));
$("questions").addEventListener("change", answered);
$("questions").addEventListener("submit", (e) => { e.preventDefault(); next(); });
$("save").addEventListener("click", save);
$("again").addEventListener("click", () => { try { localStorage.removeItem(STORE); } catch { /* nothing was kept */ } location.reload(); });
audio.addEventListener("seeked", draw);
addEventListener("resize", draw);
addEventListener("keydown", (e) => {
  if ($("trial").hidden || e.ctrlKey || e.metaKey || e.altKey) return;
  const number = "123456".indexOf(e.key), ranged = e.target.type === "range" || e.target.type === "radio";
  if (e.key === " " && e.target.tagName !== "BUTTON" && e.target.type !== "radio") play(!now.playing);
  else if (number >= 0 && e.key.length === 1) {
    const input = $("questions").querySelector(`[name="${QUESTIONS[number >> 1]}"][value="${number % 2 ? "right" : "left"}"]`);
    input.checked = true;
    answered();
  } else if (e.key === "Enter" && e.target.tagName !== "BUTTON") next();
  else if ((e.key === "ArrowLeft" || e.key === "ArrowRight") && !ranged) seek(place() + (e.key === "ArrowRight" ? 1 : -1));
  else return;
  e.preventDefault();
});
const before = kept();
if (before && before.rater) begin(before.rater, before);
