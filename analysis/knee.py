"""The knee of a front: the point from which more bits buy little, by its distance to the chord.

The chord joins the front's two ends; both axes are scaled by the front's own extent, rates as they
are (not their logarithm), so the knee lies where the front is about as steep as the chord. The
point farthest below the chord is the knee (Das 1999; Branke et al. 2004 compare the alternatives).
A knee depends on where the front ends, so its place is told with how often resampled recordings put
it there (`analysis.front_statistics`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Knee:
    """Where a front bends most.

    Attributes:
        index: row of the values that were given, or None.
        depth: distance below the chord, as a share of the front's extent; at most 1.
        reason: why there is none, where there is none.
    """

    index: int | None
    depth: float
    reason: str = ""


def knee(values: np.ndarray) -> Knee:
    """The knee of a front of two objectives.

    Args:
        values: float (points, 2), everything minimised; dominated rows and those that are not
            finite are passed over.

    >>> knee(np.array([[0.0, 10.0], [1.0, 2.0], [10.0, 0.0]])).index
    1
    """
    values = np.asarray(values, dtype=float)
    rows = np.flatnonzero(np.isfinite(values).all(axis=1))
    rows = rows[np.lexsort((values[rows, 1], values[rows, 0]))]
    # By rising first objective, a point is on the front where the second falls below all before.
    least = np.minimum.accumulate(values[rows, 1]) if len(rows) else np.empty(0)
    rows = rows[np.r_[True, least[1:] < least[:-1]]] if len(rows) else rows
    if len(rows) < 3:
        return Knee(None, math.nan, f"a knee needs 3 points of a front, there are {len(rows)}")
    front = values[rows]
    share = (front - front[-1]) / (front[0] - front[-1])  # 1, 1 at the first and 0, 0 at the last
    below = (1 - share[:, 0]) + share[:, 1]  # the chord is at 1
    index = int(np.argmin(below))
    depth = float(1 - below[index])
    if depth <= 1e-9:
        return Knee(None, 0.0, "the front does not bend towards the origin anywhere")
    return Knee(int(rows[index]), depth)
