"""Counts, warnings and the hypervolume's history of a sweep."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.findings import Findings
from analysis.fronts import hypervolume, objective_values
from analysis.log import read_log
from analysis.points import write_tables
from analysis.report.report import render
from tests.analysis.make_sweep import FakeSweep


def judged(folder: Path) -> Findings:
    return Findings(read_log(folder), write_tables(folder))


@pytest.fixture(scope="module")
def seeds(three_seeds: Path) -> Findings:
    return judged(three_seeds)


def test_counts_add_up_to_the_trials(seeds: Findings) -> None:
    assert sum(seeds.counts.values()) == len(seeds.tables.trials)
    assert seeds.counts["refused"] == 1
    assert seeds.seeds == 3


def test_history_ends_at_the_hypervolume_and_never_falls(seeds: Findings) -> None:
    history, whole = seeds.history, seeds.hypervolume
    assert history is not None and whole is not None
    assert history.value[-1] == pytest.approx(whole.value)
    assert (np.diff(history.value) >= 0).all()
    assert (np.diff(history.trials) >= 0).all() and (np.diff(history.seconds) >= 0).all()
    assert history.trials[-1] == seeds.tables.points["trial"].nunique()
    assert seeds.reference is not None
    values = objective_values(seeds.means, seeds.objectives)
    assert whole == hypervolume(values, seeds.reference)
    assert seeds.box_share == pytest.approx(100 * whole.value / np.prod(seeds.reference))


def test_a_configuration_counts_once_its_last_seed_is_in(seeds: Findings) -> None:
    assert seeds.history is not None
    assert seeds.history.trials[0] == 3


def test_endings_are_grouped_by_reason(one_seed: Path) -> None:
    endings = judged(one_seed).endings
    assert [e.status for e in endings] == ["failed", "refused", "stopped"]
    refused = endings[1]
    assert refused.count == len(refused.trials) == 2
    assert "16384" in refused.reason


def test_reasons_that_differ_in_numbers_alone_are_one(tmp_path: Path) -> None:
    folder = FakeSweep(trials=2, failures=False, clips=False).write(
        tmp_path / "s", np.random.default_rng(0)
    )
    with (folder / "log.jsonl").open("a") as log:
        for n in (900, 1200):
            log.write(f'{{"event": "refused", "trial": "r{n}", "reason": "{n} codes"}}\n')
    assert [e.count for e in judged(folder).endings] == [2]


def test_failures_of_one_cause_are_one_row_of_the_page(tmp_path: Path) -> None:
    """Whatever names the trial, its process or its actor in the cause."""
    folder = FakeSweep(trials=2, failures=False, clips=False).write(
        tmp_path / "s", np.random.default_rng(0)
    )
    with (folder / "log.jsonl").open("a") as log:
        for n in range(5):
            trial, actor = f"kmeans-{'abcde'[n]}x", f"{0xF3A9C01B + n:x}ffff"
            cause = f"OSError: trials/{trial}/codec is full (actor {actor}, pid {900 + n})"
            log.write(json.dumps({"event": "failed", "trial": trial, "reason": cause}) + "\n")
        log.write(
            '{"event": "failed", "trial": "other", "reason": "ValueError: facade feedback"}\n'
        )
    assert [e.count for e in judged(folder).endings] == [5, 1]
    page = render(judged(folder))
    rows = [row for row in page.split("<tr>") if "is full (actor" in row and "</td>" in row]
    assert len(rows) == 1 and '<td class="count">5</td>' in rows[0]


def test_warnings_name_what_a_reader_must_know(tmp_path: Path) -> None:
    sweep = FakeSweep(
        trials=6, frames=3000, dropped=("left_hand",), parts=("body", "right_hand"), clips=False,
        objectives=("rate_nominal_bps", "rmse_full_cm"),
    )  # fmt: skip
    folder = sweep.write(tmp_path / "s", np.random.default_rng(5))
    log = (folder / "log.jsonl").read_text()
    log = log.replace(
        '"title":', '"warnings": ["objective rmse_left_hand_cm was dropped"], "title":'
    )
    (folder / "log.jsonl").write_text(log + '{"event": "started", "trial": "late"}\n{"event": "po')
    said = "\n".join(judged(folder).warnings)
    expected = (
        "never move", "Left hand is not coded", "rmse_left_hand_cm was dropped", "no end yet",
        "training tokens per code for body", "tokens per code", "cut short",
    )  # fmt: skip
    for words in expected:
        assert words in said


def test_a_sweep_of_refusals_has_no_verdict_but_says_so(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(
        '{"event": "sweep", "name": "n", "objectives": ["rate_nominal_bps", "rmse_full_cm"]}\n'
        '{"event": "refused", "trial": "a", "codec": "kmeans", "reason": "no"}\n'
    )
    findings = judged(tmp_path)
    assert findings.pointless == ["K-Means has no operating point: 1 refused."]
    assert findings.hypervolume is None and findings.standings == {}
