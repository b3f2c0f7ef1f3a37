"""Intervals over recordings: fronts and what is made of them, computed again on resampled motion.

What is resampled is the recording, or the signer with all of its recordings where several are
known; never the frame, since frames of a recording are not independent. Every operating point is
scored on the same draws, so that a difference of two points, codecs or sweeps is paired. A point's
score in a resample is pooled as the score itself is: the mean over the drawn recordings, averaged
over seeds. Rates stay as they are: the nominal one follows from the configuration, and measured
ones are pooled over all bytes and have no value per recording.

Percentile intervals of 95 %. They say how far other motion of the same kind would move a number;
with few recordings they are too narrow, and `Draws.note` says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

RESAMPLES = 1000
LEVEL = 0.95
FEW = 12
"""Resampled units below which an interval is said to be too narrow. Intervals of a hypervolume that
are meant to hold the true value 95 times in 100 do so 72 times with 3 recordings, 85 with 6, 89
with 12 and 93 with 20; those of a paired difference 86 times with 3 and at least 95 from 6 on
(docs/analysis.md)."""

SEED = 20_261
"""Of the draws: a page that is made twice is the same."""

_CHUNK = 4_000_000
"""Values of a block of (points, resamples) that are held at a time."""


@dataclass(frozen=True)
class ClipTable:
    """Values of one metric per point and recording.

    Attributes:
        points: identities of points, in order of rows.
        recordings: in order of columns.
        signers: of each recording, "" where it is not known.
        values: float (points, recordings); not a number where a point lacks a recording. Clips cut
            from one recording are averaged, weighted by their frames.
    """

    points: pd.Index
    recordings: tuple[str, ...]
    signers: tuple[str, ...]
    values: np.ndarray

    def of(self, points: Sequence[str] | pd.Index) -> np.ndarray:
        """Rows of some points, not a number for those without clips: float (points, recordings)."""
        place = self.points.get_indexer(pd.Index(points))
        rows = np.full((len(place), len(self.recordings)), np.nan)
        rows[place >= 0] = self.values[place[place >= 0]]
        return rows


@dataclass(frozen=True)
class Draws:
    """Resampled recordings.

    Attributes:
        weights: float (resamples, recordings), how often each was drawn.
        unit: what was drawn, `recording` or `signer`.
        units: how many there are of it.
        note: what a reader must know, "" where nothing.
    """

    weights: np.ndarray
    unit: str
    units: int
    note: str


@dataclass(frozen=True)
class Interval:
    """A 95 % percentile interval.

    Attributes:
        low, high: its ends; not a number where it could not be computed.
        defined: share of the resamples in which the statistic was defined.
        reason: why there is no interval, where there is none.
    """

    low: float = math.nan
    high: float = math.nan
    defined: float = 1.0
    reason: str = ""

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside it."""
        return self.low > 0 or self.high < 0


def clip_table(clips: pd.DataFrame, metric: str, split: str = "val") -> ClipTable:
    """Values per point and recording of an objective, from rows of `clips.parquet`.

    Args:
        clips: columns `point`, `recording`, `signer`, `split`, `metric`, `value`, `n`.
        metric: an objective (`rmse_full_cm`).
        split: of the recordings.
    """
    if clips.empty:
        return ClipTable(pd.Index([], dtype=object), (), (), np.empty((0, 0)))
    own = clips[(clips["metric"] == metric) & (clips["split"] == split)]
    values, frames = own["value"].to_numpy(float), own["n"].to_numpy(float)
    finite = np.isfinite(values) & (frames > 0)
    own, values, frames = own[finite], values[finite], frames[finite]
    rows, points = pd.factorize(own["point"].astype("str"))
    columns, recordings = pd.factorize(own["recording"].astype("str"), sort=True)
    shape = len(points), len(recordings)
    cells = rows * shape[1] + columns
    size = shape[0] * shape[1]
    weight = np.bincount(cells, weights=frames, minlength=size)
    total = np.bincount(cells, weights=frames * values, minlength=size)
    with np.errstate(invalid="ignore"):
        table = (total / np.where(weight > 0, weight, np.nan)).reshape(shape)
    named = own.drop_duplicates("recording").set_index("recording")["signer"]
    signers = tuple(_text(named.get(r)) for r in recordings)
    return ClipTable(pd.Index(points), tuple(map(str, recordings)), signers, table)


