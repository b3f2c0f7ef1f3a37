"use strict";
/* How a trial's codes are used: by rank, how evenly, which never, and what follows what. */
const book = { part: 0, level: 0 };

function bars(values, high, colour) {
  const most = Math.max(...values, 1e-9), wide = 100 / values.length;
  return `<svg viewBox="0 0 100 ${high}" preserveAspectRatio="none" aria-hidden="true">${values.map((v, k) => `<rect x="${(k * wide).toFixed(2)}" y="${(high - (v / most) * high).toFixed(2)}" width="${(wide * 0.86).toFixed(2)}" height="${((v / most) * high).toFixed(2)}" fill="${v ? colour : "none"}"/>`).join("")}</svg>`;
}

function drawCodebook() {
  const own = state.pins.find((i) => data.codebooks[points.trial[i]]);
  $("codebook-empty").hidden = own !== undefined;
  $("codebook-body").hidden = own === undefined;
  if (own === undefined) return;
  const trial = points.trial[own], parts = Object.entries(data.codebooks[trial]), t = theme(), c = t.codec[points.codec[own]];
  $("codebook-said").textContent = `${points.label[own]} (${trial}), tokens of validation. Bars: share of tokens by rank of the code. Dead: codes without a token. Press a level for what follows what.`;
  book.part = Math.min(book.part, parts.length - 1);
  const rows = parts.map(([part, levels], p) => {
    const cells = levels.map((level, q) => {
      const button = element("button", { type: "button", className: "level", innerHTML: `<b>Level ${q + 1}</b>${bars(level.usage, 34, c)}<span>${level.used} of ${level.size} codes, perplexity ${say(level.perplexity)}</span><span>${level.dead} dead, ${finite(level.self) ? `${say(level.self)} % repeat` : "no pairs"}</span>` });
      button.setAttribute("aria-pressed", String(p === book.part && q === Math.min(book.level, levels.length - 1)));
      button.addEventListener("click", () => { book.part = p; book.level = q; drawCodebook(); });
      return button;
    });
    return element("div", { className: "levels" }, element("h4", { textContent: part }), element("div", {}, ...cells));
  });
  $("levels").replaceChildren(...rows);
  const [part, levels] = parts[book.part], at = Math.min(book.level, levels.length - 1);
  drawTransitions(levels[at], `${part}, level ${at + 1}`, t);
}

function drawTransitions(level, words, t) {
  const names = [...level.codes.map(String), ...(level.size > level.codes.length ? ["others"] : [])], n = names.length, wide = Math.min(430, $("transitions").parentElement.clientWidth - 4), side = (wide - 52) / n;
  const pen = sized($("transitions"), wide, wide - 26);
  pen.font = `${side < 22 ? 9 : 11}px ${t.font}`;
  pen.textBaseline = "middle";
  for (let r = 0; r < n; r++) {
    pen.fillStyle = t.soft; pen.textAlign = "right"; pen.fillText(names[r], 46, 22 + (r + 0.5) * side);
    pen.textAlign = "center"; if (names[r] !== "others") pen.fillText(names[r], 52 + (r + 0.5) * side, 10);
    for (let k = 0; k < n; k++) {
      const v = level.transitions[r][k];
      pen.fillStyle = v ? heat(v / 100) : t.grid;
      pen.fillRect(52 + k * side, 22 + r * side, side - 1, side - 1);
      if (v >= 10 && side > 20) { pen.fillStyle = v > 60 ? "#111" : "#fff"; pen.fillText(String(v), 52 + (k + 0.5) * side, 22 + (r + 0.5) * side); }
    }
  }
  $("transitions").setAttribute("aria-label", `Transitions of ${words}`);
  $("transitions-said").textContent = `${words}: from the code at the left to the code above, percent of each row; the ${level.codes.length} most used codes${level.size > level.codes.length ? ", all others together" : ""}.`;
}
