"use strict";
/* The page's controls, and who is told of what. */

function startAxis() {
  const rates = (points.values.rate_nominal_bps || []).filter((v) => finite(v) && v > 0);
  return rates.length && Math.max(...rates) / Math.min(...rates) >= 12 ? "log" : "linear";
}

function fillControls() {
  const every = Object.values(metricOf);
  for (const id of ["metric", "x"]) for (const name of new Set(every.map((m) => m.group))) {
    const group = element("optgroup", { label: name });
    for (const m of every.filter((m) => m.group === name)) group.append(new Option(m.rate ? m.label : `${m.label} (${m.unit})`, m.name));
    $(id).append(group);
  }
  if (metricOf[data.leading]) state.metric = data.leading;
  $("metric").value = state.metric;
  for (const r of data.rates) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "rate", value: r.key, checked: r.key === state.rate });
    label.append(input, r.key);
    label.title = r.label;
    $("rates").append(label);
  }
  state.axis = startAxis();
  document.querySelector(`[name="axis"][value="${state.axis}"]`).checked = true;
  for (const m of data.metrics) {
    const term = document.createElement("dt"), meaning = document.createElement("dd");
    term.textContent = `${m.label} (${m.unit})`;
    meaning.textContent = m.source;
    $("definitions").append(term, meaning);
  }
}

const MARKS = { circle: '<circle cx="6.5" cy="6.5" r="5"/>', square: '<rect x="1.5" y="1.5" width="10" height="10"/>', diamond: '<path d="M6.5 0 13 6.5 6.5 13 0 6.5Z"/>', "triangle-up": '<path d="M6.5 1 12.5 12H.5Z"/>', "triangle-down": '<path d="M6.5 12 12.5 1H.5Z"/>',
  pentagon: '<path d="M6.5.5 12.6 5 10.3 12.2H2.7L.4 5Z"/>', hexagon: '<path d="M3.4.9H9.6L12.8 6.5 9.6 12.1H3.4L.2 6.5Z"/>', "star-diamond": '<path d="M6.5-.5 8.7 4.3 13.5 6.5 8.7 8.7 6.5 13.5 4.3 8.7-.5 6.5 4.3 4.3Z"/>' };
const STROKES = ["1.5 2", "4 2", "5 2 1.5 2", "none"];
function fillLegend() {
  const tried = data.codecs.filter((c) => points.codec.includes(c.name));
  for (const codec of tried) {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.setAttribute("aria-pressed", "true");
    button.innerHTML = `<svg viewBox="0 0 13 13" aria-hidden="true" style="fill:var(--codec-${codecOf[codec.name].index})">${MARKS[codec.symbol] || MARKS.circle}</svg>`;
    button.append(codec.label);
    button.addEventListener("click", () => {
      state.hidden.has(codec.name) ? state.hidden.delete(codec.name) : state.hidden.add(codec.name);
      button.setAttribute("aria-pressed", String(!state.hidden.has(codec.name)));
      refilter();
      drawAll();
    });
    $("legend").append(button);
  }
  for (const [k, curve] of data.trivial.entries()) {
    const button = Object.assign(document.createElement("button"), { type: "button", title: "a trivial codec, over the rates that were measured with the coder's tables: model and stream" });
    button.setAttribute("aria-pressed", "true");
    button.innerHTML = `<svg viewBox="0 0 13 13" aria-hidden="true"><path d="M0 6.5H13" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="${STROKES[k % STROKES.length]}"/></svg>`;
    button.append(curve.name);
    button.addEventListener("click", () => {
      state.hidden.has(curve.name) ? state.hidden.delete(curve.name) : state.hidden.add(curve.name);
      button.setAttribute("aria-pressed", String(!state.hidden.has(curve.name)));
      drawAll();
    });
    $("legend").append(button);
  }
  const key = (mark, words) => `<span class="key"><svg viewBox="0 0 13 13" aria-hidden="true">${mark}</svg>${words}</span>`;
  const open = 'fill="none" stroke="currentColor" stroke-width="1.6"';
  $("legend").insertAdjacentHTML("beforeend",
    key(`<circle cx="6.5" cy="6.5" r="4.5" fill="currentColor"/>`, "all levels") +
    (points.is_prefix.some(Boolean) ? key(`<circle cx="6.5" cy="6.5" r="4.5" ${open}/>`, "prefix of a model") : "") +
    (data.baselines.length ? key(`<path d="M2 2 11 11M11 2 2 11M6.5.5V12.5M.5 6.5H12.5" ${open}/>`, "quantised floats, stream rate") : "") +
    key(`<circle cx="6.5" cy="6.5" r="6.5" ${open}/><circle cx="6.5" cy="6.5" r="3" fill="currentColor"/>`, "on the front"));
}

