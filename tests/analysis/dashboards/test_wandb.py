"""What an offline wandb run holds is what the log says; read back from the files it wrote."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from analysis.dashboards import TrackerUnavailable, make_tracker, mirror, tracking
from analysis.dashboards.overview import cells, overview, thinned
from analysis.dashboards.tracker import run_identity
from analysis.findings import History
from analysis.log import read_log
from analysis.points import points_frame, trials_frame
from search_spaces.record import LOG_FILE, REPORT_FILE
from tests.analysis.dashboards.contract import Seen, TrackerContract, text
from tests.analysis.dashboards.fake_trackers import SHARES, cut, make_log
from tests.analysis.dashboards.wandb_files import Written, written_runs

ROOT = Path(__file__).resolve().parents[3]
REPORT = "<!doctype html><title>a report</title>"


def _environment(place: Path) -> dict[str, str]:
    return {
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(place / "wandb-dir"),
        "WANDB_DATA_DIR": str(place / "wandb-data"),
        "WANDB_CACHE_DIR": str(place / "wandb-cache"),
        "WANDB_CONFIG_DIR": str(place / "wandb-config"),
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
        "NETRC": str(place / "netrc"),
    }


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """wandb offline, writing under the test's folder; gives WANDB_DIR."""
    for name in [n for n in os.environ if n.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    for name, value in _environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "wandb-dir"


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Written]]:
    """A sweep and the runs that its mirror wrote. Read only."""
    place = tmp_path_factory.mktemp("mirrored")
    make_log(place / "sweep")
    (place / "sweep" / REPORT_FILE).write_text(REPORT)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _environment(place).items():
            patch.setenv(name, value)
        mirror(place / "sweep", make_tracker("wandb"))
    return place / "sweep", written_runs(place / "wandb-dir")


def trial_runs(runs: list[Written]) -> dict[str, Written]:
    return {r.name: r for r in runs if r.job_type == "trial"}


def test_there_is_one_run_for_each_trial_and_one_for_the_sweep(
    mirrored: tuple[Path, list[Written]],
) -> None:
    folder, runs = mirrored
    log = read_log(folder)
    assert set(trial_runs(runs)) == set(trials_frame(log)["trial"])
    assert [r.job_type for r in runs].count("analysis") == 1
    assert len(runs) == 17
    assert {r.id: r.name for r in runs} == {run_identity(log, r.name): r.name for r in runs}
    assert len({r.group for r in runs}) == 1
    assert runs[0].group.startswith("an invented sweep-")
    assert {r.project for r in runs} == {"ratefront"}
    assert not [t for t in threading.enumerate() if "wandb" in t.name.lower()]


def test_a_trials_run_holds_its_configuration_data_and_versions(
    mirrored: tuple[Path, list[Written]],
) -> None:
    folder, runs = mirrored
    for event in read_log(folder).of("proposed"):
        run = trial_runs(runs)[event["trial"]]
        expected = {
            **event["config"],
            "seed": 0,
            "config_hash": event["config_hash"],
            "data_hash": "sha256:1234",
            "versions.torch": "2.13.0",
            "goals": {"rate_nominal_bps": "minimize", "rmse_full_cm": "minimize"},
        }
        assert {k: run.config.get(k) for k in expected} == expected
        assert set(run.tags) == {event["codec"], "embedded signer", "debug", "seed-0"}


def test_learning_curves_are_rows_at_their_share(mirrored: tuple[Path, list[Written]]) -> None:
    _, runs = mirrored
    curves = 0
    for run in trial_runs(runs).values():
        rows = [r for r in run.history if "curve/val_rmse_full_cm" in r]
        if run.config["codec"] == "kmeans" or run.summary["status"] == "refused":
            assert not rows
            continue
        curves += 1
        assert [r["_step"] for r in rows] == [1000 * s for s in SHARES]
        assert [r["curve/val_rmse_full_cm"] for r in rows] == [9 - 4 * s for s in SHARES]
        assert not any("curve/val_hull_pct" in r for r in rows)  # null in the log
        assert run.metrics["curve/val_rmse_full_cm"].summary.min
        assert not run.metrics["curve/val_rmse_full_cm"].summary.max
    assert curves > 5


