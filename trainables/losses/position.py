"""Squared error of joint positions, differentiable from a part's features.

An angle error at the shoulder moves the whole arm and one at a fingertip almost nothing; this loss
weighs them by what they move.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from trainables.losses.kinematics import Bones, Kinematics, Tree
from trainables.losses.whole_features import WholeFeatures
from trainables.motion.part_data import PartGeometry

_BLOCK = 256  # frames at a time on a CPU, whose caches then hold what kinematics makes of them


class PositionLoss(WholeFeatures):
    """Mean squared joint distance over the square of the part's size: 1 is as bad as one mean pose.

    The part's root, which is always in place, is left out of the mean.
    """

    def __init__(
        self, geometry: PartGeometry, mean: np.ndarray, std: np.ndarray, position_scale: float
    ) -> None:
        """A loss on z-scored features.

        Args:
            geometry: of the part; its `active` features are those that a codec sees.
            mean: (dimensions,) that the features are relative to.
            std: (dimensions,) that they are divided by.
            position_scale: metres.
        """
        super().__init__(geometry, mean, std)
        self.scale = float(position_scale)
        if self.kind != "position":
            self._plan(geometry)

    def _plan(self, geometry: PartGeometry) -> None:
        """Which points each tree level holds, and where in the order their parents stand."""
        tree = Tree.of(geometry.parents, geometry.coded)
        self.bounds = tree.bounds
        for level, parents in enumerate(tree.parents):
            self.register_buffer(f"parents_{level}", torch.as_tensor(parents))
        self.register_buffer("rotation", torch.as_tensor(tree.rotation))
        self.register_buffer("place", torch.as_tensor(tree.place))
        offsets = np.asarray(geometry.offsets)[np.argsort(tree.place)]
        self.keep("offsets", offsets[..., None])

    def _bones(self) -> Bones:
        parents = [self.get_buffer(f"parents_{i}") for i in range(len(self.bounds) - 2)]
        return Bones(self.bounds, parents, self.get_buffer("rotation"), self.get_buffer("offsets"))

    def positions(self, scored: Tensor) -> Tensor:
        """Joint positions in metres, relative to the part's root.

        Args:
            scored: (frames, dimensions) z-scored features.

        Returns:
            (frames, points, 3), the root first; for `position` features (frames, joints, 3), the
            coded joints alone, in their order.
        """
        if self.kind == "position":
            return self.whole(scored)
        if len(scored) > _BLOCK and scored.device.type == "cpu":
            return torch.cat([self.positions(some) for some in scored.split(_BLOCK)])
        # Frames last, joints first: what kinematics wants.
        raw = (scored * self.std + self.mean).T
        whole = self.constant[:, None].repeat(1, len(scored)).index_copy(0, self.active, raw)
        whole = whole.view(-1, self.width, len(scored))
        places: Tensor = Kinematics.apply(whole, self.mean_rotations, self._bones())
        return places.permute(2, 0, 1)[:, self.get_buffer("place")]

    def forward(self, scored: Tensor, positions: Tensor, seen: Tensor | None = None) -> Tensor:
        """Loss of each frame: (frames, dimensions), (frames, points, 3) -> (frames,).

        Args:
            scored: z-scored features.
            positions: of the points, as `positions` gives them.
            seen: (frames, points) bool: what counts. A frame counts as much as it shows, so that
                the mean over frames is one over what was seen.
        """
        seen = None if seen is None else self.scored(seen)
        return mean_seen(self.squared(scored, positions), seen) / self.scale**2

    def squared(self, scored: Tensor, positions: Tensor) -> Tensor:
        """Square distances (frames, scored points) of what `forward` is given, square metres."""
        return self.scored(((self.positions(scored) - positions) ** 2).sum(-1))

    def scored(self, points: Tensor) -> Tensor:
        """Points that count, of all (frames, points): not the root, which is always in place."""
        return points if self.kind == "position" else points[:, 1:]


def mean_seen(errors: Tensor, seen: Tensor | None) -> Tensor:
    """(frames, items) -> (frames,), whose mean over frames is the mean over items that were seen.

    Args:
        errors: of every item.
        seen: (frames, items) bool; all where left out.
    """
    if seen is None:
        return errors.mean(1)
    weight = seen.to(errors.dtype)
    return (errors * weight).sum(1) * (len(errors) / weight.sum().clamp(min=1.0))
