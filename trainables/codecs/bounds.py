"""Two bounds that every page shows: the mean pose (0 bits) and the nearest training frame.

They are codecs by contract and learn nothing. Between them every per-frame codec must fall: worse
than the mean pose is a defect, and beating the nearest training frame needs a model of motion, not
a list of frames. The gap between the nearest frame's validation error and zero is what the amount
of training data alone decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from search_spaces.record import MEAN_POSE, NEAREST_FRAME
from trainables.codecs.codec import Codec, Tokens
from trainables.motion.part_data import PartData
from trainables.runtime import Runtime

DISTANCES = 1 << 23
"""Distances held at a time: 32 MiB of float32."""


class _Bound(Codec):
    def __init__(self, data: PartData) -> None:
        """A bound fitted on a part's training frames."""
        super().__init__({"codec": self.family}, data.name, data.dimensions, data.fps, seed=0)
        self.centres = self._centres(data)
        self.trained_share = 1.0

    def _centres(self, data: PartData) -> np.ndarray:
        raise NotImplementedError

    @property
    def alphabet(self) -> tuple[int, ...]:
        return (len(self.centres),)

    @property
    def compression(self) -> int:
        return 1

    def fit(self, data: PartData, runtime: Runtime, until: float = 1.0) -> dict[str, float]:
        return {}

    def encode(self, features: np.ndarray) -> Tokens:
        indices = nearest(features, self.centres)
        return Tokens(indices[:, None], self.alphabet, self.fps, len(features))

    def decode(self, tokens: Tokens, depth: int | None = None) -> np.ndarray:
        return np.asarray(self.centres[tokens.indices[:, 0]])

    def arrays(self) -> dict[str, np.ndarray]:
        return {"centres": self.centres}

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.centres = arrays["centres"]

    def training_state(self) -> dict[str, Any]:
        return {}

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        return None


class MeanPose(_Bound):
    """Every frame is the mean of train: what no bits at all give."""

    family: ClassVar[str] = MEAN_POSE

    def _centres(self, data: PartData) -> np.ndarray:
        return data.mean[None]


class NearestFrame(_Bound):
    """Every frame is its nearest training frame, by squared distance of features."""

    family: ClassVar[str] = NEAREST_FRAME

    def _centres(self, data: PartData) -> np.ndarray:
        return data.features


def nearest(features: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Index (frames,) int32 of each frame's nearest centre, in chunks that bound memory."""
    middle = centres.mean(axis=0)  # far from the origin, rounding would decide between neighbours
    centres = centres - middle
    half_squares = 0.5 * np.einsum("kd,kd->k", centres, centres)
    chunk = max(DISTANCES // len(centres), 1)
    found = np.empty(len(features), dtype=np.int32)
    for start in range(0, len(features), chunk):
        block = features[start : start + chunk] - middle
        found[start : start + chunk] = (half_squares - block @ centres.T).argmin(axis=1)
    return found
