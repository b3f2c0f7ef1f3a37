"""An .npz of detected points, brought into the keys that `npz` reads.

People save points as they come: `keypoints` or `pose` (frames, points, 2 or 3), or with persons
before the points, and `confidence`, `conf` or `score` (frames, points) beside them or as a last
column. A confidence of 0 or NaN means not seen. Images run down, so that what stands on its head
is turned, and the unit is told from the numbers only where they leave no doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.body_frame import TO_Y_UP
from trainables.motion.joint_names import words
from trainables.motion.keypoint_tree import MAX_POINTS, by_names, joint_tree, shoulder_width
from trainables.motion.npz_arrays import joint_names, numbers, text

POINTS = ("keypoints", "keypoints_3d", "keypoints_2d", "landmarks", "pose")
CONFIDENCES = ("confidence", "confidences", "conf", "score", "scores", "visibility")
NAMES = ("names", "joint_names", "keypoint_names")
RATES = ("fps", "frame_rate", "framerate", "mocap_frame_rate", "mocap_framerate")
LIMBS = ("limbs", "edges", "bones")
KEYS = (*POINTS, *CONFIDENCES, *NAMES, *RATES, *LIMBS)

UNITS = {
    **dict.fromkeys(("px", "pixel", "pixels"), ("px", 1.0)),
    **dict.fromkeys(("m", "metres", "meters"), ("m", 1.0)),
    **dict.fromkeys(("sw", "shoulder", "shoulders"), ("sw", 1.0)),
    "cm": ("m", 0.01),
    "mm": ("m", 0.001),
}
"""What `unit` may say of keypoints: a clip's unit, and its length in that."""
SPAN = 20.0
"""Coordinates that span more than this are pixels: neither metres nor shoulder widths reach it."""

_UPPER = {"head", "nose", "eye", "ear", "mouth", "face"}
_LOWER = {"shoulder", "hip", "hips", "pelvis", "knee", "ankle", "foot"}


def points_key(arrays: dict[str, np.ndarray]) -> str | None:
    """The key under which an .npz holds points, if it does."""
    found = [key for key in POINTS if key in arrays and arrays[key].ndim in (3, 4)]
    return found[0] if found else None


def first_of(arrays: dict[str, np.ndarray], keys: Sequence[str]) -> str | None:
    """The first of some keys that is there."""
    return next((key for key in keys if key in arrays), None)


def confidence_mask(
    path: Path, arrays: dict[str, np.ndarray], frames: int, joints: int
) -> np.ndarray | None:
    """(frames, joints) bool, True where a confidence is above 0; None where there is none."""
    key = first_of(arrays, CONFIDENCES)
    if key is None:
        return None
    array = arrays[key]
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    checked = numbers(path, {key: array.astype("u1") if array.dtype.kind == "b" else array}, key,
                      (frames, joints))  # fmt: skip
    return np.asarray(checked > 0)


def as_positions(
    path: Path, arrays: dict[str, np.ndarray], key: str
) -> tuple[dict[str, np.ndarray], list[str], str, int]:
    """Points in the keys of a clip.

    Args:
        path: the file, for messages.
        arrays: what it holds.
        key: the one that holds the points.

    Returns:
        arrays with `positions`, `parents`, `names`, `fps`, `mask`, `unit`; notes; the axis that is
        up in the file; the number of persons.

    Raises:
        BadInput: what is missing, misshapen or in doubt, with the remedy.
    """
    held = dict(arrays)
    persons, notes = 1, []
    if held[key].ndim == 4:
        persons = held[key].shape[1]
        if not persons:
            raise BadInput(f"{path}: {key} {held[key].shape} has places for 0 persons")
        held[key] = held[key][:, 0]
        for other in ("mask", *CONFIDENCES):
            if other in held and held[other].ndim >= 3 and held[other].shape[1] == persons:
                held[other] = held[other][:, 0]
        if persons > 1:
            notes.append(f"There are {persons} persons; the first is read.")
    points = numbers(path, held, key, ("frames", "points", "2 or 3"))
    frames, joints, columns = points.shape
    if not frames or not joints or columns not in (2, 3, 4):
        raise BadInput(f"{path}: {key} must be (frames, points, 2 or 3), got {points.shape}")
    if joints > MAX_POINTS:
        raise BadInput(
            f"{path}: {key} holds {joints} points, more than {MAX_POINTS}; leave out some"
        )
    name_key, rate_key = first_of(held, NAMES), first_of(held, RATES)
    lacks = [k for k, found in (("names", name_key), ("fps", rate_key)) if found is None]
    if name_key is None or rate_key is None:
        raise BadInput(
            f"{path}: holds points (`{key}`) and lacks {', '.join(lacks)}; add "
            "`names`, one per point, and `fps`"
        )
    names = joint_names(path, held[name_key], joints)

    seen = confidence_mask(path, held, frames, joints)
    if columns == 4 or (columns == 3 and seen is None and _is_confidence(points)):
        last, points = points[..., -1], points[..., :-1]
        seen = np.asarray(last > 0 if seen is None else seen & (last > 0))
        notes.append(f"The last column of {key} is taken for confidence.")
    if "mask" in held:
        mask = held["mask"]
        if mask.shape != (frames, joints) or mask.dtype.kind not in "biu":
            raise BadInput(f"{path}: mask must be ({frames}, {joints}) booleans, got {mask.shape}")
        seen = mask.astype(bool) if seen is None else seen & mask.astype(bool)
    elif seen is None and _span(points) > SPAN:
        holes = np.asarray(~points[..., :2].any(axis=-1))
        if holes.any():
            seen = np.asarray(~holes)
            notes.append("Points at exactly 0, 0 count as not seen, as no confidence is given.")
    finite: np.ndarray = np.isfinite(points).all(axis=-1)
    if not (finite if seen is None else finite | ~seen).all():
        notes.append("Points that are NaN or infinite count as not seen.")
    seen = finite if seen is None else seen & finite
    if not seen.any():
        raise BadInput(f"{path}: no point is seen in any frame; detect the points again")
    if points.shape[-1] == 2:
        points = np.concatenate([points, np.zeros((frames, joints, 1))], axis=-1)
        notes.append("The points are two-dimensional: z is 0.")
    points = np.where(seen[..., None], points, np.nan)

    unit, scale = _unit(path, key, text(path, held, "unit"), names, points, seen)
    up = _up(names, points, unit)
    if up != "Y":
        what = "Image coordinates run down; they are" if up == "-Y" else f"{up} is up;"
        notes.append(f"{what} turned so that Y is up.")
    native = {
        "positions": scale * (points @ TO_Y_UP[up].T) + 0.0,
        "names": held[name_key],
        "fps": held[rate_key],
        "mask": seen,
        "unit": np.array(unit),
    }
    if "parents" in held:
        native["parents"] = held["parents"]
    else:
        native["parents"] = _parents(path, held, names)
        notes.append("Parents are not given: hands hang on wrists, a face on the head.")
    if "signer" in held:
        native["signer"] = held["signer"]
    return native, notes, up, persons


