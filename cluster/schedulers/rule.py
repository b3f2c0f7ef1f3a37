"""What every stopping rule answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Decision:
    """What was decided at a rung.

    Attributes:
        go_on: whether the trial is to be finished.
        reason: in words; empty where nobody was asked.
        failed: whether the trial broke, so that it counts as failed and not as stopped.
    """

    go_on: bool
    reason: str = ""
    failed: bool = False


class StoppingRule(Protocol):
    """Decides at reports; shares are of each trial's own budget."""

    @property
    def rungs(self) -> tuple[float, ...]:
        """Shares at which it wants to be asked, ascending, below 1."""

    def decide(self, trial: int, share: float, points: np.ndarray) -> Decision:
        """Whether a trial that reports (points, objectives), all minimised, is to be finished."""

    def go_on(self, trial: int, share: float, points: np.ndarray) -> bool:
        """The same without its reason."""

    def heard(self, trial: int, share: float, points: np.ndarray) -> None:
        """A report of an earlier process that was decided on then: remembered, not judged."""

    def ended(self, trial: int, points: np.ndarray | None) -> None:
        """A trial's end: its last points, or None where it failed or was stopped."""


class NeverStop:
    """Every trial is finished."""

    rungs: tuple[float, ...] = ()

    def decide(self, trial: int, share: float, points: np.ndarray) -> Decision:
        """Always on."""
        return Decision(True)

    def go_on(self, trial: int, share: float, points: np.ndarray) -> bool:
        """Always."""
        return True

    def heard(self, trial: int, share: float, points: np.ndarray) -> None:
        """Nothing to remember."""

    def ended(self, trial: int, points: np.ndarray | None) -> None:
        """Nothing to remember."""
