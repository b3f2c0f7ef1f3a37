"""Mirroring beside a sweep: it keeps up, and no tracker can fail or delay anything."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from analysis.dashboards import Tracking, mirror
from analysis.dashboards.live import LiveMirror, follow
from analysis.dashboards.tracker import Tracker
from search_spaces.record import LOG_FILE
from tests.analysis.dashboards.fake_trackers import (
    Dawdling,
    Hanging,
    Keeping,
    Raising,
    cut,
    make_log,
)

EVERY = 0.02


def live(folder: Path, tracker: Tracker) -> LiveMirror:
    return LiveMirror(folder, tracker, every=EVERY)


def until(true: object, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():  # type: ignore[operator]
            return True
        time.sleep(0.01)
    return False


def test_trials_are_mirrored_as_they_end_and_the_whole_at_the_end(tmp_path: Path) -> None:
    lines = make_log(tmp_path)
    log, tracker = tmp_path / LOG_FILE, Keeping()
    log.write_text("".join(lines[:3]))
    half = cut(lines, 8)
    with live(tmp_path, tracker) as followed, log.open("a") as out:
        out.write("".join(lines[3 : half - 1]) + lines[half - 1][:30])
        out.flush()
        assert until(lambda: len(tracker.trials) == 7)
        out.write(lines[half - 1][30:])  # the rest of a line that was not whole
        out.flush()
        assert until(lambda: len(tracker.trials) == 8)
        assert "finish" not in tracker.calls
        out.write("".join(lines[half:]))
    assert followed.finish() == ""
    assert len(tracker.trials) == 16
    assert tracker.calls[-2:] == ["finish", "close"]
    assert not [t for t in threading.enumerate() if t.name == "tracker"]


def test_live_and_replayed_trials_are_equal(tmp_path: Path) -> None:
    make_log(tmp_path / "a")
    make_log(tmp_path / "b")
    one, other = Keeping(), Keeping()
    with live(tmp_path / "a", one) as followed:
        pass
    followed.finish()
    mirror(tmp_path / "b", other)
    assert one.trials == other.trials


def test_a_torn_line_before_a_resumption_is_passed_over(tmp_path: Path) -> None:
    log = tmp_path / LOG_FILE
    new = follow(log)
    assert list(new()) == []  # no log yet
    log.write_text('{"event": "sweep"}\n{"event": "do')
    assert [e["event"] for e in new()] == ["sweep"]
    with log.open("a") as out:
        out.write('\n{"event": "resumed"}\n')
    assert [e["event"] for e in new()] == ["resumed"]
    assert list(new()) == []


@pytest.mark.parametrize("where", ["start", "trial", "finish", "close"])
@pytest.mark.parametrize("error", [OSError("the network\nis gone"), SystemExit(3), KeyError()])
def test_a_raising_tracker_is_one_line_and_nothing_else(
    tmp_path: Path, where: str, error: BaseException
) -> None:
    make_log(tmp_path)
    said: list[str] = []
    before = time.monotonic()
    tracker = Raising(where=where, error=error)
    with Tracking(live(tmp_path, tracker), said.append) as tracked:
        pass
    tracked.finish()
    tracked.finish()
    assert time.monotonic() - before < 2
    assert len(said) == 1
    assert "\n" not in said[0]
    assert said[0].startswith("fake is disabled: ")
    assert "trial(s) were mirrored" in said[0]
    assert tracker.calls.count("close") == (where != "close")


@pytest.mark.parametrize("kind", [False, True])
def test_a_hanging_tracker_delays_nothing_but_the_end_and_that_by_its_patience(
    tmp_path: Path, kind: bool
) -> None:
    lines = make_log(tmp_path)
    log = tmp_path / LOG_FILE
    log.write_text("".join(lines[: cut(lines, 2)]))
    said: list[str] = []
    tracker = Hanging(kind=kind)
    before = time.monotonic()
    with Tracking(live(tmp_path, tracker), said.append) as tracked, log.open("a") as out:
        time.sleep(3 * EVERY)  # it hangs by now
        written = time.monotonic()
        for line in lines[cut(lines, 2) :]:
            out.write(line)
            out.flush()
        assert time.monotonic() - written < 0.5
    left = time.monotonic()
    assert left - before < 1.0
    tracked.finish(patience=0.8)
    assert 0.5 < time.monotonic() - left < 1.2
    assert said == [
        "fake is disabled: no answer within 0.8 s; 0 trial(s) were mirrored, "
        "the sweep's log has all"
    ]
    assert "abandon" in tracker.calls
    tracker.freed.set()
    assert until(lambda: not [t for t in threading.enumerate() if t.name.startswith("tracker")])
    assert "close" not in tracker.calls  # what was given up is not touched again
    assert mirror(tmp_path, Keeping()) == 16  # and nothing is lost


def test_a_slow_tracker_is_cut_off_at_the_end_and_goes_on_later(tmp_path: Path) -> None:
    make_log(tmp_path)
    slow = Dawdling()
    followed = live(tmp_path, slow)
    with followed:
        pass
    before = time.monotonic()
    line = followed.finish(patience=0.3)
    assert time.monotonic() - before < 0.6
    assert "no answer within 0.3 s" in line
    assert until(lambda: not followed._thread.is_alive())
    assert 0 < len(slow.trials) < 16
    assert mirror(tmp_path, Keeping()) == 16 - len(slow.trials)


def test_an_interrupted_sweep_closes_without_the_whole(tmp_path: Path) -> None:
    make_log(tmp_path)
    tracker, said = Keeping(), []  # type: ignore[var-annotated]
    with pytest.raises(KeyboardInterrupt), Tracking(live(tmp_path, tracker), said.append):
        raise KeyboardInterrupt
    assert tracker.calls[-1] == "close"
    assert len(tracker.trials) == 16
    assert "finish" not in tracker.calls
    assert said == []


def test_no_tracker_has_the_same_calls() -> None:
    with Tracking(None, print) as tracked:
        pass
    tracked.finish()
