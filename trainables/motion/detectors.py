"""Points of one name across detectors: OpenPose's called as MediaPipe calls the same points.

Body points of both say side and joint, so that `pose_keypoints_2d/LShoulder` is
`POSE_LANDMARKS/LEFT_SHOULDER`; the 21 points of a hand are the same joints in the same order. Faces
share nothing. Both are detected in the same pictures, so folders of sign language hold both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trainables.motion.clip import Clip
from trainables.motion.joint_names import words
from trainables.motion.skeleton import Skeleton

_OPENPOSE_BODY, _MEDIAPIPE_BODY = "pose_keypoints_2d", "POSE_LANDMARKS"
_HANDS = {
    "hand_left_keypoints_2d": "LEFT_HAND_LANDMARKS",
    "hand_right_keypoints_2d": "RIGHT_HAND_LANDMARKS",
}
_FINGERS = {"I": "INDEX_FINGER", "M": "MIDDLE_FINGER", "R": "RING_FINGER", "P": "PINKY"}
_FINGER_JOINTS = {"CMC": "MCP", "MCP": "PIP", "PIP": "DIP", "DIP": "TIP"}
"""OpenPose (in .pose files) counts a finger from the palm's bone, MediaPipe from the knuckle."""
_HAND = {
    "BASE": "WRIST",
    **{"T_STT": "THUMB_CMC", "T_BCMC": "THUMB_MCP", "T_MCP": "THUMB_IP", "T_IP": "THUMB_TIP"},
    **{
        f"{letter}_{theirs}": f"{finger}_{ours}"
        for letter, finger in _FINGERS.items()
        for theirs, ours in _FINGER_JOINTS.items()
    },
}
SAID = "points of OpenPose are called as MediaPipe calls the same points"


def mediapipe_name(name: str) -> str:
    """The name that MediaPipe gives a point of OpenPose; any other name as it is.

    >>> mediapipe_name("pose_keypoints_2d/LShoulder")
    'POSE_LANDMARKS/LEFT_SHOULDER'
    >>> mediapipe_name("hand_left_keypoints_2d/I_CMC"), mediapipe_name("Hips")
    ('LEFT_HAND_LANDMARKS/INDEX_FINGER_MCP', 'Hips')
    """
    component, _, point = name.partition("/")
    if component == _OPENPOSE_BODY and point:
        return f"{_MEDIAPIPE_BODY}/{'_'.join(words(point)).upper()}"
    if component in _HANDS and point in _HAND:
        return f"{_HANDS[component]}/{_HAND[point]}"
    return name


def as_mediapipe(clip: Clip) -> Clip:
    """The clip with names of MediaPipe; itself where nothing is renamed."""
    names = tuple(map(mediapipe_name, clip.skeleton.names))
    if names == clip.skeleton.names or len(set(names)) != len(names):
        return clip
    bones = clip.skeleton
    ends = {mediapipe_name(name): end for name, end in bones.end_sites.items()}
    return replace(clip, skeleton=Skeleton(names, bones.parents, bones.offsets, ends))


def alike(clips: Sequence[Clip]) -> tuple[list[Clip], list[str]]:
    """Recordings of both detectors under one set of names, and a sentence where any was renamed."""
    both = any(_is_mediapipe(c) for c in clips) and not all(_is_mediapipe(c) for c in clips)
    renamed = [as_mediapipe(c) if both else c for c in clips]
    changed = [c.recording for c, old in zip(renamed, clips, strict=True) if c is not old]
    return renamed, [f"{', '.join(changed)}: {SAID}."] if changed else []


def _is_mediapipe(clip: Clip) -> bool:
    return any(name.startswith(f"{_MEDIAPIPE_BODY}/") for name in clip.skeleton.names)