def test_an_objective_that_is_maximised_is_summed_up_by_its_largest_value(
    tmp_path: Path, offline: Path
) -> None:
    names = ("rate_nominal_bps", "rmse_full_cm")
    lines = make_log(tmp_path / "sweep", trials=2, objectives=names)
    head = json.loads(lines[0]) | {"objectives": ["rate_nominal_bps", "utilisation_body_pct"]}
    (tmp_path / "sweep" / LOG_FILE).write_text("".join([json.dumps(head) + "\n", *lines[1:]]))
    mirror(tmp_path / "sweep", make_tracker("wandb"))
    run = next(iter(trial_runs(written_runs(offline)).values()))
    assert run.metrics["curve/val_utilisation_body_pct"].summary.max
    assert run.config["goals"]["utilisation_body_pct"] == "maximize"


def test_points_are_a_table_and_the_deepest_stands_in_the_summary(
    mirrored: tuple[Path, list[Written]],
) -> None:
    folder, runs = mirrored
    points = points_frame(read_log(folder))
    for name, own in points.groupby("trial"):
        run = trial_runs(runs)[str(name)]
        columns, rows = run.table("points")
        assert [r[columns.index("point")] for r in rows] == list(own["point"])
        place = columns.index("val_rmse_full_cm")
        assert [r[place] for r in rows] == pytest.approx(list(own["val_rmse_full_cm"]))
        deepest = own.iloc[-1]
        assert run.summary["depth"] == deepest["depth"] == run.summary["levels"]
        for column in ("val_rmse_full_cm", "test_rmse_body_cm", "rate_nominal_bps", "parameters"):
            assert run.summary[column] == pytest.approx(deepest[column])
        assert run.summary["operating_points"] == len(own)


def test_every_way_to_end_is_told_with_its_reason(mirrored: tuple[Path, list[Written]]) -> None:
    folder, runs = mirrored
    seen = set()
    for row in trials_frame(read_log(folder)).to_dict("records"):
        run = trial_runs(runs)[row["trial"]]
        assert run.summary["status"] == row["status"]
        assert run.summary["reason"] == row["reason"]
        assert run.summary["seconds"] == row["seconds"]
        assert run.exit_code == (1 if row["status"] == "failed" else 0)
        seen.add(row["status"])
    assert seen == {"done", "stopped", "refused", "failed"}


def test_the_analysis_run_holds_all_points_the_front_history_and_report(
    mirrored: tuple[Path, list[Written]],
) -> None:
    folder, runs = mirrored
    log = read_log(folder)
    run = next(r for r in runs if r.job_type == "analysis")
    points = points_frame(log)
    columns, rows = run.table("points")
    assert [r[columns.index("point")] for r in rows] == list(points["point"])
    told = {r[columns.index("point")] for r in rows if r[columns.index("is_front")]}
    # Of a configuration that was run twice the last run counts.
    counted = points.drop_duplicates(["config_hash", "depth", "seed"], keep="last")
    pairs = counted[["rate_nominal_bps", "val_rmse_full_cm"]].to_numpy()
    front = {
        p
        for p, own in zip(counted["point"], pairs, strict=True)
        if not ((pairs <= own).all(axis=1) & (pairs < own).any(axis=1)).any()
    }
    assert told == front
    front_columns, front_rows = run.table("front")
    assert {r[front_columns.index("point")] for r in front_rows} == front
    chart = json.loads(run.media("front_chart"))
    assert {t["name"] for t in chart["data"]} == {"K-Means", "RQ-VAE", "Temporal RVQ", "front"}
    dots = [t for t in chart["data"] if t["name"] != "front"]
    assert sum(len(t["x"]) for t in dots) == len(points)
    assert run.media("report") == REPORT
    volumes = [r["hypervolume"] for r in run.history if "hypervolume" in r]
    assert volumes == sorted(volumes)
    assert len(volumes) == counted["trial"].nunique()
    assert run.summary["hypervolume"] == pytest.approx(volumes[-1])
    counts = trials_frame(log)["status"].value_counts()
    assert {k: run.summary[f"trials_{k}"] for k in counts.index} == counts.to_dict()
    assert run.summary["front_points"] == len(front)


