"""Trials of one rung by several objectives: layers of non-domination, and an order inside a layer.

All objectives are minimised. Inside a layer the order is that of an epsilon-net: first the point
nearest to the layer's ideal, then always the one farthest from those before it, in coordinates
scaled to the layer's own ranges [Schmucker et al., 2106.12639; the order, not its inverse, is what
ranks]. Neither scale nor the order of objectives or points changes a rank; exact ties go by `keys`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def layers(points: np.ndarray) -> np.ndarray:
    """(n,) number of the layer of each of (n, objectives) points, 0 for the non-dominated ones."""
    points = np.asarray(points, float)
    below = (points[:, None] <= points[None]).all(-1)
    dominates = below & ~below.T
    found = np.full(len(points), -1)
    number = 0
    while (found < 0).any():
        live = found < 0
        found[live & ~(dominates & live[:, None]).any(axis=0)] = number
        number += 1
    return found


def spread_order(points: np.ndarray, keys: Sequence[int]) -> np.ndarray:
    """(n,) places of the points of one layer, best first."""
    points = np.asarray(points, float)
    count = len(points)
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (points - low) / np.where(high > low, high - low, 1.0)
    norms = _sums(scaled**2)
    gaps = _sums((scaled[:, None] - scaled[None]) ** 2)
    tie = np.asarray(keys)
    order = [int(np.lexsort((tie, norms))[0])]
    left = np.delete(np.arange(count), order[0])
    while len(left):
        away = gaps[np.ix_(left, np.array(order))].min(axis=1)
        pick = int(np.lexsort((tie[left], -away))[0])
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
    owner = np.repeat(np.arange(len(sets)), [len(s) for s in sets])
    pooled = np.concatenate(sets)
    found = layers(pooled)
    best = np.array([found[owner == i].min() for i in range(len(sets))])
    places = np.empty(len(sets), int)
    taken = 0
    for layer in np.unique(best):
        members = np.flatnonzero(best == layer)
        speakers = _speakers(pooled, owner, found, members, int(layer))
        order = spread_order(speakers, [keys[int(i)] for i in members])
        places[members[order]] = taken + np.arange(len(members))
        taken += len(members)
    return places


def _speakers(
    pooled: np.ndarray, owner: np.ndarray, found: np.ndarray, members: np.ndarray, layer: int
) -> np.ndarray:
    inside = np.isin(owner, members) & (found == layer)
    low, high = pooled[inside].min(axis=0), pooled[inside].max(axis=0)
    scaled = (pooled - low) / np.where(high > low, high - low, 1.0)
    norms = _sums(scaled**2)
    rows = [np.flatnonzero(inside & (owner == i)) for i in members]
    return np.array([pooled[mine[np.argmin(norms[mine])]] for mine in rows])


def _sums(squares: np.ndarray) -> np.ndarray:
    """Sums over the last axis in which neither order nor scale shows in the last bits."""
    return np.round(np.sort(squares, axis=-1).sum(axis=-1), 10)
