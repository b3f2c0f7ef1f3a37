"""The page of a sweep whose points, or some of them, have no full pose: generators of motion."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.findings import Findings
from analysis.log import read_log
from analysis.points import write_tables
from analysis.report.motion import looked_at, motion_payload
from analysis.report.report import render
from search_spaces.record import LOG_FILE, TRIALS_FOLDER
from tests.analysis.make_sweep import FakeSweep
from tests.analysis.report.conftest import Browser, opened

JERK = "jerk_error_mps3"
OPENED = """(async () => {
  for (let k = 0; k < 200 && !(player.takes && player.takes.each.length === state.pins.length); k++)
    await new Promise((done) => setTimeout(done, 25));
  const pins = state.pins.map((i) => points.codec[i]), words = document.getElementById("stage").textContent;
  document.getElementById("budget").value = 1e9;
  document.getElementById("equal").click();
  return { pins, words, clips: document.getElementById("clip").textContent, metric: state.metric,
    front: mainFront().size, equal: state.pins.map((i) => points.codec[i]) };
})()"""  # noqa: E501


def generated(folder: Path, codecs: tuple[str, ...]) -> Findings:
    """A sweep in which flow matching is scored by its jerk alone, as generators are."""
    sweep = FakeSweep(trials=6, codecs=codecs, failures=False, motion=True,
                      objectives=("rate_nominal_bps", JERK))  # fmt: skip
    sweep.write(folder, np.random.default_rng(5))
    lines = []
    for line in (folder / LOG_FILE).read_text().splitlines():
        event = json.loads(line)
        row = event.get("row", {})
        if row.get("codec") == "flow_matching":
            event["row"] = {k: v for k, v in row.items() if "rmse" not in k and "mpjpe" not in k}
            table = folder / TRIALS_FOLDER / event["trial"] / "clips.parquet"
            clips = pd.read_parquet(table)
            clips["metric"] = clips["metric"].replace("rmse_full_cm", JERK)
            clips[clips["metric"] == JERK].to_parquet(table)
        lines.append(json.dumps(event))
    (folder / LOG_FILE).write_text("\n".join(lines) + "\n")
    return Findings(read_log(folder), write_tables(folder))


def test_generators_alone_are_ranked_by_what_was_searched(browser: Browser, tmp_path: Path) -> None:
    findings = generated(tmp_path / "s", ("flow_matching",))
    assert findings.leading == JERK
    html = render(findings)
    assert "<code>front_jerk_error_mps3.csv</code>" in html
    assert (tmp_path / "s" / "front_jerk_error_mps3.csv").exists()
    tab = opened(browser, html, tmp_path)
    seen = tab.run(OPENED)
    assert tab.complaints == []
    tab.close()
    assert seen["pins"] == ["flow_matching"] and seen["equal"] == ["flow_matching"]
    assert "this clip jerk error" in seen["words"] and "m/s³" in seen["clips"]
    assert seen["metric"] == JERK and seen["front"] > 0


def test_beside_codecs_a_generator_stands_with_its_own_distortion(
    browser: Browser, tmp_path: Path
) -> None:
    findings = generated(tmp_path / "s", ("kmeans", "flow_matching"))
    assert findings.leading == "rmse_full_cm"
    assert findings.judged_by == {"flow_matching": JERK, "kmeans": "rmse_full_cm"}
    rows = looked_at(findings)
    motion = motion_payload(findings, rows)
    assert motion is not None and len(motion["points"]) == len(findings.means) == len(rows)
    errors = [c["error"] for own in motion["points"].values() for c in own.values()]
    assert all(isinstance(error, float) for error in errors)
    tab = opened(browser, render(findings), tmp_path)
    seen = tab.run(OPENED)
    assert tab.complaints == []
    tab.close()
    # The best codec comes first; a generator, which nothing ranks among codecs, last.
    assert seen["equal"] == ["kmeans", "flow_matching"]
    assert seen["metric"] == "rmse_full_cm" and "kmeans" in seen["pins"]
