"""SMPL-X pose parameters (AMASS, BEAT2) as a clip, with the body model or without.

The rotations of the joints are all in the file; only the bones are not. Forward kinematics on a
rest skeleton gives positions: that of a body model's file shaped by the recording's `betas`, that
of a BVH file which a person names, or average proportions, and then a note begins with
`approx_skeleton` and the body is set on the floor, as `trans` counts from an origin in the chest
that only the model knows. What moves the skin alone (`expressions`) is left aside. Joints without
rotations in the file are left out.

Hand rotations count from the flat hand, unless the file says `flat_hand_mean` False: then the
model's mean hand is added to them, as rotation vectors. Without a model they stay as they are.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.units import APPROX_SKELETON
from trainables.motion.body_frame import TO_Y_UP, estimate_up_axis
from trainables.motion.clip import Clip
from trainables.motion.npz_arrays import finite, frame_rate
from trainables.motion.rotations import exp_map
from trainables.motion.skeleton import Skeleton, forward_kinematics
from trainables.motion.smplx_model import BodyModel, read_body_model
from trainables.motion.smplx_skeleton import (
    BODY_JOINTS,
    FACE_JOINTS,
    HAND_JOINTS,
    JOINTS,
    PARENT,
    RestSkeleton,
    average_skeleton,
    rest_skeleton,
)

MAX_ANGLE = 100.0
"""Radians: a rotation vector beyond this is no pose (some go past 2 pi)."""

_WHOLE = {
    165: JOINTS,
    156: (*BODY_JOINTS, *HAND_JOINTS["left"], *HAND_JOINTS["right"]),  # SMPL-H
    72: BODY_JOINTS,  # SMPL: two hand joints follow, which SMPL-X does not have
    66: BODY_JOINTS,
}
_PIECES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("global_orient", "root_orient"), BODY_JOINTS[:1]),
    (("body_pose", "pose_body"), BODY_JOINTS[1:]),
    (("jaw_pose", "pose_jaw"), FACE_JOINTS[:1]),
    (("leye_pose",), FACE_JOINTS[1:2]),
    (("reye_pose",), FACE_JOINTS[2:]),
    (("pose_eye",), FACE_JOINTS[1:]),
    (("left_hand_pose",), HAND_JOINTS["left"]),
    (("right_hand_pose",), HAND_JOINTS["right"]),
    (("pose_hand",), (*HAND_JOINTS["left"], *HAND_JOINTS["right"])),
)
"""Keys of the same thing, and its joints in their order."""
_RATES = ("mocap_frame_rate", "mocap_framerate", "fps", "frame_rate", "framerate")
_TRANSLATIONS = ("trans", "transl")
_PCA = ("use_pca", "num_pca_comps")
SHAPE_KEYS = ("betas", "flat_hand_mean")
"""Read with a body model alone."""
KEYS = ("poses", "pose", *_RATES, *_TRANSLATIONS, *_PCA, *(k for keys, _ in _PIECES for k in keys))


def is_smplx(arrays: dict[str, np.ndarray]) -> bool:
    """Whether an .npz holds pose parameters of a body model."""
    if "poses" in arrays or any(key in arrays for keys, _ in _PIECES[:2] for key in keys):
        return True
    return "pose" in arrays and arrays["pose"].ndim == 2


def smplx_clip(
    path: Path,
    arrays: dict[str, np.ndarray],
    recording: str,
    rest: Path | None,
    model: Path | None = None,
) -> tuple[Clip, str]:
    """The clip of some pose parameters.

    Args:
        path: the file, for messages.
        arrays: what it holds.
        recording: name of the recording.
        rest: a BVH file with the bones; average ones when there is no model either.
        model: a body model's file, for the bones of the recording's own shape.

    Returns:
        the clip, and the axis that is up in the file.

    Raises:
        BadInput: what is missing, misshapen or cannot be read, with the remedy.
    """
    vectors = _rotation_vectors(path, arrays)
    frames = len(next(iter(vectors.values())))
    key = next((k for k in _RATES if k in arrays), None)
    if key is None:
        raise BadInput(f"{path}: holds SMPL-X parameters and lacks mocap_frame_rate; add it")
    fps = frame_rate(path, arrays[key])
    shaped: list[str] = []
    if model is not None:
        bones, shaped = _of_model(path, arrays, vectors, model)
    else:
        bones = average_skeleton() if rest is None else rest_skeleton(rest)
    names = tuple(name for name in JOINTS if name in vectors and name in bones.offsets)
    parents = np.array([names.index(PARENT[n]) if PARENT[n] else -1 for n in names])
    rotations = exp_map(np.stack([vectors[name] for name in names], axis=1))
    notes = shaped + _notes(vectors, names, bones, rest)

    travel, said = _travel(path, arrays, frames)
    notes += said
    root = travel + bones.offsets["pelvis"]
    offsets = np.stack([bones.offsets[name] for name in names])
    offsets[0] = 0.0
    positions, _ = forward_kinematics(parents, offsets, rotations, root)
    still = np.broadcast_to(np.eye(3), (1, len(names), 3, 3))
    standing, _ = forward_kinematics(parents, offsets, still)
    up, oddity = estimate_up_axis(names, parents, positions, standing[0])
    if oddity:
        notes.append(oddity)
    if up != "Y":
        notes.append(f"{up} is up in the file; turned to Y up.")
    turn = TO_Y_UP[up]
    rotations[:, 0] = turn @ rotations[:, 0]
    positions, _ = forward_kinematics(parents, offsets, rotations, root @ turn.T)
    if bones.average:
        positions[..., 1] -= np.quantile(positions[..., 1].min(axis=1), 0.02)
    skeleton = Skeleton(names, parents, offsets)
    clip = Clip(recording, skeleton, fps, positions, rotations, notes=tuple(notes))
    return replace(clip, approx_skeleton=bones.average), up


def _rotation_vectors(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Joint -> (frames, 3) radians."""
    _refuse_pca(path, arrays)
    key = "poses" if "poses" in arrays else "pose"
    found: dict[str, np.ndarray] = {}
    if key in arrays:
        flat = _rows(path, key, arrays[key])
        joints = _WHOLE.get(flat.shape[1])
        if joints is None:
            raise BadInput(
                f"{path}: {key} has {flat.shape[1]} numbers per frame; SMPL-X has 165, SMPL-H 156, "
                "SMPL 72 (rotation vectors)"
            )
        found = {name: flat[:, 3 * n : 3 * n + 3] for n, name in enumerate(joints)}
    for keys, joints in _PIECES if not found else ():
        for key in (k for k in keys if k in arrays):
            flat = _rows(path, key, arrays[key])
            if flat.shape[1] != 3 * len(joints):
                if "hand" in key and flat.shape[1] < 3 * len(joints):
                    raise _has_components(path, f"{key} has {flat.shape[1]} numbers per frame")
                raise BadInput(
                    f"{path}: {key} has {flat.shape[1]} numbers per frame, and {len(joints)} "
                    f"rotation vectors have {3 * len(joints)}"
                )
            found |= {name: flat[:, 3 * n : 3 * n + 3] for n, name in enumerate(joints)}
    missing = [keys[0] for keys, joints in _PIECES[:2] if any(name not in found for name in joints)]
    if missing:
        raise BadInput(f"{path}: holds SMPL-X parameters and lacks {', '.join(missing)}; add it")
    lengths = {len(values) for values in found.values()}
    if len(lengths) > 1 or not max(lengths):
        raise BadInput(f"{path}: SMPL-X parameters of {sorted(lengths)} frames; give each as many")
    return found


