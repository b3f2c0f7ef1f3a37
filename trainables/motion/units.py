"""One unit for all recordings of a data set: the files' own, or shoulder widths.

Pixels say how far the camera stood as much as how far the hand moved. Over the median distance
between a recording's own shoulders they become comparable between people and cameras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.units import UNIT_WORDS, Unit
from trainables.motion.clip import Clip
from trainables.motion.joint_names import side, words
from trainables.motion.skeleton import Skeleton

FLAT = "Some recordings have no depth, so depth (z) is left out of all of them."
_ARM = {"arm", "uparm", "upperarm", "shldr"}
_LOWER_ARM = {"forearm", "lower", "lowerarm", "elbow", "fore", "roll", "twist"}


def in_unit(clips: Sequence[Clip], unit: str) -> list[Clip]:
    """Recordings in one unit.

    Args:
        clips: recordings in the units of their files.
        unit: `auto` (all must have one already), `m`, `px`, or `sw`, which any becomes.

    Raises:
        BadInput: units are mixed, or other than asked for, or there are no shoulders to measure by.
    """
    if unit == "sw":
        return [in_shoulder_widths(clip) for clip in clips]
    first: dict[Unit, str] = {}
    for clip in clips:
        first.setdefault(clip.unit, clip.recording)
    if len(first) > 1:
        (a, one), (b, other) = list(first.items())[:2]
        raise BadInput(
            f"{one} is in {UNIT_WORDS[a]} and {other} in {UNIT_WORDS[b]}, which cannot be mixed; "
            "bring all to shoulder widths with --set unit=sw, or give them one by one"
        )
    for found, recording in first.items():
        if unit not in ("auto", found):
            raise BadInput(
                f"{recording} is in {UNIT_WORDS[found]}, and unit={unit} asks for "
                f"{UNIT_WORDS[unit]}; use --set unit=auto, or sw for shoulder widths"
            )
    return list(clips)


def in_shoulder_widths(clip: Clip) -> Clip:
    """A recording over its median distance between the shoulders, where both are seen.

    Raises:
        BadInput: it has no two joints that are called shoulders, or they are never seen together.
    """
    if clip.unit == "sw":
        return clip
    width = median_shoulder_width(clip)
    skeleton = clip.skeleton
    ends = {name: end / width for name, end in skeleton.end_sites.items()}
    return replace(
        clip,
        unit="sw",
        positions=clip.positions / width,
        skeleton=Skeleton(skeleton.names, skeleton.parents, skeleton.offsets / width, ends),
    )


def median_shoulder_width(clip: Clip) -> float:
    """Median distance between the shoulders over frames in which both are seen, in `clip.unit`.

    Raises:
        BadInput: as `in_shoulder_widths`.
    """
    remedy = "use --set unit=auto, or leave the recording out"
    pair = shoulders(clip.skeleton.names, clip.skeleton.parents)
    if pair is None:
        raise BadInput(
            f"{clip.recording}: has no left and right shoulder by name to measure by; {remedy}"
        )
    at = np.ones(clip.frames, bool) if clip.mask is None else clip.mask[:, list(pair)].all(axis=1)
    apart = np.linalg.norm(clip.positions[at, pair[0]] - clip.positions[at, pair[1]], axis=-1)
    width = float(np.median(apart)) if at.any() else 0.0
    if not width > 0:
        raise BadInput(
            f"{clip.recording}: its shoulders are never seen together and apart, so there is no "
            f"width to measure by; {remedy}"
        )
    return width


def shoulders(names: Sequence[str], parents: np.ndarray) -> tuple[int, int] | None:
    """Left and right shoulder joint: where the upper arms begin; None where they are not named.

    In many BVH files `LeftShoulder` is the collar bone and `LeftArm`, below it, the shoulder joint.
    """
    pair = []
    for wanted in ("left", "right"):
        own = [j for j, name in enumerate(names) if side(name) == wanted]
        named = [j for j in own if "shoulder" in words(names[j])]
        arms = [j for j in own if {*words(names[j])} & _ARM and not {*words(names[j])} & _LOWER_ARM]
        below = [j for j in arms if not named or int(parents[j]) in named]
        found = (below or named)[:1]
        if not found:
            return None
        pair += found
    return pair[0], pair[1]


def hips(names: Sequence[str]) -> tuple[int, int] | None:
    """Left and right hip by name, None where they are not both there once."""
    pair = []
    for wanted in ("left", "right"):
        own = [j for j, n in enumerate(names) if "hip" in words(n) and side(n) == wanted]
        if len(own) != 1:
            return None
        pair += own
    return pair[0], pair[1]


def is_flat(clip: Clip) -> bool:
    """Whether all that is seen of it lies in the plane of a picture: z is 0 everywhere."""
    if clip.rotations is not None:
        return False
    depth = clip.positions[..., 2]
    return not (depth if clip.mask is None else depth[clip.mask]).any()


def flattened(clip: Clip) -> Clip:
    """A recording without its depth, and so without rotations."""
    if is_flat(clip):
        return clip
    flat, skeleton = np.array([1.0, 1.0, 0.0]), clip.skeleton
    return replace(
        clip,
        positions=clip.positions * flat,
        rotations=None,
        skeleton=skeleton.with_offsets(skeleton.offsets * flat),
    )


def body_centre(clips: Sequence[Clip]) -> tuple[int, ...] | None:
    """Joints whose middle stands for where a body is, for recordings without rotations.

    The shoulders, else the hips, else the first joint, whichever every recording shows at some
    time; None where none of them is.

    Args:
        clips: recordings of one skeleton.
    """
    skeleton = clips[0].skeleton
    pairs = (shoulders(skeleton.names, skeleton.parents), hips(skeleton.names))
    for joints in (*pairs, (0,)):
        if joints is not None and all(_ever_seen(clip, joints) for clip in clips):
            return joints
    return None


def _ever_seen(clip: Clip, joints: tuple[int, ...]) -> bool:
    return clip.mask is None or bool(clip.mask[:, list(joints)].any(axis=0).all())
