"""The embedded motion: a procedural signer, so that everything runs where no motion file lies.

Not a recording of anybody. It is made to be as hard for a codec as signing is: hands that take
some forty shapes finger by finger, two arms in signing space, coarticulated transitions and holds,
head, trunk and weight in motion, and signers who differ in bones, tempo, posture and hand shapes.
The same seed gives the same bits; a recording does not depend on how many others are asked for,
and a shorter one is the beginning of a longer one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.clip import Clip
from trainables.motion.rotations import about_up, exp_map
from trainables.motion.skeleton import forward_kinematics
from trainables.motion.synthetic_handshapes import finger_vectors, within_limits
from trainables.motion.synthetic_reach import (
    MIRROR,
    Arm,
    elbow_and_wrist,
    plant,
    reach_for,
    softplus,
)
from trainables.motion.synthetic_signer import Signer, draw_signer
from trainables.motion.synthetic_signs import Lexicon, draw_lexicon
from trainables.motion.synthetic_utterance import ARM, CHANNELS, HEAD, TORSO, Utterance, compose

SIGNERS_FULL = 6
"""Signers of the full size."""


@dataclass(frozen=True)
class Size:
    """How much motion a size holds: recordings (the first so many) and seconds of each."""

    recordings: int
    seconds: float


SIZES = {
    "debug": Size(12, 125 / 30),
    "reduced": Size(24, 500 / 30),
    "full": Size(60, 38.0),
}
"""Full: 60 recordings of 1,140 frames at 30 a second, 10 of each signer, so that a split by
recording leaves more than 40,000 frames for training even where each signer gives two recordings
to validation and two to test."""

NEAREST = 0.09
"""Metres in front of the chest joint that a wrist keeps."""
LONGEST = max(size.seconds for size in SIZES.values())


def _speakers() -> list[int]:
    """Signer (from 0) of every recording: 3 signers in debug, 4 in reduced, 6 in full."""
    debug = [0, 1, 2] * 4
    reduced = [3, 0, 3, 1, 3, 2] * 2
    return debug + reduced + [4, 5, 0, 4, 5, 1, 4, 5, 2, 4, 5, 3] * 2 + [4, 5, 0, 1, 2, 3] * 2


def embedded_clips(size: str = "reduced", seed: int = 0, fps: float = 30.0) -> list[Clip]:
    """Synthetic signing.

    Args:
        size: "debug" (12 recordings, 3 signers, 1,500 frames at 30 fps), "reduced" (24, 4, 12,000)
            or "full" (60, 6, 68,400).
        seed: what signs, signers and recordings are drawn from.
        fps: frames per second.

    Returns:
        One clip per recording, "signer-1/utterance-03", with rotations, 52 joints, in metres.

    Raises:
        BadInput: no such size, or a rate that is not positive.
    """
    if size not in SIZES:
        raise BadInput(f"embedded motion has no size {size!r}; choose from {', '.join(SIZES)}")
    if not np.isfinite(fps) or fps <= 0:
        raise BadInput(f"embedded motion: fps must be positive, got {fps}")
    lexicon = draw_lexicon(_generator(seed, 0))
    signers = [
        draw_signer(_generator(seed, 1, s), s + 1, len(lexicon.kind)) for s in range(SIGNERS_FULL)
    ]
    frames = max(1, round(SIZES[size].seconds * fps))
    said = [0] * SIGNERS_FULL
    clips = []
    for speaker in _speakers()[: SIZES[size].recordings]:
        said[speaker] += 1
        rng = _generator(seed, 2, speaker, said[speaker])
        clips.append(_record(rng, lexicon, signers[speaker], said[speaker], frames, fps))
    return clips


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _record(
    rng: np.random.Generator,
    lexicon: Lexicon,
    signer: Signer,
    number: int,
    frames: int,
    fps: float,
) -> Clip:
    utterance = compose(rng, lexicon, signer, LONGEST)
    return perform(rng, utterance, signer, f"{signer.name}/utterance-{number:02d}", frames, fps)


def perform(
    rng: np.random.Generator,
    utterance: Utterance,
    signer: Signer,
    recording: str,
    frames: int,
    fps: float,
) -> Clip:
    """An utterance as a signer moves it: with involuntary movement, breath and stance.

    Returns:
        A clip of 52 joints with rotations, in metres, noted as synthetic.
    """
    seconds = np.arange(frames) / fps
    channels = utterance.at(seconds)
    slow = _slow_noise(rng, seconds, CHANNELS + _IDLE) * signer.restlessness
    tremor = _tremor(rng, seconds, CHANNELS)
    per_arm = np.concatenate([np.full(3, 0.005), np.radians([2.0, 2.2, 1.8, 2.2]),
                              np.full(ARM - 7, np.radians(1.7))])  # fmt: skip
    slow_scale = np.concatenate([per_arm, per_arm, np.radians([0.7, 1.0, 0.6, 1.3, 1.7, 1.1])])
    channels += slow[:, :CHANNELS] * slow_scale
    channels += tremor * np.where(slow_scale == 0.005, 2e-4, np.radians(0.1))
    rotations, root = _pose(signer, channels, slow[:, CHANNELS:], seconds, rng)
    skeleton = signer.skeleton
    positions, _ = forward_kinematics(skeleton.parents, skeleton.offsets, rotations, root)
    return Clip(
        recording=recording,
        skeleton=skeleton,
        fps=fps,
        positions=positions,
        rotations=rotations,
        signer=signer.name,
        notes=("synthetic",),
    )


_IDLE = 16
"""Channels that no sign asks for: pelvis (3 of place, heading, 3 of tilt), 9 of the spine."""


def _pose(
    signer: Signer,
    channels: np.ndarray,
    idle: np.ndarray,
    seconds: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations (frames, joints, 3, 3) and pelvis (frames, 3) metres from channel values."""
    skeleton = signer.skeleton
    at = skeleton.index
    frames = len(channels)
    rotations = np.tile(np.eye(3), (frames, len(skeleton), 1, 1))

    dominant, other = ("left", "right") if signer.left_handed else ("right", "left")
    for side, first in ((dominant, 0), (other, ARM)):
        _pose_arm(rotations, Arm.of(skeleton), side, channels[:, first : first + ARM], signer)

    breath = np.sin(2 * np.pi * (seconds * rng.uniform(0.22, 0.32) + rng.random()))
    torso, head = channels[:, TORSO:HEAD], channels[:, HEAD:]
    spine = idle[:, 7:].reshape(frames, 3, 3) * np.radians([0.4, 0.4, 0.35])
    for k, (joint, share) in enumerate((("spine1", 0.3), ("spine2", 0.4), ("spine3", 0.3))):
        vectors = share * torso + spine[:, k]
        vectors[:, 0] += np.radians((0.0, -0.4, -0.5)[k]) * breath
        rotations[:, at(joint)] = exp_map(vectors)
    # The head keeps its gaze: it takes back some of the trunk's lean.
    gaze = head - 0.4 * torso
    rotations[:, at("neck")] = exp_map(0.4 * gaze)
    rotations[:, at("head")] = exp_map(0.6 * gaze)

    root, pelvis = _stand(signer, idle[:, :7])
    rotations[:, 0] = pelvis
    for side, outwards in (("left", 1.0), ("right", -1.0)):
        hip = skeleton.offsets[at(f"{side}_hip")]
        ankle = np.array([outwards * abs(hip[0]) * signer.stance, _ankle_height(signer), 0.0])
        leg = plant(skeleton, side, root, pelvis, ankle)
        rotations[:, at(f"{side}_hip")] = leg.hip
        rotations[:, at(f"{side}_knee")] = leg.knee
        rotations[:, at(f"{side}_ankle")] = leg.ankle
    return rotations, root


