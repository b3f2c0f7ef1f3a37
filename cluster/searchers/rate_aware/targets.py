"""What a search is about: objectives known exactly, objectives measured, and limits on results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Target:
    """One objective, minimised.

    Attributes:
        known: number of the column of known values that it is; None where it is measured.
        bound: of a measured one, the column of known values that its model departs from (the
            nominal rate, for a rate that the coder attains).
        capped: whether the bound is never exceeded, so that no expectation may lie above it.
    """

    known: int | None = None
    bound: int | None = None
    capped: bool = False


@dataclass(frozen=True, eq=False)
class Targets:
    """All of them: objectives in order, then measured values that only have a limit.

    Measured values stand in the order of the measured objectives, then of the limits.
    """

    objectives: tuple[Target, ...]
    limits: tuple[float, ...] = ()

    @cached_property
    def measured(self) -> list[int]:
        """Places of the measured objectives."""
        return [i for i, o in enumerate(self.objectives) if o.known is None]

    @cached_property
    def models(self) -> list[Target]:
        """What each measured value is to its model."""
        return [self.objectives[i] for i in self.measured] + [Target()] * len(self.limits)

    @cached_property
    def staircase(self) -> bool:
        """Whether it is one exact objective, then one measured."""
        return len(self.objectives) == 2 and self.measured == [1]

    def placed(self, known: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(n, objectives) from (n, known columns) and (n, measured values)."""
        out = np.empty((len(known), len(self.objectives)))
        for i, target in enumerate(self.objectives):
            if target.known is not None:
                out[:, i] = known[:, target.known]
        out[:, self.measured] = values[:, : len(self.measured)]
        return out

    def feasible(self, values: np.ndarray) -> np.ndarray:
        """(n,) whether (n, measured values) keep every limit."""
        if not self.limits:
            return np.ones(len(values), bool)
        return np.asarray((values[:, len(self.measured) :] <= np.array(self.limits)).all(axis=1))


def targets(objectives: Sequence[Target], limits: Sequence[float] = ()) -> Targets:
    """Targets with at least one measured objective.

    >>> targets([Target(known=0), Target()]).staircase
    True
    """
    found = Targets(tuple(objectives), tuple(limits))
    if not found.measured:
        raise ValueError("nothing is measured, so there is nothing to search for")
    return found
