"""Configurations of the front that are run again, last in the budget, until they have seeds enough.

One lucky seed is enough to reach a front, so what stands there on means over seeds is tried with
further ones. The budget keeps back as many trials as the front lacks seeds, at most a third of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import moocore
import numpy as np

from analysis.indicators import nondominated
from cluster.searchers.asks import Ask
from search_spaces.inputs import codec_trial

MOST_OF_BUDGET = 3
"""At most one trial in so many is kept back."""


class Repeats:
    """Who is run again next."""

    def __init__(
        self, wanted: int, objectives: int, keeps: Callable[[Sequence[float]], bool]
    ) -> None:
        """Looks for configurations of the front with fewer than `wanted` seeds; 0: for none.

        Args:
            wanted: seeds.
            objectives: of a point, which come first of its values.
            keeps: whether a point's values keep the limits of the sweep.
        """
        self.wanted = wanted
        self._objectives = objectives
        self._keeps = keeps

    def missing(self, asks: Sequence[Ask]) -> list[int]:
        """Number of an ask for each seed that the front lacks; what adds most to it comes first."""
        if not self.wanted:
            return []
        owners: list[int] = []
        rows: list[list[float]] = []
        for number, ask in enumerate(asks):
            # The codec of a generator's other seed was not trained.
            if not ask.accepted or codec_trial(ask.config, 0):
                continue
            found = [p[: self._objectives] for p in ask.answer if self._keeps(p)]
            rows += found
            owners += [number] * len(found)
        if not rows:
            return []
        values, owner = np.array(rows, float), np.array(owners)
        on_front = nondominated(values)
        values, owner = values[on_front], owner[on_front]
        worth = {int(i): _worth(values, owner == i) for i in np.unique(owner)}
        order = sorted(worth, key=lambda number: (-worth[number], number))
        return [n for n in order for _ in range(self.wanted - len(asks[n].trials))]


def _worth(front: np.ndarray, mine: np.ndarray) -> float:
    """Volume of a front, each objective scaled to its extent, that one configuration adds."""
    low, high = front.min(axis=0), front.max(axis=0)
    scaled = (front - low) / np.where(high > low, high - low, 1.0)
    corner = np.full(front.shape[1], 1.1)
    rest = float(moocore.hypervolume(scaled[~mine], ref=corner)) if (~mine).any() else 0.0
    return float(moocore.hypervolume(scaled, ref=corner)) - rest
