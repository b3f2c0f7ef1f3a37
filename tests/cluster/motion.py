"""Motion made up for the tests of `cluster`: short recordings of a waving figure, as .npz files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from tests.trainables.motion.figure import BONES
from trainables.motion.clip import Clip
from trainables.motion.npz import write_npz
from trainables.motion.skeleton import Skeleton, forward_kinematics

NAMES = tuple(name for name, _, _ in BONES)
PARENTS = np.array([NAMES.index(parent) if parent else -1 for _, parent, _ in BONES])
OFFSETS = np.array([offset for _, _, offset in BONES])


def waving_clip(frames: int, rng: np.random.Generator, fps: float = 30.0) -> Clip:
    """Every joint swings on its own frequencies; the hips stand almost still."""
    joints = len(NAMES)
    seconds = np.arange(frames)[:, None, None] / fps
    swing = rng.uniform(0.1, 0.4, (joints, 3)) * np.sin(
        rng.uniform(1, 4, (joints, 3)) * seconds + rng.uniform(0, 6, (joints, 3))
    )
    rotations = Rotation.from_rotvec(swing.reshape(-1, 3)).as_matrix()
    rotations = rotations.reshape(frames, joints, 3, 3)
    root = np.stack([0.02 * np.sin(seconds[:, 0, 0]), np.full(frames, 0.95), np.zeros(frames)], 1)
    offsets = np.broadcast_to(OFFSETS, (frames, joints, 3)).copy()
    offsets[:, 0] = root
    positions = forward_kinematics(PARENTS, offsets, rotations)[0]
    return Clip("waving", Skeleton(NAMES, PARENTS, OFFSETS), fps, positions, rotations)


def write_motion(folder: Path, recordings: int = 10, frames: int = 60) -> Path:
    """A folder of recordings, the same at every call."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    for number in range(recordings):
        write_npz(waving_clip(frames + 7 * (number % 3), rng), folder / f"wave{number:02d}.npz")
    return folder
