"""How much an error of each feature counts: the scale that a codec divides features by.

* `none`: all alike, in radians, as K-Means in the first paper sees them.
* `zscore`: by each feature's own spread, so that a finger's twitch counts like a shoulder's swing.
* `fk_jacobian`: by what it moves. The root mean square over the part's points of how far one radian
  about that axis carries them, at the mean pose: squared errors then are squared position errors to
  first order, at the cost of none.
"""

from __future__ import annotations

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.families import SCALINGS
from trainables.motion.part_data import PartData, PartGeometry
from trainables.motion.skeleton import forward_kinematics

LEAF_LEVER = 0.1
"""Metres: a joint that no scored point hangs on (head, fingertip) turns something of this size."""


def feature_scale(data: PartData, scaling: str) -> np.ndarray:
    """Divisors (dimensions,) float32; divided features have unit mean square about their mean.

    Raises:
        BadInput: no such scaling.
    """
    std = data.std.astype(np.float64)
    if scaling == "zscore":
        return data.std
    if scaling == "none":
        weights = np.ones_like(std)
    elif scaling == "fk_jacobian":
        weights = levers(data.geometry)
    else:
        raise BadInput(f"feature_scaling must be one of {', '.join(SCALINGS)}, got {scaling!r}")
    spread = float(np.sqrt(np.mean((std * weights) ** 2)))
    return np.asarray(spread / weights, dtype=np.float32)


def levers(geometry: PartGeometry) -> np.ndarray:
    """Metres that the part's points move per unit of each active feature, root mean square.

    Returns:
        (dimensions,) float64, positive; ones where features are positions themselves.
    """
    if geometry.kind != "expmap":
        return np.ones(len(geometry.active))
    points = len(geometry.parents)
    local = np.tile(np.eye(3), (1, points, 1, 1))
    local[0, geometry.coded] = geometry.mean_rotations
    places, world = forward_kinematics(geometry.parents, geometry.offsets, local)
    below = np.eye(points, dtype=bool)
    for point in range(points - 1, 0, -1):
        below[geometry.parents[point]] |= below[point]
    squared = np.empty((len(geometry.coded), 3))
    for row, joint in enumerate(geometry.coded):
        arms = (places[0] - places[0, joint])[below[joint]]
        # One radian about a unit axis a moves a point at r by |a x r|.
        for axis in range(3):
            turned = np.cross(world[0, joint][:, axis], arms)
            squared[row, axis] = (turned**2).sum() + LEAF_LEVER**2
    return np.sqrt(squared.reshape(-1)[geometry.active] / points)
