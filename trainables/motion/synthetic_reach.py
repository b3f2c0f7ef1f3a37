"""Arms and legs of the synthetic signer by two-bone inverse kinematics, and wrists by swing-twist.

Arms are solved as left arms in the frame of the chest (x outwards, y up, z forwards); a right arm
is a left one in the mirror. The elbow is a hinge and a twist of the forearm, the wrist a swing:
what a hand cannot reach is given up smoothly at the limit of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from trainables.motion.rotations import exp_map
from trainables.motion.skeleton import Skeleton

MIRROR = np.diag([-1.0, 1.0, 1.0])
_POLE = np.array([0.55, -0.8, -0.2]) / np.linalg.norm([0.55, -0.8, -0.2])
WRIST_LIMITS = np.radians([95.0, 28.0, 68.0])
"""Largest forearm twist, deviation and flexion either way, radians."""


@dataclass(frozen=True, eq=False)
class Arm:
    """Bones of a left arm: offsets in metres of collar and shoulder, lengths of the two bones."""

    collar: np.ndarray
    shoulder: np.ndarray
    upper: float
    fore: float

    @classmethod
    def of(cls, skeleton: Skeleton) -> Arm:
        """The left arm of a skeleton."""
        at = skeleton.index
        return cls(
            skeleton.offsets[at("left_collar")],
            skeleton.offsets[at("left_shoulder")],
            float(np.linalg.norm(skeleton.offsets[at("left_elbow")])),
            float(np.linalg.norm(skeleton.offsets[at("left_wrist")])),
        )


@dataclass(frozen=True, eq=False)
class Reach:
    """A solved arm: rotation vectors of the collar (n, 3), matrices (n, 3, 3) of the others.

    Attributes:
        collar: (n, 3) rotation vectors, local.
        shoulder: (n, 3, 3) local.
        flexion: (n,) of the elbow, radians, 0 when stretched.
        forearm: (n, 3, 3) in the frame of the chest, before the twist.
    """

    collar: np.ndarray
    shoulder: np.ndarray
    flexion: np.ndarray
    forearm: np.ndarray


def two_bones(
    to_end: np.ndarray, upper: float, lower: float, pole: np.ndarray, stretch: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Direction of the upper bone, the hinge's axis and its angle.

    Args:
        to_end: (n, 3) from the first joint to where the last should be.
        upper: metres.
        lower: metres.
        pole: (n, 3) or (3,) towards which the middle joint goes.
        stretch: largest share of the two lengths that the limb reaches. Near 1 the middle joint
            turns without bound for a small way of the end.

    Returns:
        (n, 3) unit direction, (n, 3) unit axis, (n,) angle in radians; out of reach, the limb
        stretches (or folds) as far as it goes.
    """
    distance = np.linalg.norm(to_end, axis=-1)
    towards = to_end / np.maximum(distance, 1e-9)[:, None]
    longest, shortest = stretch * (upper + lower), 0.36 * (upper + lower)
    # Smooth at both limits: a hard one would stop the joint within a frame.
    width = 0.4 * (1.0 - stretch) * longest
    reach = longest - softplus(longest - distance, width)
    reach = shortest + softplus(reach - shortest, width)
    side = pole - np.sum(pole * towards, axis=-1, keepdims=True) * towards
    side /= np.linalg.norm(side, axis=-1, keepdims=True)
    cosine = (upper**2 + reach**2 - lower**2) / (2 * upper * reach)
    opening = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None]
    direction = np.cos(opening) * towards + np.sin(opening) * side
    bend = (reach**2 - upper**2 - lower**2) / (2 * upper * lower)
    return direction, np.cross(side, towards), np.arccos(np.clip(bend, -1.0, 1.0))


def reach_for(arm: Arm, wrist: np.ndarray, swivel: np.ndarray) -> Reach:
    """Solves a left arm.

    Args:
        arm: its bones.
        wrist: (n, 3) metres, where the wrist should be, from the chest joint in its frame.
        swivel: (n,) radians, how far the elbow is lifted from hanging out and down.
    """
    # The shoulder blade follows the hand: up as it rises, forward as it reaches.
    collar = np.zeros_like(wrist)
    collar[:, 2] = 0.10 + 0.30 * np.tanh(wrist[:, 1] / 0.35)
    collar[:, 1] = -0.22 * np.tanh((wrist[:, 2] - 0.2) / 0.3) + 0.12 * np.tanh(wrist[:, 0] / 0.3)
    girdle = exp_map(collar)
    to_wrist = wrist - arm.collar - girdle @ arm.shoulder
    towards = to_wrist / np.linalg.norm(to_wrist, axis=-1, keepdims=True)
    pole = np.einsum("nij,j->ni", exp_map(towards * swivel[:, None]), _POLE)
    direction, hinge, flexion = two_bones(to_wrist, arm.upper, arm.fore, pole, stretch=0.965)
    # At rest the bone is +X and the elbow bends forwards, that is about -Y.
    upper = np.stack([direction, -hinge, np.cross(direction, -hinge)], axis=-1)
    shoulder = np.swapaxes(girdle, -1, -2) @ upper
    forearm = upper @ exp_map(np.stack([0 * flexion, -flexion, 0 * flexion], axis=-1))
    return Reach(collar, shoulder, flexion, forearm)


