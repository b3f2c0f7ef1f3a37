"""Ranks and halving: what dominates is never stopped, and nothing but the seed decides ties."""

from __future__ import annotations

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.schedulers.halving import SuccessiveHalving
from cluster.schedulers.ranking import layers, positions, spread_order

numbers = st.integers(0, 6).map(float)
points = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=14).map(np.array)
three = st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=10).map(np.array)


def each(found: np.ndarray) -> list[np.ndarray]:
    return [p[None] for p in found]


@given(three)
@settings(max_examples=100, deadline=None)
def test_layers_are_moocores(found: np.ndarray) -> None:
    assert layers(found).tolist() == moocore.pareto_rank(found).tolist()


def test_the_case_that_the_shipped_rule_gets_wrong() -> None:
    """(1, 1) dominates all and comes first; the order of arrival is not its rank."""
    found = np.array([(2, 2), (3, 3), (5, 5), (4, 4), (1, 1)], float)
    assert positions(each(found), range(5)).tolist() == [1, 2, 4, 3, 0]


def test_the_order_inside_a_layer_is_farthest_first() -> None:
    """From the middle, which is nearest to the ideal, to the ends, then between."""
    found = np.array([(0, 4), (1, 3), (2, 2), (3, 1), (4, 0)], float)
    assert spread_order(found, range(5)).tolist() == [2, 0, 4, 1, 3]


@given(points, st.permutations(range(14)), st.booleans(), st.floats(1e-3, 1e3))
@settings(max_examples=100, deadline=None)
def test_order_scale_and_axes_change_nothing(
    found: np.ndarray, shuffle: list[int], swap: bool, scale: float
) -> None:
    order = [i for i in shuffle if i < len(found)]
    keys = np.arange(len(found))
    other = found[order] * np.array([scale, 1.0])
    if swap:
        other = other[:, ::-1]
    want = positions(each(found), keys)[order]
    assert positions(each(other), keys[order]).tolist() == want.tolist()


@given(points, st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_what_dominates_all_is_never_stopped(found: np.ndarray, seed: int) -> None:
    rule = SuccessiveHalving(seed=seed)
    for trial, point in enumerate(found):
        rule.go_on(trial, 1 / 9, point[None])
    assert rule.go_on(len(found), 1 / 9, (found.min(axis=0) - 1)[None])


@given(points)
@settings(max_examples=60, deadline=None)
def test_what_adds_to_the_front_of_finished_trials_is_never_stopped(found: np.ndarray) -> None:
    rule = SuccessiveHalving(seed=0)
    for trial, point in enumerate(found):
        rule.ended(trial, point[None])
        rule.go_on(trial, 1 / 9, np.array([[-5.0, -5.0]]))
    fresh = np.array([[found[:, 0].min() - 0.5, 100.0]])
    assert rule.go_on(99, 1 / 9, fresh)
    assert not SuccessiveHalving(seed=0)._adds(fresh)


def test_one_in_eta_goes_on() -> None:
    rule = SuccessiveHalving(seed=3, eta=3.0)
    rng = np.random.default_rng(0)
    went = sum(rule.go_on(i, 1 / 9, rng.random((1, 2))) for i in range(150))
    assert 0.25 < went / 150 < 0.42


def test_the_same_seed_gives_the_same_decisions() -> None:
    rng = np.random.default_rng(0)
    found = rng.integers(0, 3, (80, 1, 2)).astype(float)

    def run(seed: int) -> list[bool]:
        rule = SuccessiveHalving(seed=seed)
        return [rule.go_on(i, 1 / 3, p) for i, p in enumerate(found)]

    assert run(1) == run(1)
    assert any(run(1) != run(s) for s in range(2, 8)), "ties are many here"


def test_what_diverged_comes_last() -> None:
    rule = SuccessiveHalving(seed=0)
    for i in range(6):
        rule.go_on(i, 1 / 9, np.array([[1.0, float(i)]]))
    assert not rule.go_on(7, 1 / 9, np.array([[0.5, np.nan]]))


def test_a_set_stands_where_its_best_point_stands() -> None:
    alone = [np.array([[1.0, 5.0]]), np.array([[2.0, 4.0]]), np.array([[3.0, 6.0]])]
    good_prefix = np.array([[0.5, 4.5], [9.0, 9.0]])
    places = positions([*alone, good_prefix], range(4))
    assert places[3] < places[0] and places[2] == 3


def test_shares_are_those_of_the_rule() -> None:
    assert SuccessiveHalving(seed=0, rungs=(0.5, 0.1)).rungs == (0.1, 0.5)
    with pytest.raises(ValueError):
        spread_order(np.zeros((0, 2)), [])
