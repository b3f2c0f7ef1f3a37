"""Squared error of joint positions, differentiable from a part's features.

An angle error at the shoulder moves the whole arm and one at a fingertip almost nothing; this loss
weighs them by what they move. Kinematics runs one tree level at a time.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from trainables.losses.whole_features import WholeFeatures
from trainables.motion.part_data import PartGeometry


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
        """Which points each tree level holds, and where in the level above their parents stand."""
        parents = np.asarray(geometry.parents)
        if parents[0] != -1 or (parents[1:] < 0).any():
            raise ValueError(f"a part is one tree with its root first, got parents {parents}")
        depth = np.zeros(len(parents), np.int64)
        for point in range(1, len(parents)):
            depth[point] = depth[parents[point]] + 1
        members = [np.flatnonzero(depth == d) for d in range(int(depth.max()) + 1)]
        order = np.concatenate(members)
        self.levels = len(members)
        coded = {int(point): joint for joint, point in enumerate(geometry.coded)}
        identity = len(coded)  # the row after the coded joints' rotations
        for level, points in enumerate(members):
            rows = [coded.get(int(p), identity) for p in points]
            self.register_buffer(f"rotation_{level}", torch.as_tensor(rows))
            self.keep(f"offset_{level}", np.asarray(geometry.offsets)[points][..., None])
            if level:
                above = {int(p): i for i, p in enumerate(members[level - 1])}
                places = [above[int(parents[p])] for p in points]
                self.register_buffer(f"parent_{level}", torch.as_tensor(places))
        self.register_buffer("in_order", torch.as_tensor(np.argsort(order)))

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
        frames = len(scored)
        local = self.rotations(scored)
        still = torch.eye(3, dtype=local.dtype, device=local.device).expand(frames, 1, 3, 3)
        local = torch.cat([local, still], 1)
        world = local[:, self.rotation_0]
        places = [torch.zeros_like(world[..., 0])]
        for level in range(1, self.levels):
            above = world[:, self.get_buffer(f"parent_{level}")]
            step = (above @ self.get_buffer(f"offset_{level}"))[..., 0]
            places.append(places[-1][:, self.get_buffer(f"parent_{level}")] + step)
            if level + 1 < self.levels:
                world = above @ local[:, self.get_buffer(f"rotation_{level}")]
        return torch.cat(places, 1)[:, self.in_order]

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
