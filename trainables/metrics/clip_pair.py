"""What a clip metric sees: one recording, before and after a codec.

Metrics are defined for metres. On data in pixels or shoulder widths a metric is given these as they
are, 1 for 1 m, and `score_clip` turns its value and its name into the data's own unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from search_spaces.objectives import Metric, Scope, register_metric
from search_spaces.units import METRES, Yardstick

LEAST_JOINTS = 3
"""Seen joints that a part needs in a frame to be scored there; a part of fewer needs all."""


@dataclass(frozen=True, eq=False)
class ClipPair:
    """One recording and its reconstruction.

    Attributes:
        recording: its name.
        original: (frames, joints, 3) metres (or what the data have in their place); root removed
            or kept as the data set says. NaN where a joint was not seen.
        reconstruction: the same shape.
        fps: frames per second of both.
        parts: part name -> indices of the joints scored for it. Hands hold their wrist first.
        wrists: indices of left and right wrist that were found, 0 to 2 of them.
        names: joint names.
        seen: (frames, joints) bool, None where all were seen. What was not is NaN in both, so a
            metric that does not ask gives no value rather than a wrong one.
        dimensions: 2 where motion lies in the plane of a picture (z is 0), else 3.
        yardstick: unit of the coordinates, for the names of what is measured.
    """

    recording: str
    original: np.ndarray
    reconstruction: np.ndarray
    fps: float
    parts: Mapping[str, np.ndarray]
    wrists: tuple[int, ...]
    names: tuple[str, ...]
    seen: np.ndarray | None = None
    dimensions: int = 3
    yardstick: Yardstick = METRES

    @property
    def frames(self) -> int:
        """Number of frames."""
        return int(self.original.shape[0])

    def seen_of(self, scope: str) -> np.ndarray | None:
        """(frames, joints) of `full` or of a part, as metrics count them; None for all.

        A frame in which a part shows fewer than three of its joints says nothing of its shape, and
        a wrist alone is no hand: such frames count as not seen.
        """
        if self.seen is None:
            return None
        if scope == "full":
            return self.seen
        seen = self.seen[:, self.parts[scope]]
        enough = seen.sum(axis=1) >= min(LEAST_JOINTS, seen.shape[1])
        return np.asarray(seen & enough[:, None])


ClipMetric = Callable[[ClipPair, str], float]
"""(pair, scope) -> value. Scope is `full` or a part for POSE metrics, "" for TOTAL ones."""

_REGISTRY: dict[str, tuple[Metric, ClipMetric]] = {}


def clip_metric(metric: Metric) -> Callable[[ClipMetric], ClipMetric]:
    """Registers how a metric is measured on a clip, and the metric itself."""

    def register(function: ClipMetric) -> ClipMetric:
        _REGISTRY[register_metric(metric).objective()] = (metric, function)
        return function

    return register


def clip_metrics() -> list[tuple[Metric, ClipMetric]]:
    """All registered clip metrics."""
    return list(_REGISTRY.values())


def score_clip(pair: ClipPair, wanted: Collection[str] | None = None) -> dict[str, float]:
    """Every clip metric on one recording: objective name -> value (NaN where undefined).

    POSE metrics give `full`, each part, and `hands`, the mean over the hands present: those of the
    skeleton that the recording shows. Names and values are in the unit of `pair.yardstick`.
    With `wanted`, those names alone are measured, and what they are means of.
    """
    values: dict[str, float] = {}
    for defined, function in clip_metrics():
        metric = defined.measured_in(pair.yardstick)
        factor = pair.yardstick.factor(defined.unit)
        if metric.scope is not Scope.POSE:
            if _asked(metric.objective(), wanted):
                values[metric.objective()] = factor * float(function(pair, ""))
            continue
        named = [p for p in pair.parts if p.endswith("hand")]
        both = bool(named) and _asked(metric.objective("hands"), wanted)
        for scope in ("full", *pair.parts):
            if (both and scope in named) or _asked(metric.objective(scope), wanted):
                values[metric.objective(scope)] = factor * float(function(pair, scope))
        if not both:
            continue
        hands = [values[metric.objective(p)] for p in named if _shows(pair, p)]
        values[metric.objective("hands")] = float(np.mean(hands)) if hands else math.nan
    return values


def _asked(name: str, wanted: Collection[str] | None) -> bool:
    return wanted is None or name in wanted


def _shows(pair: ClipPair, scope: str) -> bool:
    seen = pair.seen_of(scope)
    return seen is None or bool(seen.any())
