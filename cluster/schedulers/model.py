"""The rate-aware searcher's own rule: what cannot beat the front at its rate is not finished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from cluster.schedulers.halving import RUNGS
from cluster.schedulers.rule import Decision


class Expecting(Protocol):
    """A searcher with a model of how trials end, which hears their reports before it is asked."""

    def worth_finishing(self, ask: int) -> bool:
        """Whether the end of its `ask`-th proposal may still add to the front."""


class ModelRule:
    """Asks the searcher."""

    def __init__(self, searcher: Expecting, rungs: Sequence[float] = RUNGS) -> None:
        """Trials are known by the number of their proposal."""
        self._searcher = searcher
        self.rungs = tuple(sorted(rungs))

    def decide(self, trial: int, share: float, points: np.ndarray) -> Decision:
        """On while the model leaves hope."""
        if self._searcher.worth_finishing(trial):
            return Decision(True, "its end may add to the front")
        return Decision(False, "its end is expected to add nothing to the front")

    def go_on(self, trial: int, share: float, points: np.ndarray) -> bool:
        """The decision without its reason."""
        return self.decide(trial, share, points).go_on

    def heard(self, trial: int, share: float, points: np.ndarray) -> None:
        """Asks all the same: what the searcher's model becomes may depend on when it is asked."""
        self.decide(trial, share, points)

    def ended(self, trial: int, points: np.ndarray | None) -> None:
        """The searcher is told itself."""
