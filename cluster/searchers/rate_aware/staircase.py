"""The front as a staircase over a known objective, and what a set of points adds under it.

The first objective (a rate) is a function of the configuration, the second is measured; both are
minimised, and volumes are taken in the coordinates that the caller hands over (logarithms, where
ratios are what counts). For every rate rho the staircase holds the best value at any rate <= rho,
or the reference where there is none. What a point (r, y) adds is the integral over rho from r to
the reference rate of max(0, staircase(rho) - y) [hypervolume improvement with one exact objective].
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cluster.searchers.rate_aware.expected_gain import Terms, log_step_gain


@dataclass(frozen=True, eq=False)
class Staircase:
    """Steps of a front inside a window of rates.

    Attributes:
        edges: (steps + 1,) rates, ascending: step j reaches from edges[j] to edges[j + 1]; the
            first is -inf where the window has no lower end.
        levels: (steps,) the best value known on each step; the reference value before the first
            point.
    """

    edges: np.ndarray
    levels: np.ndarray

    @property
    def volume(self) -> float:
        """Hypervolume between the staircase and the highest level, which is the reference."""
        return float(np.sum(np.diff(self.edges[1:]) * (self.levels[0] - self.levels[1:])))

    def at(self, rates: np.ndarray) -> np.ndarray:
        """The level at some rates (any shape): that of the first step below the window."""
        place = np.searchsorted(self.edges[1:-1], rates, side="right")
        return self.levels[place]

    def widths(self, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """How far each step reaches into intervals of rates.

        Args:
            starts: (points,) from where each point counts: its own rate.
            stops: (points,) up to where; the rate of the next point of its set, or infinity.

        Returns:
            (points, steps) lengths.
        """
        low = np.maximum(self.edges[None, :-1], starts[:, None])
        high = np.minimum(self.edges[None, 1:], stops[:, None])
        return np.maximum(high - low, 0.0)

    def gain(self, points: np.ndarray) -> float:
        """Volume that a set of points (n, 2) adds; exact, whatever their order."""
        rates, values = lower_hull(points)
        if not len(rates):
            return 0.0
        widths = self.widths(rates, np.append(rates[1:], np.inf))
        return float(np.sum(widths * np.maximum(self.levels[None] - values[:, None], 0.0)))

    def log_gain(
        self, mean: np.ndarray, sd: np.ndarray, slabs: np.ndarray, *, slopes: bool = True
    ) -> Terms:
        """ln of the expected volume of each point, and its slopes.

        Args:
            mean: (points, 2) exact rates, and posterior means.
            sd: (points, 2) standard deviations, those of rates unused.
            slabs: (points, 2) interval of rates in which each point counts.
            slopes: whether they are wanted.

        Returns:
            (points,) values, and if asked for (points, 2) slopes by mean and by sd.
        """
        widths = self.widths(np.maximum(mean[:, 0], slabs[:, 0]), slabs[:, 1])
        value, *by = log_step_gain(mean[:, 1], sd[:, 1], self.levels, widths, slopes=slopes)
        if not slopes:
            return (value,)
        by_mean, by_sd = by
        none = np.zeros_like(by_mean)
        return value, np.column_stack([none, by_mean]), np.column_stack([none, by_sd])


def lower_hull(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The non-dominated points of (n, 2), by ascending rate and so by descending value."""
    points = np.asarray(points, float).reshape(-1, 2)
    order = np.lexsort((points[:, 1], points[:, 0]))
    rates, values = points[order].T
    if not len(rates):
        return rates, values
    before = np.concatenate([[np.inf], np.minimum.accumulate(values)[:-1]])
    kept = values < before
    return rates[kept], values[kept]


def staircase(
    points: np.ndarray | Iterable[tuple[float, float]],
    reference: tuple[float, float],
    start: float = -np.inf,
) -> Staircase:
    """The staircase of points (n, 2) below a reference point.

    Args:
        points: rate and value of each; those outside the reference count for nothing.
        reference: highest rate and value that count.
        start: lowest rate that counts. A point below it counts from there on.
    """
    points = np.asarray(list(points) if not isinstance(points, np.ndarray) else points, float)
    points = points.reshape(-1, 2)
    inside = (points[:, 0] < reference[0]) & (points[:, 1] < reference[1])
    rates, values = lower_hull(points[inside])
    rates = np.maximum(rates, start)
    # Of several points at or below the window's start the last is the best.
    last = np.append(rates[1:] > rates[:-1], True) if len(rates) else np.zeros(0, bool)
    rates, values = rates[last], values[last]
    edges = np.concatenate([[start], rates, [reference[0]]])
    levels = np.concatenate([[reference[1]], values])
    return Staircase(edges, levels)
