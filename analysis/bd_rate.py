"""Bjøntegaard deltas between two curves of rate and distortion: the one module that imports
bjontegaard.

BD-rate is how many percent more bits the second curve needs at equal distortion, on average over
the distortions that both reach; BD-distortion is how much more distortion it has at equal rate, on
average over the rates (logarithmic) that both reach. Negative is better in both. Curves are
interpolated through their points, log10 of the rate against the distortion, by a monotone cubic
(PCHIP) unless Akima is asked for (Bjøntegaard, VCEG-M33 2001; JVET-AL2023 for PCHIP).

What cannot be said is *n/a* with its reason, never a number: a curve with fewer than four points,
one that is not monotone, two without overlap. Points at rate 0 have no logarithm and are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from search_spaces.errors import BadInput

Method = Literal["pchip", "akima"]
METHODS: tuple[Method, ...] = ("pchip", "akima")
LEAST_POINTS = 4
"""Of a curve, as the papers that define the delta take."""

SMALL_OVERLAP = 0.75
"""Share of the whole extent under which a delta speaks for a part of the curves only."""


@dataclass(frozen=True)
class Delta:
    """One Bjøntegaard delta.

    Attributes:
        value: in % for BD-rate, in the distortion's unit for BD-distortion; not a number where it
            is not defined.
        overlap: share of the whole extent of both curves over which it was taken.
        low, high: what it was taken over: distortions for BD-rate, rates for BD-distortion.
        reason: why it is not defined, where it is not.
    """

    value: float
    overlap: float = 0.0
    low: float = math.nan
    high: float = math.nan
    reason: str = ""

    @property
    def defined(self) -> bool:
        """Whether it has a value."""
        return math.isfinite(self.value)

    @property
    def note(self) -> str:
        """What a reader must know beside the number, "" where nothing."""
        if self.reason:
            return self.reason
        if self.overlap < SMALL_OVERLAP:
            return f"the curves share {100 * self.overlap:.0f} % of their extent"
        return ""


@dataclass(frozen=True)
class BD:
    """Both deltas of a test curve against an anchor: lower is better, 0 for equal curves."""

    rate: Delta
    distortion: Delta


def bd(anchor: np.ndarray, test: np.ndarray, method: Method = "pchip") -> BD:
    """BD-rate and BD-distortion of a curve against an anchor.

    Args:
        anchor: float (points, 2), rate and distortion, lower is better in both; in any order.
        test: the same of the other curve.
        method: interpolation.

    Raises:
        BadInput: no such method.
    """
    if method not in METHODS:
        raise BadInput(f"no interpolation {method!r} of BD-rate; there are {', '.join(METHODS)}")
    try:
        first, second = curve(anchor, "the anchor"), curve(test, "the other curve")
    except NotACurve as error:
        nothing = Delta(math.nan, reason=str(error))
        return BD(nothing, nothing)
    return BD(_rate(first, second, method), _distortion(first, second, method))


class NotACurve(ValueError):
    """Points that no Bjøntegaard delta is defined for."""


def curve(points: np.ndarray, name: str = "the curve") -> np.ndarray:
    """Points as a strictly monotone curve by rising rate: float (points, 2).

    Rows that are not finite, at rate 0 or below, or equal to another are left out.

    Raises:
        NotACurve: fewer than four points are left, or distortion does not fall as rate rises.
    """
    points = np.asarray(points, dtype=float).reshape(-1, 2)
    usable = np.isfinite(points).all(axis=1) & (points[:, 0] > 0)
    points = np.unique(points[usable], axis=0)  # by rising rate, then distortion
    if len(points) < LEAST_POINTS:
        count = f"{len(points)} point" + "s" * (len(points) != 1)
        raise NotACurve(f"{name} has {count}, fewer than {LEAST_POINTS}")
    steps = np.diff(points, axis=0)
    if (steps[:, 0] <= 0).any() or (steps[:, 1] >= 0).any():
        raise NotACurve(f"{name} is not monotone: more bits do not always give less distortion")
    return points


def _rate(anchor: np.ndarray, test: np.ndarray, method: Method) -> Delta:
    from bjontegaard import bd_rate

    low, high, overlap = _shared(anchor[:, 1], test[:, 1])
    if overlap <= 0:
        return Delta(math.nan, reason="the curves reach no distortion in common")
    # The library's metric rises with the rate (PSNR), and its curves come by rising metric.
    value = bd_rate(anchor[:, 0], -anchor[:, 1], test[:, 0], -test[:, 1], method,
                    require_matching_points=False, min_overlap=0)  # fmt: skip
    return Delta(float(value), overlap, low, high)


def _distortion(anchor: np.ndarray, test: np.ndarray, method: Method) -> Delta:
    from bjontegaard import bd_psnr

    low, high, overlap = _shared(np.log10(anchor[:, 0]), np.log10(test[:, 0]))
    if overlap <= 0:
        return Delta(math.nan, reason="the curves have no rate in common")
    value = bd_psnr(anchor[:, 0], -anchor[:, 1], test[:, 0], -test[:, 1], method,
                    require_matching_points=False, min_overlap=0)  # fmt: skip
    return Delta(-float(value), overlap, 10**low, 10**high)


def _shared(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Extent that both have, and its share of that of either."""
    low, high = max(first.min(), second.min()), min(first.max(), second.max())
    whole = max(first.max(), second.max()) - min(first.min(), second.min())
    return float(low), float(high), float((high - low) / whole)
