"""Indicators against hand-computed cases, brute force, and a second implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.indicators import (
    Box,
    attained,
    contributions,
    hypervolume,
    indicators,
    nondominated,
    ranks,
    vorobev_deviation,
)
from search_spaces.errors import BadInput

SETS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12
).map(lambda rows: np.array(rows, dtype=float))  # fmt: skip
UNIT = Box(np.zeros(2), np.full(2, 10.0))


def brute_hypervolume(values: np.ndarray, corner: float) -> float:
    """Unit squares of the grid that some point dominates."""
    cells = [(x, y) for x in range(int(corner)) for y in range(int(corner))]
    return float(sum(any(p[0] <= x and p[1] <= y for p in values) for x, y in cells))


def brute_ranks(values: np.ndarray) -> list[int]:
    left, layer, found = set(range(len(values))), 0, [0] * len(values)
    while left:
        first = {
            i for i in left
            if not any((values[j] <= values[i]).all() and (values[j] < values[i]).any()
                       for j in left)
        }  # fmt: skip
        for i in first:
            found[i] = layer
        left -= first
        layer += 1
    return found


@settings(max_examples=60, deadline=None)
@given(SETS)
def test_hypervolume_and_contributions_are_those_of_counted_squares(values: np.ndarray) -> None:
    whole = hypervolume(values, [8.0, 8.0])
    assert whole.value == brute_hypervolume(values, 8)
    assert whole.clipped == int((values >= 8).any(axis=1).sum())
    lost = [
        whole.value - brute_hypervolume(np.delete(values, i, axis=0), 8) for i in range(len(values))
    ]
    assert contributions(values, [8.0, 8.0]).tolist() == pytest.approx(lost)


@settings(max_examples=60, deadline=None)
@given(SETS)
def test_layers_are_those_that_peeling_gives(values: np.ndarray) -> None:
    assert ranks(values).tolist() == brute_ranks(values)
    assert (nondominated(values) == (ranks(values) == 0)).all()


@settings(max_examples=60, deadline=None)
@given(SETS, SETS)
def test_epsilon_and_igd_plus_are_what_their_definitions_say(
    values: np.ndarray, other: np.ndarray
) -> None:
    target = other[nondominated(other)]
    found = indicators(values, other, UNIT)
    gaps = (values[None] - target[:, None]) / 10
    assert found.epsilon == pytest.approx(gaps.max(axis=2).min(axis=1).max())
    away = np.sqrt((np.maximum(gaps, 0) ** 2).sum(axis=2)).min(axis=1)
    assert found.igd_plus == pytest.approx(away.mean())


def test_r2_of_one_point_is_the_integral_by_hand() -> None:
    # max(w a, (1 - w) b) over w: b (w* - w*^2/2) + a (1 - w*^2)/2 with w* = b / (a + b).
    assert indicators(np.array([[10.0, 10.0]]), np.zeros((1, 2)), UNIT).r2 == pytest.approx(0.75)
    a, b = 0.2, 0.6
    turn = b / (a + b)
    by_hand = b * (turn - turn**2 / 2) + a * (1 - turn**2) / 2
    found = indicators(np.array([[2.0, 6.0]]), np.zeros((1, 2)), UNIT).r2
    assert found == pytest.approx(by_hand)


@settings(max_examples=20, deadline=None)
@given(SETS)
def test_r2_is_the_mean_over_many_weights(values: np.ndarray) -> None:
    weights = (np.arange(4000) + 0.5) / 4000
    shares = values / 10
    each = np.maximum(weights[:, None] * shares[:, 0], (1 - weights[:, None]) * shares[:, 1])
    found = indicators(values, values, UNIT).r2
    assert found == pytest.approx(each.min(axis=1).mean(), abs=1e-4)


def test_what_is_not_finite_is_counted_and_hides_nothing() -> None:
    values = np.array([[np.nan, 0.5], [1.0, 1.0], [2.0, 0.5], [-np.inf, np.inf]])
    found = indicators(values, values, UNIT)
    assert (found.points, found.dropped) == (2, 2)
    assert found.epsilon == 0 and found.igd_plus == 0
    assert ranks(values).tolist() == [-1, 0, 0, -1]
    lost = contributions(values, [10.0, 10.0])
    assert np.isnan(lost[[0, 3]]).all() and (lost[1:3] > 0).all()


def test_a_set_without_points_has_no_distance() -> None:
    found = indicators(np.empty((0, 2)), np.ones((1, 2)), UNIT)
    assert found.hypervolume == 0 and math.isnan(found.igd_plus) and math.isnan(found.epsilon)


def test_indicators_do_not_change_with_the_unit() -> None:
    rng = np.random.default_rng(0)
    values, other, scale = rng.random((9, 2)), rng.random((9, 2)), np.array([1000.0, 0.01])
    first = indicators(values, other, Box(np.zeros(2), np.ones(2)))
    second = indicators(values * scale, other * scale, Box(np.zeros(2), scale))
    assert second.share == pytest.approx(first.share)
    assert (second.r2, second.epsilon, second.igd_plus) == pytest.approx(
        (first.r2, first.epsilon, first.igd_plus)
    )


def test_inputs_are_left_as_they_were() -> None:
    values = np.random.default_rng(0).random((20, 2))
    before = values.copy()
    indicators(values, values, Box(np.zeros(2), np.ones(2)))
    ranks(values), contributions(values, [1.0, 1.0]), attained(values, np.arange(20) % 3, 50)
    assert (values == before).all()


def test_a_box_without_extent_is_refused() -> None:
    with pytest.raises(BadInput, match="reference value"):
        Box(np.zeros(2), np.array([1.0, 0.0]))


def test_a_maximised_objective_has_its_best_value_for_ideal() -> None:
    box = Box.below([10.0, -20.0], np.array([[1.0, -80.0], [2.0, -90.0]]))
    assert box.ideal.tolist() == [0.0, -90.0] and box.volume == 700.0


@pytest.mark.parametrize("worst", [[[1.0, 0.0]], [[1.0, 0.01], [2.0, 0.5]], [[1.0, -0.0]]])
def test_where_nothing_beats_the_reference_shares_are_zero(worst: list[list[float]]) -> None:
    """All reconstructions are blank, say, and IoU is 0."""
    values = np.array(worst)
    box = Box.below([10.0, -0.0], values)
    assert box.volume > 0 and indicators(values, values, box).share == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(SETS, min_size=1, max_size=4), st.sampled_from([25, 50, 75, 100]))
def test_attainment_is_that_of_counting_sets_on_a_grid(
    sets: list[np.ndarray], percentile: int
) -> None:
    values, runs = np.vstack(sets), np.repeat(np.arange(len(sets)), [len(s) for s in sets])
    surface = attained(values, runs, percentile)
    needed = max(1, math.ceil(percentile / 100 * len(sets)))
    for x in range(10):
        for y in range(10):
            count = sum(((s[:, 0] <= x) & (s[:, 1] <= y)).any() for s in sets)
            under = ((surface[:, 0] <= x) & (surface[:, 1] <= y)).any()
            assert under == (count >= needed)


def test_runs_that_agree_have_no_deviation() -> None:
    front = np.array([[1.0, 3.0], [3.0, 1.0]])
    both, runs = np.vstack([front, front]), np.array([0, 0, 1, 1])
    assert vorobev_deviation(both, runs, [5.0, 5.0]) == pytest.approx(0)
    apart = np.vstack([front, front + 1])
    assert vorobev_deviation(apart, runs, [5.0, 5.0]) > 0
