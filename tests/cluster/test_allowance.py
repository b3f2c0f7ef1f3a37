"""What a sweep may spend: spent, it drains, and what was proposed is finished and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.allowance import Allowance
from cluster.books import Books
from search_spaces.budget import deadline_at
from search_spaces.errors import BadInput
from search_spaces.presets import load_spec
from search_spaces.spec import RunSpec
from tests.cluster.test_books import Desk, rows_of


class Clock:
    """Says what time it was set to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def allowed(clock: Clock, **run: Any) -> Allowance:
    return Allowance(RunSpec(**run), began=1000.0, clock=clock)


def test_gpu_hours_count_every_gpu_of_a_trial() -> None:
    one = allowed(Clock(), max_gpu_hours=2.0, gpus_per_trial=0.5)
    one.ended("done", 3600)
    one.ended("failed", 7199)
    assert one.spent() == ""
    one.ended("stopped", 3601)
    assert one.spent() == "trials took 2 GPU-hours, max_gpu_hours is 2"
    group = allowed(Clock(), max_gpu_hours=2.0, gpus_per_trial=1, placement="group", workers=4)
    group.ended("done", 1800)
    assert group.spent().startswith("trials took 2 GPU-hours")


def test_failures_and_the_deadline() -> None:
    clock = Clock()
    one = allowed(clock, max_failures=1, deadline="1h30m")
    one.ended("failed", 1)
    one.ended("done", 1)
    clock.now += 5399
    assert one.spent() == ""
    clock.now += 1
    assert "deadline" in one.spent()
    one.ended("failed", 1)
    assert one.spent() == "2 trials failed, max_failures is 1"
    unbounded = allowed(clock)
    unbounded.ended("failed", 1e9)
    assert unbounded.spent() == ""


@pytest.mark.parametrize("text", ["soon", "36", "5x", "2027-13-01", "h"])
def test_no_time_is_one_line(text: str) -> None:
    with pytest.raises(BadInput, match="is no time; write 36h"):
        deadline_at(text, 0.0)


def test_hours_of_gpus_that_trials_do_not_use_are_refused() -> None:
    with pytest.raises(BadInput, match="add --set gpus_per_trial=1"):
        load_spec("rate_distortion", overrides={"run": {"max_gpu_hours": 3.0}})


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_sweep_that_spent_enough_drains_and_stays_so(seeds: int, tmp_path: Path) -> None:
    clock = Clock()
    desk = Desk(
        tmp_path / "sweep", trials=6 * seeds, seeds=seeds, repeat_front=3 if seeds == 1 else 0
    )
    books = Books(desk.store, desk.books.proposer, allowance=allowed(clock, deadline="60s"))
    first, second = books.next(), books.next()
    assert first is not None and second is not None
    for proposal in (first, second):
        books.started(proposal.trial)
    clock.now += 61
    # Every seed of what was proposed runs, nothing else does, repeats of the front neither.
    assert books.next() is None and books.enough.startswith("the deadline of ")
    for proposal in (first, second):
        books.reported(proposal.trial, {"share": 1.0, "points": rows_of(proposal)})
        books.ended(proposal.trial)
    assert books.next() is None and books.settled
    (said,) = desk.events("enough")
    assert said["reason"] == books.enough and len(desk.events("proposed")) == 2
    desk.store.close()
    # Resumed, it stays drained without asking the clock.
    again = Desk(tmp_path / "sweep", create=False, trials=6 * seeds, seeds=seeds,
                 repeat_front=3 if seeds == 1 else 0)  # fmt: skip
    again.books.take_up(again.before)
    assert again.books.next() is None and again.books.settled
    again.store.close()
