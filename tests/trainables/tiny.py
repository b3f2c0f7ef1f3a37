"""A small moving body with two hands, as clips made in memory: what tests prepare and train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from search_spaces.spec import DataSpec
from trainables.motion.clip import Clip
from trainables.motion.preparation import snapped
from trainables.motion.skeleton import Skeleton, forward_kinematics

FPS = 30.0
# name, parent, offset in metres (Y up, X to the left, Z ahead)
BONES: list[tuple[str, str, tuple[float, float, float]]] = [
    ("Hips", "", (0.0, 0.0, 0.0)),
    ("Spine", "Hips", (0.0, 0.25, 0.0)),
    ("Head", "Spine", (0.0, 0.35, 0.0)),
    ("LeftArm", "Spine", (0.18, 0.2, 0.0)),
    ("LeftHand", "LeftArm", (0.45, 0.0, 0.0)),
    ("LeftHandIndex1", "LeftHand", (0.09, 0.0, 0.02)),
    ("LeftHandIndex2", "LeftHandIndex1", (0.04, 0.0, 0.0)),
    ("RightArm", "Spine", (-0.18, 0.2, 0.0)),
    ("RightHand", "RightArm", (-0.45, 0.0, 0.0)),
    ("RightHandIndex1", "RightHand", (-0.09, 0.0, 0.02)),
    ("RightHandIndex2", "RightHandIndex1", (-0.04, 0.0, 0.0)),
    ("LeftUpLeg", "Hips", (0.1, -0.05, 0.0)),
    ("LeftFoot", "LeftUpLeg", (0.0, -0.8, 0.0)),
    ("RightUpLeg", "Hips", (-0.1, -0.05, 0.0)),
    ("RightFoot", "RightUpLeg", (0.0, -0.8, 0.0)),
]
NAMES = tuple(name for name, _, _ in BONES)
THIGHS = ("LeftUpLeg", "RightUpLeg")


def skeleton(
    scale: float = 1.0, bones: Sequence[tuple[str, str, tuple[float, ...]]] = BONES
) -> Skeleton:
    names = tuple(name for name, _, _ in bones)
    parents = np.array([names.index(p) if p else -1 for _, p, _ in bones])
    # In whole steps, the form in which files carry bones, so that what goes there comes back.
    return Skeleton(names, parents, snapped(scale * np.array([o for _, _, o in bones], float)))


def make_clip(
    name: str,
    seed: int,
    frames: int = 60,
    still: Sequence[str] = (),
    scale: float = 1.0,
    signer: str | None = None,
    rest: np.ndarray | None = None,
) -> Clip:
    """A smooth random movement that walks and turns.

    Args:
        name: of the recording.
        seed: of the movement.
        frames: at 30 a second.
        still: joints that keep one rotation, the same in every clip.
        scale: of the bones.
        signer: who moves.
        rest: (3, 3) the pelvis's own axes at rest, turned against the world; its bones are turned
            back, so that the positions stay what they are.
    """
    rng = np.random.default_rng(seed)
    bones = skeleton(scale)
    joints = len(bones)
    time = np.arange(frames)[:, None, None] / FPS
    shape = (1, joints, 3)
    vectors = rng.uniform(0.1, 0.5, shape) * np.sin(
        2 * np.pi * rng.uniform(0.2, 1.2, shape) * time + rng.uniform(0, 6, shape)
    )
    vectors[:, [bones.index(s) for s in still]] = 0.1
    rotations = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()
    rotations = rotations.reshape(frames, joints, 3, 3)
    seconds = np.arange(frames) / FPS
    turned = Rotation.from_rotvec(np.outer(seconds * rng.uniform(-1, 1), [0, 1, 0])).as_matrix()
    rotations[:, 0] = turned @ rotations[:, 0]
    rotations[:, [bones.index(t) for t in THIGHS]] @= np.diag([1.0, -1.0, -1.0])  # half a turn
    bones = bones.with_offsets(
        np.where(
            np.isin(np.array(bones.names)[bones.parents], THIGHS)[:, None],
            -bones.offsets,
            bones.offsets,
        )
    )
    root = np.column_stack([0.4 * seconds, 0.9 * scale + 0.02 * np.sin(seconds), 0.1 * seconds])
    if rest is not None:
        rotations[:, 0] = rotations[:, 0] @ rest
        below = bones.parents == 0
        offsets = bones.offsets.copy()
        offsets[below] = offsets[below] @ rest
        bones = bones.with_offsets(offsets)
        rotations[:, below] = rest.T @ rotations[:, below]
    positions, _ = forward_kinematics(bones.parents, bones.offsets, rotations, root)
    return Clip(name, bones, FPS, positions, rotations, signer=signer)


def make_clips(count: int = 5, frames: int = 60, seed: int = 0, **options: object) -> list[Clip]:
    return [
        make_clip(f"take-{i}", 100 * seed + i, frames + 3 * i, **options)  # type: ignore[arg-type]
        for i in range(count)
    ]


def spec(**settings: object) -> DataSpec:
    return DataSpec(**{"path": "made/in/memory", **settings})  # type: ignore[arg-type]


def moved(clip: Clip, turn: float, by: Sequence[float]) -> Clip:
    """The same movement elsewhere in the room: turned about the up axis and shifted, level."""
    whole = Rotation.from_rotvec([0, turn, 0]).as_matrix()
    rotations = clip.rotations
    if rotations is not None:
        rotations = rotations.copy()
        rotations[:, 0] = whole @ rotations[:, 0]
    return replace(clip, positions=clip.positions @ whole.T + np.array(by), rotations=rotations)
