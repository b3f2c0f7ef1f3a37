"""The mirror: each ended trial once, in full, whatever was mirrored before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.dashboards import check_tracker, make_tracker, mirror, tracking
from analysis.dashboards.tracker import TRACKING_FILE, run_identity, sweep_identity
from analysis.log import read_log
from analysis.points import trials_frame
from search_spaces.errors import BadInput
from search_spaces.record import LOG_FILE
from tests.analysis.dashboards.fake_trackers import SHARES, Keeping, Raising, cut, make_log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_log(tmp_path / "sweep")
    return tmp_path / "sweep"


def test_every_ended_trial_is_given_once_with_all_that_the_log_says(folder: Path) -> None:
    tracker = Keeping()
    assert mirror(folder, tracker) == 16
    assert tracker.calls == ["start", *["trial"] * 16, "finish", "close"]
    log = read_log(folder)
    table = trials_frame(log).set_index("trial")
    assert [t.name for t in tracker.trials] == list(table.index)
    points = {e["row"]["point"] for e in log.of("point")}
    assert {p["point"] for t in tracker.trials for p in t.points} == points
    for trial in tracker.trials:
        row = table.loc[trial.name]
        assert (trial.status, trial.reason, trial.codec) == (row.status, row.reason, row.codec)
        curve = trial.codec != "kmeans" and trial.status != "refused"
        assert [r["share"] for r in trial.progress] == (list(SHARES) if curve else [])
        assert [p["depth"] for p in trial.points] == list(range(1, len(trial.points) + 1))


def test_the_second_time_nothing_is_written(folder: Path) -> None:
    mirror(folder, Keeping())
    again = Keeping()
    assert mirror(folder, again) == 0
    assert "trial" not in again.calls
    assert "finish" not in again.calls


def test_after_an_interrupt_only_what_ended_since_is_written(tmp_path: Path) -> None:
    lines = make_log(tmp_path)
    log = tmp_path / LOG_FILE
    log.write_text("".join(lines[: cut(lines, 5) + 3]))  # the sixth trial has begun
    first, second = Keeping(), Keeping()
    assert mirror(tmp_path, first) == 5
    resumed = '{"event": "resumed", "time": 1}\n'
    log.write_text("".join([*lines[: cut(lines, 5) + 3], resumed, *lines[cut(lines, 5) + 3 :]]))
    assert mirror(tmp_path, second) == 11
    assert not {t.name for t in first.trials} & {t.name for t in second.trials}
    assert first.calls.count("finish") == second.calls.count("finish") == 1


def test_a_tracker_that_fails_is_given_the_rest_the_next_time(folder: Path) -> None:
    class Short(Keeping):
        def trial(self, trial: object) -> None:
            if len(self.trials) == 3:
                raise OSError("full")
            super().trial(trial)  # type: ignore[arg-type]

    broken, whole = Short(), Keeping()
    with pytest.raises(OSError, match="full"):
        mirror(folder, broken)
    assert broken.calls[-1] == "close"
    assert mirror(folder, whole) == 13
    assert len({t.name for t in (*broken.trials, *whole.trials)}) == 16


def test_trackers_do_not_share_what_they_have(folder: Path) -> None:
    mirror(folder, Keeping("one"))
    other = Keeping("other")
    assert mirror(folder, other) == 16
    assert set(json.loads((folder / TRACKING_FILE).read_text())) == {"one", "other"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fake": 3}', '{"fake": {"sweep": "other"}}'])
def test_a_damaged_or_foreign_ledger_counts_as_none(folder: Path, text: str) -> None:
    (folder / TRACKING_FILE).write_text(text)
    assert mirror(folder, Keeping()) == 16


def test_a_retried_trial_keeps_its_last_report(tmp_path: Path) -> None:
    lines = make_log(tmp_path)
    at = next(i for i, line in enumerate(lines) if '"progress"' in line)
    again = json.loads(lines[at])
    again["row"]["val_rmse_full_cm"] = 1.5
    # The retry reports the first rung anew, after the third of the try before it.
    lines.insert(at + len(SHARES), json.dumps(again) + "\n")
    (tmp_path / LOG_FILE).write_text("".join(lines))
    tracker = Keeping()
    mirror(tmp_path, tracker)
    trial = next(t for t in tracker.trials if t.name == again["trial"])
    assert [r["share"] for r in trial.progress] == list(SHARES)
    assert trial.progress[0]["val_rmse_full_cm"] == 1.5


def test_identities_are_the_sweeps_own_and_stay(tmp_path: Path) -> None:
    lines = make_log(tmp_path / "a")
    make_log(tmp_path / "b", name="another")
    moved = tmp_path / "moved"
    moved.mkdir()
    resumed = '{"event": "resumed", "time": 1}\n'
    (moved / LOG_FILE).write_text("".join([*lines, resumed]))
    a, b, c = (read_log(tmp_path / f) for f in ("a", "b", "moved"))
    assert sweep_identity(a) == sweep_identity(c) != sweep_identity(b)
    assert run_identity(a, "t000") == run_identity(c, "t000") != run_identity(a, "t001")
    assert run_identity(a, "t000") != run_identity(b, "t000")


def test_a_sweep_without_an_end_has_nothing_to_mirror(tmp_path: Path) -> None:
    lines = make_log(tmp_path)
    (tmp_path / LOG_FILE).write_text("".join(lines[:4]))
    tracker = Raising(where="start")
    assert mirror(tmp_path, tracker) == 0
    assert not (tmp_path / TRACKING_FILE).exists()


def test_an_unknown_tracker_is_bad_input_that_lists_them() -> None:
    check_tracker("")
    check_tracker("wandb")
    with pytest.raises(
        BadInput, match=r"'wandbb'; did you mean wandb\? there are wandb, tensorboard, mlflow"
    ):
        check_tracker("wandbb")
    with pytest.raises(BadInput, match="there are wandb, tensorboard, mlflow"):
        tracking("mlfow", Path("nowhere"), print)
    with pytest.raises(BadInput, match="there are wandb, tensorboard, mlflow"):
        make_tracker("")
