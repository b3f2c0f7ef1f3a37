"""Paired differences: against scipy, by hand, and where nothing can be said."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import permutation_test

from analysis.study.paired import (
    EXACT,
    difference,
    holm,
    interval,
    ratio,
    sign_flip_p,
    summary,
)


@pytest.mark.parametrize("n", [2, 5, 9, EXACT])
def test_the_exact_test_is_scipys(n: int) -> None:
    rng = np.random.default_rng(n)
    values = rng.normal(0.4, 1, n)
    theirs = permutation_test(
        (values, np.zeros(n)), lambda a, b: np.mean(a - b), permutation_type="samples",
        n_resamples=np.inf, alternative="two-sided",
    )  # fmt: skip
    assert sign_flip_p(values) == pytest.approx(theirs.pvalue, abs=1e-12)


def test_many_recordings_are_drawn_and_near_the_t_test() -> None:
    from scipy.stats import ttest_1samp

    values = np.random.default_rng(0).normal(0.35, 1, 40)
    drawn = sign_flip_p(values)
    assert drawn == sign_flip_p(values), "the same each time"
    assert drawn == pytest.approx(float(ttest_1samp(values, 0).pvalue), abs=0.01)


def test_nothing_differs() -> None:
    assert sign_flip_p(np.zeros(5)) == 1.0
    table = pd.DataFrame({0: [1.0, 2.0]}, index=["a", "b"])
    found = difference(table, table)
    assert found.mean == found.low == found.high == 0.0 and found.p == 1.0


def test_a_difference_is_paired_by_recording_and_averaged_over_seeds() -> None:
    first = pd.DataFrame({0: [10.0, 1.0, 5.0], 1: [12.0, 3.0, 5.0]}, index=["a", "b", "gone"])
    second = pd.DataFrame({0: [1.5, 10.5], 1: [1.5, 10.5]}, index=["b", "a"])
    found = difference(first, second)
    assert found.recordings == 2 and found.mean == pytest.approx(-0.5)
    assert found.least_p == 0.5 and found.p == 0.5
    assert (found.low, found.high) == (pytest.approx(-0.5), pytest.approx(-0.5))
    empty = difference(first, second.iloc[:0])
    assert empty.recordings == 0 and math.isnan(empty.mean)


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(200):
        low, high = interval(rng.normal(1.0, 1.0, 30))
        inside += low <= 1.0 <= high
    assert 0.88 <= inside / 200 <= 0.99


def test_errors_over_recordings_and_over_seeds_are_kept_apart() -> None:
    # recordings differ by 2, seeds by nothing; then the other way round
    table = pd.DataFrame({0: [1.0, 3.0], 1: [1.0, 3.0], 2: [1.0, 3.0]})
    found = summary(table)
    assert (found.mean, found.se_recordings, found.se_seeds) == (2.0, pytest.approx(1.0), 0.0)
    turned = summary(table.T)
    assert (turned.se_recordings, turned.se_seeds) == (0.0, pytest.approx(1.0))
    assert (found.low, found.high) == (1.0, 3.0)
    alone = summary(table.iloc[:1, :1])
    assert math.isnan(alone.se_recordings) and alone.low == alone.high == 1.0
    holes = summary(pd.DataFrame({0: [1.0, np.nan], 1: [2.0, np.nan]}))
    assert holes.recordings == 1 and holes.mean == 1.5


def test_a_ratio_is_averaged_over_rates_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(5)
    first = [pd.DataFrame({0: rng.uniform(3, 5, 12)}) for _ in range(4)]
    second = [table / factor for table, factor in zip(first, (1, 2, 3, 2), strict=True)]
    value, low, high = ratio(first, second)
    assert value == pytest.approx(2.0) and low == pytest.approx(2.0) == high
    noisy = [table * rng.uniform(0.8, 1.2, (12, 1)) for table in second]
    value, low, high = ratio(first, noisy)
    assert low < value < high


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
