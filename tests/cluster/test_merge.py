"""Sweeps of several sites become one by identity, and none that was measured otherwise joins."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save_file

from analysis.fronts import front
from analysis.log import read_log
from analysis.points import points_frame, trials_frame, write_tables
from cluster.cli import main
from cluster.merge import merge
from cluster.sweep import resume
from search_spaces.errors import BadInput
from search_spaces.record import (
    INPUTS_FOLDER,
    LOG_FILE,
    PREPARATION_FOLDER,
    SPEC_FILE,
    TRIALS_FOLDER,
)
from tests.analysis.make_sweep import FakeSweep

FRONT = ["rate_nominal_bps", "rmse_full_cm"]


def site(folder: Path, trials: int, seed: int = 0, **given: Any) -> Path:
    FakeSweep(trials=trials, **given).write(folder, np.random.default_rng(seed))
    (folder / SPEC_FILE).write_text("preset: rate_distortion\n")
    (folder / PREPARATION_FOLDER).mkdir()
    save_file({"scale": np.ones(3, np.float32)}, folder / PREPARATION_FOLDER / "p.safetensors")
    return folder


def changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    events = [json.loads(line) for line in (folder / LOG_FILE).read_text().splitlines()]
    for event in events:
        change(event)
    (folder / LOG_FILE).write_text("".join(json.dumps(e) + "\n" for e in events if e))
    return folder


def moved(by: int) -> Callable[[dict[str, Any]], None]:
    """Trials of other names, as another site finds other configurations."""

    def change(event: dict[str, Any]) -> None:
        if "trial" in event:
            name = f"t{int(event['trial'][1:]) + by:03d}"
            event["trial"] = name
            if "row" in event:
                event["row"] |= {"trial": name, "point": f"{name}-d{event['row']['depth']}"}

    return change


def test_the_union_holds_every_trial_once(tmp_path: Path) -> None:
    one = site(tmp_path / "lab", 8)
    other = changed(site(tmp_path / "cloud", 9, seed=5, clips=False, clock=1.7951e9), moved(6))
    for folder, hashed in ((one, "abc"), (other, "abc"), (other, "def")):
        (folder / INPUTS_FOLDER / hashed).mkdir(parents=True)
        (folder / INPUTS_FOLDER / hashed / "weights").write_text(folder.name)
    logs = [read_log(f) for f in (one, other)]
    made = merge([one, other, one], tmp_path / "both")
    log = read_log(made.folder)
    ended = [set(trials_frame(each).trial) for each in logs]
    assert set(trials_frame(log).trial) == ended[0] | ended[1]
    assert made.twice == len(ended[0] & ended[1]) == 2 and sum(made.taken) == 15
    frames = [points_frame(each) for each in logs]
    points = points_frame(log)
    assert len(points) == len(set(points.point)) == len(set().union(*(f.point for f in frames)))
    # Of a trial that both had, the first one's numbers.
    shared = points[points.trial == "t006"].val_rmse_full_cm
    assert shared.tolist() == frames[0][frames[0].trial == "t006"].val_rmse_full_cm.tolist()
    tables = write_tables(made.folder)
    assert tables.fronts["rmse_full_cm"].point.tolist() == front(points, FRONT).rows.point.tolist()
    assert set(tables.clips.trial) == set(frames[0].trial)
    # Nothing ran between the sites.
    whole = sum(each.elapsed for each in logs)
    assert 0.85 * whole < log.elapsed <= whole
    assert [m["folder"] for m in log.sweep["merged"]] == ["lab", "cloud"]
    assert {p.name for p in (made.folder / INPUTS_FOLDER).iterdir()} == {"abc", "def"}
    assert (made.folder / INPUTS_FOLDER / "def" / "weights").read_text() == "cloud"
    assert "1 trial has other scores" in " ".join(made.warnings)
    assert (made.folder / TRIALS_FOLDER / "t000").is_dir()
    assert read_log(one).events == logs[0].events


def test_the_better_end_of_a_trial_counts(tmp_path: Path) -> None:
    def failing(event: dict[str, Any]) -> None:
        if event.get("trial") == "t000" and event["event"] == "done":
            event |= {"event": "failed", "reason": "lost"}

    def unended(event: dict[str, Any]) -> None:
        if event.get("trial") == "t001" and event["event"] == "done":
            event.clear()

    one = changed(changed(site(tmp_path / "a", 4), failing), unended)
    other = site(tmp_path / "b", 3)
    made = merge([one, other], tmp_path / "both")
    ends = trials_frame(read_log(made.folder)).set_index("trial").status
    assert ends["t000"] == "done" and ends["t001"] == "done" and len(ends) == 4
    assert made.unfinished == 0 and made.warnings == ()
    with pytest.raises(BadInput, match="merged"):
        resume(made.folder, Console(file=None, quiet=True))


@pytest.mark.parametrize(
    ("event", "change", "said"),
    [
        ("data", {"facts": {"data_hash": "sha256:9"}}, "data_hash is sha256:1234 in the one and"),
        ("data", {"facts": {"fps": 25.0}}, "fps is 30.0 in the one and 25.0"),
        ("sweep", {"metric_versions": {"rmse_cm": 2}}, "metric rmse_cm has version 1 in the one"),
        ("sweep", {"versions": {"record": 1}}, "the record has version 2 in the one and 1"),
    ],
)
def test_what_was_measured_otherwise_is_refused(
    event: str,
    change: dict[str, Any],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def alter(found: dict[str, Any]) -> None:
        if found["event"] == "sweep":
            found["metric_versions"] = {"rmse_cm": 1}
        if found["event"] == event:
            for key, value in change.items():
                found[key] = {**found[key], **value}

    one = changed(site(tmp_path / "a", 2), lambda e: e.update(
        {"metric_versions": {"rmse_cm": 1}} if e["event"] == "sweep" else {}))  # fmt: skip
    other = changed(site(tmp_path / "b", 2), alter)
    assert main(["merge", str(one), str(other), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_motion_prepared_otherwise_is_refused(tmp_path: Path) -> None:
    one, other = site(tmp_path / "a", 2), site(tmp_path / "b", 2)
    place = other / PREPARATION_FOLDER / "p.safetensors"
    save_file({"scale": np.full(3, 1 + 1e-7, np.float32)}, place)
    merge([one, other], tmp_path / "bits")  # other bits of the same numbers
    save_file({"scale": np.full(3, 1.01, np.float32)}, place)
    with pytest.raises(BadInput, match=r"scale of p\.safetensors differs"):
        merge([one, other], tmp_path / "numbers")


def test_wrong_folders_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = site(tmp_path / "a", 2)
    monkeypatch.chdir(tmp_path)
    assert main(["merge", str(one), str(one), "-o", "s3://bucket/merged"]) == 2
    assert "made in a folder" in capsys.readouterr().err and not (tmp_path / "s3:").exists()
    with pytest.raises(BadInput, match="two or more different"):
        merge([one, one / ".." / "a"], tmp_path / "out")
    with pytest.raises(BadInput, match="exists; give --out a new folder"):
        merge([one, site(tmp_path / "b", 2)], tmp_path)
    with pytest.raises(BadInput, match="no sweep"):
        merge([one, tmp_path / "nowhere"], tmp_path / "out")
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".part")]
