"""Depth and size told apart: RQ-VAE cells of equal bits that differ in levels.

The paper changes depth and codebook size together: from 9 to 10 bits a frame it goes from three
levels of 8 codes to two of 32. With cells of the same bits at other depths, two effects can be
told apart: what one more bit does at the same depth, and what one more level does at the same bits
(which makes each level's codebook smaller).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.statistics import mean_and_error
from analysis.study.cells import Cell, Comparison
from analysis.study.paired import Difference, difference, interval, sign_flip_p


@dataclass(frozen=True)
class Effect:
    """A slope, fitted per recording.

    Attributes:
        mean: over recordings.
        low, high: exact 95 % interval over recordings.
        p: of the sign-flip test over recordings.
        se_seeds: standard error over seeds.
        recordings: how many.
    """

    mean: float
    low: float
    high: float
    p: float
    se_seeds: float
    recordings: int


@dataclass(frozen=True)
class Effects:
    """`value = a + bit * bits + level * levels`, least squares over the RQ-VAE cells.

    Attributes:
        bit: one more bit at the same depth.
        level: one more level at the same bits.
        cells: how many it was fitted to.
        unexplained: root mean square of what the fit leaves of cells' means, in the metric's unit.
    """

    bit: Effect
    level: Effect
    cells: int
    unexplained: float


@dataclass(frozen=True)
class Step:
    """A step between two of the paper's RQ-VAE cells, and what the two effects make of it."""

    start: Cell
    end: Cell
    measured: Difference
    by_bits: float
    by_levels: float


def ladders(comparison: Comparison) -> dict[float, list[Cell]]:
    """Bits -> RQ-VAE cells of so many bits, by rising depth; only where there are two or more."""
    found = {
        bits: sorted((c for c in comparison.at(bits) if c.codec == "rqvae"), key=lambda c: c.depth)
        for bits in comparison.rates
    }
    return {bits: cells for bits, cells in found.items() if len(cells) > 1}


def against_shallowest(
    comparison: Comparison, stem: str
) -> dict[float, list[tuple[Cell, Difference]]]:
    """Bits -> each deeper cell less the shallowest one, paired by recording."""
    metric = comparison.metric(stem)
    return {
        bits: [
            (c, difference(comparison.values(cells[0], metric), comparison.values(c, metric)))
            for c in cells[1:]
        ]
        for bits, cells in ladders(comparison).items()
    }


def trained_or_prefix(
    comparison: Comparison, stem: str
) -> list[tuple[Cell, list[tuple[int, Difference]]]]:
    """Cells, each with (levels of a deeper codec, its first levels less the cell trained so).

    The bits are the same and the codes too; only the training differs.
    """
    metric = comparison.metric(stem)
    return [
        (
            cell,
            [
                (p.levels, difference(comparison.values(cell, metric),
                                      comparison.prefix_values(p, metric)))
                for p in deeper
            ],
        )
        for cell in comparison.cells
        if (deeper := [p for p in comparison.prefixes if p.cell == cell])
    ]  # fmt: skip


def effects(comparison: Comparison, stem: str) -> Effects | None:
    """Both slopes of a metric; None where the cells cannot tell them apart."""
    metric = comparison.metric(stem)
    cells = [c for c in comparison.cells if c.codec == "rqvae"]
    tables = [comparison.values(c, metric) for c in cells]
    known = [(c, t) for c, t in zip(cells, tables, strict=True) if not t.empty]
    cells, tables = [c for c, _ in known], [t for _, t in known]
    design = np.array([[1.0, c.bits, c.depth] for c in cells]).reshape(-1, 3)
    if len(cells) < 4 or np.linalg.matrix_rank(design) < 3:
        return None
    solve = np.linalg.pinv(design)
    recordings = pd.concat([t.mean(axis=1) for t in tables], axis=1, join="inner").dropna()
    seeds = min(t.shape[1] for t in tables)
    if recordings.empty:
        return None
    own = solve @ recordings.to_numpy(float).T  # (3, recordings)
    means = np.array([t.loc[recordings.index].to_numpy(float)[:, :seeds].mean(axis=0)
                      for t in tables])  # fmt: skip
    trained = solve @ means  # (3, seeds)
    left = recordings.mean().to_numpy(float)
    left = left - design @ own.mean(axis=1)
    bit, level = (_effect(own[i], trained[i]) for i in (1, 2))
    return Effects(bit, level, len(cells), math.sqrt(float(np.mean(left**2))))


def paper_steps(comparison: Comparison, stem: str, found: Effects) -> list[Step]:
    """The steps of the paper's RQ-VAE cells, with the share that each effect has in them."""
    metric = comparison.metric(stem)
    cells: Sequence[Cell] = [pair[1] for pair in comparison.pairs.values()]
    return [
        Step(
            a, b, difference(comparison.values(a, metric), comparison.values(b, metric)),
            found.bit.mean * (b.bits - a.bits), found.level.mean * (b.depth - a.depth),
        )
        for a, b in itertools.pairwise(cells)
    ]  # fmt: skip


def _effect(recordings: np.ndarray, seeds: np.ndarray) -> Effect:
    low, high = interval(recordings)
    error = mean_and_error(seeds).error
    return Effect(
        float(recordings.mean()), low, high, sign_flip_p(recordings), error, len(recordings)
    )
