"""Training windows step by step: passes over the data, one after another, each in its own order."""

from __future__ import annotations

import numpy as np

from trainables.heatmaps.dataset import HeatmapData
from trainables.heatmaps.windows import Window

_ORDER = 4  # stream of random numbers


class WindowStream:
    """Windows of any step, a function of data, seed and step alone."""

    def __init__(self, data: HeatmapData, seed: int, windows: int) -> None:
        """Batches of `windows`, running on from pass to pass."""
        self._data, self._seed, self._windows = data, seed, windows
        self._pass, self._first, self._order = -1, 0, list[Window]()

    def batch(self, step: int) -> list[Window]:
        """The windows of a step."""
        start = step * self._windows
        return [self._at(place) for place in range(start, start + self._windows)]

    def _at(self, place: int) -> Window:
        if place < self._first:
            self._pass, self._first, self._order = -1, 0, []
        while place >= self._first + len(self._order):
            self._first += len(self._order)
            self._pass += 1
            rng = np.random.default_rng([self._seed, _ORDER, self._pass])
            self._order = self._data.training_windows(rng, self._pass)
            # A pass whose every window moved out of view: the data are taken as they stand.
            self._order = self._order or list(self._data.windows["train"])
        return self._order[place - self._first]