def draw(
    recordings: Sequence[str],
    signers: Sequence[str] | Mapping[str, str],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Draws:
    """Draws recordings with replacement, or signers where at least two are known.

    Args:
        recordings: names, in the order of the columns of the result.
        signers: of each recording, in the same order or by its name; "" where not known.
        rng: where chance comes from.
        resamples: how many draws.
    """
    if isinstance(signers, Mapping):
        signers = [signers.get(r, "") for r in recordings]
    known = set(signers) - {""}
    by_signer = len(known) > 1 and "" not in signers
    names = list(signers) if by_signer else [str(i) for i in range(len(recordings))]
    numbered, units = pd.factorize(pd.Index(names, dtype=object))
    drawn = rng.integers(max(len(units), 1), size=(resamples, len(units)))
    counts = np.zeros((resamples, len(units)))
    np.add.at(counts, (np.arange(resamples)[:, None], drawn), 1.0)
    unit = "signer" if by_signer else "recording"
    return Draws(counts[:, numbered], unit, len(units), _note(unit, len(units)))


def _note(unit: str, count: int) -> str:
    if count < 2:
        return f"{count} {unit} cannot be resampled: no intervals"
    if count < FEW:
        return f"intervals rest on {count} {unit}s and are too narrow to be trusted"
    return ""


def pooled(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over drawn recordings: float (points, resamples).

    Args:
        values: float (points, recordings), not a number where one is missing.
        weights: float (resamples, recordings).

    Returns:
        Not a number where none of a point's recordings was drawn.
    """
    finite = np.isfinite(values)
    sums = np.where(finite, values, 0.0) @ weights.T
    if finite.all():
        return np.asarray(sums / weights.sum(axis=1))
    counts = finite.astype(float) @ weights.T
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / np.where(counts > 0, counts, np.nan))


def seed_groups(points: pd.DataFrame, keys: Sequence[str]) -> np.ndarray:
    """Number of the configuration and depth that each point belongs to: int (points,)."""
    given = [k for k in keys if k in points.columns]
    if not given:
        return np.arange(len(points))
    return points.groupby(given, sort=False, dropna=False).ngroup().to_numpy()


def averaged(values: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Mean of the finite values of each group of rows: float (groups, columns)."""
    if len(np.unique(groups)) == len(groups):
        found = np.full((count, values.shape[1]), np.nan)
        found[groups] = values
        return found
    finite = np.isfinite(values)
    sums, counts = np.zeros((count, values.shape[1])), np.zeros((count, values.shape[1]))
    np.add.at(sums, groups, np.where(finite, values, 0.0))
    np.add.at(counts, groups, finite)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / np.where(counts > 0, counts, np.nan))


def resampled_scores(
    values: np.ndarray, groups: np.ndarray, count: int, weights: np.ndarray, rates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scores in every resample of those configurations that are on the front in at least one.

    A configuration that is on no front of any resample can be left out of all that is made of
    fronts without changing a digit; most are.

    Args:
        values: float (points, recordings), signed so that lower is better.
        groups: int (points,), the configuration of each point, below `count`.
        count: of configurations.
        weights: float (resamples, recordings).
        rates: float (count,), of the configurations.

    Returns:
        Their numbers by rising rate, int (kept,), and scores, float (kept, resamples).
    """
    usable = np.isfinite(rates)
    step = max(1, _CHUNK // max(1, len(values)))
    ever = np.zeros(count, dtype=bool)
    for start in range(0, len(weights), step):
        scores = averaged(pooled(values, weights[start : start + step]), groups, count)
        ever |= on_front(rates, np.where(usable[:, None], scores, np.nan)).any(axis=1)
    kept = np.flatnonzero(ever)
    kept = kept[np.argsort(rates[kept], kind="stable")]
    number = np.full(count, -1)
    number[kept] = np.arange(len(kept))
    own = number[groups] >= 0
    return kept, averaged(pooled(values[own], weights), number[groups[own]], len(kept))


def on_front(rates: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """bool (configurations, resamples): not dominated over rate and score."""
    if not len(rates):
        return np.zeros(scores.shape, dtype=bool)
    order = np.argsort(rates, kind="stable")
    bounded = np.where(np.isfinite(scores[order]), scores[order], np.inf)
    ordered = rates[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    least = np.minimum.reduceat(bounded, starts, axis=0)
    before = np.vstack([np.full(scores.shape[1], np.inf), np.minimum.accumulate(least)[:-1]])
    at_rate = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(ordered)]))
    best = np.where(least < before, least, -np.inf)
    mask = np.zeros(scores.shape, dtype=bool)
    mask[order] = (bounded <= best[at_rate]) & np.isfinite(bounded)
    return mask


def hypervolumes(rates: np.ndarray, scores: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Hypervolume of rate and score in every resample: float (resamples,).

    Args:
        rates: float (points,), rising.
        scores: float (points, resamples), lower is better.
        corner: float (2,), the reference point.
    """
    inside = rates < corner[0]
    if not inside.any():
        return np.zeros(scores.shape[1])
    kept, ordered = rates[inside], np.where(np.isnan(scores[inside]), np.inf, scores[inside])
    heights = np.maximum(corner[1] - np.minimum.accumulate(ordered, axis=0), 0.0)
    return np.asarray(np.diff(np.r_[kept, corner[0]]) @ heights)


def front_of(rates: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Places of the front's points by strictly rising rate: int (kept,).

    Args:
        rates: float (points,), rising.
        scores: float (points,), lower is better; what is not finite is passed over.
    """
    finite = np.flatnonzero(np.isfinite(scores))
    finite = finite[np.lexsort((scores[finite], rates[finite]))]
    if not len(finite):
        return finite
    least = np.minimum.accumulate(scores[finite])
    return finite[np.r_[True, least[1:] < least[:-1]]]


def percentile_interval(values: np.ndarray, least: float = 0.95) -> Interval:
    """95 % interval of a statistic over resamples.

    Args:
        values: float (resamples,), not a number where it was not defined.
        least: share of the resamples in which it must be defined; leaving out more would give an
            interval of the lucky ones.
    """
    values = np.asarray(values, dtype=float)
    if not len(values):
        return Interval(defined=0.0, reason="nothing was resampled")
    finite = values[np.isfinite(values)]
    share = len(finite) / len(values)
    if share < least:
        lost = 100 * (1 - share)
        return Interval(defined=share, reason=f"not defined in {lost:.0f} % of the resamples")
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(finite, (tail, 1 - tail))
    return Interval(float(low), float(high), share)


def _text(value: object) -> str:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)
