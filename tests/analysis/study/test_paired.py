"""Paired differences: against scipy, by hand, and where nothing can be said."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import permutation_test

from analysis.study.paired import (
    EXACT,
    contrast,
    difference,
    holm,
    interval,
    regrouping_p,
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
    assert found.mean == 0.0 and found.p_recordings == 1.0


def test_a_difference_is_paired_by_recording_and_averaged_over_seeds() -> None:
    first = pd.DataFrame({0: [10.0, 1.0, 5.0], 1: [12.0, 3.0, 5.0]}, index=["a", "b", "gone"])
    second = pd.DataFrame({0: [1.5, 10.5], 1: [1.5, 10.5]}, index=["b", "a"])
    found = difference(first, second)
    assert found.recordings == 2 and found.mean == pytest.approx(-0.5)
    assert found.least_recordings == 0.5 and found.p_recordings == 0.5
    assert (found.low, found.high) == (-math.inf, math.inf), "two recordings bound nothing"
    empty = difference(first, second.iloc[:0])
    assert empty.recordings == 0 and math.isnan(empty.mean)


@pytest.mark.parametrize("n", [8, 30])
def test_the_interval_covers_as_often_as_it_says(n: int) -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(200):
        low, high = interval(rng.normal(1.0, 1.0, n))
        inside += low <= 1.0 <= high
    assert 0.92 <= inside / 200 <= 0.99


def test_the_interval_holds_what_the_test_does_not_reject() -> None:
    rng = np.random.default_rng(11)
    for _ in range(20):
        values = rng.normal(0.5, 1, 9)
        low, high = interval(values)
        for centre in (low - 1e-6, high + 1e-6):
            assert sign_flip_p(values - centre) <= 0.05
        for centre in (low + 1e-6, high - 1e-6):
            assert sign_flip_p(values - centre) > 0.05
    six = rng.normal(0, 1, 6)
    assert interval(six) == (pytest.approx(six.min()), pytest.approx(six.max())), "2 of 64"
    assert interval(six[:5]) == (-math.inf, math.inf), "five cannot give p below 0.0625"


@pytest.mark.parametrize(("n", "m"), [(5, 5), (3, 4), (2, 6)])
def test_regrouping_of_trainings_is_scipys(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    first, second = rng.normal(0, 1, n), rng.normal(0.8, 1, m)
    theirs = permutation_test(
        (first, second), lambda a, b: np.mean(b) - np.mean(a), permutation_type="independent",
        n_resamples=np.inf, alternative="two-sided",
    )  # fmt: skip
    gap = abs(second.mean() - first.mean())
    both = np.concatenate([first, second])
    groups = list(itertools.combinations(range(n + m), n))
    as_far = [abs(np.delete(both, g).mean() - both[list(g)].mean()) >= gap - 1e-12 for g in groups]
    assert regrouping_p(first, second) == pytest.approx(np.mean(as_far))
    if n == m:
        assert regrouping_p(first, second) == pytest.approx(theirs.pvalue)


def test_one_training_tells_nothing_of_others() -> None:
    assert math.isnan(regrouping_p(np.array([1.0]), np.array([2.0, 3.0])))
    many = np.random.default_rng(0).normal(0, 1, (2, 12))
    drawn = regrouping_p(many[0], many[1] + 2)
    assert drawn == regrouping_p(many[0], many[1] + 2) < 0.01, "drawn, and the same each time"
    table = pd.DataFrame({0: np.linspace(1, 2, 10)})
    alone = difference(table, table + 1)
    assert alone.p_recordings < 0.01 and math.isnan(alone.p) and not alone.clear


def test_a_lucky_training_is_not_clear() -> None:
    """Every recording agrees, since all were decoded by the same codecs; two seeds do not."""
    rng = np.random.default_rng(2)
    own = rng.normal(10, 2, (10, 1))
    first = pd.DataFrame(own + np.array([[0.0, 1.0, 0.0, 1.0]]))
    second = pd.DataFrame(own + np.array([[0.1, 1.1, 0.1, 1.1]]) + rng.normal(0, 0.01, (10, 4)))
    found = difference(first, second)
    assert found.p_recordings < 0.01 < 0.05 < found.p_seeds and not found.clear
    apart = difference(first, second + 3)
    assert apart.clear and apart.p_seeds == pytest.approx(2 / 70)
    assert apart.least_seeds == pytest.approx(2 / 70)


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


def test_a_contrast_is_averaged_over_pairs_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(5)
    first = [pd.DataFrame({0: rng.uniform(3, 5, 12)}) for _ in range(4)]
    second = [table + gap for table, gap in zip(first, (1, 2, 3, 2), strict=True)]
    found = contrast(first, second)
    assert found.mean == pytest.approx(2.0) == pytest.approx(found.low) == pytest.approx(found.high)
    assert found.relative == pytest.approx(2.0 / np.mean([t[0].mean() for t in first]))
    noisy = [table + rng.uniform(-0.5, 0.5, (12, 1)) for table in second]
    found = contrast(first, noisy)
    assert found.low < found.mean < found.high
    assert contrast(first, noisy, less=found.mean).p_recordings > 0.9
    holes = [second[0].drop(index=0), *second[1:]]
    assert contrast(first, holes).recordings == 11, "a recording counts where every table has it"


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
    assert holm([math.nan, 0.01]) == pytest.approx([1.0, 0.02])
