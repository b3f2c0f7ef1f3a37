"""What a clip metric sees: one recording, before and after a codec, in metres."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from search_spaces.objectives import Metric, Scope, register_metric


@dataclass(frozen=True, eq=False)
class ClipPair:
    """One recording and its reconstruction.

    Attributes:
        recording: its name.
        original: (frames, joints, 3) metres; root removed or kept as the data set says.
        reconstruction: the same shape.
        fps: frames per second of both.
        parts: part name -> indices of the joints scored for it. Hands hold their wrist first.
        wrists: indices of left and right wrist that were found, 0 to 2 of them.
        names: joint names.
    """

    recording: str
    original: np.ndarray
    reconstruction: np.ndarray
    fps: float
    parts: Mapping[str, np.ndarray]
    wrists: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return int(self.original.shape[0])


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


def score_clip(pair: ClipPair) -> dict[str, float]:
    """Every clip metric on one recording: objective name -> value (NaN where undefined).

    POSE metrics give `full`, each part, and `hands`, the mean over the hands present.
    """
    values: dict[str, float] = {}
    for metric, function in clip_metrics():
        if metric.scope is not Scope.POSE:
            values[metric.objective()] = float(function(pair, ""))
            continue
        for scope in ("full", *pair.parts):
            values[metric.objective(scope)] = float(function(pair, scope))
        hands = [values[metric.objective(p)] for p in pair.parts if p.endswith("hand")]
        if hands:
            values[metric.objective("hands")] = float(np.mean(hands))
    return values
