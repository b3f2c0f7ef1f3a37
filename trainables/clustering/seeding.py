"""Where k-means starts: centres drawn by squared distance in batches, then swapped for better ones.

k-means++ draws one centre at a time, so it goes over the points once per centre. Here a batch is
drawn at a time (after Bahmani et al., "Scalable K-Means++", VLDB 2012), twice as many as needed,
and those are kept that lower the inertia most, as greedy k-means++ does: draws by distance alone
favour outliers. Centres of one batch may come too close to each other. Swaps
put that right: the centres that are missed least, by how much farther their points' second nearest
centre is, go to where new ones are worth most (after Fritzke, "The LBG-U method", 1997). Both sides
of a swap are computed before it is made, so it pays by estimate.
"""

from __future__ import annotations

import numpy as np

from trainables.clustering.points import Points

_BATCHES = 8
_TRIALS = 2  # candidates for each centre
_MOST = 1024  # swaps of a round at most
_NEAR = 1 << 22  # distances between centres held at a time


def draw(points: Points, k: int, rng: np.random.Generator) -> np.ndarray:
    """Centres (k, d) float32 that are points; repeated ones where there are not k distinct."""
    centres = points.rows(rng.integers(points.count, size=1))
    squared = points.nearer(centres, np.full(points.count, np.inf, np.float32))
    while len(centres) < k:
        batch = min(max(1, len(centres) // 4), -(-k // _BATCHES), k - len(centres))
        drawn = _by_weight(squared, _TRIALS * batch, rng)
        if not len(drawn):
            return np.concatenate([centres, np.repeat(centres[:1], k - len(centres), 0)])
        gains = points.gains(points.rows(drawn), squared)
        chosen = drawn[np.argsort(-gains, kind="stable")[:batch]]
        new = points.rows(chosen)
        squared = points.nearer(new, squared)
        squared[chosen] = 0  # not left to rounding: no point is drawn twice
        centres = np.concatenate([centres, new])
    return centres


def swap(
    points: Points, centres: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Moves up to `share` of the centres to points where they are worth more.

    To be called right after `assign(centres)`.

    Returns:
        New centres (k, d) and how many of them were moved.
    """
    k = len(centres)
    first, labels = points.first(), points.labels
    worth = np.bincount(labels, points.second().astype(np.float64) - first, minlength=k)
    most = max(1, min(_MOST, round(k * share)))
    drawn = _by_weight(first, 2 * most, rng)
    if k < 2 or not len(drawn):
        return centres, 0
    candidates = points.rows(drawn)
    gains = points.gains(candidates, first)
    order = np.argsort(-gains, kind="stable")
    # One candidate of a cluster: a second one's gain would count what the first has gained.
    _, earliest = np.unique(labels[drawn[order]], return_index=True)
    wanted = order[np.sort(earliest)][:most]
    least = np.argsort(worth, kind="stable")
    least = least[~np.isin(least, labels[drawn[wanted]])][: 2 * most]
    heir = _nearest_other(centres, least)
    moved, gone, taken = centres.copy(), np.zeros(k, bool), 0
    for centre, neighbour in zip(least, heir, strict=True):
        if taken == len(wanted) or gains[wanted[taken]] <= worth[centre]:
            break
        if not gone[neighbour]:  # else its points have nobody near to go to
            gone[centre] = True
            moved[centre] = candidates[wanted[taken]]
            taken += 1
    return moved, taken


def _by_weight(weights: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Different numbers, at most `size`, each drawn in proportion to its weight."""
    sums = np.cumsum(weights, dtype=np.float64)
    if not sums[-1] > 0:
        return np.zeros(0, np.int64)
    drawn = np.searchsorted(sums, rng.random(size) * sums[-1], side="right")
    return np.unique(np.minimum(drawn, len(weights) - 1))


def _nearest_other(centres: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The centre nearest to each of those named, (m,)."""
    half = 0.5 * np.einsum("kd,kd->k", centres, centres)
    nearest = np.empty(len(index), np.int64)
    step = max(1, _NEAR // len(centres))
    for at in range(0, len(index), step):
        part = index[at : at + step]
        gaps = half - centres[part] @ centres.T
        gaps[np.arange(len(part)), part] = np.inf
        nearest[at : at + step] = gaps.argmin(1)
    return nearest