def _is_confidence(points: np.ndarray) -> bool:
    """Whether a third column is no depth: all in 0..1 beside pixels."""
    last = points[..., 2]
    with np.errstate(invalid="ignore"):
        inside = bool(((last >= 0) & (last <= 1)).all())
    return inside and _span(points) > SPAN


def _span(points: np.ndarray) -> float:
    flat = points[..., :2].reshape(-1, 2)
    flat = flat[np.isfinite(flat).all(axis=-1)]
    with np.errstate(over="ignore"):
        return float(np.ptp(flat, axis=0).max()) if len(flat) else 0.0


def _unit(
    path: Path,
    key: str,
    said: str | None,
    names: Sequence[str],
    points: np.ndarray,
    seen: np.ndarray,
) -> tuple[str, float]:
    if said is not None:
        if said.lower() not in UNITS:
            raise BadInput(f"{path}: unit must be px, sw, m, cm or mm, got {said!r}")
        return UNITS[said.lower()]
    if _span(points) > SPAN:
        return "px", 1.0
    width = shoulder_width(names, points, seen)
    if width is not None and abs(width - 1) < 0.02:
        return "sw", 1.0
    raise BadInput(
        f"{path}: {key} span {_span(points):.3g}, which no unit can be told from; add `unit`: px, "
        "sw (shoulder widths) or m (fractions of an image times its width and height are px)"
    )


def _up(names: Sequence[str], points: np.ndarray, unit: str) -> str:
    """The axis that points from the body to the head; down the image where neither is named."""
    upper = [j for j, name in enumerate(names) if _UPPER & {*words(name)}]
    lower = [j for j, name in enumerate(names) if _LOWER & {*words(name)}]
    middles = []
    for joints in (upper, lower):
        flat = points[:, joints].reshape(-1, 3)
        flat = flat[np.isfinite(flat).all(axis=-1)]
        middles.append(np.median(flat, axis=0) if len(flat) else np.full(3, np.nan))
    upright = middles[0] - middles[1]
    if not np.isfinite(upright).all():
        return "Y" if unit == "m" else "-Y"
    axis = 1
    if unit == "m" and abs(upright[2]) > abs(upright[1]):
        axis = 2
    return ("" if upright[axis] > 0 else "-") + "XYZ"[axis]


def _parents(path: Path, arrays: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    """(points,) parents of a tree over limbs and names, in the order of the file."""
    pairs: list[tuple[int, int]] = []
    key = first_of(arrays, LIMBS)
    if key is not None:
        limbs = arrays[key]
        whole = limbs.dtype.kind in "iu" and limbs.ndim == 2 and limbs.shape[1] == 2
        if not whole or not ((limbs >= 0) & (limbs < len(names))).all():
            raise BadInput(
                f"{path}: {key} must be (limbs, 2) places of points from 0 to {len(names) - 1}"
            )
        pairs = [(int(a), int(b)) for a, b in limbs]
    components, places = by_names(names, pairs)
    order, parents = joint_tree(components)
    above = np.full(len(names), -1, dtype=np.int64)
    child = parents >= 0
    above[places[order[child]]] = places[order[parents[child]]]
    return above