function fillSmalls() {
  for (const name of data.small) {
    const box = document.createElement("div"), title = document.createElement("h3"), plot = document.createElement("div");
    box.className = "small";
    title.textContent = `${metricOf[name].short}, ${metricOf[name].unit}`;
    plot.className = "plot";
    plot.id = `small-${name}`;
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `Rate against ${metricOf[name].label}`);
    box.append(title, plot);
    $("smalls").append(box);
  }
  const notes = data.small.filter((name) => data.published[name]).map((name) => `${metricOf[name].short}: stars. ${data.published[name].note}`);
  $("parts").append(Object.assign(document.createElement("p"), { className: "note", textContent: notes.join(" ") }));
  $("parts").hidden = !data.small.length;
}

function caption() {
  const front = frontOf(state.metric, state.x), m = metricOf[state.metric];
  const words = [];
  if (data.points_left_out) words.push(`${data.points_left_out.toLocaleString("en")} points that are on no front are not drawn.`);
  const rate = data.rates.find((r) => r.key === state.rate);
  if (m && (m.optimised || front.length)) {
    const searched = data.rates.find((r) => r.searched);
    words.push(`${front.length === 1 ? "1 point is" : `${front.length} points are`} non-dominated in validation over the ${lower(metricOf[xName()].label)} and ${lower(m.short)}.`);
    const few = front.filter((i) => points.seeds[i] < FEW_SEEDS).length;
    if (few) words.push(few === front.length ? `Behind ${few === 1 ? "it stand" : "each of them stand"} fewer than ${FEW_SEEDS} seeds: candidates, to be run again.` : `† ${few} of them ${few === 1 ? "has" : "have"} fewer than ${FEW_SEEDS} seeds: candidates.`);
    if (!state.x && searched && searched !== rate) words.push(`The search saw the ${lower(searched.label)}; this front was taken anew from the same points.`);
    if (state.rate === "entropy") words.push("No decoder has the histograms that this rate is counted with.");
    if (state.split === "test") words.push("They are shown with their test scores and not filtered again, so the dotted line may rise.");
  } else if (m) words.push("Read beside the fronts; there is no front over this number.");
  if (data.seeds > 1) words.push("Points are means over seeds, bars their standard error.");
  if (state.attained && state.rate === data.rate && !state.x && data.attainment[state.metric]) words.push(`Blue steps: what 25 % (dotted), 50 % and 75 % (dashed) of the ${data.attainment[state.metric].seeds} seeds reach.`);
  const floats = state.x ? { beyond: [] } : baselinesOf(state.metric, state);
  if (floats.beyond.length) words.push(`Quantised floats lie beyond the axis, from ${say(Math.min(...floats.beyond.map((p) => p.x)))} bits/s on; a logarithmic one holds them.`);
  if (!state.x && data.trivial.length && !rate.trivial) words.push("Trivial codecs have no such rate: the model and the stream rate show them.");
  if (data.published[state.metric]) words.push(`Stars: ${data.published[state.metric].note}`);
  $("caption").textContent = words.join(" ");
}

function drawMain() {
  if (!count || !state.metric || !data.rates.length) return;
  frontPlot($("plot-front"), state.metric, state, false);
  caption();
}

function drawHistory() {
  historyPlot($("plot-history"), document.querySelector('[name="clock"]:checked').value);
}

/* How what the eye is not on is drawn: at once, or of many points one drawing a frame. */
const behind = () => (count > MANY && !state.printing ? soon : (draw) => draw());

function drawAll() {
  if (!count || !state.metric || !data.rates.length) return;
  drawMain();
  const then = behind();
  if (data.dimensions.length > 1) (count > MANY ? soon : later)(parallelPlot);
  (count > MANY ? soon : later)(drawTable);
  smallDraws.forEach(then);
  if (data.history) then(drawHistory);
  if (data.curves.curves.length) then(drawCurves);
}
const smallDraws = data.small.map((name) => () => frontPlot($(`small-${name}`), name, state, true));
const drawCurves = () => curvesPlot($("plot-curves"), document.querySelector('[name="spent"]:checked').value);

