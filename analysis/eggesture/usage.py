"""How a sweep's motion VQ-VAEs use their codes, by size of the codebook and weight of the guidance.

Codes are counted over all tokens of validation and test together, hard choices, part by part; what
is said of a cell is the mean over parts and levels, one value a seed. Pairs have the same size and
seed and differ in the weight alone, so that differences are taken seed by seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from search_spaces.record import MEAN_POSE, TOKENS_FILE, TRIALS_FOLDER

CODEC, WEIGHT = "eg_vqvae", "guidance.weight"
HELD_OUT = ("val", "test")
USE = ("utilisation", "used", "perplexity", "balance")
"""Percent of codes used, codes used, 2 to the entropy, and entropy in percent of log2 K."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its interval by Student's t; NaN bounds with one seed."""

    mean: float
    low: float
    high: float
    seeds: int

    @property
    def sign(self) -> int:
        """+1 or -1 where the interval is all above or below 0, else 0."""
        return (self.low > 0) - (self.high < 0)


def estimate(values: np.ndarray, level: float = 0.95) -> Estimate:
    """Of values (seeds,); those that are not finite are left out."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Estimate(math.nan, math.nan, math.nan, 0)
    mean = float(known.mean())
    if len(known) < 2:
        return Estimate(mean, math.nan, math.nan, len(known))
    half = float(
        stats.t.ppf((1 + level) / 2, len(known) - 1) * known.std(ddof=1) / math.sqrt(len(known))
    )
    return Estimate(mean, mean - half, mean + half, len(known))


@dataclass(frozen=True, eq=False)
class Cell:
    """One size and weight.

    Attributes:
        size: codes of a level.
        weight: of the guidance; 0 is the vanilla VQ-VAE.
        seeds: in order.
        values: name -> (seeds,): those of `USE`, `ceiling`, and columns of points.
        shares: (codes,) share of held-out tokens by rank, largest first, mean over parts and seeds.
        tokens: held out, of one part.
        curve: share of the training -> utilisation of validation in percent, mean over seeds.
    """

    size: int
    weight: float
    seeds: tuple[int, ...]
    values: Mapping[str, np.ndarray]
    shares: np.ndarray
    tokens: int
    curve: Mapping[float, float]

    def of(self, name: str) -> Estimate:
        """One of `values` over the seeds."""
        return estimate(self.values.get(name, np.full(len(self.seeds), math.nan)))


def ceiling(size: int, tokens: int) -> float:
    """Percent of codes that as many tokens would show on average if all were used alike.

    >>> round(ceiling(512, 1_000_000)), round(ceiling(10_240, 1024), 1)
    (100, 9.5)
    """
    return -100 * math.expm1(tokens * math.log1p(-1 / size)) if size > 1 else 100.0


def use_of(counts: np.ndarray) -> dict[str, float]:
    """`USE` of one level's codes from how often each was used (codes,)."""
    share = counts[counts > 0] / counts.sum()
    bits = float(-(share * np.log2(share)).sum())
    return {
        "utilisation": 100 * len(share) / len(counts),
        "used": float(len(share)),
        "perplexity": 2**bits,
        "balance": 100 * bits / math.log2(len(counts)) if len(counts) > 1 else 100.0,
        "ceiling": ceiling(len(counts), int(counts.sum())),
    }


