"""Trials of one rung by several objectives: layers of non-domination, and an order inside a layer.

All objectives are minimised. Inside a layer the order is that of an epsilon-net: first the point
nearest to the layer's ideal, then always the one farthest from those before it, in coordinates
scaled to the layer's own ranges [Schmucker et al., 2106.12639; the order, not its inverse, is what
ranks]. Neither scale nor the order of objectives or points changes a rank; exact ties go by `keys`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from analysis.indicators import ranks


def layers(points: np.ndarray) -> np.ndarray:
    """(n,) number of the layer of each of (n, objectives) points, 0 for the non-dominated ones."""
    return ranks(np.asarray(points, float))


def spread_order(points: np.ndarray, keys: Sequence[int]) -> np.ndarray:
    """(n,) places of the points of one layer, best first."""
    points = np.asarray(points, float)
    count = len(points)
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (points - low) / np.where(high > low, high - low, 1.0)
    norms = _sums(scaled**2)
    tie = np.asarray(keys)
    order = [int(np.lexsort((tie, norms))[0])]
    left = np.delete(np.arange(count), order[0])
    away = np.full(count, np.inf)  # from each point to the nearest one in order
    while len(left):
        away[left] = np.minimum(away[left], _sums((scaled[left] - scaled[order[-1]]) ** 2))
        pick = int(np.lexsort((tie[left], -away[left]))[0])
        order.append(int(left[pick]))
        left = np.delete(left, pick)
    return np.array(order)


def positions(sets: Sequence[np.ndarray], keys: Sequence[int]) -> np.ndarray:
    """(trials,) place of each trial in the ranking, 0 for the best.

    Args:
        sets: one (points, objectives) array for each trial. A trial stands in the layer of its best
            point; of several there the one nearest to the ideal speaks for it.
        keys: (trials,) what decides exact ties, drawn with the rule's seed.
    """
    layered = _Layered(sets)
    places = np.empty(len(sets), int)
    for layer in np.unique(layered.best).tolist():
        members = layered.ordered(layer, lambda i: keys[i])
        places[members] = layered.better(layer) + np.arange(len(members))
    return places


def place_of(which: int, sets: Sequence[np.ndarray], key: Callable[[int], int]) -> int:
    """Place of one trial among all, as `positions` has it; orders its layer alone.

    Args:
        which: index of the trial.
        sets: as of `positions`.
        key: index of a trial -> what decides exact ties.
    """
    layered = _Layered(sets)
    layer = int(layered.best[which])
    members = layered.ordered(layer, key)
    return layered.better(layer) + int(np.flatnonzero(members == which)[0])


class _Layered:
    """The sets' points in layers; `best` is each set's best one."""

    def __init__(self, sets: Sequence[np.ndarray]) -> None:
        self._points = np.concatenate(sets)
        self._found = layers(self._points)
        self._ends = np.cumsum([len(s) for s in sets])
        self._starts = np.concatenate([[0], self._ends[:-1]])
        self.best = np.minimum.reduceat(self._found, self._starts)

    def better(self, layer: int) -> int:
        """How many sets stand in better layers."""
        return int((self.best < layer).sum())

    def ordered(self, layer: int, key: Callable[[int], int]) -> np.ndarray:
        """Indices of the sets that stand in a layer, best first."""
        members = np.flatnonzero(self.best == layer)
        spans = zip(self._starts[members].tolist(), self._ends[members].tolist(), strict=True)
        inside = [a + np.flatnonzero(self._found[a:b] == layer) for a, b in spans]
        speakers = _speakers(self._points, inside)
        return members[spread_order(speakers, [key(i) for i in members.tolist()])]


def _speakers(pooled: np.ndarray, inside: Sequence[np.ndarray]) -> np.ndarray:
    """Of each member the point of the layer that is nearest to the layer's ideal."""
    every = pooled[np.concatenate(inside)]
    low, high = every.min(axis=0), every.max(axis=0)
    norms = _sums(((every - low) / np.where(high > low, high - low, 1.0)) ** 2)
    ends = np.cumsum([len(mine) for mine in inside])[:-1]
    nearest = [mine[np.argmin(n)] for mine, n in zip(inside, np.split(norms, ends), strict=True)]
    return np.array(pooled[nearest])


def _sums(squares: np.ndarray) -> np.ndarray:
    """Sums over the last axis in which neither order nor scale shows in the last bits."""
    return np.round(np.sort(squares, axis=-1).sum(axis=-1), 10)
