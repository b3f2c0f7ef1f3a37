"""Motion of any length for `bitstream.py`, and the arrays that carry it from process to process."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainables.motion.bvh_writer import write_bvh
from trainables.motion.clip import Clip
from trainables.motion.skeleton import Skeleton, forward_kinematics
from trainables.motion.synthetic import embedded_clips

FPS = 30


def joined_motion(minutes: int) -> Clip:
    """So many minutes of utterances that differ, of seeds 1, 2 and so on.

    Those of all signers, one after another, on the bones of the first: a clip has one skeleton.
    """
    frames, found = minutes * 60 * FPS, 0
    clips: list[Clip] = []
    seed = 0
    while found < frames:
        seed += 1
        clips += embedded_clips("full" if minutes > 5 else "reduced", seed=seed, fps=FPS)
        found = sum(c.frames for c in clips)
    bones = clips[0].skeleton
    rotations = np.concatenate([c.rotations for c in clips if c.rotations is not None])[:frames]
    root = np.concatenate([c.positions[:, 0] for c in clips])[:frames]
    positions, _ = forward_kinematics(bones.parents, bones.offsets, rotations, root)
    return Clip("motion", bones, float(FPS), positions, rotations)


def save_motion(clip: Clip, path: Path) -> None:
    """Raw arrays, so that reading them takes no memory beside themselves; and a BVH file."""
    assert clip.rotations is not None
    bones = clip.skeleton
    np.savez(
        path, positions=clip.positions, rotations=clip.rotations, names=np.array(bones.names),
        parents=bones.parents, offsets=bones.offsets,
    )  # fmt: skip
    write_bvh(clip, path.with_suffix(".bvh"))


def load_motion(path: Path) -> Clip:
    """What `save_motion` wrote."""
    with np.load(path) as z:
        bones = Skeleton(tuple(map(str, z["names"])), z["parents"], z["offsets"])
        return Clip("motion", bones, float(FPS), z["positions"], z["rotations"])
