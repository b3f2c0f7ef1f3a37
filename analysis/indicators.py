"""Quality of a set of operating points as numbers, with moocore behind them: the one module that
imports it.

Everything is minimised here (`Objective.sign` turns what is maximised). moocore's traps are kept
out: a row with a NaN would be returned as the only non-dominated one and an infinite one may
survive, so rows that are not finite are left out and counted; ties stay visible (`keep_weakly`);
points outside the reference box are counted instead of vanishing. Indicators that add objectives of
different units (IGD+, epsilon, R2) are taken in units of a `Box` that is fixed beforehand, or two
of their values could not be compared.

Hypervolume: Zitzler & Thiele 1998. Additive epsilon: Zitzler et al. 2003. IGD+: Ishibuchi et al.
2015. R2: Hansen & Jaszkiewicz 1998, exact in two dimensions after Schäpermeier & Kerschke 2025.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import moocore
import numpy as np

from search_spaces.errors import BadInput

Reference = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Hypervolume:
    """Volume dominated within the reference point.

    Attributes:
        value: in the product of the objectives' units.
        clipped: finite points that do not beat the reference point in every objective; they
            contribute nothing.
        dropped: rows that are not finite.
    """

    value: float
    clipped: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class Box:
    """What indicators of several objectives are measured in: 0 at `ideal`, 1 at `corner`.

    Attributes:
        ideal: float (objectives,), a value that no point goes below.
        corner: float (objectives,), the reference point.
    """

    ideal: np.ndarray
    corner: np.ndarray

    def __post_init__(self) -> None:
        wide = np.isfinite(self.ideal) & np.isfinite(self.corner) & (self.corner > self.ideal)
        if self.ideal.shape != self.corner.shape or not wide.all():
            raise BadInput(
                f"no box from {self.ideal.tolist()} to {self.corner.tolist()}; every objective "
                "needs a finite reference value that is worse than its ideal"
            )

    @classmethod
    def below(cls, corner: Reference, values: np.ndarray) -> Box:
        """The box from 0 to a reference point.

        An objective that is maximised (its values are negative) has no natural zero: its ideal is
        the best of `values` (points, objectives) then. Where none of them is better than the
        reference, any extent will do: every share is 0.
        """
        corner, values = np.asarray(corner, dtype=float), _table(values)
        ideal = np.zeros_like(corner)
        for i in range(len(corner)):
            seen = values[np.isfinite(values[:, i]), i]
            if len(seen) and (seen.min() < 0 or corner[i] <= 0):
                ideal[i] = seen.min()
        ideal = np.where(np.isfinite(corner) & (ideal >= corner), corner - 1.0, ideal)
        return cls(ideal, corner)

    @property
    def volume(self) -> float:
        """Of the whole box, in the product of the objectives' units."""
        return float(np.prod(self.corner - self.ideal))

    def units(self, values: np.ndarray) -> np.ndarray:
        """Values as shares of the box: float (points, objectives)."""
        return (_table(values) - self.ideal) / (self.corner - self.ideal)


@dataclass(frozen=True)
class Indicators:
    """Indicators of one set against a reference front; not a number where there is no point.

    Attributes:
        hypervolume: in the product of the objectives' units; larger is better.
        share: hypervolume as a share of the box.
        igd_plus: mean distance from the reference front to what the set dominates, in box units;
            0 where the set reaches all of it.
        epsilon: how much must be taken off every objective of the set, in box units, so that it
            reaches all of the reference front; 0 or less where it does already.
        r2: expected weighted Chebyshev distance to the ideal, in box units; smaller is better. Not
            a number with other than two objectives.
        points, clipped, dropped: finite points, those of them outside the box, and rows that are
            not finite.
    """

    hypervolume: float
    share: float
    igd_plus: float
    epsilon: float
    r2: float
    points: int
    clipped: int
    dropped: int


def nondominated(values: np.ndarray) -> np.ndarray:
    """Which rows no other row dominates, everything minimised.

    Args:
        values: float (points, objectives).

    Returns:
        bool (points,). Rows that are not finite are False and dominate nothing; of equal rows all
        are kept.

    >>> nondominated(np.array([[1, 2], [2, 1], [2, 2], [np.nan, 0]])).tolist()
    [True, True, False, False]
    """
    values = _table(values)
    finite = np.isfinite(values).all(axis=1)
    mask = np.zeros(len(values), dtype=bool)
    if finite.any():
        mask[finite] = moocore.is_nondominated(values[finite].copy(), keep_weakly=True)
    return mask


def ranks(values: np.ndarray) -> np.ndarray:
    """Layer of each row under non-dominated sorting: int (points,), 0 first, -1 if not finite.

    >>> ranks(np.array([[1, 1], [2, 2], [1, 3], [np.inf, 0]])).tolist()
    [0, 1, 1, -1]
    """
    values = _table(values)
    finite = np.isfinite(values).all(axis=1)
    layers = np.full(len(values), -1)
    if finite.any():
        layers[finite] = moocore.pareto_rank(values[finite].copy())
    return layers


