"""Who signs: bones, handedness, tempo, posture, and an accent of the hands for each signer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainables.motion.skeleton import Skeleton
from trainables.motion.synthetic_handshapes import ANGLES, SHAPE_NAMES
from trainables.motion.synthetic_reach import Arm
from trainables.motion.synthetic_skeleton import signer_skeleton


@dataclass(frozen=True, eq=False)
class Signer:
    """Traits of a signer.

    Attributes:
        name: "signer-1", ...
        skeleton: their bones.
        size: length of their arm over that of the person of 1.70 m.
        left_handed: which hand is dominant.
        tempo: signs faster where above 1.
        amplitude: of paths.
        space: of signing space.
        undershoot: share of the way to the neighbouring signs by which places are missed.
        holds: length of holds relative to the lexicon's.
        swivel: radians by which elbows are lifted.
        torso: (3,) radians, habitual pitch, yaw, roll.
        head: (3,) radians, the same of the head.
        hand: (21,) radians, habitual deviation of every finger.
        accent: (shapes, 21) radians, deviation of each hand shape.
        places: (signs, 3) metres, where this signer puts each sign's place differently.
        rest: (3,) metres, where the idle hand goes.
        restlessness: scale of slow involuntary movement.
        stance: metres between the feet and radians by which they turn out.
    """

    name: str
    skeleton: Skeleton
    size: float
    left_handed: bool
    tempo: float
    amplitude: float
    space: float
    undershoot: float
    holds: float
    swivel: float
    torso: np.ndarray
    head: np.ndarray
    hand: np.ndarray
    accent: np.ndarray
    places: np.ndarray
    rest: np.ndarray
    restlessness: float
    stance: float


def draw_signer(rng: np.random.Generator, number: int, signs: int) -> Signer:
    """Traits of signer `number` (from 1); every sixth or so is left-handed, the third surely."""
    skeleton = signer_skeleton(rng, float(rng.uniform(1.56, 1.86)))
    arm = Arm.of(skeleton)
    return Signer(
        name=f"signer-{number}",
        skeleton=skeleton,
        size=(arm.upper + arm.fore) / 0.52,
        left_handed=number % 6 == 3,
        tempo=float(rng.uniform(0.84, 1.18)),
        amplitude=float(rng.uniform(0.75, 1.3)),
        space=float(rng.uniform(1.02, 1.25)),
        undershoot=float(rng.uniform(0.03, 0.14)),
        holds=float(rng.uniform(0.7, 1.35)),
        swivel=float(rng.normal(0.0, np.radians(7.0))),
        torso=np.radians(rng.normal([2.0, 0.0, 0.0], [3.0, 3.0, 1.5])),
        head=np.radians(rng.normal([3.0, 0.0, 0.0], [4.0, 3.0, 3.0])),
        hand=np.radians(rng.normal(0.0, 4.5, ANGLES)),
        accent=np.radians(rng.normal(0.0, 5.0, (len(SHAPE_NAMES), ANGLES))),
        places=rng.normal(0.0, 0.015, (signs, 3)),
        rest=np.array([0.12, -0.25, 0.18]) + rng.normal(0.0, [0.04, 0.03, 0.03]),
        restlessness=float(rng.uniform(0.8, 1.25)),
        stance=float(rng.uniform(0.9, 1.4)),
    )
