"""One sweep over a rate and a distortion, scored on resampled recordings for intervals.

Takes frames as `points.csv` and `clips.parquet` hold them. Where values per recording are missing,
or do not pool to the scores that the points have, nothing is resampled and `reason` says why: an
interval must belong to the number beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.bd_resampled import resampled_deltas
from analysis.bootstrap import (
    SEED,
    ClipTable,
    Draws,
    Interval,
    averaged,
    clip_table,
    draw,
    front_of,
    hypervolumes,
    on_front,
    percentile_interval,
    pooled,
    resampled_scores,
    seed_groups,
)
from analysis.fronts import objective_values
from analysis.indicators import nondominated
from analysis.labels import objective_label
from analysis.statistics import SAME_POINT, seed_means
from search_spaces.objectives import Objective

PER_RECORDING = "mean over recordings"
"""Pooling of those metrics that have a value per recording."""

_TOLERANCE = 1e-6
LAYERS = 3
"""Non-dominated layers of each codec whose points are resampled, in sweeps of many trials."""


@dataclass(frozen=True)
class Resampled:
    """Configurations over a rate and a distortion, as measured and as resampled.

    Attributes:
        means: one row per configuration and depth, averaged over seeds, numbered from 0.
        values: float (configurations, 2), rate and distortion, signed so that lower is better.
        kept: int (kept,), rows of `means` that are on their codec's front in some resample, by
            rising rate.
        scores: float (kept, resamples), their signed distortions.
        draws: what was drawn; None where nothing could be.
        missing: configurations with a score and without values per recording; none of them is on
            the front of its codec.
        reason: why nothing was resampled, where nothing was.
    """

    means: pd.DataFrame
    values: np.ndarray
    kept: np.ndarray
    scores: np.ndarray
    draws: Draws | None
    missing: int = 0
    reason: str = ""

    @cached_property
    def codec(self) -> np.ndarray:
        """Codec of each configuration, (configurations,)."""
        return self.means["codec"].astype(str).to_numpy(dtype=object)

    @cached_property
    def _fronts(self) -> dict[str | None, np.ndarray]:
        return {}

    def members(self, codec: str | None) -> np.ndarray:
        """bool (configurations,): those of a codec, or all."""
        every = np.ones(len(self.means), dtype=bool)
        return every if codec is None else np.asarray(self.codec == codec)

    def hypervolumes(self, corner: np.ndarray, codec: str | None = None) -> np.ndarray:
        """Hypervolume in every resample, float (resamples,); empty where nothing was resampled."""
        own = self.members(codec)[self.kept]
        return hypervolumes(self.values[self.kept[own], 0], self.scores[own], corner)

    def front(self, codec: str | None = None) -> np.ndarray:
        """Rows of `means` on the front as measured, by rising rate: int (points,)."""
        if codec not in self._fronts:
            rows = np.flatnonzero(self.members(codec))
            rows = rows[nondominated(self.values[rows])]
            self._fronts[codec] = rows[np.lexsort((self.values[rows, 1], self.values[rows, 0]))]
        return self._fronts[codec]

    def stays(self, codec: str | None = None) -> np.ndarray:
        """Share of the resamples in which each configuration is on the front.

        Float (configurations,); not a number where nothing was resampled.
        """
        found = np.full(len(self.means), 0.0 if self.scores.size else np.nan)
        own = np.flatnonzero(self.members(codec)[self.kept])
        if len(own):
            rows = self.kept[own]
            found[rows] = on_front(self.values[rows, 0], self.scores[own]).mean(axis=1)
        return found

    def deltas(self, anchor: str | None, test: str | None) -> tuple[np.ndarray, np.ndarray]:
        """BD-rate and BD-distortion of two codecs' fronts: two float (resamples,)."""
        own = [np.flatnonzero(self.members(c)[self.kept]) for c in (anchor, test)]
        rates = self.values[self.kept, 0]
        return resampled_deltas(
            (rates[own[0]], rates[own[1]]), (self.scores[own[0]], self.scores[own[1]])
        )

    def curve(self, number: int, codec: str | None = None) -> np.ndarray:
        """Front of one resample: float (points, 2), rate and signed distortion."""
        own = np.flatnonzero(self.members(codec)[self.kept])
        rates, scores = self.values[self.kept[own], 0], self.scores[own, number]
        rows = front_of(rates, scores)
        return np.column_stack([rates[rows], scores[rows]])

    def interval(self, values: np.ndarray) -> Interval:
        """Interval of a number per resample, (resamples,); without one where nothing was drawn."""
        if self.reason:
            return Interval(reason=self.reason, defined=0.0)
        return percentile_interval(values)


def candidates(
    points: pd.DataFrame,
    rate: Objective,
    distortions: Sequence[Objective],
    *,
    split: str = "val",
    layers: int = LAYERS,
) -> list[str]:
    """Points that a resampled front may hold: those whose values per recording are worth reading.

    The first non-dominated layers of each codec and distortion, every seed of them. Of ten
    thousand trials these are a few hundred; a point below them would have to pass `layers` others
    in a resample to count.

    Args:
        points: rows as in `points.csv`.
        rate: of the fronts.
        distortions: one front each.
        split: of the measurements.
        layers: how many.
    """
    means = seed_means(points).reset_index(drop=True)
    groups, rows = configurations(points, means)
    chosen = np.zeros(len(means), dtype=bool)
    codecs = means["codec"].astype(str).to_numpy(dtype=object)
    for distortion in distortions:
        values = objective_values(means, [rate, distortion], split)
        for codec in dict.fromkeys(codecs):
            left = np.flatnonzero(codecs == codec)
            for _ in range(layers):
                front = nondominated(values[left])
                chosen[left[front]] = True
                left = left[~front]
    return [str(p) for p in points["point"].iloc[rows[chosen[groups]]]]