def _pose_arm(
    rotations: np.ndarray, arm: Arm, side: str, channels: np.ndarray, signer: Signer
) -> None:
    """Writes collar to fingertips of one side into rotations (frames, joints, 3, 3)."""
    at = signer.skeleton.index
    wrist_at = channels[:, :3].copy()
    # A path may lead into the trunk; the hand then slides along it.
    wrist_at[:, 2] = NEAREST + softplus(wrist_at[:, 2] - NEAREST, 0.02)
    reach = reach_for(arm, wrist_at, channels[:, 3])
    elbow, wrist = elbow_and_wrist(reach.flexion, channels[:, 4:7])
    names = [f"{side}_{j}" for j in ("collar", "shoulder", "elbow", "wrist")]
    first = at(f"{side}_index1")
    joints = [at(n) for n in names] + list(range(first, first + 15))
    fingers = exp_map(finger_vectors(within_limits(channels[:, 7:])))
    chain = [exp_map(reach.collar), reach.shoulder, elbow, wrist]
    left = np.concatenate([np.stack(chain, axis=1), fingers], axis=1)
    rotations[:, joints] = left if side == "left" else MIRROR @ left @ MIRROR


def _ankle_height(signer: Signer) -> float:
    return float(-signer.skeleton.offsets[signer.skeleton.index("left_foot"), 1]) + 0.015


def _stand(signer: Signer, idle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pelvis: place (frames, 3) metres and orientation (frames, 3, 3), from idle (frames, 7)."""
    offsets, at = signer.skeleton.offsets, signer.skeleton.index
    below = -(offsets[at("left_hip")] + offsets[at("left_knee")] + offsets[at("left_ankle")])[1]
    place = idle[:, :3] * [0.014, 0.0015, 0.008]
    # A little lower than stretched legs allow, so that the knees stay soft.
    place[:, 1] += float(below) * 0.988 + _ankle_height(signer)
    heading = about_up(np.radians(3.0) * idle[:, 3])
    return place, heading @ exp_map(np.radians([0.5, 0.6, 0.6]) * idle[:, 4:])


def _slow_noise(rng: np.random.Generator, seconds: np.ndarray, channels: int) -> np.ndarray:
    """(frames, channels) of unit spread, from 0.05 to 2 Hz, slower parts stronger."""
    frequencies = np.geomspace(0.05, 2.0, 20) * rng.uniform(0.9, 1.1, 20)
    return _waves(rng, seconds, frequencies, frequencies**-0.5, channels)


def _tremor(rng: np.random.Generator, seconds: np.ndarray, channels: int) -> np.ndarray:
    """(frames, channels) of unit spread, from 7 to 11 Hz: physiological tremor."""
    frequencies = rng.uniform(7.0, 11.0, 12)
    return _waves(rng, seconds, frequencies, np.ones(12), channels)


def _waves(
    rng: np.random.Generator,
    seconds: np.ndarray,
    frequencies: np.ndarray,
    amplitudes: np.ndarray,
    channels: int,
) -> np.ndarray:
    phase = 2 * np.pi * seconds[:, None] * frequencies
    basis = np.concatenate([np.sin(phase) * amplitudes, np.cos(phase) * amplitudes], axis=1)
    basis /= np.sqrt(np.sum(amplitudes**2))
    return np.asarray(basis @ rng.normal(size=(2 * len(frequencies), channels)))
