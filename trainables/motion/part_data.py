"""What a codec is given of one part: training features and the bones that turn them into positions.

Plain arrays only, so that they can lie in shared memory and be mapped by many trials at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDTHS = {"expmap": 3, "rot6d": 6, "position": 3}
"""Kinds of features, and how many numbers a joint has in each."""


@dataclass(frozen=True, eq=False)
class PartGeometry:
    """How features of a part become joint positions, in metres, relative to the part's own root.

    Attributes:
        kind: "expmap" (rotation vectors relative to a mean rotation), "rot6d" (two columns of the
            rotation relative to it) or "position".
        parents: (points,) parent of each scored joint within the part, -1 for the part's root,
            which stands first.
        offsets: (points, 3) metres, mean over training recordings; the root's is zero.
        coded: (joints,) which point each coded joint is; other points keep the identity rotation.
        mean_rotations: (joints, 3, 3) the rotation that each joint's is relative to.
        constant: (width * joints,) value of each feature where it is not coded.
        active: (dimensions,) which of the width * joints features are coded: those that move.
    """

    kind: str
    parents: np.ndarray
    offsets: np.ndarray
    coded: np.ndarray
    mean_rotations: np.ndarray
    constant: np.ndarray
    active: np.ndarray

    @property
    def width(self) -> int:
        """Features of a joint, those that stand still included."""
        return WIDTHS[self.kind]

    @property
    def joint_of(self) -> np.ndarray:
        """(dimensions,) which coded joint each feature is of."""
        return np.asarray(self.active // self.width)


@dataclass(frozen=True, eq=False)
class PartData:
    """Training data of one part.

    Attributes:
        name: `body`, `right_hand`, ...
        features: (frames, dimensions) float32, training recordings one after the other.
        lengths: frames of each training recording; they add up to `frames`.
        fps: frames per second.
        mean, std: (dimensions,) float32, fitted on train alone; std is never 0.
        position_scale: metres; root mean square of the training points about their mean, which
            makes a position loss comparable with one on z-scored features.
        geometry: see `PartGeometry`.
        seen: (frames, points) bool, which of the geometry's points were seen; None where all were.
            Features of others are filled in, and no loss is to look at them.
    """

    name: str
    features: np.ndarray
    lengths: tuple[int, ...]
    fps: float
    mean: np.ndarray
    std: np.ndarray
    position_scale: float
    geometry: PartGeometry
    seen: np.ndarray | None = None

    @property
    def dimensions(self) -> int:
        """Features per frame."""
        return int(self.features.shape[1])

    @property
    def seen_features(self) -> np.ndarray | None:
        """(frames, dimensions) bool, which features stand on what was seen; None where all do."""
        if self.seen is None:
            return None
        return self.seen[:, self.geometry.coded[self.geometry.joint_of]]
