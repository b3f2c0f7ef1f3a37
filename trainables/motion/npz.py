"""Motion as an .npz of plain arrays: the exchange form for anything that is no BVH.

Keys: `positions` (frames, joints, 3), `parents` (joints,), `names` (joints,), `fps`; optional
`rotations` (frames, joints, 3, 3) local, `offsets` (joints, 3), `mask` (frames, joints) bool, True
where seen (or `confidence`), `unit` ("m" when left out, "px", "sw"), `signer`. Y is up.

Files without `positions` may hold detected points (`keypoints_npz`) or SMPL-X pose parameters
(`smplx_npz`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.units import UNITS
from trainables.motion import keypoints_npz, smplx_npz
from trainables.motion.clip import Clip
from trainables.motion.keypoint_tree import mean_bones
from trainables.motion.local_frames import mean_seen, to_local, world_orientations
from trainables.motion.npz_arrays import (
    MAX_COORDINATE,
    finite,
    frame_rate,
    joint_names,
    load_arrays,
    numbers,
    text,
)
from trainables.motion.skeleton import Skeleton, forward_kinematics

REQUIRED = ("positions", "parents", "names", "fps")
OPTIONAL = ("rotations", "offsets", "mask", "unit", "signer")
_WANTED = frozenset((*REQUIRED, *OPTIONAL, *keypoints_npz.KEYS, *smplx_npz.KEYS))


@dataclass(frozen=True, eq=False)
class NpzFile:
    """An .npz of motion: the clip, and the facts of the file it came from.

    Attributes:
        clip: the motion, Y up.
        content: "clip", "keypoints" or "SMPL-X".
        up_axis: "Y", "Z", "-Y" or "-Z", as in the file.
        persons: how many the file has places for.
    """

    clip: Clip
    content: str = "clip"
    up_axis: str = "Y"
    persons: int = 1


def read_npz(
    path: Path,
    recording: str | None = None,
    *,
    rest_skeleton: Path | None = None,
    body_model: Path | None = None,
) -> Clip:
    """Reads a clip from an .npz file.

    Args:
        path: the file.
        recording: name of the recording; the file's stem when left out.
        rest_skeleton: a BVH file whose bones SMPL-X parameters are put on.
        body_model: a body model's .npz, whose bones they are put on; average ones where neither is
            given.

    Raises:
        BadInput: for whatever is missing, misshapen or damaged, with the remedy.
    """
    file = read_npz_file(path, recording, rest_skeleton=rest_skeleton, body_model=body_model)
    return file.clip


def read_npz_file(
    path: Path,
    recording: str | None = None,
    *,
    rest_skeleton: Path | None = None,
    body_model: Path | None = None,
) -> NpzFile:
    """Reads an .npz file as `read_npz` does, and says what it was."""
    wanted = _WANTED if body_model is None else _WANTED.union(smplx_npz.SHAPE_KEYS)
    arrays = load_arrays(path, wanted)
    if "positions" in arrays:
        return NpzFile(_of_arrays(path, arrays, recording, []))
    points = keypoints_npz.points_key(arrays)
    if points is not None and not smplx_npz.is_smplx(arrays):
        native, notes, up, persons = keypoints_npz.as_positions(path, arrays, points)
        clip = _of_arrays(path, native, recording, notes)
        return NpzFile(clip, "keypoints", up, persons)
    if smplx_npz.is_smplx(arrays):
        name = recording or path.stem
        clip, up = smplx_npz.smplx_clip(path, arrays, name, rest_skeleton, body_model)
        return NpzFile(clip, "SMPL-X", up)
    missing = [key for key in REQUIRED if key not in arrays]
    has = ", ".join(sorted(arrays)[:12]) or "nothing"
    raise BadInput(
        f"{path}: lacks {', '.join(missing)} (it holds {has}); motion needs {', '.join(REQUIRED)}, "
        "or keypoints with names and fps, or SMPL-X poses"
    )


def _of_arrays(
    path: Path, arrays: dict[str, np.ndarray], recording: str | None, notes: list[str]
) -> Clip:
    for key, others in (("names", keypoints_npz.NAMES), ("fps", keypoints_npz.RATES)):
        found = keypoints_npz.first_of(arrays, others)
        if found is not None:
            arrays[key] = arrays[found]
    missing = [key for key in REQUIRED if key not in arrays]
    if missing:
        has = ", ".join(sorted(arrays)[:12])
        raise BadInput(
            f"{path}: lacks {', '.join(missing)} (it holds {has}); motion needs "
            f"{', '.join(REQUIRED)}"
        )
    positions = numbers(path, arrays, "positions", ("frames", "joints", 3))
    frames, joints = positions.shape[:2]
    if not frames or not joints:
        raise BadInput(f"{path}: positions {positions.shape} hold no motion; export it again")
    names = joint_names(path, arrays["names"], joints)
    parents, order = _ordered(path, _parents(path, arrays["parents"], joints))
    mask = _mask(path, arrays.get("mask"), frames, joints)
    if mask is None and _has_confidence(arrays, frames, joints):
        mask = keypoints_npz.confidence_mask(path, arrays, frames, joints)
    seen = positions if mask is None else positions[mask]
    if not (np.abs(seen) <= MAX_COORDINATE).all():
        bad = np.argwhere(~(np.abs(positions).max(axis=-1) <= MAX_COORDINATE))[0]
        raise BadInput(
            f"{path}: positions hold {positions[tuple(bad)].tolist()} at frame {bad[0]}, joint "
            f"{names[bad[1]]!r}; set mask to False where a joint was not seen"
        )
    if mask is not None:
        positions = np.where(mask[..., None], positions, np.nan)
    rotations = _rotations(path, arrays, frames, joints, names)
    offsets = None
    if "offsets" in arrays:
        offsets = finite(path, "offsets", numbers(path, arrays, "offsets", (joints, 3)))
    positions, names = positions[:, order], tuple(names[j] for j in order)
    rotations = None if rotations is None else rotations[:, order]
    mask = None if mask is None else mask[:, order]
    if not np.array_equal(order, np.arange(joints)):
        notes.append("Joints were reordered so that each stands after its parent.")
    given = None if offsets is None else offsets[order]
    fps = frame_rate(path, arrays["fps"])
    said, signer = text(path, arrays, "unit") or "m", text(path, arrays, "signer")
    unit, scale = keypoints_npz.UNITS.get(said.lower(), ("", 1.0))
    if scale != 1.0 or unit not in UNITS:
        raise BadInput(f"{path}: unit of positions must be m, px or sw, got {said!r}")
    try:
        clip = Clip(
            recording=recording or path.stem,
            skeleton=Skeleton(names, parents, _offsets(parents, positions, rotations, mask, given)),
            fps=fps,
            positions=positions,
            rotations=rotations,
            mask=mask,
            unit=unit,
            signer=signer,
        )
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    return _with_notes(clip, notes)


def _has_confidence(arrays: dict[str, np.ndarray], frames: int, joints: int) -> bool:
    key = keypoints_npz.first_of(arrays, keypoints_npz.CONFIDENCES)
    return key is not None and arrays[key].shape == (frames, joints)


def write_npz(clip: Clip, path: Path) -> None:
    """Writes a clip so that `read_npz` gives it back (recording name and notes left out)."""
    arrays: dict[str, Any] = {
        "positions": clip.positions,
        "parents": clip.skeleton.parents,
        "names": np.array(clip.skeleton.names, dtype=np.str_),
        "fps": np.float64(clip.fps),
        "offsets": clip.skeleton.offsets,
        "unit": np.str_(clip.unit),
    }
    for key, value in (("rotations", clip.rotations), ("mask", clip.mask)):
        if value is not None:
            arrays[key] = value
    if clip.signer is not None:
        arrays["signer"] = np.str_(clip.signer)
    np.savez_compressed(path, **arrays)


def _parents(path: Path, array: np.ndarray, joints: int) -> np.ndarray:
    whole = array.dtype.kind in "iu" or (
        array.dtype.kind == "f" and bool((array == np.round(array)).all())
    )
    if array.shape != (joints,) or not whole:
        raise BadInput(
            f"{path}: parents must be {joints} joint indices, -1 for the root, got {array.shape} "
            f"{array.dtype}"
        )
    if array.dtype.kind == "f":
        array = np.clip(array, -2, joints)
    lowest = 0 if array.dtype.kind == "u" else -2
    parents: np.ndarray = np.clip(array, lowest, joints).astype(np.int64)
    # a root that is its own parent is another common way to write it
    parents[parents == np.arange(joints)] = -1
    if (parents < -1).any() or (parents >= joints).any():
        raise BadInput(f"{path}: parents must lie between -1 and {joints - 1}; correct them")
    return parents


def _ordered(path: Path, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parents in parent-before-child order, and the order: new place -> old index."""
    roots = np.flatnonzero(parents < 0)
    if len(roots) != 1:
        raise BadInput(f"{path}: parents name {len(roots)} roots (-1); a skeleton has one")
    if (parents < np.arange(len(parents))).all():
        return parents, np.arange(len(parents))
    children: list[list[int]] = [[] for _ in parents]
    for j, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(j)
    order: list[int] = []
    open_joints = [int(roots[0])]
    while open_joints:
        joint = open_joints.pop()
        order.append(joint)
        open_joints += reversed(children[joint])
    if len(order) != len(parents):
        loop = sorted({*range(len(parents))} - {*order})
        raise BadInput(f"{path}: joints {loop[:8]} are each other's parents; break the loop")
    place = np.empty(len(order) + 1, dtype=np.int64)
    place[order] = np.arange(len(order))
    place[-1] = -1  # parent of the root
    return place[parents[order]], np.array(order, dtype=np.int64)


