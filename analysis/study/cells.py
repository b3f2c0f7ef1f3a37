"""Cells of the comparison: codec, codebook size and depth, with what was measured of each.

Trained codecs only at their full depth and after all of their training: a prefix of a deeper codec
is another codec than one that was trained at that depth, and the paper trains each.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from analysis.published import published

CODECS = ("kmeans", "rqvae")
HELD_OUT = ("val", "test")
"""Nothing of the comparison is chosen on validation, so both held-out splits count."""


@dataclass(frozen=True, order=True)
class Cell:
    """One configuration.

    Attributes:
        bits: per frame and stream.
        codec: kmeans or rqvae.
        codebook_size: codes of a level.
        depth: levels.
    """

    bits: float
    codec: str
    codebook_size: int
    depth: int

    @property
    def key(self) -> str:
        """Tells it from every other cell."""
        return f"{self.codec} {self.codebook_size}x{self.depth}"

    @property
    def label(self) -> str:
        """As the paper writes it."""
        if self.codec == "kmeans":
            return f"k={self.codebook_size}"
        return f"D={self.codebook_size}, Q={self.depth}"


@dataclass(frozen=True)
class Absent:
    """A cell without a finished point.

    Attributes:
        cell: which.
        status: refused, failed, stopped, or not finished.
        reason: as the log says it.
    """

    cell: Cell
    status: str
    reason: str


@dataclass(frozen=True, order=True)
class Prefix:
    """The first levels of a deeper codec: as many bits as a cell, trained otherwise.

    Attributes:
        cell: size, and levels that are decoded.
        levels: that were trained.
    """

    cell: Cell
    levels: int

    @property
    def key(self) -> str:
        """Tells it from every other prefix."""
        return f"{self.cell.key} of {self.levels}"


class Comparison:
    """What a sweep says of the cells.

    Attributes:
        cells: those that have a finished point, by rising bits.
        pairs: bits -> the paper's K-Means and RQ-VAE cell, where the sweep has both.
        absent: cells that were tried or asked for and have no finished point, by rising bits.
        other_settings: finished points left out since their cell was first tried otherwise.
    """

    def __init__(
        self,
        points: pd.DataFrame,
        clips: pd.DataFrame,
        trials: pd.DataFrame | None = None,
        wanted: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Takes rows as in `points.csv`, `clips.parquet`, `trials.csv`, and the cells asked for."""
        ours = points[points["codec"].isin(CODECS)]
        if "share" in ours:
            ours = ours[ours["share"] >= 1]
        prefix = ours["is_prefix"].astype(bool)
        whole = ours[~prefix]
        every = [_cell(row, "levels") for row in whole[_KEYS].to_dict("records")]
        first = _first_settings(every, whole)
        whole = whole[first]
        self.other_settings = len(first) - sum(first)
        self._seed = dict(zip(whole["point"], whole["seed"], strict=True))
        of_cell = [cell for cell, kept in zip(every, first, strict=True) if kept]
        self._cell: dict[str, Cell] = dict(zip(whole["point"], of_cell, strict=True))
        held_out = _recordings(clips[clips["split"].isin(HELD_OUT)])
        self._clips = held_out[held_out["point"].isin(set(self._cell))]
        kept = set(whole["config_hash"]) if "config_hash" in whole else set()
        self._prefixes = _Prefixes(ours[prefix], kept, held_out)
        self.points = whole
        self.cells = tuple(sorted(set(of_cell)))
        self.absent = _absent(trials, wanted, self.cells)
        self.pairs = {bits: pair for bits, pair in paper_pairs().items()
                      if set(pair) <= set(self.cells)}  # fmt: skip

    @cached_property
    def recordings(self) -> int:
        """Held-out recordings; one that a split in time puts into both splits counts once."""
        return int(self._clips["recording"].nunique())

    @cached_property
    def signers(self) -> int:
        """People in them, as far as names tell; 0 where they do not."""
        return int(self._clips["signer"].dropna().nunique()) if "signer" in self._clips else 0

    @cached_property
    def seeds(self) -> int:
        """Most seeds that a cell has."""
        counts = pd.Series(list(self._cell.values())).value_counts()
        return int(counts.max()) if len(counts) else 0

    @cached_property
    def unit(self) -> str:
        """Unit of distances: cm unless the motion is not in metres."""
        return self.metric("rmse_full").split("_")[2]

    @cached_property
    def original_jerk(self) -> float:
        """Jerk of the held-out motion itself, m/s³, mean over recordings; NaN where unknown."""
        known = [(f"{s}_jerk_original_mps3", s) for s in HELD_OUT]
        known = [(c, s) for c, s in known if c in self.points and self.points[c].notna().any()]
        weights = [self._clips[self._clips["split"] == s]["recording"].nunique() for _, s in known]
        if not sum(weights):
            return math.nan
        values = [float(self.points[c].dropna().iloc[0]) for c, _ in known]
        return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)

    def metric(self, stem: str) -> str:
        """The name that a metric has here: `rmse_full` is `rmse_full_cm` where motion is metric."""
        known = self._metrics
        longer = (name for name in known if name.startswith(f"{stem}_"))
        return stem if stem in known else next(longer, f"{stem}_cm")

    @cached_property
    def _metrics(self) -> list[str]:
        return sorted(set(self._clips["metric"]))

    def values(self, cell: Cell, metric: str) -> pd.DataFrame:
        """A metric of a cell: recordings x seeds, cells that are missing not a number."""
        return self._tables.get((cell.key, metric), pd.DataFrame())

    @cached_property
    def _tables(self) -> dict[tuple[str, str], pd.DataFrame]:
        """(cell's key, metric) -> recordings x seeds."""
        return _by_cell(self._clips, {p: c.key for p, c in self._cell.items()}, self._seed)

    @property
    def prefixes(self) -> tuple[Prefix, ...]:
        """Cells that deeper codecs hold as their first levels, by size, depth and levels."""
        return self._prefixes.found

    def prefix_values(self, prefix: Prefix, metric: str) -> pd.DataFrame:
        """A metric of the first levels of a deeper codec: recordings x seeds."""
        return self._prefixes.tables.get((prefix.key, metric), pd.DataFrame())

    def at(self, bits: float) -> Sequence[Cell]:
        """All cells of so many bits, the paper's first."""
        own = [c for c in paper_pairs().get(bits, ()) if c in self.cells]
        return [*own, *(c for c in self.cells if c.bits == bits and c not in own)]

    @cached_property
    def rates(self) -> tuple[float, ...]:
        """Bits per frame and stream that some cell has, rising."""
        return tuple(sorted({c.bits for c in (*self.cells, *(a.cell for a in self.absent))}))


