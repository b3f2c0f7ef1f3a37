"""K-means: batches drawn by squared distance, swaps on a sample, then Lloyd's iterations on all.

Lloyd's iterations stop where scikit-learn's do: when the centres' summed squared move is at most
`tol` times the mean variance of a feature, here after a pass that left no point out. Swaps before
that start from a better place than greedy k-means++ over all points finds, for a fraction of its
time (docs/evidence/kmeans.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from search_spaces.errors import BadInput
from trainables.clustering.blocked import BlockedPoints
from trainables.clustering.points import Points
from trainables.clustering.seeding import draw, swap

SAMPLE_PER_CENTRE = 32
SAMPLE = 20_000
"""Points of the sample that the start is searched on, at least; and per centre."""

_ROUNDS = (0.2, 0.2, 0.1, 0.1, 0.05, 0.05)
_LAST_ROUNDS = (0.1, 0.05)
_SETTLING = 40


@dataclass(frozen=True)
class Clustering:
    """Centres of a data set, and how they were come by.

    Attributes:
        centres: (k, d) float32.
        inertia: summed squared distance of the points to their nearest centres.
        iterations: passes over all points, those between swaps counted.
        empty: centres that are no point's nearest.
        swaps: centres that were moved elsewhere before the last iterations.
        converged: whether the centres came to rest within the iterations allowed.
    """

    centres: np.ndarray
    inertia: float
    iterations: int
    empty: int
    swaps: int
    converged: bool


def kmeans(
    points: np.ndarray,
    k: int,
    rng: np.random.Generator,
    *,
    max_iter: int = 300,
    tol: float = 1e-4,
    threads: int = 1,
    device: str = "cpu",
) -> Clustering:
    """Clusters points.

    Args:
        points: (n, d), finite.
        k: centres, at most n.
        rng: what the start is drawn from; the same generator gives the same bits on a CPU, with
            any number of threads.
        max_iter: passes over all points at most, scikit-learn's meaning.
        tol: scikit-learn's meaning.
        threads: threads on a CPU.
        device: torch device; "cpu" needs no torch.

    Raises:
        BadInput: no points, more centres than points, or a value that is not finite.
    """
    if points.ndim != 2 or not 1 <= k <= len(points):
        raise BadInput(f"k-means of {k} centres needs as many points, got {points.shape}")
    if not np.isfinite(points).all():
        raise BadInput("k-means needs finite points; drop or fill frames with NaN or infinity")
    # One thread per product: sums do not depend on how many there are.
    with threadpool_limits(1):
        return _kmeans(points, k, rng, max_iter, tol, threads, device)


def _kmeans(
    points: np.ndarray,
    k: int,
    rng: np.random.Generator,
    max_iter: int,
    tol: float,
    threads: int,
    device: str,
) -> Clustering:
    mean = points.mean(0, dtype=np.float64)
    centred = np.subtract(points, mean, dtype=np.float32, casting="same_kind")
    variance = np.einsum("nd,nd->n", centred, centred).sum(dtype=np.float64) / centred.size
    limit = tol * float(variance)
    size = max(SAMPLE, SAMPLE_PER_CENTRE * k)
    swaps = 0
    rounds: tuple[float, ...] = _ROUNDS
    if size < len(points):
        chosen = np.sort(rng.choice(len(points), size, replace=False))
        sample = _points(centred[chosen], threads, device)
        centres, swaps = _refined(sample, draw(sample, k, rng), _ROUNDS, rng)
        centres, _, _ = _lloyd(sample, centres, limit, _SETTLING, certain=False)
        del sample
        everything, rounds = _points(centred, threads, device), _LAST_ROUNDS
    else:
        everything = _points(centred, threads, device)
        centres = draw(everything, k, rng)
    rounds = rounds[: (max_iter - 1) // (2 * _STEPS)]  # half of the iterations are for Lloyd
    centres, last_swaps = _refined(everything, centres, rounds, rng)
    left = max_iter - _STEPS * len(rounds)
    centres, iterations, converged = _lloyd(everything, centres, limit, left, certain=True)
    counts = np.bincount(everything.labels, minlength=k)
    return Clustering(
        centres=(centres + mean).astype(np.float32),
        inertia=float(everything.first().sum(dtype=np.float64)),
        iterations=iterations + _STEPS * len(rounds),
        empty=int((counts == 0).sum()),
        swaps=swaps + last_swaps,
        converged=converged,
    )


_STEPS = 2  # of Lloyd in each round of swaps


def _points(centred: np.ndarray, threads: int, device: str) -> Points:
    if device.partition(":")[0] == "cpu":
        return BlockedPoints(centred, threads)
    from trainables.clustering.device import DevicePoints

    return DevicePoints(centred, device)


def _refined(
    points: Points, centres: np.ndarray, rounds: tuple[float, ...], rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Rounds of two steps of Lloyd and one of swaps; centres and swaps made."""
    swaps = 0
    for share in rounds:
        points.assign(centres)
        moved = _means(points, centres)
        points.assign(moved)
        centres, taken = swap(points, moved, share, rng)
        swaps += taken
    return centres, swaps


def _lloyd(
    points: Points, centres: np.ndarray, limit: float, iterations: int, *, certain: bool
) -> tuple[np.ndarray, int, bool]:
    """Iterates until the centres rest; `certain`: until they rest with every point looked at.

    Returns:
        Centres, to which `points` are assigned then; iterations; whether the centres rest.
    """
    points.assign(centres)
    surely, done = False, 0
    while done < iterations:
        done += 1
        moved = _means(points, centres)
        drift = np.linalg.norm(moved - centres, axis=1)
        centres = moved
        rest = float((drift.astype(np.float64) ** 2).sum()) <= limit
        if rest and (surely or not certain):
            points.follow(centres, drift, surely)
            return centres, done, surely
        if rest:  # as far as was looked; from here on nothing is left out
            points.assign(centres)
            surely = True
        else:
            points.follow(centres, drift, surely)
    if certain and not points.exact:
        points.assign(centres)
    return centres, done, False


def _means(points: Points, centres: np.ndarray) -> np.ndarray:
    """Means of the assigned points; a centre without points stays where it is."""
    sums, counts = points.sums(len(centres))
    used = counts > 0
    moved = centres.copy()
    moved[used] = (sums[used] / counts[used, None]).astype(np.float32)
    return moved