class CodebookSweep:
    """Cells of a sweep.

    Attributes:
        cells: by rising size and weight.
        distortion: column of the full pose's error on test.
        mean_pose: that error of the mean pose; NaN where it is not known.
    """

    def __init__(
        self,
        folder: Path,
        points: pd.DataFrame,
        progress: pd.DataFrame,
        bounds: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Takes points as in `points.csv`, progress with `trial` and `share`, and bounds."""
        mine = points[points["codec"] == CODEC] if "codec" in points else points[:0]
        mine = mine[mine["depth"] == mine["levels"]] if len(mine) else mine
        self.distortion = next(
            (c for c in points.columns if str(c).startswith("test_rmse_full_")), ""
        )
        known = [r.get(self.distortion) for r in bounds if r.get("codec") == MEAN_POSE]
        self.mean_pose = float(known[0]) if known and known[0] is not None else math.nan
        groups = mine.groupby(["codebook_size", WEIGHT]) if len(mine) else ()
        found = [
            _cell(
                folder,
                int(float(str(size))),
                float(str(weight)),
                rows.sort_values("seed"),
                progress,
            )
            for (size, weight), rows in groups
        ]
        self.cells = tuple(cell for cell in found if cell is not None)

    @cached_property
    def sizes(self) -> list[int]:
        """Sizes of codebooks that were trained."""
        return sorted({c.size for c in self.cells})

    @cached_property
    def weights(self) -> list[float]:
        """Weights of the guidance."""
        return sorted({c.weight for c in self.cells})

    def cell(self, size: int, weight: float) -> Cell | None:
        """The cell of a size and weight, where there is one."""
        return next((c for c in self.cells if (c.size, c.weight) == (size, weight)), None)

    def curve(self, weight: float) -> list[Cell]:
        """Cells of a weight by rising size."""
        return [c for c in self.cells if c.weight == weight]

    def change(self, cell: Cell, name: str, level: float = 0.95) -> Estimate:
        """A value less that of the vanilla codec of the same size and seed."""
        vanilla = self.cell(cell.size, 0.0)
        if vanilla is None or vanilla is cell:
            return estimate(np.zeros(0))
        both = [s for s in cell.seeds if s in vanilla.seeds]
        if name not in cell.values or name not in vanilla.values:
            return estimate(np.zeros(0))
        own = [cell.values[name][cell.seeds.index(s)] for s in both]
        other = [vanilla.values[name][vanilla.seeds.index(s)] for s in both]
        return estimate(np.array(own) - np.array(other), level)


def _cell(
    folder: Path, size: int, weight: float, rows: pd.DataFrame, progress: pd.DataFrame
) -> Cell | None:
    values: dict[str, list[float]] = {}
    shares, seeds, tokens = [], [], 0
    for row in rows.to_dict("records"):
        counts = _counts(folder / TRIALS_FOLDER / str(row["trial"]) / TOKENS_FILE, size)
        if not counts:
            continue
        seeds.append(int(row["seed"]))
        each = {n: float(np.mean([use_of(c)[n] for c in counts])) for n in use_of(counts[0])}
        measured = {str(k): float(v) for k, v in row.items() if str(k).startswith("test_")}
        for name, value in {**each, **measured}.items():
            values.setdefault(name, []).append(value)
        shares.append(np.mean([np.sort(c / c.sum())[::-1] for c in counts], axis=0))
        tokens = int(counts[0].sum())
    if not seeds:
        return None
    arrays = {k: np.array(v) for k, v in values.items() if len(v) == len(seeds)}
    return Cell(
        size, weight, tuple(seeds), arrays, np.mean(shares, axis=0), tokens,
        _curve(progress, set(rows["trial"]), estimate(_utilisation(rows)).mean),
    )  # fmt: skip


def _counts(path: Path, size: int) -> list[np.ndarray]:
    """Uses of each code of every part and level over what is held out; [] without tokens."""
    if not path.is_file():
        return []
    with np.load(path) as file:
        streams: dict[str, list[np.ndarray]] = {}
        for key in file.files:
            split, part, _ = key.split("/", 2)
            if split in HELD_OUT and part != "root":
                streams.setdefault(part, []).append(file[key])
    whole = [np.concatenate(each) for each in streams.values()]
    levels = [part[:, q] for part in whole for q in range(part.shape[1])]
    return [np.bincount(level, minlength=size) for level in levels if len(level)]


def _utilisation(frame: pd.DataFrame) -> np.ndarray:
    columns = [c for c in frame.columns if str(c).startswith("val_utilisation_")]
    return frame[columns].to_numpy(float).mean(axis=1) if columns else np.zeros(0)


def _curve(progress: pd.DataFrame, trials: set[str], last: float) -> dict[float, float]:
    """Utilisation of validation along training, and at its end."""
    found: dict[float, float] = {}
    mine = progress[progress["trial"].isin(trials)] if len(progress) else progress
    for share, rows in mine.groupby("share") if len(mine) else ():
        level = _utilisation(rows)
        if len(level):
            found[float(str(share))] = float(level.mean())
    return {**found, 1.0: last} if math.isfinite(last) else found
