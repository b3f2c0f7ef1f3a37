"""Squared angle between rotations, differentiable from a part's features.

The geodesic distance on SO(3): the angle of the one rotation that leads from one to the other
(Huynh 2009, https://doi.org/10.1007/s10851-009-0161-2, equation 23, here by its half's sine, which
keeps its digits near 0). Unlike an error of exponential maps it does not depend on where on the
sphere of rotations the two lie, and 2 pi is no error.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from trainables.losses.position import mean_seen
from trainables.losses.whole_features import WholeFeatures
from trainables.motion.part_data import PartGeometry

_LEAST = 1e-12  # of the squared sine of half the angle: below, a gradient of 0 instead of 0 / 0
_MOST = 1 - 1e-6  # half a turn has no direction to go back in


class GeodesicLoss(WholeFeatures):
    """Mean squared angle over the training set's spread: 1 is as bad as one mean pose."""

    def __init__(
        self, geometry: PartGeometry, mean: np.ndarray, std: np.ndarray, spread: np.ndarray
    ) -> None:
        """A loss on scaled features.

        Args:
            geometry: of a part whose features are rotations.
            mean: (dimensions,) that the features are relative to.
            std: (dimensions,) that they are divided by.
            spread: (dimensions,) standard deviations of features on train.

        Raises:
            ValueError: features are positions.
        """
        super().__init__(geometry, mean, std)
        if self.kind == "position":
            raise ValueError("an angle between rotations needs features that are rotations")
        joints = len(geometry.coded)
        squared = (np.asarray(spread, np.float64) ** 2).sum() / joints
        # Of a small turn about any axis the two columns of 6-D features move by 4/3 of its square.
        self.scale = float(squared * (0.75 if self.kind == "rot6d" else 1.0))

    def forward(self, scored: Tensor, wanted: Tensor, seen: Tensor | None = None) -> Tensor:
        """Loss of each frame: scaled features (frames, dimensions) twice -> (frames,).

        `seen` (frames, joints) bool says which coded joints count; all where left out.
        """
        return mean_seen(self.squared(scored, wanted), seen) / self.scale

    def squared(self, scored: Tensor, wanted: Tensor) -> Tensor:
        """Square angles of every joint: (frames, dimensions) twice -> (frames, joints)."""
        return self.squared_angles(self.rotations(scored), self.rotations(wanted))

    @staticmethod
    def squared_angles(first: Tensor, second: Tensor) -> Tensor:
        """(..., 3, 3) twice -> (...) square radians."""
        # |A - B|^2 = 8 sin^2(angle / 2) in the Frobenius norm.
        squared_sine = ((first - second) ** 2).sum((-2, -1)) / 8
        half = torch.asin(squared_sine.clamp(_LEAST, _MOST).sqrt())
        return 4 * half**2