_KEYS = ["point", "codec", "codebook_size", "levels"]


def _cell(row: Mapping[Hashable, Any], depth_key: str) -> Cell:
    size, depth = int(row["codebook_size"]), int(row[depth_key])
    return Cell(round(depth * math.log2(size), 9), str(row["codec"]), size, depth)


class _Prefixes:
    """Points that decode the first levels only, of the codecs that are compared."""

    def __init__(self, points: pd.DataFrame, hashes: set[str], clips: pd.DataFrame) -> None:
        if "config_hash" in points:
            points = points[points["config_hash"].isin(hashes)]
        needed = {*_KEYS, "depth", "seed"} <= set(points.columns)
        rows = points.to_dict("records") if needed else []
        self._of = {str(r["point"]): Prefix(_cell(r, "depth"), int(r["levels"])) for r in rows}
        self._seeds = {str(r["point"]): int(r["seed"]) for r in rows}
        self._clips = clips[clips["point"].isin(set(self._of))]
        self.found = tuple(sorted(set(self._of.values())))

    @cached_property
    def tables(self) -> dict[tuple[str, str], pd.DataFrame]:
        """(prefix's key, metric) -> recordings x seeds."""
        return _by_cell(self._clips, {p: x.key for p, x in self._of.items()}, self._seeds)


def _by_cell(
    clips: pd.DataFrame, keys: Mapping[str, str], seeds: Mapping[str, int]
) -> dict[tuple[str, str], pd.DataFrame]:
    """(key of a point, metric) -> recordings x seeds.

    Blocks of one recording in both splits are averaged: they are no two recordings.
    """
    rows = clips.assign(cell=clips["point"].map(keys), seed=clips["point"].map(seeds))
    table = rows.pivot_table(index=["cell", "metric", "recording"], columns="seed", values="value")
    return {
        (str(key[0]), str(key[1])): part.droplevel([0, 1]).dropna(how="all", axis=1)
        for key, part in table.groupby(level=[0, 1])
    }


def _recordings(clips: pd.DataFrame) -> pd.DataFrame:
    """Clips whose blocks of a split in time (`name#val`) carry the name of their recording."""
    names = clips["recording"].str.replace(r"#(val|test)$", "", regex=True)
    return clips.assign(recording=names)


def _first_settings(cells: Sequence[Cell], points: pd.DataFrame) -> list[bool]:
    """Which points have the settings that their cell was tried with first.

    Two settings of one cell are two codecs; a mean over them would be neither.
    """
    hashes = points["config_hash"] if "config_hash" in points else [""] * len(points)
    first: dict[Cell, str] = {}
    return [first.setdefault(c, h) == h for c, h in zip(cells, hashes, strict=True)]


def _absent(
    trials: pd.DataFrame | None, wanted: Sequence[Mapping[str, Any]], finished: Sequence[Cell]
) -> tuple[Absent, ...]:
    ended: list[dict[Any, Any]] = []
    if trials is not None and not trials.empty:
        ended = trials[trials["status"] != "done"].to_dict("records")
    under_way: list[dict[Any, Any]] = [
        {**cell, "status": "not finished", "reason": ""} for cell in wanted
    ]
    found: dict[Cell, Absent] = {}
    for row in [*ended, *under_way]:
        depth = row.get("quantizer_depth", 1)
        row["quantizer_depth"] = 1 if row.get("codec") == "kmeans" or pd.isna(depth) else depth
        if row.get("codec") not in CODECS or pd.isna(row.get("codebook_size")):
            continue
        cell = _cell(row, "quantizer_depth")
        if cell not in finished:
            found.setdefault(cell, Absent(cell, str(row["status"]), str(row["reason"] or "")))
    return tuple(found[cell] for cell in sorted(found))


def paper_pairs() -> dict[float, tuple[Cell, Cell]]:
    """Bits -> the K-Means and the RQ-VAE cell that the paper sets against each other."""
    table = published("klezovich")
    found: dict[float, dict[str, Cell]] = {}
    for row in table.to_dict("records"):
        cell = Cell(
            float(row["bits_per_frame"]), str(row["codec"]), int(row["codebook_size"]),
            int(row["quantizers"]),
        )  # fmt: skip
        found.setdefault(cell.bits, {})[cell.codec] = cell
    return {bits: (by["kmeans"], by["rqvae"]) for bits, by in sorted(found.items())}
