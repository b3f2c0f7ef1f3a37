"use strict";
/* Every point as a row; only rows in sight are in the document, so ten thousand scroll like ten. */
const ROW = 30;
const grid = { order: [], key: null, down: false, at: 0 };

function gridColumns() {
  const m = metricOf[state.metric], x = metricOf[xName()], seen = new Set();
  const own = [
    { title: "Point", words: (i) => points.label[i], value: (i) => points.label[i] },
    { title: "Levels", words: (i) => `${points.depth[i]} of ${points.levels[i]}`, value: (i) => points.depth[i] },
    ...(data.seeds > 1 ? [{ title: "Seeds", words: (i) => `${points.seeds[i]}${points.seeds[i] < FEW_SEEDS ? " †" : ""}`, value: (i) => points.seeds[i] }] : []),
  ];
  const add = (name, split) => {
    const column = columnOf(name, split);
    if (seen.has(column) || !(column in points.values) || !metricOf[name]) return;
    seen.add(column);
    const told = column === name ? "" : split === "val" ? "validation" : "test", values = points.values[column];
    own.push({ title: `${metricOf[name].short}, ${metricOf[name].unit}`, note: told, value: (i) => values[i], words: (i) => say(values[i]) });
  };
  if (x) add(x.name, state.split);
  for (const r of data.rates) if (r.key === "nominal" || r.key === "stream") add(r.name, "val");
  if (m) { add(m.name, "val"); add(m.name, "test"); }
  add(data.leading, "val");
  add(data.leading.replace("full", "hands"), "val");
  const front = mainFront();
  own.push({ title: "Front", words: (i) => (front.has(i) ? "●" : ""), value: (i) => (front.has(i) ? 0 : 1) });
  own.push({ title: "Trial", words: (i) => points.trial[i], value: (i) => points.trial[i] });
  return own;
}

function gridSort() {
  const columns = gridColumns(), own = columns.find((c) => c.title === grid.key);
  const order = [];
  for (let i = 0; i < count; i++) if (kept[i]) order.push(i);
  if (own) {
    const keys = order.map((i) => own.value(i)), sign = grid.down ? -1 : 1, missing = (v) => v === null || v === undefined;
    const places = order.map((_, k) => k).sort((a, b) => (missing(keys[a]) || missing(keys[b]) ? missing(keys[a]) - missing(keys[b]) : keys[a] < keys[b] ? -sign : keys[a] > keys[b] ? sign : a - b));
    grid.order = places.map((k) => order[k]);
  } else grid.order = order;
}

function drawTable() {
  const box = $("grid");
  if (!box) return;
  gridSort();
  const columns = gridColumns(), head = $("grid-head");
  const wide = columns.map((c, k) => (k === 0 ? "minmax(190px, 1.6fr)" : c.title === "Trial" ? "minmax(170px, 1fr)" : c.title === "Front" || c.title === "Levels" || c.title === "Seeds" ? "66px" : "minmax(96px, 1fr)")).join(" ");
  box.style.setProperty("--columns", wide);
  head.replaceChildren(...columns.map((c) => {
    const button = element("button", { type: "button", textContent: c.title, onclick: () => { grid.down = grid.key === c.title && !grid.down; grid.key = c.title; drawTable(); } }, ...(c.note ? [element("small", { textContent: c.note })] : []));
    const cell = element("div", {}, button);
    cell.setAttribute("role", "columnheader");
    cell.setAttribute("aria-sort", grid.key === c.title ? (grid.down ? "descending" : "ascending") : "none");
    return cell;
  }));
  box.setAttribute("aria-rowcount", String(grid.order.length + 1));
  $("grid-space").style.height = `${Math.max(1, grid.order.length) * ROW}px`;
  grid.columns = columns;
  drawRows();
  $("filter-said").textContent = brushed() ? `${grid.order.length.toLocaleString("en")} of ${count.toLocaleString("en")} points` : `${count.toLocaleString("en")} points`;
  for (const button of document.querySelectorAll(".clear")) button.hidden = !brushed();
}

function drawRows() {
  const box = $("grid"), first = Math.max(0, Math.floor(box.scrollTop / ROW) - 6), last = Math.min(grid.order.length, first + Math.ceil(box.clientHeight / ROW) + 14);
  const rows = [];
  for (let k = first; k < last; k++) {
    const i = grid.order[k], row = element("div", { className: "row" });
    row.style.top = `${k * ROW}px`;
    row.dataset.point = i;
    row.setAttribute("role", "row");
    row.setAttribute("aria-rowindex", String(k + 2));
    row.setAttribute("aria-selected", String(state.pins.includes(i)));
    row.classList.toggle("at", k === grid.at && document.activeElement === box);
    grid.columns.forEach((c, n) => {
      const cell = n ? element("span", { textContent: c.words(i) }) : element("span", { className: "chip", textContent: c.words(i) });
      if (!n) cell.style.setProperty("--codec", `var(--codec-${codecOf[points.codec[i]].index})`);
      cell.setAttribute("role", "gridcell");
      row.append(cell);
    });
    rows.push(row);
  }
  $("grid-space").replaceChildren(...rows);
}

function fillTable() {
  const box = $("grid");
  box.addEventListener("scroll", () => later(drawRows));
  box.addEventListener("focus", drawRows);
  box.addEventListener("blur", drawRows);
  box.addEventListener("click", (e) => {
    const row = e.target.closest(".row");
    if (!row) return;
    grid.at = grid.order.indexOf(Number(row.dataset.point));
    pin(Number(row.dataset.point), !e.shiftKey);
  });
  box.addEventListener("keydown", (e) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity }[e.key];
    if (e.target !== box) return;
    if (by) grid.at = Math.max(0, Math.min(grid.order.length - 1, grid.at + by));
    else if (e.key === "Enter" && grid.order.length) pin(grid.order[grid.at], !e.shiftKey);
    else return;
    e.preventDefault();
    const top = grid.at * ROW;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + 2 * ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * ROW - box.clientHeight;
    drawRows();
  });
  $("words").addEventListener("input", (e) => { state.words = e.target.value; filtered(); });
}
