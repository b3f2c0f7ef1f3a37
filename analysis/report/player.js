"use strict";
/* The player: the original and the chosen codecs on one clip of validation, in step. */
const player = { clip: "", frame: 0, playing: false, speed: 1, mode: "side", coloured: true, yaw: 0.35, pitch: 0.08, takes: null, clock: 0, loading: 0 };

const kindsOf = (i) => Object.entries(motion.points[rowOf(i)]).map(([recording, c]) => ({ recording, ...c }));
/* A clip's error, named where it is not that of the full pose. */
function errorWords(i, error) {
  const name = data.judged[points.codec[i]], m = metricOf[name];
  return finite(error) && m ? `${name === data.full_pose ? "" : `${lower(m.short)} `}${say(error)} ${m.unit}` : "";
}

/* Best, median, worst and named clips of the first chosen point. */
function fillClips() {
  const choice = $("clip"), own = state.pins.find(hasMotion), before = choice.value || "median";
  choice.replaceChildren();
  if (own === undefined) return;
  const order = { best: 0, median: 1, worst: 2 }, listed = [];
  for (const c of kindsOf(own)) {
    for (const why of c.why) if (why in order) listed.push([order[why], why, `${why}: ${c.recording}, ${errorWords(own, c.error)}`]);
    listed.push([9, c.recording, `${c.recording}, ${errorWords(own, c.error)}${c.why.includes("lively") ? " (moves most)" : c.why.includes("calm") ? " (moves least)" : ""}`]);
  }
  listed.sort((a, b) => a[0] - b[0]);
  for (const [, value, words] of listed) choice.append(new Option(words, value));
  choice.value = [...choice.options].some((o) => o.value === before) ? before : choice.options[0].value;
}
function recordingNow() {
  const own = state.pins.find(hasMotion), value = $("clip").value;
  if (own === undefined) return "";
  const found = kindsOf(own).find((c) => c.recording === value || c.why.includes(value));
  return found ? found.recording : "";
}

async function loadTakes() {
  if (!motion) return;
  const recording = recordingNow(), ticket = ++player.loading, clip = motion.clips[recording];
  if (!clip) { player.takes = null; drawPlayer(); return; }
  const original = await unpack(clip.original, clip.frames), takes = [];
  for (const i of state.pins) {
    const own = hasMotion(i) && motion.points[rowOf(i)][recording];
    takes.push(own ? { point: i, clip: await unpack(own.motion, clip.frames), error: own.error } : { point: i, clip: null });
  }
  if (ticket !== player.loading) return;
  for (const take of takes) if (take.clip) take.errors = distances(original, take.clip);
  // The ceiling of the colours: what all but the worst twentieth of places stay under.
  const every = takes.filter((k) => k.errors).flatMap((k) => Array.from(k.errors.filter((v, n) => isFinite(v) && n % 3 === 0))).sort((a, b) => a - b);
  const body = boundsOf(original, [...coded]);
  const near = hands.map((h) => {
    const n = motion.joints.length;
    let far = 0.02;
    for (let f = 0; f < clip.frames; f += 4) for (const j of h.joints) {
      const a = (f * n + j) * 3, middle = middleOf(original, f, h.joints), d = Math.hypot(original[a] - middle[0], original[a + 1] - middle[1], original[a + 2] - middle[2]);
      if (d > far) far = d;
    }
    return { ...h, radius: far };
  });
  player.takes = { recording, frames: clip.frames, start: clip.start, original, each: takes, scale: every[Math.floor(every.length * 0.95)] || 1, body, hands: near };
  player.frame = Math.min(player.frame, clip.frames - 1);
  $("frame").max = String(clip.frames - 1);
  drawPlayer();
  drawHeatmap();
}

function panelsOf() {
  const t = theme(), takes = player.takes, first = { title: "Original", note: takes.recording, bodies: [{ clip: takes.original, colour: t.ink }] };
  const own = takes.each.map((take, k) => ({
    title: `${k + 1}  ${points.label[take.point]}`,
    note: take.clip ? `${say(valuesOf(xName(), "val")[take.point])} ${metricOf[xName()].unit}${finite(take.error) ? `; this clip ${errorWords(take.point, take.error)}` : ""}` : hasMotion(take.point) ? "kept no such clip" : "has no motion on this page",
    colour: t.codec[points.codec[take.point]],
    bodies: !take.clip ? [] : player.mode === "over"
      ? [{ clip: takes.original, colour: t.faint, alpha: 0.65, dash: [4, 3] }, { clip: take.clip, colour: t.codec[points.codec[take.point]], errors: player.coloured ? take.errors : null, scale: takes.scale }]
      : [{ clip: take.clip, colour: t.codec[points.codec[take.point]], errors: player.coloured ? take.errors : null, scale: takes.scale }],
  }));
  return player.mode === "over" && own.length ? own : [first, ...own];
}

