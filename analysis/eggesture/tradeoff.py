"""What guidance of the codes does to the rest: use against reconstruction, rate and accuracy.

The paper's hypothesis is that even use of the codes is bought with something. Cells here differ in
the weight of the guidance alone: a codec and a classifier of its codes each, as many steps, and
the same seeds, so that differences are taken seed by seed. Which way each quantity went is said by
the interval of its difference (Student's t), and where that holds 0, these seeds cannot tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.eggesture.gestures import Cell, GestureSweep
from analysis.eggesture.usage import WEIGHT, Estimate, estimate
from analysis.fronts import nondominated

UP, DOWN, OPEN = "up", "down", "no difference that these seeds can tell"
ONE_SEED = "one seed tells no difference"


@dataclass(frozen=True)
class Quantity:
    """Something that guidance may move.

    Attributes:
        title: with its unit.
        columns: whose mean it is; those that begin so, where one ends in `_`.
        better: +1 where more is better, -1 where less is.
    """

    title: str
    columns: tuple[str, ...]
    better: int


USE = Quantity("codes in use (%)", ("test_utilisation_",), 1)
LOSS = Quantity("RMSE of the codec (cm)", ("test_codec_rmse_full_cm",), -1)
RATE = Quantity("model rate (bits/s)", ("test_rate_model_bps",), -1)
ACCURACY = Quantity("accuracy of codes from speech (%)", ("test_accuracy_pct",), 1)
QUANTITIES = (USE, LOSS, RATE, ACCURACY)


@dataclass(frozen=True, eq=False)
class Weighted:
    """The cell of one weight of the guidance."""

    weight: float
    cell: Cell

    def by_seed(self, quantity: Quantity) -> dict[int, float]:
        """Seed -> value, a mean over the quantity's columns."""
        found: dict[int, list[float]] = {}
        for name, values in self.cell.values.items():
            if any(name == c or (c.endswith("_") and name.startswith(c)) for c in quantity.columns):
                for seed, value in values.items():
                    found.setdefault(seed, []).append(float(value))
        return {seed: float(np.mean(each)) for seed, each in found.items()}

    def of(self, quantity: Quantity) -> Estimate:
        """Over seeds."""
        return estimate(np.array(list(self.by_seed(quantity).values()), float))

    def less(self, vanilla: Weighted, quantity: Quantity) -> Estimate:
        """Difference from the codec without guidance, seed by seed."""
        mine, theirs = self.by_seed(quantity), vanilla.by_seed(quantity)
        return estimate(np.array([mine[s] - theirs[s] for s in mine if s in theirs], float))


def went(change: Estimate) -> str:
    """Which way a quantity went."""
    if not math.isfinite(change.low):
        return ONE_SEED
    return {1: UP, -1: DOWN, 0: OPEN}[change.sign]


def weights_of(sweep: GestureSweep) -> list[Weighted]:
    """Cells by rising weight, where nothing else tells them apart; [] otherwise.

    A sweep that also varies re-weighting, say, has no front of guidance: what moved is not known.
    """
    cells = sweep.cells
    if len(cells) < 2 or {*sweep.varied} != {WEIGHT}:
        return []
    found = [Weighted(float(str(c.config[WEIGHT])), c) for c in cells]
    found.sort(key=lambda w: w.weight)
    return found if found[0].weight == 0 else []


def front_of(cells: Sequence[Weighted]) -> list[bool]:
    """Which cells no other one beats in error, model rate and accuracy alike, by their means."""
    values = [[-q.better * c.of(q).mean for q in (LOSS, RATE, ACCURACY)] for c in cells]
    return [bool(b) for b in nondominated(np.array(values, float))]


@dataclass(frozen=True)
class Line:
    """A row of the table: a weight, what it measured, and what changed.

    Attributes:
        label: of the weight.
        seeds: trainings.
        values: of each quantity.
        changes: paired differences from vanilla; empty in its own row.
        said: which way each went.
        on_front: whether no other weight is better in error, rate and accuracy alike.
    """

    label: str
    seeds: int
    values: tuple[Estimate, ...]
    changes: tuple[Estimate, ...]
    said: tuple[str, ...]
    on_front: bool


def lines(cells: Sequence[Weighted]) -> list[Line]:
    """The table, by rising weight."""
    vanilla, front = cells[0], front_of(cells)
    found = []
    for cell, best in zip(cells, front, strict=True):
        changes = tuple(cell.less(vanilla, q) for q in QUANTITIES) if cell is not vanilla else ()
        found.append(
            Line(
                f"guided, weight {cell.weight:g}" if cell.weight else "vanilla",
                cell.cell.seeds,
                tuple(cell.of(q) for q in QUANTITIES),
                changes,
                tuple(map(went, changes)),
                best,
            )
        )
    return found
