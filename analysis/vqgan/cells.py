"""Codecs of heatmaps set side by side: cells of a sweep, and effects with two intervals each.

Scores are of held-out windows, averaged within recordings first: windows of one recording are not
independent. Of a sweep that runs a list (grid, cells) nothing was chosen on validation, so both
held-out splits count; else test alone. An effect is paired by recording and by seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis.eggesture.usage import Estimate, estimate
from analysis.log import Log
from analysis.points import clips_frame, points_frame
from analysis.study.paired import difference
from search_spaces.families import known_keys
from search_spaces.heatmap_metrics import IOU

LISTED = ("grid", "cells")
DIMENSIONS = {"2d_2d": "2d", "c2d_2d": "2d", "m2d_m2d": "2d", "m2d_3d": "3d", "3d_3d": "3d"}
FLOORS = {
    "all_zero": "black", "repeat_frame": "first frame held", "noise_ceiling": "noise ceiling",
    "second_draw": "drawn again",
}  # fmt: skip


@dataclass(frozen=True)
class Effect:
    """Second cell less the first.

    Attributes:
        mean: over recordings, of means over seeds.
        low, high: 95 % over recordings, exact (infinite with fewer than six).
        seeds: mean over seeds that both have, and its interval by Student's t.
        recordings: that both have.
    """

    mean: float
    low: float
    high: float
    seeds: Estimate
    recordings: int

    @property
    def sign(self) -> int:
        """+1 or -1 where both intervals lie on one side of 0, else 0."""
        over = (self.low > 0) - (self.high < 0)
        return over if over == self.seeds.sign else 0

    @property
    def words(self) -> str:
        """The number with its intervals."""
        said = f"{self.mean:+.3g}"
        if math.isfinite(self.low):
            said += f" [{self.low:+.3g}, {self.high:+.3g}] over {self.recordings} recordings"
        else:
            said += f" (no interval: {self.recordings} recordings)"
        if self.seeds.seeds > 1:
            return said + (
                f", [{self.seeds.low:+.3g}, {self.seeds.high:+.3g}] over {self.seeds.seeds} seeds"
            )
        return said + ", one seed"


@dataclass(frozen=True, eq=False)
class Cell:
    """One configuration.

    Attributes:
        config: its columns.
        points: seed -> point.
        row: means of the points' columns over seeds.
    """

    config: Mapping[str, Any]
    points: Mapping[int, str]
    row: Mapping[str, float]

    @property
    def codec(self) -> str:
        """`vqgan` or `dvae`."""
        return str(self.config["codec"])

    @property
    def dimension(self) -> str:
        """`2d` or `3d`, as the published tables say it."""
        return DIMENSIONS[str(self.config["pair"])]

    @property
    def factor(self) -> int:
        """F."""
        return int(self.config["compression"])

    @property
    def codes(self) -> int:
        """K."""
        return int(self.config["codebook_size"])

    @property
    def seeds(self) -> int:
        """How many."""
        return len(self.points)


def read_sweep(log: Log) -> HeatmapSweep:
    """The cells of a sweep, from its log and what its trials left."""
    points = points_frame(log)
    search = (log.sweep.get("spec") or {}).get("search") or {}
    splits = ("val", "test") if search.get("sampler") in LISTED else ("test",)
    return HeatmapSweep(points, clips_frame(log) if len(points) else pd.DataFrame(), splits)


class HeatmapSweep:
    """What a sweep says of codecs of heatmaps."""

    def __init__(self, points: pd.DataFrame, clips: pd.DataFrame, splits: Sequence[str]) -> None:
        """Takes rows as in `points.csv` and `clips.parquet`.

        Args:
            points: of codecs of heatmaps.
            clips: rows per window, `recording` being `<recording>@<start>`.
            splits: those that count.
        """
        self.splits = tuple(splits)
        if len(clips):
            clips = clips[clips["split"].isin(self.splits)]
            whose = clips["recording"].astype(str).str.rpartition("@")[0]
            clips = clips.assign(recording=whose)
        self._clips = clips
        self.cells = self._cells(points)

    def _cells(self, points: pd.DataFrame) -> tuple[Cell, ...]:
        found = []
        names = [c for c in points.columns if c in known_keys() or c == "codec"]
        for _, rows in points.groupby("config_hash", sort=False) if len(points) else ():
            numbers = rows.select_dtypes("number").mean()
            found.append(
                Cell(
                    {n: rows.iloc[0][n] for n in names},
                    dict(zip(rows["seed"].astype(int), rows["point"].astype(str), strict=True)),
                    {str(k): float(v) for k, v in numbers.items()},
                )
            )
        order = {"vqgan": 0, "dvae": 1}
        return tuple(
            sorted(found, key=lambda c: (c.dimension, c.factor, order.get(c.codec, 2), -c.codes))
        )

    def of(self, codec: str, dimension: str, factor: int, codes: int | None = None) -> list[Cell]:
        """Cells by what the papers vary, largest codebook first."""
        return [
            c for c in self.cells
            if (c.codec, c.dimension, c.factor) == (codec, dimension, factor)
            and codes in (None, c.codes)
        ]  # fmt: skip

    def table(self, cell: Cell, metric: str) -> pd.DataFrame:
        """A score, (recordings x seeds), means over a recording's windows."""
        return self._tables(metric).reindex(columns=list(cell.points.values())).dropna(how="all")

    def _tables(self, metric: str) -> pd.DataFrame:
        if metric not in self._cache:
            own = self._clips[self._clips["metric"].astype(str) == metric]
            own = own.assign(point=own["point"].astype(str))
            self._cache[metric] = own.pivot_table(
                index="recording", columns="point", values="value", aggfunc="mean"
            )
        return self._cache[metric]

    @cached_property
    def _cache(self) -> dict[str, pd.DataFrame]:
        return {}

    def effect(self, first: Cell, second: Cell, metric: str, other: str = "") -> Effect:
        """Second less first in a score; the second's may be another, of one and the same cell."""
        one, two = self.table(first, metric), self.table(second, other or metric)
        over = difference(_by_seed(one, first), _by_seed(two, second))
        shared = sorted(set(first.points) & set(second.points))
        gaps = [
            float(two[second.points[s]].mean() - one[first.points[s]].mean())
            for s in shared
            if first.points[s] in one and second.points[s] in two
        ]
        seeds = estimate(np.array(gaps, float))
        return Effect(over.mean, over.low, over.high, seeds, over.recordings)

    def score(self, cell: Cell, metric: str) -> float:
        """Mean over recordings and seeds."""
        table = self.table(cell, metric)
        return float(table.mean(axis=1).mean()) if len(table) else math.nan

    def floor(self, cell: Cell, name: str, metric: str) -> float:
        """What needs no codec scores, mean over the splits that count."""
        values = [cell.row.get(f"{s}_floor_{name}_{metric}", math.nan) for s in self.splits]
        known = [v for v in values if math.isfinite(v)]
        return sum(known) / len(known) if known else math.nan

    def learnt(self, cell: Cell) -> bool:
        """Whether a codec beats its first frame held, in foreground IoU."""
        iou = IOU.objective()
        return self.score(cell, iou) > self.floor(cell, "repeat_frame", iou)

    @property
    def recordings(self) -> int:
        """Held out, of all cells."""
        return int(self._clips["recording"].nunique()) if len(self._clips) else 0


def _by_seed(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    return table.rename(columns={point: seed for seed, point in cell.points.items()})
