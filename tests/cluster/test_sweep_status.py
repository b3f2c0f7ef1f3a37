"""What `ratefront status DIR` says of a sweep that runs, ended, or never began a trial."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from analysis.log import read_log
from cluster import sweep_status
from cluster.cli import main
from cluster.sweep_status import show, standing
from search_spaces.record import LOG_FILE
from tests.analysis.make_sweep import FakeSweep


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return FakeSweep(trials=12, seeds=1, clips=False).write(
        tmp_path / "s", np.random.default_rng(0)
    )


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG_FILE).read_text().splitlines()]


def written(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / LOG_FILE).write_text("".join(json.dumps(e) + "\n" for e in rows))


def appended(folder: Path, rows: list[dict[str, Any]]) -> None:
    with (folder / LOG_FILE).open("a") as log:
        log.write("".join(json.dumps(e) + "\n" for e in rows))


def said(folder: Path, later: float = 0.0) -> str:
    out = io.StringIO()
    last = events(folder)[-1]["time"]
    Console(file=out, width=100).print(standing(read_log(folder), last + later))
    return out.getvalue()


def test_a_sweep_that_runs_shows_what_is_under_way(folder: Path) -> None:
    rows = events(folder)
    first = next(i for i, e in enumerate(rows) if e["event"] == "done")
    trial = "t001"
    cut = [e for e in rows if e["event"] != "finished" and not (
        e.get("trial") == trial and e["event"] not in ("proposed", "started"))]  # fmt: skip
    progress = {"event": "progress", "trial": trial, "row": {"share": 0.5}, "time": cut[-1]["time"]}
    written(folder, [*cut, progress])
    text = said(folder, later=65)
    assert "under way, last heard of 1 min 5 s ago" in text
    assert "1 under way" in text and "50 %" in text and trial in text
    assert "1 refused" in text and "loss is not finite at step #" not in text
    assert "codebook_size 16384 is above the 12000" in text and first > 0
    assert "front of " in text and "trials an hour" in text


def test_gpus_are_counted_by_trial_and_worker(folder: Path) -> None:
    rows = [e for e in events(folder) if e["event"] not in ("finished", "done", "stopped")]
    rows[0]["spec"]["run"] = {"gpus_per_trial": 0.5, "placement": "group", "workers": 4}
    written(folder, rows)
    text = said(folder)
    running = sum(e["event"] == "started" for e in rows) - sum(
        e["event"] in ("failed",) for e in rows
    )
    assert f"{2 * running} in use, 2 a trial" in text


def test_an_ended_sweep_says_why(folder: Path) -> None:
    rows = events(folder)
    rows.insert(-1, {"event": "enough", "reason": "the deadline has passed", "time": 1.0})
    written(folder, rows)
    text = said(folder)
    assert "finished: the deadline has passed" in text and "last heard" not in text


def test_weights_that_were_trained_again_later_leave_an_end_an_end(folder: Path) -> None:
    before = said(folder)
    time = events(folder)[-1]["time"] + 7200
    appended(folder, [{"event": "restored", "trial": "t001", "time": time}])
    assert said(folder) == before and "last heard" not in before
    show(folder, Console(file=io.StringIO()), watch=True)  # and ends


def test_a_sweep_without_points_is_told_of(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, events(folder)[:2])
    assert main(["status", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "none ended; 0 under way" in out and "no trial has ended yet" in out
    assert main(["status", str(folder / "nowhere"), "--watch"]) == 2
    assert "give the one that was named by --out" in capsys.readouterr().err


def test_watching_follows_the_log_until_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_status, "LOOK_SECONDS", 0.02)
    rows = events(folder)
    written(folder, [])  # begun, and nothing said yet
    out = io.StringIO()
    watching = threading.Thread(
        target=show, args=(folder, Console(file=out, width=100)), kwargs={"watch": True}
    )
    watching.start()
    try:
        for part in (rows[:8], rows[8:-1]):
            watching.join(0.2)
            assert watching.is_alive()
            appended(folder, part)
        watching.join(0.2)
        assert watching.is_alive()
    finally:
        appended(folder, rows[-1:])
        watching.join(60)
    assert not watching.is_alive() and "finished" in out.getvalue()