def hypervolume(values: np.ndarray, reference: Reference) -> Hypervolume:
    """Hypervolume of points, everything minimised.

    Args:
        values: float (points, objectives).
        reference: float (objectives,), finite; fixed per sweep, or values cannot be compared.

    >>> hypervolume(np.array([[1.0, 2.0], [2.0, 1.0], [5.0, 0.0]]), [3.0, 3.0])
    Hypervolume(value=3.0, clipped=1, dropped=0)
    """
    values, corner = _table(values), _corner(values, reference)
    finite, inside = _inside(values, corner)
    volume = float(moocore.hypervolume(values[inside].copy(), ref=corner)) if inside.any() else 0.0
    return Hypervolume(volume, int((finite & ~inside).sum()), int((~finite).sum()))


def contributions(values: np.ndarray, reference: Reference) -> np.ndarray:
    """What the hypervolume would lose without each point, all others staying: float (points,).

    0 for points that are dominated, outside the reference point, or equal to another; not a number
    for rows that are not finite.

    >>> contributions(np.array([[1.0, 2.0], [2.0, 1.0], [2.5, 2.5]]), [3.0, 3.0]).tolist()
    [1.0, 1.0, 0.0]
    """
    values, corner = _table(values), _corner(values, reference)
    finite, inside = _inside(values, corner)
    lost = np.where(finite, 0.0, np.nan)
    if inside.any():
        # Dominated points count as what would stand in for a point that is taken away.
        lost[inside] = moocore.hv_contributions(
            values[inside].copy(), ref=corner, ignore_dominated=False
        )
    return lost


def indicators(values: np.ndarray, reference_front: np.ndarray, box: Box) -> Indicators:
    """Every indicator of a set of points, everything minimised.

    Args:
        values: float (points, objectives).
        reference_front: float (points, objectives), what the set is measured against; rows that are
            dominated or not finite are left out.
        box: the units; fixed for everything that is compared.
    """
    values, target = _table(values), _table(reference_front)
    volume = hypervolume(values, box.corner)
    own, target = values[nondominated(values)], target[nondominated(target)]
    igd = epsilon = r2 = math.nan
    if len(own) and len(target):
        own, target = box.units(own), box.units(target)
        igd = float(moocore.igd_plus(own.copy(), ref=target.copy()))
        epsilon = float(moocore.epsilon_additive(own.copy(), ref=target.copy()))
        if own.shape[1] == 2:
            r2 = float(moocore.r2_exact(own.copy(), ref=np.zeros(2)))
    return Indicators(
        volume.value,
        volume.value / box.volume,
        igd,
        epsilon,
        r2,
        len(values) - volume.dropped,
        volume.clipped,
        volume.dropped,
    )


def attained(values: np.ndarray, sets: np.ndarray, percentile: float) -> np.ndarray:
    """Points of the surface that a share of the sets attains: float (corners, objectives).

    Exact empirical attainment function, of two or three objectives (Fonseca et al. 2011). A point
    is attained by a set where one of the set's points is at least as good in every objective; the
    surface at p % holds the best points that at least p % of the sets attain.

    Args:
        values: finite float (points, objectives), minimised.
        sets: (points,), the set of each row.
        percentile: above 0, at most 100.
    """
    _, numbered = np.unique(sets, return_inverse=True)
    order = np.argsort(numbered, kind="stable")
    table = moocore.eaf(values[order].copy(), numbered[order] + 1, percentiles=[percentile])
    found = np.asarray(table)[:, :-1]
    return found[np.lexsort(found.T[::-1])]


def vorobev_deviation(values: np.ndarray, sets: np.ndarray, reference: Reference) -> float:
    """Spread of several sets as one number: the Vorob'ev deviation, in hypervolume (Binois 2015).

    0 where all sets attain the same; as `attained` takes its arguments.
    """
    _, numbered = np.unique(sets, return_inverse=True)
    order = np.argsort(numbered, kind="stable")
    corner = np.asarray(reference, dtype=float)
    return float(moocore.vorob_dev(values[order].copy(), numbered[order] + 1, ref=corner))


def _inside(values: np.ndarray, corner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    finite = np.isfinite(values).all(axis=1)
    return finite, finite & (np.where(np.isfinite(values), values, np.inf) < corner).all(axis=1)


def _corner(values: np.ndarray, reference: Reference) -> np.ndarray:
    corner = np.asarray(reference, dtype=float)
    if corner.shape != (values.shape[1],) or not np.isfinite(corner).all():
        raise BadInput(
            f"the reference point needs {values.shape[1]} finite values, got {corner.tolist()}"
        )
    return corner


def _table(values: np.ndarray) -> np.ndarray:
    table = np.asarray(values, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"values must be (points, objectives), got shape {table.shape}")
    return table
