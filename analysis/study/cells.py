"""Cells of the comparison: codec, codebook size and depth, with what was measured of each.

Trained codecs only at their full depth: a prefix of a deeper codec is another codec than one that
was trained at that depth, and the paper trains each.
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


class Comparison:
    """What a sweep says of the cells.

    Attributes:
        cells: those that have a finished point, by rising bits.
        pairs: bits -> the paper's K-Means and RQ-VAE cell, where the sweep has both.
    """

    def __init__(self, points: pd.DataFrame, clips: pd.DataFrame) -> None:
        """Takes rows as in `points.csv` and `clips.parquet`."""
        whole = points[points["codec"].isin(CODECS) & ~points["is_prefix"].astype(bool)]
        self._seed = dict(zip(whole["point"], whole["seed"], strict=True))
        self._cell = {row["point"]: _cell(row) for row in whole[_KEYS].to_dict("records")}
        held_out = clips[clips["split"].isin(HELD_OUT) & clips["point"].isin(set(self._cell))]
        self._clips = held_out
        self.cells = tuple(sorted(set(self._cell.values())))
        self.pairs = {bits: pair for bits, pair in paper_pairs().items()
                      if set(pair) <= set(self.cells)}  # fmt: skip

    @cached_property
    def recordings(self) -> int:
        """Held-out recordings."""
        return int(self._clips[["split", "recording"]].drop_duplicates().shape[0])

    @cached_property
    def seeds(self) -> int:
        """Most seeds that a cell has."""
        counts = pd.Series(list(self._cell.values())).value_counts()
        return int(counts.max()) if len(counts) else 0

    def values(self, cell: Cell, metric: str) -> pd.DataFrame:
        """A metric of a cell: recordings x seeds, cells that are missing not a number."""
        return self._tables.get((cell.key, metric), pd.DataFrame())

    @cached_property
    def _tables(self) -> dict[tuple[str, str], pd.DataFrame]:
        """(cell's key, metric) -> recordings x seeds."""
        rows = self._clips.assign(
            cell=[self._cell[p].key for p in self._clips["point"]],
            seed=self._clips["point"].map(self._seed),
            name=self._clips["split"] + "/" + self._clips["recording"],
        )
        table = rows.pivot_table(index=["cell", "metric", "name"], columns="seed", values="value")
        return {
            (str(key[0]), str(key[1])): part.droplevel([0, 1]).dropna(how="all", axis=1)
            for key, part in table.groupby(level=[0, 1])
        }

    def at(self, bits: float) -> Sequence[Cell]:
        """All cells of so many bits, the paper's first."""
        pair = self.pairs.get(bits, ())
        others = [c for c in self.cells if c.bits == bits and c not in pair]
        return [*pair, *others]


_KEYS = ["point", "codec", "codebook_size", "levels"]


def _cell(row: Mapping[Hashable, Any]) -> Cell:
    size, depth = int(row["codebook_size"]), int(row["levels"])
    return Cell(round(depth * math.log2(size), 9), str(row["codec"]), size, depth)


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
