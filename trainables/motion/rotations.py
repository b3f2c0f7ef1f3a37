"""Rotations as exponential maps relative to a mean rotation: one branch for a whole data set.

The log map of a rotation is unique up to 2 pi about its axis. Choosing the branch by continuity in
time leaves recordings of one pose on different branches; relative to one mean rotation per joint,
every rotation within pi of it has one vector, whatever recording it stands in.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation


def mean_rotation(rotations: np.ndarray) -> np.ndarray:
    """Chordal mean of rotations (n, 3, 3) -> (3, 3): the nearest rotation to their mean matrix."""
    u, _, vt = np.linalg.svd(rotations.mean(axis=0))
    flip = np.diag([1.0, 1.0, np.linalg.det(u @ vt)])
    return np.asarray(u @ flip @ vt)


def log_map(rotations: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) -> rotation vectors (..., 3), angle in [0, pi].

    Both branches are safe: through the quaternion, neither theta -> 0 nor theta -> pi divides by
    a vanishing sine.
    """
    flat = rotations.reshape(-1, 3, 3)
    return Rotation.from_matrix(flat).as_rotvec().reshape(*rotations.shape[:-2], 3)


def exp_map(vectors: np.ndarray) -> np.ndarray:
    """Rotation vectors (..., 3) -> rotation matrices (..., 3, 3)."""
    flat = np.asarray(vectors, dtype=np.float64).reshape(-1, 3)
    return Rotation.from_rotvec(flat).as_matrix().reshape(*vectors.shape[:-1], 3, 3)


def relative_log(rotations: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """log(mean^T R): (frames, joints, 3, 3), (joints, 3, 3) -> (frames, joints, 3)."""
    return log_map(np.swapaxes(mean, -1, -2) @ rotations)


def relative_exp(vectors: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """mean exp(v): the inverse of `relative_log`."""
    return mean @ exp_map(vectors)


def six_of(rotations: np.ndarray) -> np.ndarray:
    """The first two columns of rotation matrices, one after the other: (..., 3, 3) -> (..., 6).

    Zhou et al. 2019, https://arxiv.org/abs/1812.07035: continuous wherever rotations are, as no
    three or four numbers can be.
    """
    columns = np.swapaxes(rotations[..., :2], -1, -2)
    return columns.reshape(*rotations.shape[:-2], 6)


def from_six(vectors: np.ndarray) -> np.ndarray:
    """Any (..., 6) -> rotation matrices (..., 3, 3), by Gram-Schmidt: the inverse of `six_of`.

    Where a column is nothing, or both lie on one line, an axis stands in for what is missing.
    """
    pairs = np.asarray(vectors, np.float64).reshape(*vectors.shape[:-1], 2, 3)
    first = _unit(pairs[..., 0, :], np.array([1.0, 0.0, 0.0]))
    across = pairs[..., 1, :] - (first * pairs[..., 1, :]).sum(-1, keepdims=True) * first
    # The axis that is farthest from the first column, made square to it.
    axis = np.eye(3)[np.abs(first).argmin(-1)]
    square = axis - (first * axis).sum(-1, keepdims=True) * first
    second = _unit(across, square / np.linalg.norm(square, axis=-1, keepdims=True))
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def _unit(vectors: np.ndarray, instead: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-9, vectors / np.maximum(length, 1e-9), instead)


def about_up(angles: np.ndarray) -> np.ndarray:
    """Rotations about the up axis (Y) by angles (n,) radians -> (n, 3, 3)."""
    cos, sin = np.cos(angles), np.sin(angles)
    zero, one = np.zeros_like(cos), np.ones_like(cos)
    rows = [[cos, zero, sin], [zero, one, zero], [-sin, zero, cos]]
    return np.stack([np.stack(r, axis=-1) for r in rows], axis=-2)


def own_up(rotations: np.ndarray) -> np.ndarray:
    """Which of a joint's own directions points up on average: (n, 3, 3) -> (3,), unit length.

    The nearest of its axes where one lies within 30 degrees, so that it hangs on how a skeleton
    was made and not on which recordings were asked; its Y where no direction points up.
    """
    mean = rotations[:, 1].mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length < 0.1:
        return np.array([0.0, 1.0, 0.0])
    axis = int(np.abs(mean).argmax())
    if abs(mean[axis]) / length > np.cos(np.radians(30)):
        return np.eye(3)[axis] * np.sign(mean[axis])
    return mean / length


def heading_of(rotations: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Angle about the up axis of world rotations (n, 3, 3): the twist of swing and twist, radians.

    A turn of the whole world about Y adds exactly its angle. Undefined only upside down: in files
    whose pelvis has, say, its X along the spine, that holds just because `up` says so.

    Args:
        rotations: (n, 3, 3).
        up: (3,) the direction of the rotated thing, in its own axes, that points up at rest.
    """
    y = np.array([0.0, 1.0, 0.0])
    across = np.cross(y, up)
    sine, cosine = float(np.linalg.norm(across)), float(up @ y)
    axis = across / sine if sine > 1e-9 else np.array([1.0, 0.0, 0.0])
    upright = Rotation.from_rotvec(axis * np.arctan2(sine, cosine))
    quaternion = (Rotation.from_matrix(rotations) * upright).as_quat(scalar_first=True)
    return 2.0 * np.arctan2(quaternion[:, 2], quaternion[:, 0])