def _refuse_pca(path: Path, arrays: dict[str, np.ndarray]) -> None:
    for key in _PCA:
        if key in arrays and arrays[key].dtype.kind in "biuf" and (arrays[key] > 0).any():
            raise _has_components(path, f"{key} is set")


def _has_components(path: Path, why: str) -> BadInput:
    return BadInput(
        f"{path}: {why}: PCA components of the hand are not read; save the 45 numbers of its 15 "
        "rotation vectors (use_pca=False)"
    )


def _rows(path: Path, key: str, array: np.ndarray) -> np.ndarray:
    """(frames, numbers) float64 from (frames, numbers) or (frames, joints, 3)."""
    if array.ndim == 3 and array.shape[-1] == 3:
        array = array.reshape(len(array), 3 * array.shape[1])
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise BadInput(
            f"{path}: {key} must be (frames, 3 numbers per joint), rotation vectors in radians, "
            f"got {array.shape} {array.dtype}"
        )
    with np.errstate(invalid="ignore"):
        rows = array.astype(np.float64)
    wrong = ~(np.abs(rows) <= MAX_ANGLE)
    if wrong.any():
        frame = int(np.argwhere(wrong)[0][0])
        raise BadInput(
            f"{path}: {key} holds NaN, infinity or more than {MAX_ANGLE:g} radians in frame "
            f"{frame}; correct it"
        )
    return rows


