"""Bjøntegaard deltas: known answers, reasons for none, and two implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

from analysis.bd_rate import METHODS, bd
from analysis.bd_resampled import resampled_deltas, strict_front
from analysis.bootstrap import front_of
from search_spaces.errors import BadInput

RATES = np.array([100.0, 200.0, 400.0, 800.0, 1600.0])


def curve(rates: np.ndarray = RATES, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """Distortion 8 - 2 log10(rate), a straight line over log rate, moved."""
    return np.column_stack([rates * scale, 8 - 2 * np.log10(rates) + shift])


@pytest.mark.parametrize("method", METHODS)
def test_equal_curves_differ_by_nothing(method: str) -> None:
    found = bd(curve(), curve(), method)  # type: ignore[arg-type]
    assert found.rate.value == pytest.approx(0) and found.distortion.value == pytest.approx(0)
    assert found.rate.overlap == 1 and not found.rate.note


@pytest.mark.parametrize("method", METHODS)
def test_a_tenth_fewer_bits_at_equal_distortion(method: str) -> None:
    found = bd(curve(), curve(scale=0.9), method)  # type: ignore[arg-type]
    assert found.rate.value == pytest.approx(-10)
    # 10 % fewer bits move the line by 2 log10(0.9).
    assert found.distortion.value == pytest.approx(2 * math.log10(0.9))


def test_more_distortion_at_equal_rate_is_positive() -> None:
    found = bd(curve(), curve(shift=0.5))
    assert found.distortion.value == pytest.approx(0.5)
    assert found.rate.value == pytest.approx(100 * (10**0.25 - 1))


def test_swapping_the_curves_inverts_the_deltas() -> None:
    one = curve() + np.array([0, 0.1]) * np.arange(5)[:, None] ** 0.5
    two = curve(RATES * 1.3, shift=0.4)
    there, back = bd(one, two), bd(two, one)
    assert back.distortion.value == pytest.approx(-there.distortion.value)
    assert (1 + back.rate.value / 100) * (1 + there.rate.value / 100) == pytest.approx(1)


@pytest.mark.parametrize("method", METHODS)
def test_the_second_library_gives_the_same(method: str) -> None:
    rng = np.random.default_rng(1)
    one = np.column_stack([RATES, np.sort(rng.uniform(1, 9, 5))[::-1]])
    two = np.column_stack([RATES * 1.4, np.sort(rng.uniform(1, 9, 5))[::-1]])
    made = {"pchip": PchipInterpolator, "akima": Akima1DInterpolator}[method]
    low, high = max(one[:, 1].min(), two[:, 1].min()), min(one[:, 1].max(), two[:, 1].max())
    x = np.linspace(low, high, 200_001)
    logs = [made(c[::-1, 1], np.log10(c[::-1, 0]))(x) for c in (one, two)]
    mean = np.trapezoid(logs[1] - logs[0], x) / (high - low)
    found = bd(one, two, method)  # type: ignore[arg-type]
    assert found.rate.value == pytest.approx(100 * (10**mean - 1), abs=1e-4)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (curve()[:3], "3 points, fewer than 4"),
        (np.vstack([curve()[:3], curve()[:3]]), "3 points"),
        (np.vstack([curve()[:3], [[np.nan, 1.0]], [[0.0, 9.0]]]), "3 points"),
        (np.vstack([curve(), [[300.0, 9.0]]]), "not monotone"),
        (np.vstack([curve(), [[400.0, 9.0]]]), "not monotone"),
    ],
)
def test_what_is_no_curve_has_no_delta_but_a_reason(points: np.ndarray, words: str) -> None:
    for found in (bd(curve(), points), bd(points, curve())):
        assert not found.rate.defined and words in found.rate.reason
        assert not found.distortion.defined and found.distortion.note == found.distortion.reason


def test_without_overlap_there_is_no_delta() -> None:
    far = bd(curve(), curve(shift=50))
    assert not far.rate.defined and "no distortion in common" in far.rate.reason
    assert far.distortion.value == pytest.approx(50)
    apart = bd(curve(), np.column_stack([RATES * 1000, curve()[:, 1]]))
    assert "no rate in common" in apart.distortion.reason and apart.rate.defined


def test_a_small_overlap_is_said() -> None:
    assert "% of their extent" in bd(curve(), curve(RATES * 8)).distortion.note


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(BadInput, match="cubic"):
        bd(curve(), curve(), "cubic")  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_resampled_deltas_are_the_library_s(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 14, 2)
    rates = tuple(np.sort(rng.choice(np.arange(0, 900, 50.0), n)) for n in counts)
    scores = tuple((900 - r)[:, None] / 100 + rng.normal(0, 1, (len(r), 6)) for r in rates)
    scores[0][rng.random(scores[0].shape) < 0.05] = np.nan
    percents, falls = resampled_deltas((rates[0], rates[1]), (scores[0], scores[1]))
    for i in range(6):
        curves = []
        for r, s in zip(rates, scores, strict=True):
            positive = r > 0
            rows = front_of(r[positive], s[positive, i])
            curves.append(np.column_stack([r[positive][rows], s[positive, i][rows]]))
        found = bd(*curves)
        assert percents[i] == pytest.approx(found.rate.value, rel=1e-9, abs=1e-9, nan_ok=True)
        assert falls[i] == pytest.approx(found.distortion.value, rel=1e-9, abs=1e-9, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_strict_fronts_are_those_of_one_resample_at_a_time(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rates = np.sort(rng.integers(1, 8, 9)).astype(float)
    scores = rng.integers(0, 6, (9, 5)).astype(float)
    scores[rng.random(scores.shape) < 0.2] = np.nan
    mask = strict_front(rates, scores)
    for i in range(5):
        assert np.flatnonzero(mask[:, i]).tolist() == front_of(rates, scores[:, i]).tolist()
