"use strict";
/* The player of heatmaps: the original and the chosen codecs on one window of validation, in step. */
const windowed = data.windows;
const reel = { frame: 0, playing: false, speed: 1, skeleton: true, takes: null, clock: 0, loading: 0 };
const SKELETON = "#ff9f43", GAP = 16;
const hasWindows = (i) => Boolean(windowed && windowed.points[rowOf(i)]);

/* Best, median, worst and common windows of the first chosen point. */
function fillWindows() {
  const choice = $("window"), own = state.pins.find(hasWindows), before = choice.value || "common", listed = [];
  choice.replaceChildren();
  if (own === undefined) return;
  const order = { common: 0, best: 1, median: 2, worst: 3 };
  for (const [name, w] of Object.entries(windowed.points[rowOf(own)])) {
    for (const why of w.why) listed.push([order[why] ?? 9, why, `${why}: ${name}${finite(w.score) ? `, IoU ${say(w.score)}` : ""}`]);
  }
  listed.sort((a, b) => a[0] - b[0]);
  for (const [, value, words] of listed) choice.append(new Option(words, value));
  choice.value = listed.some(([, v]) => v === before) ? before : listed[0][1];
}
function windowNow() {
  const own = state.pins.find(hasWindows), value = $("window").value;
  if (own === undefined) return "";
  const found = Object.entries(windowed.points[rowOf(own)]).find(([, w]) => w.why.includes(value));
  return found ? found[0] : "";
}

const sheets = new Map();
async function sheetOf(key) {
  if (!sheets.has(key)) {
    const sheet = windowed.sheets[key], image = new Image();
    image.src = `data:image/png;base64,${sheet.png}`;
    await image.decode();
    const places = sheet.points ? new Int16Array(bytesOf(sheet.points).buffer) : null;
    sheets.set(key, { ...sheet, image, places });
  }
  return sheets.get(key);
}
async function loadWindows() {
  if (!windowed) return;
  const name = windowNow(), ticket = ++reel.loading, own = state.pins.filter(hasWindows);
  if (!name) { reel.takes = null; drawWindows(); return; }
  const originals = new Map(), takes = [];
  for (const i of state.pins) {
    const kept = hasWindows(i) ? windowed.points[rowOf(i)][name] : null;
    takes.push({ point: i, score: kept && kept.score, original: kept && kept.original, sheet: kept ? await sheetOf(kept.made) : null });
    if (kept && !originals.has(kept.original)) originals.set(kept.original, await sheetOf(kept.original));
  }
  if (ticket !== reel.loading) return;
  const frames = Math.max(...[...originals.values()].map((s) => s.frames));
  reel.takes = { name, frames, originals, each: takes, point: own[0] };
  reel.frame = Math.min(reel.frame, frames - 1);
  $("window-frame").max = String(frames - 1);
  drawWindows();
}

/* Points that are drawn otherwise (another dimension, another size) have an original of their own, before them. */
function windowPanels() {
  const panels = [], takes = reel.takes;
  for (const [key, sheet] of takes.originals) {
    panels.push({ title: "Original", note: takes.name, sheet });
    takes.each.forEach((take, k) => {
      if (take.original !== key) return;
      const rate = valuesOf(rateName(state.rate), "val")[take.point];
      panels.push({ title: `${k + 1}  ${points.label[take.point]}`, note: `${say(rate)} bits/s${finite(take.score) ? `; this window IoU ${say(take.score)}` : ""}`, sheet: take.sheet, colour: theme().codec[points.codec[take.point]] });
    });
  }
  takes.each.forEach((take, k) => {
    if (!take.sheet) panels.push({ title: `${k + 1}  ${points.label[take.point]}`, note: hasWindows(take.point) ? "kept no such window" : "has no windows on this page", sheet: null, colour: theme().codec[points.codec[take.point]] });
  });
  return panels;
}

