"""What training takes a decoded frame's error to be: squares of features, positions or angles.

What a recording does not show has no error: those features and joints are left out of every mean.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from trainables.losses.geodesic import GeodesicLoss
from trainables.losses.position import PositionLoss, mean_seen
from trainables.motion.part_data import PartData

SCORED_FRAMES = 256
"""Frames of a batch, evenly taken, whose joint positions and angles are scored: kinematics costs
several times what the networks do, and a quarter of the frames gives an unbiased gradient."""

_CHUNK = 1024  # frames whose joint positions are worked out at a time


class ReconstructionLoss:
    """Errors by name, and their weighted sum."""

    def __init__(
        self, weights: Mapping[str, float], data: PartData, scale: np.ndarray, features: Tensor
    ) -> None:
        """For one part.

        Args:
            weights: of `loss.angle`, `loss.position` and `loss.geodesic`.
            data: training data.
            scale: (dimensions,) that features are divided by.
            features: (frames, dimensions) all training features, scaled.
        """
        self._weights = dict(weights)
        self._position: PositionLoss | None = None
        self._geodesic: GeodesicLoss | None = None
        self._seen = _on(data.seen_features, features)
        points, joints = data.seen, None
        if points is not None:
            joints = points[:, data.geometry.coded]
            points = joints if data.geometry.kind == "position" else points
        self._seen_points, self._seen_joints = _on(points, features), _on(joints, features)
        if self._weights["loss.position"] > 0:
            loss = PositionLoss(data.geometry, data.mean, scale, data.position_scale)
            self._position = loss.to(features.device)
            with torch.no_grad():  # once for all frames, so that no step works them out again
                self._targets = torch.cat([loss.positions(c) for c in features.split(_CHUNK)])
        if self._weights["loss.geodesic"] > 0:
            angle = GeodesicLoss(data.geometry, data.mean, scale, data.std)
            self._geodesic = angle.to(features.device)

    def errors(self, scored: Tensor, wanted: Tensor, rows: Tensor, every: int) -> dict[str, Tensor]:
        """Means over frames, of those errors that have a weight, and of features always.

        Args:
            scored: (frames, dimensions) decoded.
            wanted: (frames, dimensions) of the data, scaled alike.
            rows: (frames,) where in the training data they stand.
            every: positions and angles are scored on every so many frames.
        """
        found = {}
        if self._seen is None:
            found["loss.angle"] = nn.functional.mse_loss(scored, wanted)
        else:
            found["loss.angle"] = mean_seen((scored - wanted) ** 2, self._seen[rows]).mean()
        few = rows[::every]
        if self._position is not None:
            seen = None if self._seen_points is None else self._seen_points[few]
            squared = self._position(scored[::every], self._targets[few], seen)
            found["loss.position"] = squared.mean()
        if self._geodesic is not None:
            seen = None if self._seen_joints is None else self._seen_joints[few]
            squared = self._geodesic(scored[::every], wanted[::every], seen)
            found["loss.geodesic"] = squared.mean()
        return found

    def weight(self, name: str) -> float:
        """Of an error."""
        return self._weights[name]


def _on(rows: np.ndarray | None, features: Tensor) -> Tensor | None:
    return None if rows is None else torch.from_numpy(np.array(rows)).to(features.device)
