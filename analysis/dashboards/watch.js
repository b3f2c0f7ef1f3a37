"use strict";
/* Beside the report's own scripts while a sweep is watched: asks whether there is a newer page, and
   takes it so that the reader stays where they were. Knows nothing of the page but its elements. */
(() => {
  const EVERY = 2000, KEPT = "ratefront-watch";
  const shown = window.watchedVersion;
  let answered = true, pressed = false;

  const bar = document.createElement("button");
  bar.type = "button";
  bar.id = "watching";
  bar.setAttribute("aria-live", "polite");
  bar.style.cssText = "position:fixed;right:12px;bottom:12px;z-index:99;font:13px/1.4 system-ui,sans-serif;padding:5px 12px;border:1px solid light-dark(#ccc,#555);border-radius:99px;background:light-dark(#fffffff2,#222222f2);color:light-dark(#333,#ddd);cursor:pointer";
  bar.addEventListener("click", () => take());
  document.body.append(bar);

  const all = (what) => [...document.querySelectorAll(what)].filter((e) => e !== bar);
  const nameOf = (e) => [e.form ? e.form.id : "", e.type, e.name || e.id, e.type === "radio" || e.type === "checkbox" ? e.value : ""].join("|");
  const wordsOf = (e) => e.textContent.trim();

  function keep() {
    const ranges = {};
    for (const plot of all(".js-plotly-plot")) {
      const zoom = {};
      for (const axis of ["xaxis", "yaxis"]) {
        const full = plot._fullLayout && plot._fullLayout[axis];
        if (full && plot.dataset.zoomed) zoom[`${axis}.range`] = [...full.range];
      }
      if (plot.id && Object.keys(zoom).length) ranges[plot.id] = zoom;
    }
    const kept = {
      x: scrollX, y: scrollY, ranges,
      scheme: document.documentElement.style.colorScheme,
      controls: all("input, select, textarea").map((e) => [nameOf(e), e.type === "checkbox" || e.type === "radio" ? e.checked : e.value]),
      pressed: all("button[aria-pressed]").map((e) => [wordsOf(e), e.getAttribute("aria-pressed")]),
      open: all("details").map((e) => [wordsOf(e.querySelector("summary") || e), e.open]),
      sorted: all("table").map((t) => [...t.querySelectorAll("th[aria-sort]")].map((h) => h.getAttribute("aria-sort"))),
      scrolled: all(".scroll").map((e) => e.scrollLeft),
      focus: document.activeElement && document.activeElement.id,
    };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
  }

  function putBack(kept) {
    const had = (list, name) => (list.find(([n]) => n === name) || [])[1];
    for (const e of all("input, select, textarea")) {
      const value = had(kept.controls, nameOf(e)), box = e.type === "checkbox" || e.type === "radio";
      if (value === undefined || (box ? e.checked === value : e.value === value)) continue;
      if (e.type === "radio" && !value) continue; // the one that was chosen speaks for its group
      if (!box && e.options && ![...e.options].some((o) => o.value === value)) continue;
      box ? (e.checked = value) : (e.value = value);
      e.dispatchEvent(new Event("change", { bubbles: true }));
    }
    for (const e of all("button[aria-pressed]")) {
      const value = had(kept.pressed, wordsOf(e));
      if (value !== undefined && value !== e.getAttribute("aria-pressed")) e.click();
    }
    for (const e of all("details")) {
      const value = had(kept.open, wordsOf(e.querySelector("summary") || e));
      if (value !== undefined) e.open = value;
    }
    all("table").forEach((t, k) => {
      const before = kept.sorted[k] || [], heads = [...t.querySelectorAll("th[aria-sort]")];
      const at = before.findIndex((s) => s === "ascending" || s === "descending");
      for (let tries = 0; at >= 0 && heads[at] && heads[at].getAttribute("aria-sort") !== before[at] && tries < 2; tries++) heads[at].querySelector("button").click();
    });
    if (kept.scheme && document.documentElement.style.colorScheme !== kept.scheme) {
      const theme = document.getElementById("theme");
      for (let tries = 0; theme && document.documentElement.style.colorScheme !== kept.scheme && tries < 2; tries++) theme.click();
    }
    for (const [id, zoom] of Object.entries(kept.ranges)) {
      const plot = document.getElementById(id);
      if (plot && window.Plotly) Plotly.relayout(plot, zoom);
    }
    all(".scroll").forEach((e, k) => { e.scrollLeft = kept.scrolled[k] || 0; });
    const focus = kept.focus && document.getElementById(kept.focus);
    if (focus) focus.focus({ preventScroll: true });
    const there = () => scrollTo({ left: kept.x, top: kept.y, behavior: "instant" });
    there();
    requestAnimationFrame(() => requestAnimationFrame(there)); // plots take their height late
  }

  function markZoom() {
    for (const plot of all(".js-plotly-plot")) {
      if (!plot.on) continue;
      plot.on("plotly_relayout", (what) => {
        if (Object.keys(what).some((k) => k.includes("axis.range"))) plot.dataset.zoomed = "yes";
        if (Object.keys(what).some((k) => k.includes("autorange"))) delete plot.dataset.zoomed;
      });
    }
  }

  function take() {
    keep();
    location.reload();
  }

  /* Nobody wants a page to change under a text that they mark, or a list that they have open. */
  const busy = () => pressed || document.hidden || String(getSelection()) !== "" || (document.activeElement && document.activeElement.matches("select, input[type=text], textarea") && document.activeElement.dataset.touched);
  addEventListener("pointerdown", (event) => { pressed = true; if (event.target.matches("select")) event.target.dataset.touched = "yes"; });
  addEventListener("pointerup", () => { pressed = false; });
  addEventListener("pointercancel", () => { pressed = false; });
  addEventListener("change", (event) => { delete event.target.dataset.touched; }, true);

  function say(state) {
    const n = state.trials || {}, parts = [];
    for (const status of ["done", "stopped", "refused", "failed"]) if (n[status]) parts.push(`${n[status]} ${status}`);
    if (state.running) parts.push(`${state.running} running`);
    if (state.over) parts.push(`the sweep is ${state.over}`);
    if (state.fault) parts.push(state.fault);
    return parts.join(", ") || "no trial has ended yet";
  }

  async function ask() {
    try {
      const state = await (await fetch("/state", { cache: "no-store" })).json();
      answered = true;
      bar.textContent = `watching: ${say(state)}`;
      if (state.version !== shown) {
        if (!busy()) return take();
        bar.textContent += " – newer results, press to see them";
      }
    } catch {
      if (answered) bar.textContent = "no longer watched: the server has ended";
      answered = false;
    }
    setTimeout(ask, answered ? EVERY : 3 * EVERY);
  }

  const kept = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  if (history.scrollRestoration) history.scrollRestoration = "manual";
  addEventListener("load", () => {
    markZoom();
    if (kept) putBack(JSON.parse(kept));
    ask();
  });
})();
