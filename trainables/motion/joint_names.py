"""What a joint's name says: its side, and whether it is a hand, a finger, a foot or a head.

Names come as `LeftHandIndex1`, `rThumb1`, `CC_Base_L_Mid1`, `left_index1`, `Hand_L`,
`mixamorig:LeftHand`, `__Thumb1_L`, `lhand`, `f_index.01.L`, `Bip01 R Finger0`: they are split into
lower-case words first, and only whole words count ("MidToe1" is a toe, "Spine_Mid" no finger).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FINGERS = {"thumb", "index", "mid", "middle", "ring", "pinky", "pinkie", "little", "finger",
            "fingers", "metacarpal", "carpal", "thumbs"}  # fmt: skip
_TOES = {"toe", "toes", "foot", "feet", "toebase", "bigtoe", "ball"}
_HANDS = {"hand", "wrist"}
_TIPS = {"end", "nub", "tip", "site", "effector"}
_GLUED = _FINGERS | _TOES | _HANDS | {
    "hip", "knee", "ankle", "leg", "upleg", "thigh", "shin", "calf", "shoulder", "shldr", "collar",
    "clavicle", "arm", "forearm", "upperarm", "lowerarm", "elbow", "eye", "buttock",
}  # fmt: skip


@lru_cache(maxsize=8192)
def words(name: str) -> tuple[str, ...]:
    """Lower-case words of a joint's name; sides read "left" or "right", numbers stay.

    >>> words("mixamorig:LeftHandIndex1")
    ('left', 'hand', 'index', '1')
    >>> words("rThumb1"), words("lhand"), words("CC_Base_R_MidToe1")
    (('right', 'thumb', '1'), ('left', 'hand'), ('cc', 'base', 'right', 'mid', 'toe', '1'))
    """
    out: list[str] = []
    for piece in _WORD.findall(name.rsplit(":", 1)[-1]):
        word = piece.lower()
        glued = re.fullmatch(r"(left|right|l|r)(.+)", word)
        if word in _SIDES:
            out.append(_SIDES[word])
        elif glued and glued[2] in _GLUED:
            out += [_SIDES[glued[1]], glued[2]]
        else:
            out.append(word)
    return tuple(out)


def side(name: str) -> str | None:
    """ "left", "right", or None where the name says neither or both."""
    found = {word for word in words(name) if word in ("left", "right")}
    return found.pop() if len(found) == 1 else None


def is_foot(name: str) -> bool:
    """Feet, ankles and toes."""
    return bool({*words(name)} & (_TOES | {"ankle"}))


def is_head(name: str) -> bool:
    """The head itself, not the jaw or an eye on it."""
    said = {*words(name)}
    return "head" in said and not said & _TIPS


def is_finger(name: str) -> bool:
    """Any joint of a finger, toes left out; sided or not."""
    said = {*words(name)}
    return bool(said & _FINGERS) and not said & (_TOES | {"spine", "back", "eye", "brow", "lip"})


def is_hand(name: str) -> bool:
    """A hand or wrist: what fingers may hang on. Inverse-kinematics targets are none."""
    said = {*words(name)}
    return bool(said & _HANDS) and not (is_finger(name) or said & (_TIPS | {"ik", "twist", "prop"}))


def is_face(name: str) -> bool:
    """A point on the face that a detector gives as one of its face's (`FACE_LANDMARKS/7`)."""
    return "face" in words(name)


def is_tip(name: str) -> bool:
    """A mere end point, such as `LeftHand_End`: it holds no pose."""
    return bool({*words(name)} & _TIPS)


def mirror_order(names: Sequence[str]) -> np.ndarray:
    """For each joint the index of its opposite, itself where it has none: (joints,) int64.

    The result is its own inverse.
    """

    def key(name: str) -> tuple[str, ...]:
        # MakeHuman has both `Thumb1_L` and a helper above it called `__Thumb1_L`
        return (name[: len(name) - len(name.lstrip("_"))], *words(name))

    place: dict[tuple[str, ...], list[int]] = {}
    for j, name in enumerate(names):
        place.setdefault(key(name), []).append(j)
    swapped = {"left": "right", "right": "left"}
    order = np.arange(len(names))
    for j, name in enumerate(names):
        if side(name) is None:
            continue
        opposite = place.get(tuple(swapped.get(w, w) for w in key(name)), [])
        # names that read alike after splitting cannot be told apart: leave them where they are
        if len(opposite) == 1 and len(place[key(name)]) == 1:
            order[j] = opposite[0]
    return order
