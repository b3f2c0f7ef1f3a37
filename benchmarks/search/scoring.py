"""From traces to numbers: hypervolume over time, shares of a budget, intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cluster.searchers.rate_aware.staircase import Staircase, lower_hull, staircase

TIMES = 80
FIRST = 1e-3
"""The first of the log-spaced times at which volume is read, as a share of the budget."""

Points = Sequence[tuple[float, bool, np.ndarray]]
"""(time, whether a trial's end, (points, 2)) in order of time."""


def times(horizon: float) -> np.ndarray:
    """(TIMES,) log-spaced up to the horizon."""
    return np.geomspace(FIRST * horizon, horizon, TIMES)


def volume(points: np.ndarray, reference: tuple[float, float]) -> float:
    """Hypervolume of (n, 2) points below a reference, both minimised."""
    front: Staircase = staircase(points, reference)
    return front.volume


def volume_over_time(
    points: Points, reference: tuple[float, float], at: np.ndarray, *, finals: bool
) -> np.ndarray:
    """Hypervolume at some times; of trials' ends alone where `finals`, else of any report."""
    front = np.zeros((0, 2))
    values, place = np.zeros(len(at)), 0
    reached = 0.0
    for i, moment in enumerate(at):
        changed = False
        while place < len(points) and points[place][0] <= moment:
            _, last, found = points[place]
            place += 1
            if last or not finals:
                front = np.vstack([front, np.asarray(found, float)[:, :2]])
                changed = True
        if changed:
            front = front[np.isfinite(front).all(axis=1)]
            front = np.column_stack(lower_hull(front))
            reached = volume(front, reference)
        values[i] = reached
    return values


def share_to_reach(
    points: Points, reference: tuple[float, float], goal: float, horizon: float, *, finals: bool
) -> float:
    """Share of the budget at which the volume first reaches a goal; infinite where it never does.

    Exact, not read off the grid of times.
    """
    front = np.zeros((0, 2))
    for moment, last, found in points:
        if finals and not last:
            continue
        front = np.vstack([front, np.asarray(found, float)[:, :2]])
        front = front[np.isfinite(front).all(axis=1)]
        if volume(front, reference) >= goal:
            return moment / horizon
        front = np.column_stack(lower_hull(front))
    return float("inf")


def bootstrap(
    values: np.ndarray, statistic: str = "median", draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a statistic over seeds."""
    rng = np.random.default_rng(seed)
    picks = rng.integers(len(values), size=(draws, len(values)))
    pick = np.median if statistic == "median" else np.mean
    with np.errstate(invalid="ignore"):
        found = pick(np.asarray(values)[picks], axis=1)
    low, high = np.percentile(found, [2.5, 97.5], method="nearest")
    return float(low), float(high)