def _travel(path: Path, arrays: dict[str, np.ndarray], frames: int) -> tuple[np.ndarray, list[str]]:
    """(frames, 3) metres."""
    key = next((k for k in _TRANSLATIONS if k in arrays), None)
    if key is None:
        return np.zeros((frames, 3)), ["There is no trans: the pelvis stays where it is."]
    array = arrays[key]
    if array.shape not in ((frames, 3), (1, 3), (3,)) or array.dtype.kind not in "fiu":
        raise BadInput(f"{path}: {key} must be ({frames}, 3) metres, got {array.shape}")
    with np.errstate(invalid="ignore"):
        values = finite(path, key, array.astype(np.float64))
    return np.broadcast_to(values, (frames, 3)), []


def _of_model(
    path: Path, arrays: dict[str, np.ndarray], vectors: dict[str, np.ndarray], model: Path
) -> tuple[RestSkeleton, list[str]]:
    """The bones of the recording's shape, and notes; bends fingers by the mean hand where asked."""
    body = read_body_model(model)
    betas, notes = _betas(path, arrays, body)
    said = arrays.get("flat_hand_mean")
    if said is not None and (said.size != 1 or said.dtype.kind not in "biuf"):
        raise BadInput(f"{path}: flat_hand_mean must be True or False; correct it")
    if said is not None and not said.reshape(-1)[0]:
        if set(body.hand_means) != set(HAND_JOINTS):
            raise BadInput(
                f"{path}: flat_hand_mean is False, and {model} holds no hands_meanl and "
                "hands_meanr; name a model that has them"
            )
        for side, mean in body.hand_means.items():
            for name, turned in zip(HAND_JOINTS[side], mean, strict=True):
                if name in vectors:
                    vectors[name] = vectors[name] + turned
        notes.append("The model's mean hand is added to the fingers (flat_hand_mean is False).")
    return body.skeleton(betas), notes


def _betas(
    path: Path, arrays: dict[str, np.ndarray], body: BodyModel
) -> tuple[np.ndarray, list[str]]:
    """(betas,) of the recording, and notes."""
    on = f"SMPL-X rotations on the joints of {body.path.name} ({body.kind})"
    if "betas" not in arrays:
        return np.zeros(0), [f"{on}, of its mean shape: the file has no betas."]
    given = arrays["betas"]
    if given.ndim not in (1, 2) or not given.size or given.dtype.kind not in "fiu":
        raise BadInput(f"{path}: betas must be numbers, one row, got {given.shape} {given.dtype}")
    with np.errstate(invalid="ignore"):
        rows = finite(path, "betas", np.atleast_2d(given.astype(np.float64)))
    betas, notes = np.median(rows, axis=0), []
    if np.abs(rows - betas).max() > 1e-6:
        notes.append("betas change from frame to frame; the bones are of their medians.")
    known = body.shaped.shape[2]
    if (betas[known:] != 0).any():
        notes.append(f"betas past the model's {known} are left out.")
    return betas, [f"{on}, shaped by {min(len(betas), known)} betas.", *notes]


def _notes(
    vectors: dict[str, np.ndarray], names: tuple[str, ...], bones: RestSkeleton, rest: Path | None
) -> list[str]:
    if bones.average:
        notes = [
            f"{APPROX_SKELETON}: SMPL-X rotations on bones of average proportions, set on the "
            "floor; name the body model with body_model, or a BVH file with rest_skeleton, for a "
            "person's own."
        ]
    elif rest is not None:
        notes = [f"SMPL-X rotations on the bones of {rest.name}; betas are left aside."]
    else:
        notes = []
    left_out = [name for name in vectors if name not in names]
    if left_out:
        notes.append(f"{', '.join(left_out)} are left out: the rest skeleton lacks them.")
    return notes
