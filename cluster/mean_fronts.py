"""The front of means over seeds, kept up to date as seeds come.

A mean moves with every seed, so a front of means may lose a point that nothing dominates. Only then
is it made anew from all of them; else what is new is compared with the front alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from analysis.indicators import nondominated

Key = tuple[str, int]
"""Configuration and depth."""


class MeanFront:
    """Means of points over the seeds of a configuration, and their front.

    Attributes:
        repeated: whether any configuration has more than one seed.
    """

    def __init__(self, objectives: int, keeps: Callable[[np.ndarray], bool]) -> None:
        """Nothing yet.

        Args:
            objectives: of a point, which come first of its values; lower is better.
            keeps: whether the values after them keep the limits of the sweep.
        """
        self.repeated = False
        self._objectives, self._keeps = objectives, keeps
        self._seeds: dict[Key, dict[str, np.ndarray]] = {}
        self._keys: dict[str, list[Key]] = {}
        self._means: dict[Key, np.ndarray] = {}
        """Of those that keep the limits: (objectives,)."""
        self._on_front: dict[Key, np.ndarray] = {}
        self._moved = self._grown = False

    def add(self, key: Key, trial: str, values: np.ndarray) -> None:
        """One seed's values of a point."""
        seeds = self._seeds.setdefault(key, {})
        if trial not in seeds:
            self._keys.setdefault(trial, []).append(key)
        seeds[trial] = values
        self.repeated |= len(seeds) > 1
        mean = np.mean(list(seeds.values()), axis=0)
        self._moved |= self._on_front.pop(key, None) is not None
        self._means.pop(key, None)
        if self._keeps(mean[self._objectives :]):
            self._means[key] = self._on_front[key] = mean[: self._objectives]
            self._grown = True

    @property
    def front(self) -> np.ndarray:
        """(front, objectives) of means that keep the limits."""
        if self._moved or self._grown:
            found = self._means if self._moved else self._on_front
            values = np.array(list(found.values())).reshape(-1, self._objectives)
            on_front = nondominated(values)
            named = zip(found.items(), on_front, strict=True)
            self._on_front = {key: mean for (key, mean), on in named if on}
            self._moved = self._grown = False
        return np.array(list(self._on_front.values())).reshape(-1, self._objectives)

    def of(self, trials: Collection[str]) -> tuple[list[set[str]], np.ndarray]:
        """Means that some trials are in: the trials of each, and (means, objectives)."""
        keys = dict.fromkeys(key for trial in sorted(trials) for key in self._keys.get(trial, ()))
        kept = [key for key in keys if key in self._means]
        means = np.array([self._means[key] for key in kept]).reshape(-1, self._objectives)
        return [set(self._seeds[key]) for key in kept], means
