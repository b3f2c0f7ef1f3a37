"""The staircase against plain hypervolume, brute force and integration."""

from __future__ import annotations

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from cluster.searchers.rate_aware.expected_gain import (
    expected_gain,
    log_expected_gain,
    log_h,
)
from cluster.searchers.rate_aware.staircase import Staircase, lower_hull, staircase

REFERENCE = (10.0, 8.0)
coordinates = st.floats(0, 12, allow_nan=False).map(lambda v: round(v, 3))
points = st.lists(st.tuples(coordinates, coordinates), max_size=12).map(
    lambda p: np.array(p, float).reshape(-1, 2)
)


@given(points)
@settings(max_examples=150, deadline=None)
def test_the_volume_is_moocores(found: np.ndarray) -> None:
    want = moocore.hypervolume(found, ref=REFERENCE) if len(found) else 0.0
    assert staircase(found, REFERENCE).volume == pytest.approx(float(want), abs=1e-9)


@given(points, points)
@settings(max_examples=150, deadline=None)
def test_the_gain_of_a_set_is_that_of_the_union(front: np.ndarray, found: np.ndarray) -> None:
    before = staircase(front, REFERENCE)
    after = staircase(np.vstack([front, found]), REFERENCE)
    assert before.gain(found) == pytest.approx(after.volume - before.volume, abs=1e-9)


@given(points, points, st.floats(0, 9))
@settings(max_examples=80, deadline=None)
def test_a_window_counts_only_rates_inside_it(
    front: np.ndarray, found: np.ndarray, start: float
) -> None:
    """Against a sum over thin slices."""
    stairs = staircase(front, REFERENCE, start)
    rates = np.linspace(start, REFERENCE[0], 20001)
    middle = (rates[1:] + rates[:-1]) / 2

    def best(of: np.ndarray) -> np.ndarray:
        below = [np.where(middle >= r, v, np.inf) for r, v in of]
        return np.minimum(REFERENCE[1], np.min(below, axis=0)) if len(of) else np.full(20000, 8.0)

    old, new = best(front), best(np.vstack([front, found]))
    want = float(np.sum((old - new) * np.diff(rates)))
    assert stairs.gain(found) == pytest.approx(want, abs=0.05)


def test_two_steps_by_hand() -> None:
    stairs = staircase(np.array([[2.0, 6.0], [5.0, 3.0]]), REFERENCE)
    assert stairs.levels.tolist() == [8.0, 6.0, 3.0]
    assert stairs.volume == (5 - 2) * 2 + (10 - 5) * 5
    assert stairs.at(np.array([1.9, 2.0, 4.9, 5.0, 9.0])).tolist() == [8, 6, 6, 3, 3]
    assert stairs.gain(np.array([[1.0, 5.0]])) == (2 - 1) * 3 + (5 - 2) * 1
    assert stairs.gain(np.array([[11.0, 0.0]])) == 0.0


@pytest.mark.parametrize("mean", [-2.0, 1.0, 2.9, 5.5, 9.0])
@pytest.mark.parametrize("sd", [0.05, 0.7, 4.0])
@pytest.mark.parametrize("rate", [1.0, 3.0, 7.5])
def test_the_acquisition_is_brute_force_integration(mean: float, sd: float, rate: float) -> None:
    stairs = staircase(np.array([[2.0, 6.0], [5.0, 3.0]]), REFERENCE)
    found = expected_gain(
        np.array([mean]), np.array([sd]), stairs.levels,
        stairs.widths(np.array([rate]), np.array([np.inf])),
    )[0]  # fmt: skip
    cuts = [c for c in (3.0, 6.0, 8.0) if abs(c - mean) < 12 * sd]
    want, _ = quad(
        lambda v: norm.pdf(v, mean, sd) * stairs.gain(np.array([[rate, v]])),
        mean - 12 * sd, min(mean + 12 * sd, 8.0) if mean - 12 * sd < 8.0 else mean + 12 * sd,
        points=cuts or None, epsabs=1e-13, epsrel=1e-12, limit=400,
    )  # fmt: skip
    assert found == pytest.approx(want, abs=1e-9)


def test_a_set_counts_each_point_up_to_the_next() -> None:
    """With nearly certain values the expectation is the union's gain."""
    stairs = staircase(np.array([[2.0, 6.0], [5.0, 3.0]]), REFERENCE)
    rates, values = np.array([1.0, 3.0, 8.0]), np.array([7.0, 4.0, 1.0])
    widths = stairs.widths(rates, np.append(rates[1:], np.inf))
    sd = np.full(3, 1e-7)
    log_value, _, _ = log_expected_gain(values, sd, stairs.levels, widths, np.zeros(3, int), 1)
    want = stairs.gain(np.column_stack([rates, values]))
    assert np.exp(log_value[0]) == pytest.approx(want, rel=1e-6)


def test_log_h_in_the_tails() -> None:
    """Against 60 digits where float64 alone would lose everything."""
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 60
    for z in (-300.0, -60.0, -49.9, -20.0, -3.0, -1.0001, -0.9999, 0.0, 2.0, 30.0):
        x = mpmath.mpf(z)
        h = mpmath.npdf(x) + x * mpmath.ncdf(x)
        value, by_cdf, by_pdf = log_h(np.array([z]))
        assert value[0] == pytest.approx(float(mpmath.log(h)), rel=1e-10)
        assert by_cdf[0] == pytest.approx(float(mpmath.ncdf(x) / h), rel=1e-6)
        assert by_pdf[0] == pytest.approx(float(mpmath.npdf(x) / h), rel=1e-6, abs=1e-300)


def test_slopes_are_those_of_differences() -> None:
    rng = np.random.default_rng(0)
    stairs = staircase(np.array([[2.0, 6.0], [5.0, 3.0]]), REFERENCE)
    rates = np.array([1.0, 4.0, 2.5])
    owner = np.array([0, 0, 1])
    widths = stairs.widths(rates, np.array([4.0, np.inf, np.inf]))
    mean, sd = rng.normal(4, 2, 3), rng.uniform(0.2, 2, 3)

    def value(m: np.ndarray, s: np.ndarray) -> np.ndarray:
        return log_expected_gain(m, s, stairs.levels, widths, owner, 2)[0]

    _, by_mean, by_sd = log_expected_gain(mean, sd, stairs.levels, widths, owner, 2)
    for i in range(3):
        step = np.eye(3)[i] * 1e-6
        at = owner[i]
        slope = (value(mean + step, sd) - value(mean - step, sd))[at] / 2e-6
        assert by_mean[i] == pytest.approx(slope, rel=1e-5)
        slope = (value(mean, sd + step) - value(mean, sd - step))[at] / 2e-6
        assert by_sd[i] == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_no_width_is_minus_infinity() -> None:
    stairs: Staircase = staircase(np.array([[2.0, 6.0]]), REFERENCE)
    widths = stairs.widths(np.array([12.0]), np.array([np.inf]))
    value, by_mean, by_sd = log_expected_gain(
        np.array([1.0]), np.array([1.0]), stairs.levels, widths, np.zeros(1, int), 1
    )
    assert value[0] == -np.inf and by_mean[0] == 0.0 and by_sd[0] == 0.0


def test_the_lower_hull_drops_what_is_dominated() -> None:
    rates, values = lower_hull(np.array([[3, 1], [1, 5], [2, 5], [2, 4], [3, 0.5], [9, 0.5]]))
    assert rates.tolist() == [1, 2, 3] and values.tolist() == [5, 4, 0.5]
