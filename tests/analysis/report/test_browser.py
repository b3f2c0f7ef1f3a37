"""The page in a real browser, without a network: plots stand, controls work, no error is logged."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from analysis.findings import Findings
from analysis.points import read_log, write_tables
from analysis.report.report import render
from tests.analysis.make_sweep import FakeSweep
from tests.analysis.report.conftest import Browser, opened

# Runs through every control as a person would, and gives back what it saw.
TOUR = """
(() => {
  const change = (e) => e.dispatchEvent(new Event("change", { bubbles: true }));
  const click = (e) => { e.checked = true; change(e); };
  const marks = () => document.querySelectorAll("#plot-front .point").length;
  const plots = document.querySelectorAll(".js-plotly-plot .main-svg").length;
  const seen = { plots, first: marks() };
  const metric = document.getElementById("metric");
  for (const option of metric.options) {
    metric.value = option.value;
    change(metric);
    if (!marks()) throw new Error("no marks for " + option.value);
  }
  seen.metrics = metric.options.length;
  metric.value = "rmse_full_cm";
  change(metric);
  for (const name of ["rate", "split", "axis", "clock"])
    for (const input of document.querySelectorAll(`[name="${name}"]`)) click(input);
  const pick = (name, value) => click(document.querySelector(`[name="${name}"][value="${value}"]`));
  const words = (id) => document.getElementById(id).textContent;
  const axis = () => document.querySelector("#plot-front .xtitle").textContent;
  pick("split", "val");
  pick("rate", "stream");
  seen.named = axis().includes("Stream rate") && axis().includes("validation");
  const caption = (said) => words("caption").includes(said);
  seen.anew = caption("over the stream rate") && caption("search saw the nominal rate");
  pick("axis", "linear");
  seen.beyond = caption("Quantised floats lie beyond");
  pick("axis", "log");
  const floats = document.querySelector('[name="baselines"]'), drawn = marks();
  seen.within = !caption("beyond");
  const curve = [...document.querySelectorAll("#legend button")].at(-1), before = marks();
  curve.click();
  seen.curve = marks() === before - 4 && curve.getAttribute("aria-pressed") === "false";
  curve.click();
  floats.checked = false;
  change(floats);
  seen.floats = marks() === drawn - 3;
  pick("rate", "nominal");
  seen.plain = axis().includes("Nominal rate") && !axis().includes("validation");
  seen.plain &&= !caption("search saw") && caption("Trivial codecs have no such rate");
  document.querySelector("#legend button").click();
  seen.hidden = marks();
  document.getElementById("theme").click();
  const table = document.getElementById("front-table");
  const column = () => [...table.tBodies[0].rows].map((r) => Number(r.cells[2].dataset.sort));
  table.tHead.querySelectorAll("button")[2].click();
  table.tHead.querySelectorAll("button")[2].click();
  const rates = column();
  seen.sorted = rates.length > 1 && rates.every((v, i) => !i || rates[i - 1] >= v);
  return seen;
})()
"""


def test_every_control_works_offline(browser: Browser, tmp_path: Path) -> None:
    sweep = FakeSweep(trials=6, seeds=2, parts=("body", "right_hand"), failures=False)
    folder = sweep.write(tmp_path / "sweep", np.random.default_rng(4))
    html = render(Findings(read_log(folder), write_tables(folder)))
    tab = opened(browser, html, tmp_path)
    seen = tab.run(TOUR)
    assert tab.complaints == []
    tab.close()
    told = ("sorted", "named", "anew", "beyond", "within", "curve", "floats", "plain")
    assert [what for what in told if seen[what] is not True] == []
    assert seen["metrics"] > 10
    assert seen["first"] > seen["hidden"] > 0
    assert seen["plots"] >= 9