/* A filter changed: the plot, the lines and the table show what passes it. */
function filtered() {
  refilter();
  later(scene.many ? cloudOfMain : drawMain);
  placeRanges();
  soon(parallelPlot);
  soon(drawTable);
  later(drawSmalls);
}
const cloudOfMain = () => drawCloud($("plot-front"));
function clearFilters() {
  Object.assign(state, { box: null, ranges: {}, words: "" });
  $("words").value = "";
  filtered();
}
let smalls = 0;
function drawSmalls() {
  // Small plots follow a moment later, so that a drag stays quick.
  clearTimeout(smalls);
  smalls = setTimeout(() => smallDraws.forEach(soon), 150);
}

/* Other points are looked at: the plot's rings, the player, errors, codebooks. */
function pinned() {
  later(() => drawPinMarks($("plot-front")));
  later(drawPinLines);
  later(drawRows);
  drawPins();
  if (motion) { fillClips(); loadTakes(); }
  if (data.windows) { fillWindows(); loadWindows(); }
  later(drawErrors);
  later(drawCodebook);
}
function drawPins() {
  for (const list of document.querySelectorAll(".pins")) {
    list.replaceChildren(...state.pins.map((i, k) => {
      const button = element("button", { type: "button", title: "no longer show it" }, `${k + 1}  ${points.label[i]}`, element("span", { textContent: " ×" }));
      button.style.setProperty("--codec", `var(--codec-${codecOf[points.codec[i]].index})`);
      button.addEventListener("click", () => pin(i));
      return element("li", {}, button);
    }));
    if (!state.pins.length) list.append(element("li", { textContent: "no point chosen: press one in the plot or the table" }));
  }
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, k) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    const keyOf = (row) => { const v = row.cells[k].dataset.sort ?? row.cells[k].textContent; return v !== "" && !isNaN(v) ? Number(v) : v; };
    const compare = (a, b) => (typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1);
    const rows = [...table.tBodies[0].rows].sort((a, b) => compare(keyOf(a), keyOf(b)) * (down ? -1 : 1));
    table.tBodies[0].append(...rows);
    heads.forEach((h) => h.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  }));
}

function setTheme(name) {
  document.documentElement.style.colorScheme = name;
  redraw();
}
function redraw() {
  themed = null;
  drawAll();
  [drawBar, drawPlayer, drawWindows, drawErrors, drawCodebook].forEach(behind());
}

fillControls();
fillLegend();
fillSmalls();
fillParallel();
fillTable();
fillPlayer();
fillWindowPlayer();
fillErrors();
refilter();
state.pins = count ? firstPins() : [];
drawAll();
if (count) pinned();
document.querySelectorAll("table.sortable").forEach(sortable);
if (!data.history) $("history-panel").hidden = true;
if (!data.curves.curves.length) $("curves-panel").hidden = true;
if (data.dimensions.length < 2) $("parallel-panel").hidden = true;
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("controls").addEventListener("change", (event) => {
  const input = event.target;
  state[input.name] = input.type === "checkbox" ? input.checked : input.value;
  if (input.name === "prefixes") refilter();
  if (input.name === "drag") return drawCloud($("plot-front"));
  if (["metric", "x", "attained"].includes(input.name)) { drawMain(); soon(drawTable); } else drawAll();
});
document.querySelectorAll(".clear").forEach((button) => button.addEventListener("click", clearFilters));
document.querySelectorAll('[name="clock"]').forEach((input) => input.addEventListener("change", drawHistory));
document.querySelectorAll('[name="spent"]').forEach((input) => input.addEventListener("change", drawCurves));
const dark = matchMedia("(prefers-color-scheme: dark)");
$("theme").addEventListener("click", () => {
  const now = document.documentElement.style.colorScheme || (dark.matches ? "dark" : "light");
  setTheme(now === "dark" ? "light" : "dark");
});
dark.addEventListener("change", redraw);
let resized = 0;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => { parallelPlot(); drawPlayer(); drawWindows(); drawHeatmap(); drawCodebook(); drawCloud($("plot-front")); }, 120); });
/* Paper is light and narrow, whatever the screen was. */
let before = "";
function forPaper(on) {
  if (on) before = document.documentElement.style.colorScheme;
  state.printing = on;
  document.querySelector(".page").style.width = on ? "700px" : "";
  setTheme(on ? "light" : before);
  document.querySelectorAll(".js-plotly-plot").forEach((p) => Plotly.Plots.resize(p));
  parallelPlot();
  drawTable();
  drawHeatmap();
  drawCloud($("plot-front"));
}
addEventListener("beforeprint", () => forPaper(true));
addEventListener("afterprint", () => forPaper(false));