def test_a_large_report_is_an_artifact(
    tmp_path: Path, offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_log(tmp_path / "sweep", trials=3)
    (tmp_path / "sweep" / REPORT_FILE).write_text(REPORT)
    monkeypatch.setattr("analysis.dashboards.wandb.HTML_LIMIT", 10)
    mirror(tmp_path / "sweep", make_tracker("wandb"))
    run = next(r for r in written_runs(offline) if r.job_type == "analysis")
    assert "report" not in run.summary
    assert "report" in run.artifacts


def test_after_a_resume_ids_are_equal_and_no_trial_is_written_twice(
    tmp_path: Path, offline: Path
) -> None:
    lines = make_log(tmp_path / "sweep", trials=5)
    log = tmp_path / "sweep" / LOG_FILE
    log.write_text("".join(lines[: cut(lines, 2) + 2]))
    with pytest.raises(KeyboardInterrupt), tracking("wandb", log.parent, print):
        raise KeyboardInterrupt
    first = written_runs(offline)
    assert len(first) == 2
    log.write_text("".join(lines))
    said: list[str] = []
    with tracking("wandb", log.parent, said.append) as tracked:
        pass
    tracked.finish()
    assert said == []
    both = written_runs(offline)
    assert len(both) == 6
    assert {r.id for r in both} == {run_identity(read_log(log.parent), r.name) for r in both}
    assert len({r.id for r in both}) == 6
    assert {r.id for r in first} < {r.id for r in both}
    assert not [t for t in threading.enumerate() if "wandb" in t.name.lower()]


class TestWandb(TrackerContract):
    name = "wandb"
    module = "wandb"
    forgetful = False  # offline folders cannot be asked what they hold

    @classmethod
    def environment(cls, place: Path) -> dict[str, str]:
        return _environment(place)

    @classmethod
    def read(cls, folder: Path, place: Path) -> list[Seen]:
        found = []
        for run in written_runs(place / "wandb-dir"):
            if run.job_type != "trial":
                continue
            config = {k: text(v) for k, v in run.config.items()}
            values = {k: v for k, v in run.summary.items() if isinstance(v, int | float)}
            rows = [r for r in run.history if "curve/val_rmse_full_cm" in r]
            curve = {r["share_permille"]: r["curve/val_rmse_full_cm"] for r in rows}
            found.append(Seen(run.id, run.name, run.summary["status"], config, values, curve))
        return sorted(found, key=lambda seen: seen.trial)

    def hypervolumes(self, folder: Path, place: Path) -> list[list[float]]:
        whole = [r for r in written_runs(place / "wandb-dir") if r.job_type == "analysis"]
        whole.sort(key=lambda r: r.summary["operating_points"])
        assert len({r.id for r in whole}) == 1
        return [[r["hypervolume"] for r in w.history if "hypervolume" in r] for w in whole]

    def codecs(self, folder: Path, place: Path) -> dict[str, set[str]] | None:
        whole = [r for r in written_runs(place / "wandb-dir") if r.job_type == "analysis"]
        return max(whole, key=lambda r: r.summary["operating_points"]).codecs


def test_without_a_wandb_dir_it_lies_in_the_sweep_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_DIR")
    make_log(tmp_path / "sweep", trials=2)
    mirror(tmp_path / "sweep", make_tracker("wandb"))
    assert len(written_runs(tmp_path / "sweep")) == 3


@pytest.mark.parametrize(
    ("mode", "words"),
    [("online", "no API key; set WANDB_API_KEY"), ("disabled", "WANDB_MODE is disabled")],
)
def test_what_cannot_be_used_says_so_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, words: str
) -> None:
    monkeypatch.setenv("WANDB_MODE", mode)
    make_log(tmp_path / "sweep", trials=2)
    with pytest.raises(TrackerUnavailable, match=words):
        mirror(tmp_path / "sweep", make_tracker("wandb"))
    said: list[str] = []
    with tracking("wandb", tmp_path / "sweep", said.append) as tracked:
        pass
    tracked.finish()
    assert len(said) == 1
    assert words in said[0]


