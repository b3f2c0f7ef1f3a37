"""Two codecs at equal bits, recording by recording: differences, intervals, and an exact test.

The unit is the recording: frames of one are not independent. Values of several seeds are averaged
within a recording first; how far seeds differ is told apart from how far recordings do.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.statistics import mean_and_error

EXACT = 14
"""Recordings up to which every one of the 2^n sign flips is tried."""

FLIPS = 20_000
RESAMPLES = 4_000
SEED = 20_260
"""Of sign flips and resamples beyond those that are all tried: a page made twice is the same."""


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
        low, high: 95 % interval from resampled recordings.
        p: two-sided, of a sign-flip test; 1 where nothing differs.
        recordings: pairs.
        least_p: the smallest p that so few recordings can give.
    """

    mean: float
    low: float
    high: float
    p: float
    recordings: int
    least_p: float


def summary(values: pd.DataFrame) -> Summary:
    """Summary of a table (recordings x seeds); cells that are not finite are left out."""
    table = values.to_numpy(float)
    finite = np.where(np.isfinite(table), table, np.nan)
    recordings = mean_and_error(_means(finite, axis=1))
    seeds = mean_and_error(_means(finite, axis=0))
    return Summary(recordings.value, recordings.error, seeds.error, recordings.n, seeds.n)


def difference(first: pd.DataFrame, second: pd.DataFrame) -> Difference:
    """Second less first, over the recordings that both have; tables (recordings x seeds)."""
    pairs = pd.concat([first.mean(axis=1), second.mean(axis=1)], axis=1, join="inner").dropna()
    values = (pairs.iloc[:, 1] - pairs.iloc[:, 0]).to_numpy(float)
    if not len(values):
        return Difference(math.nan, math.nan, math.nan, math.nan, 0, 1.0)
    low, high = interval(values)
    return Difference(
        float(values.mean()), low, high, sign_flip_p(values), len(values), 2.0 ** (1 - len(values))
    )


def ratio(firsts: Sequence[pd.DataFrame], seconds: Sequence[pd.DataFrame]) -> tuple[float, ...]:
    """First over second, means over recordings, averaged over pairs of tables: value, low, high.

    Recordings are resampled together over all pairs, since they are the same.
    """
    columns = [
        pd.concat([a.mean(axis=1), b.mean(axis=1)], axis=1, join="inner")
        for a, b in zip(firsts, seconds, strict=True)
    ]
    together = pd.concat(columns, axis=1, join="inner").dropna().to_numpy(float)
    if not len(together):
        return (math.nan, math.nan, math.nan)

    rng = np.random.default_rng(SEED)
    drawn = rng.integers(len(together), size=(RESAMPLES, len(together)))
    means = np.concatenate([together.mean(axis=0)[None], together[drawn].mean(axis=1)])
    ratios = (means[:, 0::2] / means[:, 1::2]).mean(axis=1)
    low, high = np.quantile(ratios[1:], (0.025, 0.975))
    return float(ratios[0]), float(low), float(high)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a mean."""
    rng = np.random.default_rng(SEED)
    drawn = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def sign_flip_p(values: np.ndarray) -> float:
    """Two-sided p of a mean difference: by chance alone each may have either sign.

    Exact up to `EXACT` differences, else from `FLIPS` drawn sign patterns (and the one observed).
    """
    observed = abs(values.sum()) - 1e-12 * np.abs(values).sum()
    if len(values) <= EXACT:
        signs = np.array(list(itertools.product((-1, 1), repeat=len(values))))
        return float((np.abs(signs @ values) >= observed).mean())
    rng = np.random.default_rng(SEED)
    signs = rng.choice((-1, 1), size=(FLIPS, len(values)))
    return float((1 + (np.abs(signs @ values) >= observed).sum()) / (1 + FLIPS))


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down correction: the same order, each at least as large."""
    order = np.argsort(ps)
    corrected = np.empty(len(ps))
    most = 0.0
    for rank, i in enumerate(order):
        most = max(most, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = most
    return [float(p) for p in corrected]


def _means(table: np.ndarray, axis: int) -> np.ndarray:
    counted = np.isfinite(table).sum(axis=axis)
    sums = np.nansum(table, axis=axis)
    return np.asarray(sums[counted > 0] / counted[counted > 0])
