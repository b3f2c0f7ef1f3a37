"""Resuming when what the numbers depend on has changed: refused, or begun anew beside the old."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from analysis.log import read_log
from cluster import generations, sweep
from cluster.books import Books
from cluster.cli import main
from cluster.generations import changes, next_generation
from cluster.sweep import SweepSpec
from search_spaces.record import (
    BOUNDS,
    RECORD_VERSION,
    REPORT_FILE,
    SPEC_FILE,
    TRIVIAL_CODECS,
)
from tests.cluster.motion import write_motion
from tests.cluster.sweeping import events, points
from trainables.motion.dataset import MotionData
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial

SPEC = """
objectives: [rate_nominal_bps, rmse_full_cm]
search: {sampler: grid}
space:
  parameters:
    - {name: codebook_size, choices: [4, 8, 16]}
  fixed: {codec: kmeans, iterations: 3}
"""


class Cut(Exception):
    """The driver's death."""


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Trials run in this process instead of on Ray, and are cut off after some."""
    limit = {"trials": 99}

    def on_ray(
        spec: SweepSpec, data: MotionData, store: Any, books: Books, console: object
    ) -> None:
        for _ in range(limit["trials"]):
            if (proposal := books.next()) is None:
                return
            books.started(proposal.trial)
            task = TrialTask(spec.name, proposal.config, proposal.seed, None)
            books.reported(proposal.trial, {"points": run_trial(task, data, PlainRuntime())})
            books.ended(proposal.trial)
        raise Cut

    def page(folder: Path, **_: object) -> Path:
        made = folder / REPORT_FILE
        made.write_text(f"{len(read_log(folder).events)} events\n")
        return made

    monkeypatch.setattr(sweep, "_on_ray", on_ray)
    monkeypatch.setattr("analysis.report.build_report", page)  # takes seconds, and is not at stake
    return limit


@pytest.fixture
def begun(tmp_path: Path, here: dict[str, int]) -> Path:
    """A sweep that was cut off after its first trial of three."""
    write_motion(tmp_path / "motion", recordings=5, frames=40)
    (tmp_path / "grid.yaml").write_text(SPEC)
    here["trials"] = 1
    folder = tmp_path / "sweep"
    with pytest.raises(Cut):
        main(["sweep", str(tmp_path / "grid.yaml"), "--data", str(tmp_path / "motion"),
              "--out", str(folder)])  # fmt: skip
    here["trials"] = 99
    return folder


def change_motion(folder: Path) -> None:
    """One recording more than the sweep began with."""
    motion = folder.parent / "motion"
    more = write_motion(folder.parent / "more", recordings=6, frames=40)
    shutil.copy(more / "wave05.npz", motion)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_changed_motion_is_refused_and_every_change_named(
    begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_motion(begun)
    before = contents(begun)
    assert main(["resume", str(begun)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "data_hash" in line and "split_hash" in line and "--accept-changes" in line
    assert contents(begun) == before


def test_accepted_changes_start_a_new_generation_beside_the_old(
    begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_motion(begun)
    before = contents(begun)
    capsys.readouterr()
    assert main(["resume", str(begun), "--accept-changes"]) == 0
    beside = begun.with_name("sweep-gen2")
    said = [s for s in capsys.readouterr().out.splitlines() if "new generation" in s]
    assert len(said) == 1 and str(beside) in said[0] and "data_hash" in said[0]
    assert contents(begun) == before, "the old generation stays as it is"
    (opened,) = events(beside, "sweep")
    assert opened["parent"] == str(begun)
    assert any(c.startswith("data_hash was ") for c in opened["changed"])
    # From scratch, by the same specification: no number of the old data stands beside the new.
    assert (beside / SPEC_FILE).read_text() == (begun / SPEC_FILE).read_text()
    assert len(points(beside)) == len(events(beside, "done")) == 3
    assert events(beside, "proposed")[0]["config"] == events(begun, "proposed")[0]["config"]
    assert events(beside, "data")[0]["facts"] != events(begun, "data")[0]["facts"]
    # The next one goes beside it again, whichever of the two it starts from.
    assert next_generation(begun) == next_generation(beside) == begun.with_name("sweep-gen3")


def test_a_metric_with_another_definition_is_a_change(
    begun: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    redefined = {**generations.metric_versions(), "rmse_cm": 99}
    monkeypatch.setattr(generations, "metric_versions", lambda: redefined)
    assert main(["resume", str(begun)]) == 2
    assert "metric rmse_cm had version" in capsys.readouterr().err
    assert main(["resume", str(begun), "--accept-changes"]) == 0
    assert any("rmse_cm" in c for c in events(begun.with_name("sweep-gen2"), "sweep")[0]["changed"])


def test_another_form_of_the_record_is_a_change(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = read_log(begun)
    assert log.facts is not None and changes(log, log.facts) == []
    now = RECORD_VERSION + 1
    monkeypatch.setattr(generations, "RECORD_VERSION", now)
    said = f"the record had version {RECORD_VERSION} and has {now} now"
    assert changes(log, log.facts) == [said]


def test_without_a_change_accepting_them_goes_on_in_place(
    begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", str(begun), "--accept-changes"]) == 0
    assert not begun.with_name("sweep-gen2").exists()
    assert [e["event"] for e in events(begun)].count("done") == 3
    assert main(["resume", str(begun), "--accept-changes"]) == 0
    assert "is finished" in capsys.readouterr().out


def test_a_finished_sweep_stands_though_its_motion_changed(
    begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", str(begun)]) == 0
    change_motion(begun)
    assert main(["resume", str(begun)]) == 0
    assert "is finished" in capsys.readouterr().out
    assert main(["resume", str(begun), "--accept-changes"]) == 0
    assert len(points(begun.with_name("sweep-gen2"))) == 3


@pytest.mark.parametrize("missing", ["gone", "older than the end of the log"])
def test_a_sweep_killed_before_its_report_gets_one(
    begun: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between `finished` and the report."""
    assert main(["report", str(begun)]) == 0
    half = (begun / "report.html").read_bytes()
    assert main(["resume", str(begun)]) == 0
    log, page = begun / "log.jsonl", begun / "report.html"
    whole, written = page.read_bytes(), log.read_bytes()
    if missing == "gone":
        for view in (page, begun / "points.parquet", begun / "trials.csv"):
            view.unlink()
    else:
        page.write_bytes(half)
        os.utime(page, (1, 1))
    capsys.readouterr()
    assert main(["resume", str(begun)]) == 0
    assert "report: " in capsys.readouterr().out
    assert len(points(begun)) == 3 and page.read_bytes() == whole != half
    assert log.read_bytes() == written
    assert main(["resume", str(begun)]) == 0
    assert "is finished" in capsys.readouterr().out


@pytest.mark.parametrize("last", ["nothing", "sweep", "data", "bounds", "proposed", "started"])
def test_a_sweep_cut_off_before_its_first_result_goes_on(begun: Path, last: str) -> None:
    """Killed right after one event of the beginning, or before any."""
    log = begun / "log.jsonl"
    kept = []
    for line in log.read_text().splitlines():
        if last == "nothing":
            break
        kept.append(line)
        if f'"event":"{last}"' in line:
            break
    log.write_text("".join(f"{line}\n" for line in kept))
    before = log.read_bytes()
    assert main(["resume", str(begun)]) == 0
    assert log.read_bytes().startswith(before)
    kinds = [e["event"] for e in events(begun)]
    assert kinds.count("done") == kinds.count("proposed") == 3 and kinds[-1] == "finished"
    table = points(begun)
    assert list(table["codebook_size"].sort_values()) == [4, 8, 16]
    assert read_log(begun).facts is not None
    rows = [row["codec"] for row in read_log(begun).bounds]
    assert tuple(rows[:2]) == BOUNDS and set(TRIVIAL_CODECS) < set(rows)
