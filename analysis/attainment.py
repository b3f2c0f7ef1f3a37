"""Attainment surfaces: what a share of the seeds reaches, in place of an average of fronts.

Averaging fronts point by point is not defined, since their points differ. The empirical attainment
function is: at each place of the plane, the share of the runs that have a point at least as good
there (Grunert da Fonseca, Fonseca & Hall 2001). Its 50 % surface is the median front, its 25 and
75 % surfaces the quartiles. One run is one seed with all its configurations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.indicators import attained, nondominated, vorobev_deviation

LEVELS = (25.0, 50.0, 75.0)


@dataclass(frozen=True)
class Attainment:
    """Attainment surfaces of several runs.

    Attributes:
        surfaces: percentage to corners of its surface, float (corners, objectives), everything
            minimised, by rising first objective; empty where nothing is attained by so many.
        runs: number of runs that have a point.
        needed: percentage to the number of runs that must attain a point: with three runs, 25 % is
            one of them, 50 % two, 75 % all.
        deviation: Vorob'ev deviation in hypervolume, 0 where all runs agree; not a number without a
            reference point or with one run.
        dropped: points that are not finite.
        reason: why there is no surface, where there is none.
    """

    surfaces: dict[float, np.ndarray]
    runs: int
    needed: dict[float, int]
    deviation: float
    dropped: int
    reason: str = ""


def attainment(
    values: np.ndarray,
    runs: Sequence[object] | np.ndarray,
    reference: np.ndarray | None = None,
    levels: Sequence[float] = LEVELS,
) -> Attainment:
    """Surfaces that a share of the runs attains.

    Args:
        values: float (points, objectives), everything minimised, two or three objectives.
        runs: (points,), the run (seed) of each point.
        reference: float (objectives,), for the deviation; points outside it do not count there.
        levels: percentages.
    """
    values = np.asarray(values, dtype=float)
    names, numbered = np.unique(np.asarray(runs).astype(str), return_inverse=True)
    finite = np.isfinite(values).all(axis=1)
    dropped = int((~finite).sum())
    none = {level: np.empty((0, values.shape[1])) for level in levels}
    # A run's dominated points attain nothing that its front does not: the exact function is fast
    # for fronts and slow for clouds.
    kept = np.zeros(len(values), dtype=bool)
    for run in range(len(names)):
        own = np.flatnonzero(finite & (numbered == run))
        kept[own[nondominated(values[own])]] = True
    count = len(np.unique(numbered[kept]))
    if values.shape[1] not in (2, 3):
        reason = f"attainment is exact for two or three objectives, not for {values.shape[1]}"
        return Attainment(none, count, {}, math.nan, dropped, reason)
    if not count:
        return Attainment(none, 0, {}, math.nan, dropped, "no finite point")
    needed = {level: max(1, math.ceil(level / 100 * count - 1e-9)) for level in levels}
    surfaces = {level: attained(values[kept], numbered[kept], level) for level in levels}
    deviation = math.nan
    if reference is not None and count > 1:
        inside = kept & (np.where(finite[:, None], values, np.inf) < reference).all(axis=1)
        if len(np.unique(numbered[inside])) == count:
            deviation = vorobev_deviation(values[inside], numbered[inside], reference)
    reason = "" if count > 1 else "one seed: the surfaces are its front"
    return Attainment(surfaces, count, needed, deviation, dropped, reason)