function drawWindows() {
  const stage = $("window-stage");
  if (!windowed || !stage) return;
  const takes = reel.takes, panels = takes ? windowPanels() : [];
  $("window-empty").hidden = Boolean(takes);
  if (!takes) $("window-empty").textContent = state.pins.length ? `This point's windows are not on the page, which holds those of fronts first. On the command line: ratefront render DIR --point ${points.point[state.pins[0]]}` : "Press a point of the front above, or a row of the table.";
  while (stage.children.length > panels.length) stage.lastChild.remove();
  while (stage.children.length < panels.length) stage.append(element("figure", { className: "take" }, element("figcaption"), element("canvas")));
  for (const box of stage.children) box.lastChild.style.width = "1px";
  const wides = [...stage.children].map((box) => box.clientWidth - 2);
  panels.forEach((panel, k) => {
    const box = stage.children[k], caption = box.firstChild, canvas = box.lastChild, wide = Math.max(110, Math.min(300, wides[k]));
    caption.replaceChildren(element("b", { textContent: panel.title }), element("small", { textContent: panel.note }));
    caption.style.borderColor = panel.colour || "transparent";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${panel.title}, frame ${reel.frame + 1}`);
    canvas.hidden = !panel.sheet;
    if (panel.sheet) drawSheet(canvas, panel.sheet, wide);
  });
  if (!takes) return;
  $("window-frame").value = String(reel.frame);
  $("window-said").textContent = `frame ${reel.frame + 1} of ${takes.frames}, ${(reel.frame / windowed.fps).toFixed(2)} s`;
}
function drawSheet(canvas, sheet, wide) {
  const many = sheet.pictures.length, label = many > 1 ? GAP : 0, pen = sized(canvas, wide, many * (wide + label)), frame = Math.min(reel.frame, sheet.frames - 1), size = sheet.size;
  pen.imageSmoothingEnabled = false;
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, wide, many * (wide + label));
  for (let p = 0; p < many; p++) {
    const top = p * (wide + label) + label;
    pen.drawImage(sheet.image, frame * size, p * size, size, size, 0, top, wide, wide);
    if (label) { pen.fillStyle = "#a3afba"; pen.font = `11px ${theme().font}`; pen.fillText(sheet.pictures[p], 6, top - 4); }
    if (sheet.places && reel.skeleton) drawSkeleton(pen, sheet, p, frame, top, wide / size);
  }
}
function drawSkeleton(pen, sheet, picture, frame, top, scale) {
  const from = (picture * sheet.frames + frame) * sheet.joints * 2, at = (j) => [sheet.places[from + 2 * j], sheet.places[from + 2 * j + 1]];
  const there = (p) => p[0] !== -32768 && p[1] !== -32768, shown = (p) => [(p[0] / windowed.steps + 0.5) * scale, top + (p[1] / windowed.steps + 0.5) * scale];
  pen.strokeStyle = SKELETON;
  pen.lineWidth = 1.4;
  pen.beginPath();
  for (const [a, b] of sheet.limbs) {
    const one = at(a), other = at(b);
    if (!there(one) || !there(other)) continue;
    pen.moveTo(...shown(one));
    pen.lineTo(...shown(other));
  }
  pen.stroke();
}

function turnReel(now) {
  if (!reel.playing) return;
  const step = 1000 / (windowed.fps * reel.speed);
  if (now - reel.clock >= step && reel.takes) {
    const by = Math.min(4, Math.floor((now - reel.clock) / step));
    reel.clock = now;
    reel.frame = (reel.frame + by) % reel.takes.frames;
    drawWindows();
  }
  requestAnimationFrame(turnReel);
}
function playReel(on) {
  reel.playing = on && Boolean(reel.takes);
  $("window-play").textContent = reel.playing ? "❚❚ Pause" : "▶ Play";
  if (reel.playing) requestAnimationFrame((now) => { reel.clock = now; turnReel(now); });
}
function seekReel(frame) {
  if (!reel.takes) return;
  reel.frame = Math.max(0, Math.min(reel.takes.frames - 1, frame));
  drawWindows();
}

function fillWindowPlayer() {
  if (!windowed) return;
  $("window").addEventListener("change", () => loadWindows());
  $("window-play").addEventListener("click", () => playReel(!reel.playing));
  $("window-frame").addEventListener("input", (e) => { playReel(false); seekReel(Number(e.target.value)); });
  $("window-speed").addEventListener("change", (e) => { reel.speed = Number(e.target.value); });
  $("window-skeleton").addEventListener("change", (e) => { reel.skeleton = e.target.checked; drawWindows(); });
  $("window-skeleton").closest("fieldset").hidden = !Object.values(windowed.sheets).some((s) => s.points);
  $("window-controls").addEventListener("submit", (e) => e.preventDefault());
  $("window-stage").addEventListener("keydown", (e) => {
    if (e.key === " ") playReel(!reel.playing);
    else if (e.key === "," || e.key === ".") { playReel(false); seekReel(reel.frame + (e.key === "." ? 1 : -1)); }
    else return;
    e.preventDefault();
  });
}
