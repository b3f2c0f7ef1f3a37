"use strict";
/* What the page was given, in the form in which scene.js takes motion. */
const told = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
function bytesOf(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let k = 0; k < raw.length; k++) bytes[k] = raw.charCodeAt(k);
  return bytes;
}
const data = { motion: {
  joints: new Array(told.joints).fill(""), parents: told.parents, step: told.step, factor: 1, points: {},
  parts: Object.fromEntries([["full", Array.from({ length: told.joints }, (_, j) => j)], ...told.hands.map((h, k) => [`${k}_hand`, h])]),
} };
const rowOf = (i) => String(i);
