"""World placements back to local rotations and translations: kinematics run backwards."""

from __future__ import annotations

import numpy as np

from trainables.motion.clip import Clip
from trainables.motion.skeleton import forward_kinematics


def to_local(
    parents: np.ndarray, positions: np.ndarray, world: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations and translations that place the joints where they are.

    Args:
        parents: (joints,) parent before child, -1 for the root; any tree will do.
        positions: (frames, joints, 3) world positions.
        world: (frames, joints, 3, 3) world orientations.

    Returns:
        rotations (frames, joints, 3, 3) and translations (frames, joints, 3) in the parent's
        frame; the root's are those of the world.
    """
    rotations, translations = world.copy(), positions.copy()
    child = np.flatnonzero(parents >= 0)
    parent = parents[child]
    back = np.swapaxes(world[:, parent], -1, -2)
    rotations[:, child] = back @ world[:, child]
    step = positions[:, child] - positions[:, parent]
    translations[:, child] = (back @ step[..., None])[..., 0]
    return rotations, translations


def world_orientations(clip: Clip) -> np.ndarray:
    """(frames, joints, 3, 3) world orientations of a clip that has rotations."""
    assert clip.rotations is not None
    return forward_kinematics(clip.skeleton.parents, clip.skeleton.offsets, clip.rotations)[1]


def mean_seen(values: np.ndarray, seen: np.ndarray | None, otherwise: np.ndarray) -> np.ndarray:
    """Mean over the frames in which each joint was seen; `otherwise` where it never was.

    Args:
        values: (frames, joints, 3), may hold NaN where unseen.
        seen: (frames, joints) bool, or None for all.
        otherwise: (joints, 3).
    """
    if seen is None:
        return np.asarray(values.mean(axis=0))
    count = seen.sum(axis=0)[:, None]
    total = np.where(seen[..., None], values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), otherwise)
