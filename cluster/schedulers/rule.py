"""What every stopping rule answers."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class StoppingRule(Protocol):
    """Decides at reports; shares are of each trial's own budget."""

    @property
    def rungs(self) -> tuple[float, ...]:
        """Shares at which it wants to be asked, ascending, below 1."""

    def go_on(self, trial: int, share: float, points: np.ndarray) -> bool:
        """Whether a trial that reports (points, objectives), all minimised, is to be finished."""

    def ended(self, trial: int, points: np.ndarray | None) -> None:
        """A trial's end: its last points, or None where it failed or was stopped."""


class NeverStop:
    """Every trial is finished."""

    rungs: tuple[float, ...] = ()

    def go_on(self, trial: int, share: float, points: np.ndarray) -> bool:
        """Always."""
        return True

    def ended(self, trial: int, points: np.ndarray | None) -> None:
        """Nothing to remember."""