def resample(
    points: pd.DataFrame,
    clips: pd.DataFrame,
    rate: Objective,
    distortion: Objective,
    *,
    split: str = "val",
    draws: Draws | None = None,
    recordings: tuple[str, ...] | None = None,
    rng: np.random.Generator | None = None,
) -> Resampled:
    """Scores every configuration on resampled recordings.

    Args:
        points: rows as in `points.csv`, of every seed.
        clips: rows as in `clips.parquet`.
        rate: stays as it is measured.
        distortion: is pooled again.
        split: of both.
        draws: the same for both sides of a paired difference; drawn anew where left out.
        recordings: names of the columns of `draws`.
        rng: chance for new draws.
    """
    means = seed_means(points).reset_index(drop=True)
    values = objective_values(means, [rate, distortion], split)
    table = clip_table(clips, distortion.name, split)
    if draws is None and len(table.recordings):
        rng = np.random.default_rng(SEED) if rng is None else rng
        draws = draw(table.recordings, table.signers, rng)
        recordings = table.recordings
    groups, rows = configurations(points, means)
    rows_of = table.of([str(p) for p in points["point"].iloc[rows]])
    each = distortion.sign * _columns(table, rows_of, recordings or ())
    codecs = means["codec"].astype(str).to_numpy(dtype=object)
    reason, missing = _fault(values, each, groups, codecs, distortion, table, draws)
    if reason or draws is None:
        none = np.empty((0, len(draws.weights) if draws else 0))
        empty = np.empty(0, dtype=int)
        return Resampled(means, values, empty, none, draws, missing, reason)
    kept, scores = [], []
    # Of many trials most have no values here (`candidates`), and nothing to resample.
    has = np.bincount(groups, np.isfinite(each).any(axis=1), minlength=len(means)) > 0
    for codec in dict.fromkeys(codecs):
        own = np.flatnonzero((codecs == codec) & has)
        number = np.full(len(means), -1)
        number[own] = np.arange(len(own))
        mine = number[groups] >= 0
        found, scored = resampled_scores(
            each[mine], number[groups[mine]], len(own), draws.weights, values[own, 0]
        )
        kept.append(own[found])
        scores.append(scored)
    together, scored = np.concatenate(kept), np.concatenate(scores)
    order = np.argsort(values[together, 0], kind="stable")
    return Resampled(means, values, together[order], scored[order], draws, missing)


def configurations(points: pd.DataFrame, means: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Row of `means` of each point that counts, and the rows of `points` that do, as ints."""
    keys = [k for k in SAME_POINT if k in points.columns]
    if len(means) == len(points) or not keys:
        return np.arange(len(points)), np.arange(len(points))
    last = ~points.duplicated([*keys, "seed"], keep="last").to_numpy()
    rows = np.flatnonzero(last)
    # `seed_means` keeps configurations in the order of their first appearance, as these groups are.
    return seed_groups(points.iloc[rows], keys), rows


def _columns(table: ClipTable, values: np.ndarray, recordings: tuple[str, ...]) -> np.ndarray:
    """Values in the order of the draws' recordings: float (points, recordings)."""
    place = pd.Index(table.recordings).get_indexer(pd.Index(recordings))
    found = np.full((len(values), len(recordings)), np.nan)
    found[:, place >= 0] = values[:, place[place >= 0]]
    return found


def _fault(
    values: np.ndarray,
    each: np.ndarray,
    groups: np.ndarray,
    codecs: np.ndarray,
    distortion: Objective,
    table: ClipTable,
    draws: Draws | None,
) -> tuple[str, int]:
    """Why nothing can be resampled ("" where it can), and how many configurations lack values."""
    if distortion.metric.pooling != PER_RECORDING:
        label = objective_label(distortion.name)
        return f"{label} is a {distortion.metric.pooling}: no value per recording", 0
    if draws is None or not len(table.recordings):
        return f"there are no values of {distortion.name} per recording", 0
    if draws.units < 2:
        return f"{draws.note or 'nothing to resample'}", 0
    ones = np.ones((1, each.shape[1]))
    again = averaged(pooled(each, ones), groups, len(values))[:, 0]
    scored = np.isfinite(values).all(axis=1)
    missing = scored & ~np.isfinite(again)
    wrong = scored & ~missing & (np.abs(again - values[:, 1]) > _TOLERANCE * np.abs(again) + 1e-12)
    if wrong.any():
        return (
            f"values per recording do not pool to the score of {int(wrong.sum())} of "
            f"{int(scored.sum())} points",
            int(missing.sum()),
        )
    for codec in set(codecs[missing]):
        own = codecs == codec
        if (missing[own] & nondominated(values[own])).any():
            return "points of the front have no values per recording", int(missing.sum())
    return "", int(missing.sum())
