"""A sweep that stands still says so, and what it waits for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.execution.tune_controller import _get_max_pending_trials
from ray.tune.experiment import Trial
from ray.tune.search import ConcurrencyLimiter, SearchGenerator

from cluster import session, tune_adapter
from cluster.resources import Need, Nodes
from cluster.waiting import PATIENCE, Waiting

NEED = Need(1, 1, 0.5, {})


class Watch:
    """A callback with a clock that the test sets."""

    def __init__(self, *nodes: Nodes) -> None:
        self.now, self.said = 0.0, list[str]()
        self.waiting = Waiting(NEED, lambda: nodes, self.said.append, lambda: self.now)

    def look(self, second: float, *statuses: str) -> None:
        self.now = second
        trials: list[Any] = [SimpleNamespace(status=status) for status in statuses]
        self.waiting.on_step_end(0, trials)


def test_it_says_less_and_less_often_that_no_node_can_take_a_trial() -> None:
    watch = Watch(Nodes(1, {"CPU": 2.0}))
    for second in range(1000):
        watch.look(second, Trial.PENDING, Trial.PENDING, Trial.TERMINATED)
    assert len(watch.said) == 5  # after 1, 2, 4, 8 and 16 minutes
    assert watch.said[0] == (
        "no trial has run for 1 min 0 s though 2 wait: one needs 1 CPU and 0.5 GPU; the "
        "cluster has 1 node and none that holds it; the sweep goes on when one joins"
    )


def test_a_trial_that_runs_begins_the_wait_anew() -> None:
    watch = Watch(Nodes(1, {"CPU": 2.0}))
    watch.look(0, Trial.PENDING)
    watch.look(PATIENCE - 1, Trial.RUNNING, Trial.PENDING)
    watch.look(PATIENCE + 1, Trial.PENDING)
    assert not watch.said
    watch.look(2 * PATIENCE + 1, Trial.PENDING)
    assert len(watch.said) == 1


def test_trials_are_looked_at_now_and_then_and_not_at_every_event() -> None:
    watch, looks = Watch(), 0

    class Looked(list[Any]):
        def __iter__(self) -> Any:
            nonlocal looks
            looks += 1
            return super().__iter__()

    for event in range(1000):
        watch.now = event / 100
        watch.waiting.on_step_end(0, Looked([SimpleNamespace(status=Trial.TERMINATED)]))
    assert 5 <= looks <= 20


def test_nothing_waits_where_all_have_ended() -> None:
    watch = Watch()
    for second in (0, 1000):
        watch.look(second, Trial.TERMINATED, Trial.ERROR)
        watch.look(second)
    assert not watch.said


def test_nodes_that_others_use_are_counted() -> None:
    watch = Watch(Nodes(2, {"CPU": 4.0, "GPU": 1.0}))
    for second in (0.0, PATIENCE):
        watch.look(second, Trial.PENDING)
    assert "1 waits" in watch.said[0] and "2 nodes could hold 4 such workers" in watch.said[0]


def test_all_places_are_filled_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the settings of our sessions Tune has as many processes start as there are places: an
    autoscaler brings all nodes at once, and no process is ended while it starts because another
    one has become free."""
    monkeypatch.delenv("TUNE_MAX_PENDING_TRIALS_PG", raising=False)
    for name, value in session._QUIET.items():
        monkeypatch.setenv(name, value)
    searcher: Any = tune_adapter.ProposingSearcher(SimpleNamespace())  # type: ignore[arg-type]
    limited = SearchGenerator(ConcurrencyLimiter(searcher, max_concurrent=8))
    assert _get_max_pending_trials(limited) == 8
