"""A sweep that stands still says so, and what it waits for."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.experiment import Trial

from cluster import tune_adapter
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


@pytest.mark.parametrize(("own", "waiting"), [(None, "8"), ("3", "3")])
def test_as_many_wait_as_a_growing_cluster_may_hold(
    own: str | None, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tune reads it where a run begins; it is as before afterwards."""
    name = "TUNE_MAX_PENDING_TRIALS_PG"
    monkeypatch.delenv(name, raising=False)
    if own:
        monkeypatch.setenv(name, own)
    seen: list[str | None] = []
    monkeypatch.setattr(tune_adapter, "_run", lambda *_: seen.append(os.environ.get(name)))
    monkeypatch.setattr(tune_adapter, "Meters", lambda *_: None)
    monkeypatch.setattr(tune_adapter, "concurrency", lambda *_: 8)
    for grows_to in (("8:1",), ()):
        job: Any = SimpleNamespace(
            grows_to=grows_to, placement="local", workers=1, threads=1, gpus=0.0, node_labels=()
        )
        tune_adapter.run_trials(SimpleNamespace(), job, 0, {})  # type: ignore[arg-type]
    assert seen == [waiting, own] and os.environ.get(name) == own
