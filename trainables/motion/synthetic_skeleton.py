"""The skeleton of the synthetic signer: SMPL-X joint names, human proportions, Y up, facing +Z.

The rest pose is a T: arms along the X axis (left is +X), palms down, legs along -Y. Each signer
has bones of their own; left and right mirror each other.
"""

from __future__ import annotations

import numpy as np

from trainables.motion.skeleton import Skeleton

FINGERS = ("index", "middle", "ring", "pinky")
DIGITS = ("thumb", *FINGERS)
BODY = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar",
    "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist",
    "right_wrist",
)  # fmt: skip

# Metres of a person of 1.70 m, left side; the right side is mirrored. Heights add up so that the
# foot stands on the ground when the pelvis is at 0.94 m.
_OFFSETS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "left_hip": ("pelvis", (0.085, -0.07, 0.0)),
    "left_knee": ("left_hip", (0.0, -0.40, 0.0)),
    "left_ankle": ("left_knee", (0.0, -0.41, 0.0)),
    "left_foot": ("left_ankle", (0.015, -0.045, 0.13)),
    "spine1": ("pelvis", (0.0, 0.10, -0.012)),
    "spine2": ("spine1", (0.0, 0.135, 0.0)),
    "spine3": ("spine2", (0.0, 0.06, 0.012)),
    "neck": ("spine3", (0.0, 0.21, -0.02)),
    "head": ("neck", (0.0, 0.09, 0.03)),
    "left_collar": ("spine3", (0.055, 0.12, -0.01)),
    "left_shoulder": ("left_collar", (0.12, 0.04, -0.01)),
    "left_elbow": ("left_shoulder", (0.27, 0.0, 0.0)),
    "left_wrist": ("left_elbow", (0.25, 0.0, 0.0)),
    "left_index1": ("left_wrist", (0.092, 0.002, 0.026)),
    "left_middle1": ("left_wrist", (0.095, 0.004, 0.003)),
    "left_ring1": ("left_wrist", (0.088, 0.002, -0.019)),
    "left_pinky1": ("left_wrist", (0.078, -0.004, -0.038)),
    "left_thumb1": ("left_wrist", (0.024, -0.012, 0.028)),
}
THUMB_AXIS = np.array([0.62, -0.22, 0.75]) / np.linalg.norm([0.62, -0.22, 0.75])
"""Direction of the left thumb at rest, in the hand's frame."""

_PHALANGES = {  # metres: first and second phalanx
    "index": (0.041, 0.024),
    "middle": (0.045, 0.028),
    "ring": (0.041, 0.027),
    "pinky": (0.032, 0.019),
    "thumb": (0.040, 0.031),
}


def joint_names() -> tuple[str, ...]:
    """All 52 joints, parents first: 22 of the body, then 15 of each hand."""
    hands = [
        f"{side}_{digit}{k}"
        for side in ("left", "right")
        for digit in (*FINGERS, "thumb")
        for k in (1, 2, 3)
    ]
    return (*BODY, *hands)


def reference_skeleton() -> Skeleton:
    """The skeleton of a person of 1.70 m."""
    table = dict(_OFFSETS)
    for digit, lengths in _PHALANGES.items():
        axis = THUMB_AXIS if digit == "thumb" else np.array([1.0, 0.0, 0.0])
        for k, length in enumerate(lengths):
            x, y, z = (length * axis).tolist()
            table[f"left_{digit}{k + 2}"] = (f"left_{digit}{k + 1}", (x, y, z))
    for name, (parent, (x, y, z)) in list(table.items()):
        if name.startswith("left_"):
            table[f"right_{name[5:]}"] = (parent.replace("left_", "right_"), (-x, y, z))
    names = joint_names()
    parents = np.array([names.index(table[n][0]) if n in table else -1 for n in names])
    offsets = np.array([table[n][1] if n in table else (0.0, 0.0, 0.0) for n in names])
    return Skeleton(names, parents, offsets)


def signer_skeleton(rng: np.random.Generator, height: float) -> Skeleton:
    """A skeleton of one signer: scaled to a height, each kind of bone a little longer or shorter.

    Args:
        rng: what the proportions are drawn from.
        height: metres, crown to sole.
    """
    reference = reference_skeleton()
    scale = height / 1.70
    kinds = {n.removeprefix("left_").removeprefix("right_") for n in reference.names}
    # Limb segments vary by about 4 % between people of one stature, fingers a little more.
    stretch = {kind: float(np.exp(rng.normal(0.0, 0.035))) for kind in sorted(kinds)}
    factors = [
        scale * stretch[n.removeprefix("left_").removeprefix("right_")] for n in reference.names
    ]
    return reference.with_offsets(reference.offsets * np.array(factors)[:, None])
