"""Body, right hand and left hand, found by joint names.

A wrist is the joint nearest to the root that is named a hand or a wrist of one side; where none is
named so, the joint all fingers of that side hang on. A hand is a part where at least two joints
hang below the wrist, mere end points (`LeftHand_End`) not counted: the three joints of CMU's ASF
hands are one, the single static thumb of older exports is none, and then belongs to no part. A
detector's face is a part of its own, so that its many points do not outweigh the body; the jaw and
eyes of a skeleton are too few for one and stay in the body.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.joint_names import is_face, is_finger, is_hand, is_tip, side

HANDS = {"right_hand": "right", "left_hand": "left"}
MIN_HAND_JOINTS = 2
MIN_FACE_JOINTS = 10


@dataclass(frozen=True, eq=False)
class Part:
    """Joints of one part, as indices into the skeleton.

    Attributes:
        coded: joints whose rotations are coded; a joint is coded by one part at most.
        scored: joints that are scored; a hand's wrist stands first and is scored by the body too.
    """

    coded: np.ndarray
    scored: np.ndarray


@dataclass(frozen=True, eq=False)
class PartMap:
    """The parts of a skeleton.

    Attributes:
        names: joint names of the skeleton.
        parts: part name -> joints; `body` first, then `right_hand`, `left_hand`, `face`, the
            user's own.
        wrists: indices of the left and the right wrist, None where not found.
        missing: part name -> why it was not found.
    """

    names: tuple[str, ...]
    parts: dict[str, Part]
    wrists: tuple[int | None, int | None]
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def found(self) -> tuple[str, ...]:
        """Names of the parts, in order."""
        return tuple(self.parts)


def find_parts(
    names: Sequence[str],
    parents: np.ndarray,
    overrides: Mapping[str, Sequence[str]] | None = None,
) -> PartMap:
    """Finds the parts of a skeleton.

    Args:
        names: joint names.
        parents: (joints,) parent before child, -1 for the root.
        overrides: part name -> joints that it codes, instead of what would be found; an empty
            list says that there is no such part. An own part name adds a part, whose joints
            leave the body. A wrist named in a hand stays coded by the body.

    Raises:
        BadInput: an override names a joint that does not exist, or one joint in two parts.
    """
    names = tuple(names)
    chosen = _override_indices(names, overrides or {})
    below = _descendants(parents)
    wrists = {s: _wrist(names, parents, below, s) for s in ("left", "right")}
    hung = {s: _below_wrist(wrists, below, s) for s in wrists}
    under_wrist = {j for joints in hung.values() for j in joints}
    missing: dict[str, str] = {}
    coded: dict[str, list[int]] = {}
    for part, hand_side in HANDS.items():
        wrist = wrists[hand_side]
        if part in chosen:
            coded[part] = [j for j in chosen[part] if j != wrist]
        else:
            coded[part] = hung[hand_side]
            missing |= _why_no_hand(part, hand_side, names, wrist, coded[part])
    face = [j for j, name in enumerate(names) if is_face(name) and j not in under_wrist]
    if len(face) >= MIN_FACE_JOINTS:
        chosen_already = {j for joints in chosen.values() for j in joints}
        coded["face"] = [j for j in face if j not in chosen_already]
    coded |= {part: joints for part, joints in chosen.items() if part not in ("body", *HANDS)}
    taken = {j for joints in coded.values() for j in joints}
    body = [j for j in range(len(names)) if j not in under_wrist | taken]
    parts = {"body": _part(chosen.get("body", body))}
    for part, joints in coded.items():
        if part in missing or not joints:
            missing.setdefault(part, "the overrides give it no joints")
            continue
        wrist = wrists[HANDS[part]] if part in HANDS else None
        parts[part] = _part(joints, first=wrist)
    if not len(parts["body"].coded):
        missing["body"] = "the overrides give it no joints"
        del parts["body"]
    return PartMap(names, parts, (wrists["left"], wrists["right"]), missing)


def require(parts: PartMap, required: Iterable[str]) -> None:
    """Checks that all required parts were found.

    Raises:
        BadInput: which is missing and why, and the joints to choose from in an override.
    """
    for part in required:
        if part not in parts.parts:
            why = parts.missing.get(part, f"only {', '.join(parts.parts) or 'no part'} found")
            raise BadInput(
                f"part {part!r} is required and was not found: {why}; name its joints with "
                f"--set part_joints.{part}=A,B out of {', '.join(parts.names)}"
            )


def _part(joints: Sequence[int], first: int | None = None) -> Part:
    scored = list(joints) if first is None else [first, *(j for j in joints if j != first)]
    return Part(np.array(joints, dtype=np.int64), np.array(scored, dtype=np.int64))


def _override_indices(
    names: tuple[str, ...], overrides: Mapping[str, Sequence[str]]
) -> dict[str, list[int]]:
    chosen: dict[str, list[int]] = {}
    owner: dict[str, str] = {}
    for part, joints in overrides.items():
        for joint in joints:
            if joint not in names:
                raise BadInput(
                    f"part {part!r} names joint {joint!r}, which does not exist; the joints are "
                    f"{', '.join(names)}"
                )
            if owner.setdefault(joint, part) != part:
                raise BadInput(f"joint {joint!r} is in {owner[joint]!r} and {part!r}; choose one")
        chosen[part] = sorted({names.index(joint) for joint in joints})
    return chosen


def _descendants(parents: np.ndarray) -> list[list[int]]:
    below: list[list[int]] = [[] for _ in parents]
    for j in range(1, len(parents)):
        ancestor = int(parents[j])
        while ancestor >= 0:
            below[ancestor].append(j)
            ancestor = int(parents[ancestor])
    return below


def _wrist(
    names: Sequence[str], parents: np.ndarray, below: list[list[int]], hand_side: str
) -> int | None:
    named = [j for j, n in enumerate(names) if is_hand(n) and side(n) == hand_side]
    # the one nearest to the root: LeftWrist above lhand; among equals, the one that holds most
    topmost = [j for j in named if not any(j in below[other] for other in named)]
    if topmost:
        return max(topmost, key=lambda j: len(below[j]))
    fingers = [j for j, n in enumerate(names) if is_finger(n) and side(n) == hand_side]
    if len(fingers) < MIN_HAND_JOINTS:
        return None
    above = int(parents[fingers[0]])
    while above >= 0 and not (above not in fingers and {*fingers} <= {*below[above]}):
        above = int(parents[above])
    # fingers that share nothing but the pelvis or the root hang on no wrist
    holds_more = above >= 0 and len(below[above]) > 2 * len(fingers) + 4
    return None if above < 0 or holds_more else above


def _below_wrist(
    wrists: Mapping[str, int | None], below: Sequence[Sequence[int]], hand_side: str
) -> list[int]:
    """Joints below a wrist; not the other hand, where that hangs on this one for want of a body."""
    wrist, other = (wrists[s] for s in (hand_side, "right" if hand_side == "left" else "left"))
    if wrist is None:
        return []
    elsewhere = {other, *below[other]} if other in below[wrist] and other is not None else set()
    return [j for j in below[wrist] if j not in elsewhere]


def _why_no_hand(
    part: str, hand_side: str, names: Sequence[str], wrist: int | None, joints: Sequence[int]
) -> dict[str, str]:
    if wrist is None:
        return {part: f"no joint is named a {hand_side} hand or wrist"}
    real = [j for j in joints if not is_tip(names[j])]
    if len(real) < MIN_HAND_JOINTS:
        hangs = f"only {', '.join(names[j] for j in joints)}" if joints else "nothing"
        return {part: f"{hangs} below {names[wrist]}, and a hand needs two joints or more"}
    return {}