def _mask(path: Path, array: np.ndarray | None, frames: int, joints: int) -> np.ndarray | None:
    if array is None:
        return None
    if array.shape != (frames, joints) or array.dtype.kind not in "biu":
        raise BadInput(
            f"{path}: mask must be ({frames}, {joints}) booleans, got {array.shape} {array.dtype}"
        )
    return array.astype(bool)


def _rotations(
    path: Path, arrays: dict[str, np.ndarray], frames: int, joints: int, names: tuple[str, ...]
) -> np.ndarray | None:
    if "rotations" not in arrays:
        return None
    array = numbers(path, arrays, "rotations", (frames, joints, 3, 3))
    with np.errstate(all="ignore"):
        off = np.abs(array @ np.swapaxes(array, -1, -2) - np.eye(3)).max(axis=(-1, -2))
        wrong = ~((off < 1e-3) & (np.linalg.det(array) > 0))
    if wrong.any():
        frame, joint = np.argwhere(wrong)[0]
        raise BadInput(
            f"{path}: rotations at frame {frame}, joint {names[joint]!r} are no rotation matrix; "
            "write local 3x3 rotations, orthonormal with determinant 1"
        )
    return array


def _offsets(
    parents: np.ndarray,
    positions: np.ndarray,
    rotations: np.ndarray | None,
    mask: np.ndarray | None,
    given: np.ndarray | None,
) -> np.ndarray:
    """Those given, or mean local translations, or mean bone directions at mean bone length."""
    if given is not None:
        return given
    if rotations is not None:
        both = None if mask is None else mask & mask[:, np.where(parents < 0, 0, parents)]
        zero = np.zeros(positions.shape[1:])
        world = forward_kinematics(parents, zero, rotations)[1]
        return mean_seen(to_local(parents, positions, world)[1], both, zero)
    return mean_bones(parents, positions, mask)


def _with_notes(clip: Clip, notes: list[str]) -> Clip:
    if clip.rotations is not None:
        world = world_orientations(clip)
        local = to_local(clip.skeleton.parents, clip.positions, world)[1]
        apart = np.abs(local[:, 1:] - clip.skeleton.offsets[1:])
        worst = float(np.nanmax(apart)) if apart.size and not np.isnan(apart).all() else 0.0
        if worst > 1e-3:
            notes.append(
                f"Positions depart from the bones (offsets turned by rotations) by up to "
                f"{worst:.4g} {clip.unit}."
            )
    return replace(clip, notes=tuple(notes))
