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

    def errors_of_members(
        self,
        scored: Tensor,
        wanted: Tensor,
        rows: Tensor,
        every: int,
        having: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """`errors` of several decoders side by side.

        Args:
            scored: (members, frames, dimensions) decoded.
            wanted: (members, frames, dimensions).
            rows: (members, frames).
            every: as there, of each member's frames.
            having: by name of an error of joints, places of the members that have it.

        Returns:
            (members,) of features, (places,) of others.
        """
        seen = None if self._seen is None else self._seen[rows]
        found = {"loss.angle": _means((scored - wanted).square(), seen)}
        for name, places in having.items():
            few = rows[places, ::every].flatten()
            decoded, there = (x[places, ::every].flatten(0, 1) for x in (scored, wanted))
            if name == "loss.position" and self._position is not None:
                position = self._position
                squared = position.squared(decoded, self._targets[few])
                points = self._seen_points
                seen = None if points is None else position.scored(points[few])
                found[name] = _means(*_apart(squared, seen, len(places))) / position.scale**2
            elif name == "loss.geodesic" and self._geodesic is not None:
                squared = self._geodesic.squared(decoded, there)
                seen = None if self._seen_joints is None else self._seen_joints[few]
                found[name] = _means(*_apart(squared, seen, len(places))) / self._geodesic.scale
        return found

    def weight(self, name: str) -> float:
        """Of an error."""
        return self._weights[name]


def _apart(errors: Tensor, seen: Tensor | None, members: int) -> tuple[Tensor, Tensor | None]:
    """(members x frames, items) -> (members, frames, items)."""
    shape = (members, -1, errors.shape[1])
    return errors.view(shape), None if seen is None else seen.view(shape)


def _means(errors: Tensor, seen: Tensor | None) -> Tensor:
    """Means of (members, frames, items) over what was seen of each member: (members,)."""
    if seen is None:
        return errors.mean((1, 2))
    weight = seen.to(errors.dtype)
    return (errors * weight).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1.0)


def _on(rows: np.ndarray | None, features: Tensor) -> Tensor | None:
    return None if rows is None else torch.from_numpy(np.array(rows)).to(features.device)