def wrist_angles(forearm: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """Twist, deviation and flexion (n, 3) radians that give a hand an orientation, unlimited.

    Args:
        forearm: (n, 3, 3) orientation of the untwisted forearm.
        hand: (n, 3, 3) wanted orientation, same frame.
    """
    quaternion = Rotation.from_matrix(np.swapaxes(forearm, -1, -2) @ hand).as_quat()
    twist = 2 * np.arctan2(quaternion[:, 0], quaternion[:, 3])
    twist = (twist + np.pi) % (2 * np.pi) - np.pi
    half = twist / 2
    zeros = np.zeros_like(half)
    untwist = Rotation.from_quat(np.stack([-np.sin(half), zeros, zeros, np.cos(half)], axis=-1))
    swing = (untwist * Rotation.from_quat(quaternion)).as_rotvec()
    return np.stack([twist, swing[:, 1], -swing[:, 2]], axis=-1)


def within(
    values: np.ndarray, low: np.ndarray, high: np.ndarray, soft: np.ndarray | float
) -> np.ndarray:
    """Values (..., n) held between limits (n,), smoothly over the last `soft` before each."""
    below = np.maximum(low + soft - values, 0.0)
    above = np.maximum(values - high + soft, 0.0)
    return values + below - soft * np.tanh(below / soft) - above + soft * np.tanh(above / soft)


def within_wrist(angles: np.ndarray) -> np.ndarray:
    """Angles (..., 3) of twist, deviation and flexion held within `WRIST_LIMITS`."""
    return within(angles, -WRIST_LIMITS, WRIST_LIMITS, 0.4 * WRIST_LIMITS)


def elbow_and_wrist(flexion: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations (n, 3, 3) of a left elbow (hinge and twist) and wrist (swing).

    Args:
        flexion: (n,) of the elbow, radians.
        angles: (n, 3) twist, deviation, flexion of the wrist, radians; held within its limits.
    """
    zeros = np.zeros_like(flexion)
    hinge = exp_map(np.stack([zeros, -flexion, zeros], axis=-1))
    angles = within_wrist(angles)
    twist = exp_map(np.stack([angles[:, 0], zeros, zeros], axis=-1))
    swing = exp_map(np.stack([zeros, angles[:, 1], -angles[:, 2]], axis=-1))
    return hinge @ twist, swing


@dataclass(frozen=True, eq=False)
class Leg:
    """Local rotations (n, 3, 3) of one leg."""

    hip: np.ndarray
    knee: np.ndarray
    ankle: np.ndarray


def plant(
    skeleton: Skeleton, side: str, root: np.ndarray, pelvis: np.ndarray, ankle: np.ndarray
) -> Leg:
    """A leg whose foot stays where it stands, flat on the ground.

    Args:
        skeleton: of the signer.
        side: "left" or "right".
        root: (n, 3) metres, pelvis.
        pelvis: (n, 3, 3) world orientation.
        ankle: (3,) metres, where the ankle stands.
    """
    at = skeleton.index
    thigh = float(np.linalg.norm(skeleton.offsets[at(f"{side}_knee")]))
    shank = float(np.linalg.norm(skeleton.offsets[at(f"{side}_ankle")]))
    to_ankle = ankle - root - pelvis @ skeleton.offsets[at(f"{side}_hip")]
    forward = pelvis[:, :, 2]
    direction, hinge, flexion = two_bones(to_ankle, thigh, shank, forward, stretch=0.998)
    upper = np.stack([hinge, -direction, np.cross(hinge, -direction)], axis=-1)
    zeros = np.zeros_like(flexion)
    knee = exp_map(np.stack([flexion, zeros, zeros], axis=-1))
    world = upper @ knee
    hip = np.swapaxes(pelvis, -1, -2) @ upper
    return Leg(hip, knee, np.swapaxes(world, -1, -2))


def softplus(x: np.ndarray, width: float) -> np.ndarray:
    """The larger of x and 0, rounded off over about `width` on either side of 0."""
    return width * np.logaddexp(0.0, x / width)
