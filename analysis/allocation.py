"""How a total rate is best shared between parts: rates add, squared errors nearly do.

Pure arithmetic on what was measured of each part; decoding is somebody else's. Points of parts are
merged one part at a time, and what another merge dominates is dropped at once, so hundreds of
points a part stay cheap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class PartPoint:
    """One part at one operating point.

    Attributes:
        point: identity of the operating point it belongs to.
        rate: bits per second of this part.
        squared: (recordings,) mean squared distance of the whole pose when this part alone is
            coded.
    """

    point: str
    rate: float
    squared: np.ndarray


@dataclass(frozen=True, eq=False)
class Composition:
    """Points of all parts together.

    Attributes:
        points: part -> identity of its operating point.
        rates: part -> bits per second.
        squared: (recordings,) predicted.
    """

    points: Mapping[str, str]
    rates: Mapping[str, float] = field(default_factory=dict)
    squared: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def rate(self) -> float:
        """Bits per second of all parts."""
        return sum(self.rates.values())

    @property
    def rmse(self) -> float:
        """Predicted root mean square, mean over recordings, in the unit of `squared`'s root."""
        return float(np.mean(np.sqrt(np.maximum(self.squared, 0.0))))


def best_compositions(
    parts: Mapping[str, Sequence[PartPoint]], base: np.ndarray
) -> list[Composition]:
    """The compositions that no other dominates in rate and predicted error, by rising rate.

    Args:
        parts: part -> its points.
        base: (recordings,) what `squared` of every point holds although nothing is coded.
    """
    front = [Composition({}, {}, np.array(base, np.float64))]
    for part, points in parts.items():
        merged = [
            Composition(
                {**done.points, part: point.point},
                {**done.rates, part: point.rate},
                done.squared + point.squared - base,
            )
            for done in front
            for point in points
        ]
        front = _undominated(merged)
    return front


def _undominated(compositions: Sequence[Composition]) -> list[Composition]:
    order = sorted(compositions, key=lambda c: (c.rate, c.rmse))
    kept: list[Composition] = []
    for composition in order:
        if not kept or composition.rmse < kept[-1].rmse:
            kept.append(composition)
    return kept
