"""Small motion to draw: a few joints that move, some of them unseen for a while."""

from __future__ import annotations

import numpy as np

from trainables.motion.clip import Clip
from trainables.motion.skeleton import Skeleton

NAMES = ("Hips", "Spine", "Head", "LeftArm", "RightArm", "Leg")
PARENTS = np.array([-1, 0, 1, 1, 1, 0])
OFFSETS = np.array([[0.0, 0, 0], [0, 0.5, 0], [0, 0.4, 0], [0.5, 0, 0], [-0.5, 0, 0], [0, -0.6, 0]])


def waving(name: str = "a", frames: int = 40, *, hidden: bool = False, fps: float = 30.0) -> Clip:
    """A body that waves its arms; with `hidden` its left arm is unseen in frames 4 to 9."""
    rest = np.zeros((len(NAMES), 3))
    for j, parent in enumerate(PARENTS):
        rest[j] = OFFSETS[j] + (rest[parent] if parent >= 0 else 0)
    positions = np.repeat(rest[None], frames, axis=0)
    beat = 2 * np.pi * np.arange(frames) / 20 + sum(name.encode())
    positions[:, 3, 1] += 0.3 * np.sin(beat)
    positions[:, 4, 2] += 0.3 * np.cos(beat)
    mask = None
    if hidden:
        mask = np.ones((frames, len(NAMES)), bool)
        mask[4:10, 3] = False
        positions = np.where(mask[..., None], positions, np.nan)
    return Clip(name, Skeleton(NAMES, PARENTS, OFFSETS), fps, positions, mask=mask)