function drawPlayer() {
  const stage = $("stage");
  if (!motion || !stage) return;
  const pins = state.pins, takes = player.takes;
  $("stage-empty").hidden = Boolean(takes);
  if (!takes) $("stage-empty").textContent = pins.length ? "This point's motion is not on the page, which holds that of fronts first. On the command line: ratefront render DIR --point " + points.point[pins[0]] : "Press a point of the front above, or a row of the table.";
  const panels = takes ? panelsOf() : [];
  while (stage.children.length > panels.length) stage.lastChild.remove();
  while (stage.children.length < panels.length) stage.append(element("figure", { className: "take" }, element("figcaption"), element("canvas")));
  // Canvases must not hold the columns wide while these are measured.
  for (const box of stage.children) box.lastChild.style.width = "1px";
  const wides = [...stage.children].map((box) => box.clientWidth - 2);
  panels.forEach((panel, k) => {
    const box = stage.children[k], caption = box.firstChild, wide = Math.max(120, wides[k]), handsHigh = hands.length ? Math.min(170, (wide / Math.max(2, hands.length)) * 1.05) : 0, high = Math.min(330, wide * 1.05) + handsHigh;
    caption.replaceChildren(element("b", { textContent: panel.title }), element("small", { textContent: panel.note }));
    caption.style.borderColor = panel.colour || "transparent";
    const canvas = box.lastChild, pen = sized(canvas, wide, high), t = theme();
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${panel.title}, frame ${player.frame + 1} of ${takes.frames}`);
    pen.clearRect(0, 0, wide, high);
    const many = panels.length > 3 ? 2.4 : 3;
    drawBodies(pen, { x: 0, y: 0, w: wide, h: high - handsHigh }, panel.bodies, player.frame, [...coded], player, { middle: takes.body.middle, radius: takes.body.radius, zoom: 0.94, thick: many, dot: 1.7 });
    takes.hands.forEach((hand, h) => {
      const each = wide / takes.hands.length, rect = { x: h * each, y: high - handsHigh, w: each, h: handsHigh };
      pen.strokeStyle = t.grid; pen.lineWidth = 1; pen.strokeRect(rect.x + 0.5, rect.y + 0.5, rect.w - 1, rect.h - 1);
      drawBodies(pen, rect, panel.bodies, player.frame, hand.joints, player, { follow: hand.joints, radius: hand.radius, zoom: 0.9, thick: 3.4, dot: 2.8 });
      pen.fillStyle = t.soft; pen.font = `11px ${t.font}`; pen.fillText(hand.name.replace(/_/g, " "), rect.x + 6, rect.y + rect.h - 6);
    });
  });
  if (takes) {
    $("frame").value = String(player.frame);
    $("frame-said").textContent = `frame ${player.frame + 1} of ${takes.frames}, ${(player.frame / motion.fps).toFixed(2)} s`;
    $("scale-said").textContent = player.coloured ? `${say(takes.scale)} ${motion.unit} and more` : "";
    $("colours").hidden = !player.coloured;
  }
}

function tick(now) {
  if (!player.playing) return;
  const step = 1000 / (motion.fps * player.speed);
  if (now - player.clock >= step && player.takes) {
    const by = Math.min(4, Math.floor((now - player.clock) / step));
    player.clock = now;
    player.frame = (player.frame + by) % player.takes.frames;
    drawPlayer();
    drawPlayhead();
  }
  requestAnimationFrame(tick);
}
function play(on) {
  player.playing = on && Boolean(player.takes);
  $("play").textContent = player.playing ? "❚❚ Pause" : "▶ Play";
  if (player.playing) requestAnimationFrame((now) => { player.clock = now; tick(now); });
}
function seek(frame) {
  if (!player.takes) return;
  player.frame = Math.max(0, Math.min(player.takes.frames - 1, frame));
  drawPlayer();
  drawPlayhead();
}

/* The best point of a codec at most at so many bits, by the distortion that its points have; -1 where there is none. */
function bestOf(codec, budget) {
  const x = valuesOf(rateName(state.rate), "val"), name = data.judged[codec], sign = (metricOf[name] || {}).grows ? -1 : 1, y = valuesOf(name, "val").map((v) => (finite(v) ? sign * v : v));
  let best = -1;
  for (let i = 0; i < count; i++) if (points.codec[i] === codec && (!motion || hasMotion(i)) && x[i] <= budget && finite(y[i]) && (best < 0 || y[i] < y[best])) best = i;
  return best;
}
/* The best of several codecs, best first; those without the page's distortion come last: nothing ranks them among the others. */
function bestOfEach(codecs, budget) {
  const y = valuesOf(data.leading, "val"), sign = (metricOf[data.leading] || {}).grows ? -1 : 1, rank = (i) => (finite(y[i]) ? sign * y[i] : Number.MAX_VALUE);
  return codecs.map((c) => bestOf(c.name, budget)).filter((i) => i >= 0).sort((a, b) => rank(a) - rank(b));
}
/* A fair comparison of looks. */
function equalBits(budget) {
  state.pins = bestOfEach(data.codecs, budget).slice(0, MOST_PINS);
  pinned();
}

function fillPlayer() {
  if (!motion) return;
  const stage = $("stage");
  $("clip").addEventListener("change", () => loadTakes());
  $("play").addEventListener("click", () => play(!player.playing));
  $("frame").addEventListener("input", (e) => { play(false); seek(Number(e.target.value)); });
  $("speed").addEventListener("change", (e) => { player.speed = Number(e.target.value); });
  for (const input of document.querySelectorAll('[name="mode"]')) input.addEventListener("change", (e) => { player.mode = e.target.value; drawPlayer(); });
  $("coloured").addEventListener("change", (e) => { player.coloured = e.target.checked; drawPlayer(); });
  $("equal").addEventListener("click", () => equalBits(Number($("budget").value)));
  $("budget").addEventListener("keydown", (e) => { if (e.key === "Enter") { e.preventDefault(); equalBits(Number(e.target.value)); } });
  $("player-controls").addEventListener("submit", (e) => e.preventDefault());
  let from = null;
  stage.addEventListener("pointerdown", (e) => { if (e.target.tagName !== "CANVAS") return; from = [e.clientX, e.clientY, player.yaw, player.pitch]; if (e.isTrusted) stage.setPointerCapture(e.pointerId); });
  stage.addEventListener("pointermove", (e) => {
    if (!from) return;
    player.yaw = from[2] + (e.clientX - from[0]) / 120;
    player.pitch = Math.max(-1.5, Math.min(1.5, from[3] + (e.clientY - from[1]) / 120));
    later(drawPlayer);
  });
  stage.addEventListener("pointerup", () => { from = null; });
  stage.addEventListener("keydown", (e) => {
    const turn = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[e.key];
    if (e.key === " ") play(!player.playing);
    else if (e.key === "," || e.key === ".") { play(false); seek(player.frame + (e.key === "." ? 1 : -1)); }
    else if (turn) { player.yaw += turn[0]; player.pitch = Math.max(-1.5, Math.min(1.5, player.pitch + turn[1])); drawPlayer(); }
    else return;
    e.preventDefault();
  });
  drawBar();
}
function drawBar() {
  const bar = motion && $("colours").getContext("2d");
  if (bar) for (let k = 0; k < 120; k++) { bar.fillStyle = heat(k / 119); bar.fillRect(k, 0, 1, 10); }
}
/* What is looked at when the page opens: the middle of the front, and the best other codec at its bits. */
function firstPins() {
  const x = valuesOf(rateName(data.rate), "val"), can = (i) => !motion || hasMotion(i);
  const line = [...mainFront()].filter((i) => can(i) && finite(x[i])).sort((a, b) => x[a] - x[b]), first = line[Math.floor(line.length * 0.6)];
  if (first === undefined) return [];
  return [first, ...bestOfEach(data.codecs.filter((c) => c.name !== points.codec[first]), x[first] * 1.02).slice(0, 1)];
}