def test_a_missing_wandb_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    make_log(tmp_path / "sweep", trials=2)
    with pytest.raises(TrackerUnavailable, match="wandb cannot be imported"):
        mirror(tmp_path / "sweep", make_tracker("wandb"))


FROZEN = """
import sys, time
from pathlib import Path
from analysis.dashboards.live import LiveMirror
from analysis.dashboards.wandb import Wandb

class Telling(Wandb):
    def trial(self, trial):
        super().trial(trial)
        from wandb.sdk import wandb_setup
        Path(sys.argv[2]).write_text(str(wandb_setup.singleton()._connection._proc._process.pid))
        Path(sys.argv[2] + ".there").touch()
        while not Path(sys.argv[2] + ".go").exists():
            time.sleep(0.01)

with LiveMirror(Path(sys.argv[1]), Telling()) as live:
    pass
while not Path(sys.argv[2] + ".go").exists():
    time.sleep(0.01)
before = time.monotonic()
print(live.finish(patience=2.0))
print(time.monotonic() - before)
print([m for m in ("torch", "ray") if m in sys.modules])
"""


def test_a_frozen_wandb_process_holds_up_neither_the_end_nor_the_exit(tmp_path: Path) -> None:
    make_log(tmp_path / "sweep", trials=6)
    told = tmp_path / "pid"
    command = [sys.executable, "-c", FROZEN, str(tmp_path / "sweep"), str(told)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        while not Path(f"{told}.there").exists():
            assert process.poll() is None
            time.sleep(0.02)
        core = int(told.read_text())
        os.kill(core, signal.SIGSTOP)
        Path(f"{told}.go").touch()
        began = time.monotonic()
        out, _ = process.communicate(timeout=15)
        assert time.monotonic() - began < 5
    finally:
        process.kill()
    line, seconds, heavy = out.splitlines()
    assert line.startswith("wandb is disabled: no answer within 2 s; 1 trial(s) ")
    assert float(seconds) < 2.2
    assert heavy == "[]"  # mirroring needs neither torch nor ray
    assert process.returncode == 0
    assert not Path(f"/proc/{core}").exists()


def test_columns_of_a_table_have_one_type() -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2.5], "b": [float("nan"), 1.0], "c": [1, "auto"]})
    assert cells(frame) == (["a", "b", "c"], [[1.0, None, "1"], [2.5, 1.0, "auto"]])


def test_a_history_is_thinned_to_its_steps() -> None:
    import numpy as np

    trials = np.repeat(np.arange(1, 5001), 2)
    history = History(np.arange(10000.0), trials, np.arange(10000.0))
    assert list(thinned(history, 10**6).value) == list(range(1, 10000, 2))
    few = thinned(history, 100)
    assert len(few.value) == 100
    assert few.trials[-1] == 5000


def test_the_mean_over_seeds_puts_all_its_seeds_on_the_front(three_seeds: Path) -> None:
    seen = overview(read_log(three_seeds))
    on = seen.points[seen.points["is_front"]]
    assert len(on) == 3 * len(seen.front) > 0
    assert set(seen.front["point"]) <= set(on["point"])
    assert on["fronts"].str.contains("rmse_full_cm").all()


def test_a_sweep_of_failures_is_analysed_without_points(tmp_path: Path, offline: Path) -> None:
    lines = make_log(tmp_path / "sweep")
    (tmp_path / "sweep" / LOG_FILE).write_text(
        "".join(line for line in lines if json.loads(line)["event"] != "point")
    )
    mirror(tmp_path / "sweep", make_tracker("wandb"))
    run = next(r for r in written_runs(offline) if r.job_type == "analysis")
    assert run.summary["operating_points"] == 0
    assert run.summary["trials_refused"] > 0
