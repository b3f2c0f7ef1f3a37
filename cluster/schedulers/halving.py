"""Asynchronous successive halving by non-dominated rank.

At each rung a trial goes on where it stands among the best 1 / eta of those that reported there so
far, itself included [ASHA's stopping form, Li et al. 2020, with the rank of `ranking`]. Trials of
one shot, which report nothing on the way, enter no rung. A trial that would add to the front of
finished ones is never stopped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.indicators import nondominated
from cluster.schedulers.ranking import place_of
from cluster.schedulers.rule import Decision

RUNGS = (1 / 27, 1 / 9, 1 / 3)


class SuccessiveHalving:
    """The rule, seeded."""

    def __init__(
        self,
        *,
        seed: int,
        eta: float = 3.0,
        rungs: Sequence[float] = RUNGS,
        fewest: int = 3,
    ) -> None:
        """Starts with empty rungs.

        Args:
            seed: decides exact ties.
            eta: one in `eta` goes on.
            rungs: shares of a trial's budget.
            fewest: reports at a rung before anything is stopped there.
        """
        self._seed = seed
        self._eta = eta
        self._fewest = fewest
        self.rungs = tuple(sorted(rungs))
        self._reports: dict[float, dict[int, np.ndarray]] = {}
        self._front: np.ndarray | None = None
        """(points, objectives) of finished trials that no other one dominates."""
        self._ties: dict[int, int] = {}

    def decide(self, trial: int, share: float, points: np.ndarray) -> Decision:
        """On where it is among the best of its rung; what diverged is not."""
        points = _finite(points)
        if not len(points):
            return Decision(False, "no finite value of every objective")
        rung = self._reports.setdefault(share, {})
        rung[trial] = points
        if len(rung) < self._fewest:
            said = f"first {len(rung)} at this rung; {self._fewest} are compared"
            return Decision(True, said)
        if self._adds(points):
            return Decision(True, "adds to the front of finished trials already")
        trials = list(rung)
        place = place_of(trials.index(trial), list(rung.values()), lambda i: self._key(trials[i]))
        kept = max(1.0, len(rung) / self._eta)
        said = f"place {place + 1} of {len(rung)} at this rung, {math.ceil(kept)} go on"
        return Decision(place < kept, said)

    def go_on(self, trial: int, share: float, points: np.ndarray) -> bool:
        """The decision without its reason."""
        return self.decide(trial, share, points).go_on

    def heard(self, trial: int, share: float, points: np.ndarray) -> None:
        """Enters a rung; a resumed sweep need not rank it again."""
        if len(points := _finite(points)):
            self._reports.setdefault(share, {})[trial] = points

    def ended(self, trial: int, points: np.ndarray | None) -> None:
        """What finished makes the front that nothing better is stopped under."""
        if points is None or not len(points := _finite(points)):
            return
        every = points if self._front is None else np.concatenate([self._front, points])
        self._front = every[nondominated(every)]

    def _adds(self, points: np.ndarray) -> bool:
        if self._front is None:
            return False
        equal = (points[:, None] == self._front[None]).all(-1).any(1)
        pooled = np.concatenate([self._front, points])
        return bool((nondominated(pooled)[-len(points) :] & ~equal).any())

    def _key(self, trial: int) -> int:
        if trial not in self._ties:
            seeded = np.random.SeedSequence([self._seed, trial])
            self._ties[trial] = int(seeded.generate_state(1)[0])
        return self._ties[trial]


def _finite(points: np.ndarray) -> np.ndarray:
    return points[np.isfinite(points).all(axis=1)]
