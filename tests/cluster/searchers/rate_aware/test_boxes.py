"""Boxes against plain hypervolume, the staircase, sampling, and differences."""

from __future__ import annotations

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.searchers.rate_aware.boxes import BLOCK, MOST, Boxes, boxes, slabs
from cluster.searchers.rate_aware.expected_gain import gathered, log_interval
from cluster.searchers.rate_aware.staircase import staircase

EVERYWHERE = np.array([[-np.inf, np.inf]])
coordinate = st.floats(0, 12, allow_nan=False).map(lambda v: round(v, 2))


@st.composite
def clouds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of points of two to four objectives."""
    count = draw(st.integers(2, 4))
    point = st.lists(coordinate, min_size=count, max_size=count)
    both = [draw(st.lists(point, max_size=m)) for m in (9, 5)]
    first, second = (np.array(p, float).reshape(-1, count) for p in both)
    return first, second


def volume(points: np.ndarray, reference: np.ndarray) -> float:
    return float(moocore.hypervolume(points, ref=reference)) if len(points) else 0.0


def random_front(count: int, objectives: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ray = rng.random((count, objectives)) + 0.05
    return 1.1 - ray / np.linalg.norm(ray, axis=1)[:, None] * rng.uniform(0.9, 1, (count, 1))


def log_gain(of: Boxes, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    return of.log_gain(mean, sd, np.repeat(EVERYWHERE, len(mean), axis=0))[0]


@given(clouds())
@settings(max_examples=60, deadline=None)
def test_boxes_are_what_the_front_leaves(both: tuple[np.ndarray, np.ndarray]) -> None:
    front, _ = both
    reference = np.full(front.shape[1], 10.0)
    cut = boxes(front, reference)
    sizes = np.prod(cut.upper - np.maximum(cut.lower, -1.0), axis=1)
    assert (sizes > 0).all()
    whole = 11.0 ** front.shape[1]
    assert sizes.sum() == pytest.approx(whole - volume(front, reference), rel=1e-12)


@given(clouds())
@settings(max_examples=60, deadline=None)
def test_the_gain_of_a_set_is_that_of_the_union(both: tuple[np.ndarray, np.ndarray]) -> None:
    front, fresh = both
    reference = np.full(front.shape[1], 10.0)
    want = volume(np.vstack([front, fresh]), reference) - volume(front, reference)
    cut = boxes(front, reference)
    assert cut.gain(fresh) == pytest.approx(want, rel=1e-9, abs=1e-9)
    # Nearly certain points one by one: the expectation is the gain.
    for point in fresh:
        found = float(np.exp(log_gain(cut, point[None], np.full((1, len(point)), 1e-9))[0]))
        assert found == pytest.approx(cut.gain(point[None]), rel=1e-5, abs=1e-4)


@given(clouds())
@settings(max_examples=60, deadline=None)
def test_slabs_of_a_set_never_count_anything_twice(
    both: tuple[np.ndarray, np.ndarray],
) -> None:
    front, fresh = both
    if not len(fresh):
        return
    reference = np.full(front.shape[1], 10.0)
    cut = boxes(front, reference)
    owner = np.zeros(len(fresh), int)
    where = slabs(fresh, owner, 1)
    value, _, _ = cut.log_gain(fresh, np.zeros_like(fresh), where)
    found = float(np.exp(gathered(value, owner, 1)[0][0]))
    assert found <= cut.gain(fresh) * (1 + 1e-9) + 1e-9
    if front.shape[1] == 2:
        assert found == pytest.approx(cut.gain(fresh), rel=1e-9, abs=1e-9), "exact in the plane"


@given(clouds(), st.floats(0.01, 1000.0), st.permutations(range(4)))
@settings(max_examples=40, deadline=None)
def test_units_and_order_of_objectives_and_points_change_nothing(
    both: tuple[np.ndarray, np.ndarray], unit: float, order: list[int]
) -> None:
    front, fresh = both
    count = front.shape[1]
    turned = [i for i in order if i < count]
    scale = np.where(np.arange(count) == 0, unit, 1.0)
    plain = boxes(front, np.full(count, 10.0))
    other = boxes((front * scale)[::-1][:, turned], (10.0 * scale)[turned])
    sd = np.full(count, 0.3)
    want = log_gain(plain, fresh, np.tile(sd, (len(fresh), 1))) + np.log(unit)
    found = log_gain(
        other, (fresh * scale)[:, turned], np.tile(sd * scale, (len(fresh), 1))[:, turned]
    )
    assert found == pytest.approx(want, abs=1e-6)


def test_two_objectives_are_the_staircase() -> None:
    """One exact objective: the same expectation and slopes, window included."""
    rng = np.random.default_rng(0)
    front, reference = random_front(12, 2), np.array([1.2, 1.1])
    mean = np.column_stack([rng.random(30), rng.normal(0.5, 0.5, 30)])
    sd = np.column_stack([np.zeros(30), rng.uniform(0.01, 0.5, 30)])
    where = np.column_stack([np.full(30, -np.inf), mean[:, 0] + rng.uniform(0.1, 2, 30)])
    for start in (-np.inf, 0.3):
        step = staircase(front, (1.2, 1.1), start)
        want = step.log_gain(mean, sd, where)
        found = boxes(front, reference, start).log_gain(mean, sd, where)
        for a, b in zip(found, want, strict=True):
            assert a == pytest.approx(b, abs=1e-9)


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_the_expectation_is_that_of_samples(objectives: int) -> None:
    rng = np.random.default_rng(1)
    cut = boxes(random_front(8, objectives), np.full(objectives, 1.1))
    mean = rng.uniform(0.1, 0.6, (4, objectives))
    sd = np.full((4, objectives), 0.15)
    sd[:, 0] = 0.0
    found = log_gain(cut, mean, sd)
    for i in range(4):
        draws = mean[i] + sd[i] * rng.normal(size=(40000, objectives))
        low = np.maximum(cut.lower[None], draws[:, None])
        each = np.prod(np.maximum(cut.upper[None] - low, 0), axis=-1).sum(axis=1)
        assert np.exp(found[i]) == pytest.approx(each.mean(), abs=5 * each.std() / 200)


def test_slopes_are_those_of_differences() -> None:
    rng = np.random.default_rng(2)
    cut = boxes(random_front(10, 3), np.full(3, 1.1))
    mean, sd = rng.uniform(0, 1.5, (5, 3)), rng.uniform(0.05, 0.4, (5, 3))
    where = np.array([[-np.inf, 0.6], [0.6, 1.0], [1.0, np.inf], *np.repeat(EVERYWHERE, 2, 0)])
    _, by_mean, by_sd = cut.log_gain(mean, sd, where)
    for j in range(3):
        step = np.zeros(3)
        step[j] = 1e-6
        up, down = (cut.log_gain(mean + s, sd, where)[0] for s in (step, -step))
        assert by_mean[:, j] == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-6)
        up, down = (cut.log_gain(mean, sd + s, where)[0] for s in (step, -step))
        assert by_sd[:, j] == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-6)


def test_many_points_are_asked_as_each_by_itself_with_slopes_or_without() -> None:
    rng = np.random.default_rng(3)
    cut = boxes(random_front(10, 3), np.full(3, 1.1))
    count = 2 * BLOCK + 5
    mean, sd = rng.uniform(0, 1.5, (count, 3)), rng.uniform(0.05, 0.4, (count, 3))
    edges = np.sort(rng.uniform(0, 1.2, (count, 2)), axis=1)
    where = np.where(rng.random((count, 1)) < 0.5, edges, EVERYWHERE)
    found = cut.log_gain(mean, sd, where)
    assert cut.log_gain(mean, sd, where, slopes=False)[0] == pytest.approx(found[0])
    for i in (0, BLOCK - 1, BLOCK, count - 1):
        for terms, alone in zip(found, cut.log_gain(mean[[i]], sd[[i]], where[[i]]), strict=True):
            assert terms[[i]] == pytest.approx(alone)


def test_an_unlikely_improvement_still_has_a_slope() -> None:
    """Forty deviations away, where sampling finds nothing."""
    cut = boxes(random_front(10, 3), np.full(3, 1.1))
    mean, sd = np.full((1, 3), 1.3), np.full((1, 3), 0.005)
    value, by_mean, _ = cut.log_gain(mean, sd, EVERYWHERE)
    assert np.isfinite(value[0]) and value[0] < -700
    assert (by_mean < -1).all()


def test_intervals_by_hand() -> None:
    one, none = np.array([1.0]), np.array([0.0])
    exact = log_interval(none, none, np.array([0.25]), one)[0]
    assert np.exp(exact) == pytest.approx([0.75])
    assert log_interval(2 * one, none, none, one)[0] == -np.inf
    assert log_interval(none, one, one, one)[0] == -np.inf, "an empty interval"
    far = log_interval(np.array([-50.0]), one, none, one)[0]
    assert np.exp(far) == pytest.approx([1.0]), "a value far below counts for its whole length"


def test_a_large_front_is_stood_for_by_its_largest_contributions() -> None:
    front = random_front(400, 3)
    cut = boxes(front, np.full(3, 1.1))
    assert len(cut.front) > MOST[3] and len(cut.lower) <= 2 * MOST[3] + 1
    inside = front[:5] + 1e-3
    assert cut.gain(inside) == pytest.approx(0.0, abs=1e-12), "the gain itself stays exact"
