"""Two codecs at equal bits, recording by recording: differences, exact intervals, exact tests.

The unit is the recording: frames of one are not independent, nor are blocks of one that a split in
time puts into validation and test. Values of several seeds are averaged within a recording first. A
second test asks whether other trainings of the same two cells could differ as much: the trainings
are the units there. A difference counts only where both say so, since either alone could be luck
(of the recordings drawn, or of the seeds drawn).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from analysis.statistics import mean_and_error

SIGNIFICANT = 0.05
EXACT = 14
"""Recordings up to which every one of the 2^n sign flips is tried."""

FLIPS = 20_000
"""Sign patterns, or groupings of trainings, that are drawn where not all are tried."""
GROUPINGS = 5_000
"""Groupings of trainings up to which all are tried."""
SEED = 20_260
"""Of what is drawn: a page made twice is the same."""


@dataclass(frozen=True)
class Summary:
    """A metric of one codec at one rate.

    Attributes:
        mean: over recordings of means over seeds.
        se_recordings: standard error over recordings; not a number with one.
        se_seeds: standard error over seeds; not a number with one.
        recordings, seeds: how many.
    """

    mean: float
    se_recordings: float
    se_seeds: float
    recordings: int
    seeds: int

    @property
    def low(self) -> float:
        """Mean less the larger of both errors that are known."""
        return self.mean - self._error

    @property
    def high(self) -> float:
        """Mean and the larger of both errors that are known."""
        return self.mean + self._error

    @property
    def _error(self) -> float:
        known = [e for e in (self.se_recordings, self.se_seeds) if math.isfinite(e)]
        return max(known, default=0.0)


@dataclass(frozen=True)
class Difference:
    """Second codec less the first, paired by recording.

    Attributes:
        mean: of the differences.
        low, high: exact 95 % interval over recordings; infinite with fewer than six.
        p_recordings: two-sided, of the sign-flip test over recordings.
        p_seeds: two-sided, of regrouping trainings; not a number with one training of either.
        recordings: pairs.
        seeds: trainings of the codec that has fewer.
        least_recordings, least_seeds: the smallest p that so few can give.
        relative: the mean in shares of the first codec's mean.
        standardised: the mean over the standard deviation of differences (Cohen's d of pairs).
    """

    mean: float
    low: float
    high: float
    p_recordings: float
    p_seeds: float
    recordings: int
    seeds: int
    least_recordings: float
    least_seeds: float
    relative: float
    standardised: float

    @property
    def p(self) -> float:
        """The larger of both; not a number where one cannot be had."""
        return float(np.maximum(self.p_recordings, self.p_seeds))

    @property
    def least(self) -> float:
        """The smallest `p` that so few recordings and seeds can give."""
        return max(self.least_recordings, self.least_seeds)

    @property
    def clear(self) -> bool:
        """Whether it is no luck of recordings nor of seeds, at 5 %."""
        return self.p < SIGNIFICANT


def summary(values: pd.DataFrame) -> Summary:
    """Summary of a table (recordings x seeds); cells that are not finite are left out."""
    table = values.to_numpy(float)
    finite = np.where(np.isfinite(table), table, np.nan)
    recordings = mean_and_error(_means(finite, axis=1))
    seeds = mean_and_error(_means(finite, axis=0))
    return Summary(recordings.value, recordings.error, seeds.error, recordings.n, seeds.n)


def difference(first: pd.DataFrame, second: pd.DataFrame) -> Difference:
    """Second less first, over the recordings that both have; tables (recordings x seeds)."""
    return contrast([first], [second])


def contrast(
    firsts: Sequence[pd.DataFrame], seconds: Sequence[pd.DataFrame], less: float = 0.0
) -> Difference:
    """Second less first, and less a constant, averaged over pairs of tables (recordings x seeds).

    Only recordings that every table has a finite value of are counted.
    """
    tables = [_finite(t) for t in (*firsts, *seconds)]
    shared = sorted(set.intersection(*(set(t.index) for t in tables))) if tables else []
    if not shared:
        nothing = math.nan
        return Difference(nothing, nothing, nothing, nothing, nothing, 0, 0, 1.0, 1.0, nothing,
                          nothing)  # fmt: skip
    first = _averaged(tables[: len(firsts)], shared)
    second = _averaged(tables[len(firsts) :], shared)
    values = second.mean(axis=1) - first.mean(axis=1) - less
    low, high = interval(values)
    a, b = first.mean(axis=0), second.mean(axis=0) - less
    base = float(first.mean())
    spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    return Difference(
        mean=float(values.mean()),
        low=low,
        high=high,
        p_recordings=sign_flip_p(values),
        p_seeds=regrouping_p(a, b),
        recordings=len(values),
        seeds=min(len(a), len(b)),
        least_recordings=2.0 ** (1 - len(values)),
        least_seeds=_least_regrouping(len(a), len(b)),
        relative=float(values.mean()) / base if base else math.nan,
        standardised=float(values.mean()) / spread if spread else math.nan,
    )


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of a centre: all centres that the sign-flip test does not reject.

    Its ends are order statistics of the means of all subsets (Hartigan, 1969: typical values), so
    it holds exactly what it says wherever the sign flips do, and a p below 5 % never stands beside
    an interval that holds zero. With fewer than six values nothing bounds it.
    """
    subsets = _subsets(len(values))
    subsets = subsets[subsets.any(axis=1)]
    means = np.sort(subsets @ values / subsets.sum(axis=1))
    out = int(SIGNIFICANT / 2 * (len(means) + 1))
    return (-math.inf, math.inf) if out < 1 else (float(means[out - 1]), float(means[-out]))


def sign_flip_p(values: np.ndarray) -> float:
    """Two-sided p of a mean difference: by chance alone each may have either sign.

    Exact up to `EXACT` differences, else from `FLIPS` drawn sign patterns (and the one observed).
    """
    observed = abs(values.sum()) - 1e-12 * np.abs(values).sum()
    flipped = np.abs((1 - 2 * _subsets(len(values))) @ values) >= observed
    if len(values) <= EXACT:
        return float(flipped.mean())
    return float((1 + flipped.sum()) / (1 + len(flipped)))


def regrouping_p(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p of a difference of means where any training could have been of either group.

    Exact up to `GROUPINGS` groupings, else from `FLIPS` drawn ones (and the one observed); not a
    number with a single training on either side, which tells nothing of others.
    """
    n, m = len(first), len(second)
    if min(n, m) < 2:
        return math.nan
    both = np.concatenate([first, second])
    observed = abs(float(second.mean() - first.mean())) - 1e-12 * float(np.abs(both).sum())
    exact = math.comb(n + m, n) <= GROUPINGS
    groups = _groups(n, m) if exact else _drawn_groups(n, m)
    sums = both[groups].sum(axis=1)
    gaps = np.abs((both.sum() - sums) / m - sums / n) >= observed
    return float(gaps.mean()) if exact else float((1 + gaps.sum()) / (1 + len(gaps)))


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down correction: the same order, each at least as large; NaN counts as 1."""
    given = np.where(np.isnan(np.asarray(ps, float)), 1.0, np.asarray(ps, float))
    corrected = np.empty(len(given))
    most = 0.0
    for rank, i in enumerate(np.argsort(given)):
        most = max(most, min(1.0, (len(given) - rank) * given[i]))
        corrected[i] = most
    return [float(p) for p in corrected]


@lru_cache(maxsize=8)
def _subsets(n: int) -> np.ndarray:
    """(subsets, n) zeros and ones: all of them up to `EXACT`, else drawn."""
    if n <= EXACT:
        return np.array(list(itertools.product((0, 1), repeat=n)), float).reshape(-1, n)
    return np.random.default_rng(SEED).integers(0, 2, size=(FLIPS, n)).astype(float)


def _groups(n: int, m: int) -> np.ndarray:
    return np.array(list(itertools.combinations(range(n + m), n)))


def _drawn_groups(n: int, m: int) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    return np.argsort(rng.random((FLIPS, n + m)), axis=1)[:, :n]


def _least_regrouping(n: int, m: int) -> float:
    if min(n, m) < 2:
        return 1.0
    return max((2.0 if n == m else 1.0) / math.comb(n + m, n), 1 / (1 + FLIPS))


def _finite(table: pd.DataFrame) -> pd.DataFrame:
    return table.replace([np.inf, -np.inf], np.nan).dropna(how="all", axis=1).dropna(how="any")


def _averaged(tables: Sequence[pd.DataFrame], recordings: list[str]) -> np.ndarray:
    """(recordings, seeds): the mean over tables, seeds in their order, as many as all have."""
    seeds = min(t.shape[1] for t in tables)
    return np.mean([t.loc[recordings].to_numpy(float)[:, :seeds] for t in tables], axis=0)


def _means(table: np.ndarray, axis: int) -> np.ndarray:
    counted = np.isfinite(table).sum(axis=axis)
    sums = np.nansum(table, axis=axis)
    return np.asarray(sums[counted > 0] / counted[counted > 0])
