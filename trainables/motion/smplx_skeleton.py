"""The joints of SMPL-X, and rest skeletons to put its rotations on.

Names and parents of the joints are those of the model (Pavlakos et al. 2019, "Expressive body
capture"); its bones come with the body model alone and are not here. They are read from the model's
file (`smplx_model`) or a BVH file that a person names, or they are average ones, computed below
from published anthropometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.body_frame import estimate_unit
from trainables.motion.bvh_text import parse_bvh

_BODY = (
    ("pelvis", ""), ("left_hip", "pelvis"), ("right_hip", "pelvis"), ("spine1", "pelvis"),
    ("left_knee", "left_hip"), ("right_knee", "right_hip"), ("spine2", "spine1"),
    ("left_ankle", "left_knee"), ("right_ankle", "right_knee"), ("spine3", "spine2"),
    ("left_foot", "left_ankle"), ("right_foot", "right_ankle"), ("neck", "spine3"),
    ("left_collar", "spine3"), ("right_collar", "spine3"), ("head", "neck"),
    ("left_shoulder", "left_collar"), ("right_shoulder", "right_collar"),
    ("left_elbow", "left_shoulder"), ("right_elbow", "right_shoulder"),
    ("left_wrist", "left_elbow"), ("right_wrist", "right_elbow"),
)  # fmt: skip
_FACE = (("jaw", "head"), ("left_eye_smplhf", "head"), ("right_eye_smplhf", "head"))
_FINGERS = ("index", "middle", "pinky", "ring", "thumb")


def _hand(side: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{side}_{finger}{n}", f"{side}_{finger}{n - 1}" if n > 1 else f"{side}_wrist")
        for finger in _FINGERS
        for n in (1, 2, 3)
    )


_TREE = (*_BODY, *_FACE, *_hand("left"), *_hand("right"))
BODY_JOINTS = tuple(name for name, _ in _BODY)
FACE_JOINTS = tuple(name for name, _ in _FACE)
HAND_JOINTS = {side: tuple(name for name, _ in _hand(side)) for side in ("left", "right")}
JOINTS = tuple(name for name, _ in _TREE)
"""All 55, in the order of `poses`."""
PARENT = dict(_TREE)

HEIGHT = 1.7
"""Metres from sole to crown of the average skeleton."""


@dataclass(frozen=True, eq=False)
class RestSkeleton:
    """Bones in the model's rest pose: arms out, x to the left, Y up, z to the front.

    Attributes:
        offsets: joint -> (3,) metres in its parent's frame; the pelvis's is where it stands in the
            model's own axes, zero where that is not known.
        average: whether they are nobody's.
    """

    offsets: dict[str, np.ndarray]
    average: bool


def average_skeleton() -> RestSkeleton:
    """A person of average proportions, 1.7 m tall.

    Heights, widths and lengths as fractions of body height: Drillis & Contini (1966) in Winter,
    "Biomechanics and Motor Control of Human Movement" (2009), figure 4.1: ankle 0.039, knee 0.285,
    hip 0.530, shoulder 0.818, chin 0.870 and eye 0.936 high; shoulders 0.259 apart; upper arm
    0.186, forearm 0.146, hand 0.108, foot 0.152 long. Hip centres stand 14 % of the distance
    between the iliac spines (0.24 m) inside these (Bell, Brand & Pedersen 1989), eyes 63 mm apart
    (Dodgson 2004). Bones of the hand as fractions of its length: Buchholz, Armstrong & Goldstein
    (1992). What they do not give is ours: joints of the spine in even steps from the pelvis to the
    neck at 0.85, the head's joint between chin and eye, knuckles 0.11 hand lengths apart, the thumb
    at 45 degrees, the ball of the foot 0.47 foot lengths before the ankle.
    """
    at = {
        "pelvis": (0.0, 0.565, 0.0), "neck": (0.0, 0.850, 0.0), "head": (0.0, 0.903, 0.0),
        "jaw": (0.0, 0.895, 0.01), "left_eye_smplhf": (0.0185, 0.936, 0.05),
        "left_hip": (0.051, 0.530, 0.0), "left_knee": (0.051, 0.285, 0.0),
        "left_ankle": (0.051, 0.039, 0.0), "left_foot": (0.051, 0.010, 0.47 * 0.152),
        "left_collar": (0.030, 0.818, 0.0), "left_shoulder": (0.259 / 2, 0.818, 0.0),
    }  # fmt: skip
    spine = np.linspace(at["pelvis"][1], at["neck"][1], 5)
    at |= {f"spine{n}": (0.0, float(spine[n]), 0.0) for n in (1, 2, 3)}
    at["left_elbow"] = (at["left_shoulder"][0] + 0.186, 0.818, 0.0)
    at["left_wrist"] = (at["left_elbow"][0] + 0.146, 0.818, 0.0)
    at |= _average_fingers(at["left_wrist"])
    for name in [name for name in at if name.startswith("left_")]:
        x, y, z = at[name]
        at[name.replace("left", "right", 1)] = (-x, y, z)
    offsets = {
        name: HEIGHT * (np.array(at[name]) - np.array(at[PARENT[name]]))
        for name in JOINTS
        if PARENT[name]
    }
    return RestSkeleton({"pelvis": np.zeros(3), **offsets}, average=True)


def _average_fingers(
    wrist: tuple[float, float, float], hand: float = 0.108
) -> dict[str, tuple[float, float, float]]:
    """Joints of the left hand: metacarpal, proximal and middle phalanx, and place across."""
    bones = {
        "index": (0.463, 0.245, 0.143, 0.12), "middle": (0.446, 0.266, 0.170, 0.01),
        "ring": (0.421, 0.244, 0.165, -0.10), "pinky": (0.414, 0.204, 0.117, -0.21),
    }  # fmt: skip
    x, y, z = wrist
    found = {}
    for finger, (metacarpal, proximal, middle, across) in bones.items():
        along = float(np.sqrt(metacarpal**2 - across**2))
        for n, reach in enumerate((0.0, proximal, proximal + middle), start=1):
            place = (x + hand * (along + reach), y, z + hand * across)
            found[f"left_{finger}{n}"] = place
    slant = hand * float(np.sqrt(0.5))
    for n, reach in enumerate((0.0, 0.251, 0.251 + 0.196), start=1):
        base = (x + 0.1 * hand, y - 0.05 * hand, z + 0.12 * hand)
        found[f"left_thumb{n}"] = (base[0] + slant * reach, base[1], base[2] + slant * reach)
    return found


def rest_skeleton(path: Path) -> RestSkeleton:
    """The bones of a BVH file whose joints bear the names of SMPL-X.

    Raises:
        BadInput: no BVH, joints of the body missing or hung otherwise, or hips at one place.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise BadInput(f"rest_skeleton {path}: cannot be read ({error.strerror})") from None
    if path.suffix.lower() != ".bvh":
        raise BadInput(f"rest_skeleton {path}: must be a .bvh file with the joint names of SMPL-X")
    return _rest_skeleton(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _rest_skeleton(path: Path, changed: int, size: int) -> RestSkeleton:
    joints = parse_bvh(path).joints
    parent = {j.name: joints[j.parent].name if j.parent >= 0 else "" for j in joints}
    raw = {j.name: np.array(j.offset, dtype=np.float64) for j in joints}
    missing = [name for name in BODY_JOINTS if name not in raw]
    if missing:
        raise BadInput(
            f"rest_skeleton {path}: lacks joints of SMPL-X: {', '.join(missing[:6])}"
            f"{' and more' if len(missing) > 6 else ''}; name a BVH file that has its joint names"
        )
    kept = [name for name in JOINTS if name in raw]
    for name in kept:
        if PARENT[name] and parent[name] != PARENT[name]:
            raise BadInput(
                f"rest_skeleton {path}: {name} hangs on {parent[name] or 'nothing'}, in SMPL-X on "
                f"{PARENT[name]}; name a BVH file with the skeleton of SMPL-X"
            )
    places: dict[str, np.ndarray] = {"pelvis": np.zeros(3)}
    for name in kept[1:]:
        places[name] = places[PARENT[name]] + raw[name]
    turn = _to_model_axes(path, places)
    above = raw["pelvis"] if parent["pelvis"] else np.zeros(3)
    offsets = {name: turn @ raw[name] for name in kept if name != "pelvis"}
    metres = _metres(path, places)
    scaled = {name: metres * offset for name, offset in offsets.items()}
    return RestSkeleton({"pelvis": metres * (turn @ above), **scaled}, average=False)


def _to_model_axes(path: Path, places: dict[str, np.ndarray]) -> np.ndarray:
    """(3, 3) rotation by quarter turns from the file's rest pose to x left, Y up, z front."""
    left = _axis(places["left_hip"] - places["right_hip"])
    up = _axis(places["head"] - (places["left_ankle"] + places["right_ankle"]) / 2)
    turn = np.stack([left, up, np.cross(left, up)])
    if not np.isclose(np.linalg.det(turn), 1):
        raise BadInput(
            f"rest_skeleton {path}: stands in no rest pose of SMPL-X: the hips lie one above the "
            "other, or head and ankles at one place"
        )
    return turn


def _axis(direction: np.ndarray) -> np.ndarray:
    out = np.zeros(3)
    largest = int(np.abs(direction).argmax())
    out[largest] = np.sign(direction[largest])
    return out


def _metres(path: Path, places: dict[str, np.ndarray]) -> float:
    """Metres per unit of the file."""
    names = tuple(places)
    parents = np.array([names.index(PARENT[n]) if PARENT[n] else -1 for n in names])
    at = np.stack([places[name] for name in names])
    bones = np.linalg.norm(at - at[parents] * (parents >= 0)[:, None], axis=-1)
    return estimate_unit(names, parents, bones).metres
