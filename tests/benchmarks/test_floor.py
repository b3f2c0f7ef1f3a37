"""What somebody who knows every trial beforehand would need."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.search.arms import make_arm
from benchmarks.search.floor import (
    Pick,
    earliest_share,
    floor_of,
    omniscient_share,
    picks_of,
    told_share,
)
from benchmarks.search.parametric import Parametric
from benchmarks.search.problem import Scale, scale_of
from benchmarks.search.scoring import share_to_reach, volume
from cluster.replay.simulator import Report, simulate

SCALE = Scale(reference=(1.0, 1.0), volume=1.0, seconds=1.0)
"""Forty seconds over all workers."""


def pick(seconds: float, rate: float, value: float) -> Pick:
    return Pick(seconds, np.array([[rate, value]]))


def test_a_long_trial_that_is_needed_is_waited_for() -> None:
    picks = [pick(1.0, 0.5, 0.5), pick(2.0, 0.8, 0.2), pick(20.0, 0.1, 0.1)]
    assert earliest_share(picks, SCALE, 0.25, 4) == pytest.approx(1 / 10)
    assert earliest_share(picks, SCALE, 0.3, 4) == pytest.approx(2 / 10)
    assert earliest_share(picks, SCALE, 0.8, 4) == pytest.approx(20 / 10)
    assert math.isinf(earliest_share(picks, SCALE, 0.9, 4))
    assert omniscient_share(picks, SCALE, 0.25, 4) == pytest.approx(1 / 10)
    assert math.isinf(omniscient_share(picks, SCALE, 0.9, 4))


def test_workers_that_are_needed_share_the_picks() -> None:
    """Eight steps of a staircase, each a second, all of them needed: two rounds of four."""
    steps = [pick(1.0, (i + 1) / 10, 0.9 - i / 10) for i in range(8)]
    whole = volume(np.vstack([p.points for p in steps]), SCALE.reference)
    assert earliest_share(steps, SCALE, whole, 4) == pytest.approx(1 / 10)
    assert omniscient_share(steps, SCALE, whole, 4) == pytest.approx(2 / 10)
    assert omniscient_share(steps, SCALE, whole, 1) == pytest.approx(8 / 40)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_who_knows_all_needs_no_less_than_the_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    picks = [pick(*rng.uniform(0.1, 1.0, 3)) for _ in range(12)]
    most = volume(np.vstack([p.points for p in picks]), SCALE.reference)
    goal = float(rng.uniform(0.2, 1.0)) * most
    bound, reached = (f(picks, SCALE, goal, 2) for f in (earliest_share, omniscient_share))
    assert bound <= reached + 1e-12
    assert reached <= sum(p.seconds for p in picks) / 20 + 1e-12


def test_trials_in_random_order_take_workers_in_turn() -> None:
    def trial(seconds: float, rate: float, value: float) -> list[Report]:
        poor, good = np.array([[0.99, 0.99]]), np.array([[rate, value]])
        return [Report(0.5, seconds / 2, poor), Report(1.0, seconds, good)]

    alike = [trial(2.0, 0.5, 0.5) for _ in range(8)]
    assert told_share(alike, SCALE, 0.25, 1, 5) == pytest.approx(2 / 40)
    steps = [trial(2.0, (i + 1) / 10, 0.9 - i / 10) for i in range(8)]
    whole = volume(np.vstack([t[-1].points for t in steps]), SCALE.reference)
    assert told_share(steps, SCALE, whole, 4, 5) == pytest.approx(4 / 10)
    assert math.isinf(told_share(steps, SCALE, 2 * whole, 4, 5))


def test_a_random_run_is_not_below_the_bound() -> None:
    task = Parametric("known-residual")
    scale = scale_of(task)
    found = floor_of(task, workers=4, seeds=3, sample=300)
    assert 0 < found["earliest_share"] <= found["omniscient_share"] < 1
    assert found["omniscient_share"] <= found["told_share"]
    made = make_arm("random", task, scale, 5, 4)
    trace = simulate(task, made, workers=4, horizon=scale.horizon(4), seed=5)
    goal = 0.5 * found["goal"] * scale.volume
    share = share_to_reach(trace.points, scale.reference, goal, scale.horizon(4), finals=False)
    assert earliest_share(picks_of(task, 300), scale, goal, 4) <= share
