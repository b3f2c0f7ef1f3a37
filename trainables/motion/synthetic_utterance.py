"""Signs in a row: which, in what time, and how one runs into the next.

An utterance is a chain of segments (transition, hold, stroke, hold for every sign). In each, every
channel goes from one value to the next along a minimum-jerk curve (Flash and Hogan, 1985), in a
window of its own per finger, wrist, arm, trunk and head, so that hand shapes form before a place is
reached; paths, wrist turns, wiggles and nods ride on the same curve. All is a function of time, so
a shorter recording is the beginning of a longer one, at any frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainables.motion.rotations import exp_map
from trainables.motion.synthetic_handshapes import ANGLES, SHAPE_NAMES, inventory, within_limits
from trainables.motion.synthetic_reach import Arm, reach_for, within_wrist, wrist_angles
from trainables.motion.synthetic_signer import Signer
from trainables.motion.synthetic_signs import NEUTRAL, ONE_HANDED, REST, Lexicon

ARM = 7 + ANGLES
"""Channels of an arm: wrist (3, metres), swivel, twist, deviation, flexion, 21 of the hand."""
TORSO, HEAD, CHANNELS = 2 * ARM, 2 * ARM + 3, 2 * ARM + 6

FASTEST = (2.6, 8.5)
"""Speeds that a segment is drawn out for: a wrist's in m/s, a joint's in radians/s."""

# Timing groups of an arm's channels: arm, wrist, and a group per finger.
_ARM_GROUPS = np.array([0] * 3 + [1] * 4 + [2] * 5 + [3] * 4 + [4] * 4 + [5] * 4 + [6] * 4)
_GROUP = np.concatenate([_ARM_GROUPS, _ARM_GROUPS + 7, [14] * 3, [15] * 3])
_GROUPS, _HEAD_GROUP = 16, 15
_FINGER_GROUPS = [*range(2, 7), *range(9, 14)]


@dataclass(frozen=True, eq=False)
class Utterance:
    """Segments of an utterance; the first axis is the segment.

    Attributes:
        start: (segments + 1,) seconds.
        origin: (segments, channels) value at the start.
        step: (segments, channels) from start to end.
        sine: (segments, channels) amplitude of the sine part.
        cosine: (segments, channels) amplitude of the (1 - cosine) / 2 part.
        rate: (segments, groups) radians of both from start to end.
        window: (segments, groups, 2) share of the segment in which a group moves.
    """

    start: np.ndarray
    origin: np.ndarray
    step: np.ndarray
    sine: np.ndarray
    cosine: np.ndarray
    rate: np.ndarray
    window: np.ndarray

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """Values (frames, channels) at times (frames,), metres and radians."""
        k = np.clip(np.searchsorted(self.start, seconds, side="right") - 1, 0, len(self.step) - 1)
        share = (seconds - self.start[k]) / (self.start[k + 1] - self.start[k])
        window = self.window[k]
        share = (share[:, None] - window[..., 0]) / (window[..., 1] - window[..., 0])
        share = np.clip(share, 0.0, 1.0)
        progress = share**3 * (10.0 + share * (6.0 * share - 15.0))
        phase = self.rate[k] * progress
        along, sine, raised = progress, np.sin(phase), 0.5 - 0.5 * np.cos(phase)
        return np.asarray(
            self.origin[k]
            + self.step[k] * along[:, _GROUP]
            + self.sine[k] * sine[:, _GROUP]
            + self.cosine[k] * raised[:, _GROUP]
        )


def _choose_signs(rng: np.random.Generator, lexicon: Lexicon, count: int) -> np.ndarray:
    """Signs of an utterance: frequent ones, those of its topic more, with rests between phrases."""
    topic = lexicon.weights * rng.gamma(0.8, 1.0, len(lexicon.weights))
    signs = rng.choice(len(topic), count, p=topic / topic.sum())
    phrase = np.cumsum(rng.integers(4, 11, count))
    signs[phrase[(phrase < count) & (rng.random(count) < 0.45)]] = REST
    return signs


def _places(
    rng: np.random.Generator, lexicon: Lexicon, signer: Signer, signs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Wrists at start and end of every sign, (signs, 2, 3) metres each."""
    n = len(signs)
    start = lexicon.place[signs] + signer.places[signs][:, None]
    one_handed = lexicon.kind[signs] == ONE_HANDED
    # Signs are placed at what they speak of: loci to the left, to the right, near or far.
    locus = rng.normal(0.0, [0.10, 0.04, 0.05], (n, 3)) * (rng.random((n, 1)) < 0.3)
    start += locus[:, None] * np.array([[1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]])
    start = NEUTRAL + (start - NEUTRAL) * signer.space
    start += rng.normal(0.0, 0.010, (n, 2, 3))
    grade = signer.amplitude * np.exp(rng.normal(0.0, 0.15, (n, 1, 1)))
    end = start + lexicon.travel[signs] * grade
    # The idle hand rests, or stays where the last sign left it.
    source = np.where(one_handed & (rng.random(n) < 0.3), -1, np.arange(n))
    source = np.maximum(np.maximum.accumulate(source), 0)
    resting = signs == REST
    lowered = np.stack([resting, resting | (one_handed & (source == np.arange(n)))], axis=1)
    low = signer.rest + rng.normal(0.0, 0.012, (n, 2, 3))
    start[lowered] = end[lowered] = low[lowered]
    kept = source != np.arange(n)
    start[kept, 1] = end[kept, 1] = (end[source, 1] + rng.normal(0.0, 0.012, (n, 3)))[kept]
    before = np.concatenate([end[:1], end[:-1]])
    after = np.concatenate([start[1:], start[-1:]])
    short = signer.undershoot
    start, end = start + short * (before - start), end + 0.5 * short * (after - end)
    for wrist in (start, end):  # no hand inside the trunk, none flung out to the side
        wrist[..., 2] = np.maximum(wrist[..., 2], 0.13)
        wrist[..., 0] = np.clip(wrist[..., 0], -0.18, 0.45)
    return start * signer.size, end * signer.size


def _hands(
    rng: np.random.Generator, lexicon: Lexicon, signer: Signer, signs: np.ndarray
) -> np.ndarray:
    """Finger angles (signs, 2 arms, start and end, 21) radians."""
    shapes = (inventory() + signer.accent)[lexicon.shape[signs]] + signer.hand
    idle = (lexicon.kind[signs] == ONE_HANDED) & (rng.random(len(signs)) < 0.7)
    relaxed = (inventory() + signer.accent)[SHAPE_NAMES.index("relaxed")] + signer.hand
    shapes[idle, 1] = relaxed
    shapes = shapes + np.radians(rng.normal(0.0, 3.0, (len(signs), 2, 1, ANGLES)))
    return within_limits(shapes)


def _wrists(
    rng: np.random.Generator,
    signer: Signer,
    palms: np.ndarray,
    wrists: np.ndarray,
    swivel: np.ndarray,
) -> np.ndarray:
    """Wrist angles (signs, arms, 3) radians for palms (signs, arms, 3, 3) at places."""
    tilt = exp_map(rng.normal(0.0, np.radians(4.5), (*palms.shape[:2], 3)))
    reach = reach_for(Arm.of(signer.skeleton), wrists.reshape(-1, 3), swivel.reshape(-1))
    angles = wrist_angles(reach.forearm, (tilt @ palms).reshape(-1, 3, 3))
    return within_wrist(angles).reshape(*palms.shape[:2], 3)


def _keys(
    rng: np.random.Generator, lexicon: Lexicon, signer: Signer, signs: np.ndarray
) -> np.ndarray:
    """All channels at start and end of every sign, (signs, 2, channels)."""
    n = len(signs)
    wrists = np.stack(_places(rng, lexicon, signer, signs), axis=2)  # (n, arms, ends, 3)
    hands = _hands(rng, lexicon, signer, signs)
    swivel = lexicon.swivel[signs] + signer.swivel + rng.normal(0.0, np.radians(3.5), (n, 2))
    angles = np.stack(
        [_wrists(rng, signer, lexicon.palm[signs, :, e], wrists[:, :, e], swivel) for e in (0, 1)],
        axis=2,
    )
    lifted = np.repeat(swivel[:, :, None, None], 2, axis=2)
    arms = np.concatenate([wrists, lifted, angles, hands], axis=-1)  # (n, arms, ends, ARM)
    keys = np.empty((n, 2, CHANNELS))
    keys[:, :, :TORSO] = np.swapaxes(arms, 1, 2).reshape(n, 2, TORSO)
    body = np.hstack([lexicon.torso[signs] + signer.torso, lexicon.head[signs] + signer.head])
    body += np.radians(rng.normal(0.0, [1.0, 1.5, 0.8, 2.0, 3.0, 1.5], (n, 6)))
    # Role shift: some stretches of five signs are told with the trunk turned.
    stretches = np.radians(rng.choice([-10.0, 0.0, 10.0], n, p=[0.12, 0.76, 0.12]))
    body[:, [1, 4]] += np.repeat(stretches, 5)[:n, None]
    keys[:, :, TORSO:] = body[:, None]
    return keys


def compose(
    rng: np.random.Generator, lexicon: Lexicon, signer: Signer, seconds: float
) -> Utterance:
    """An utterance of at least so many seconds."""
    # No sign with its transition is shorter than 0.3 s.
    return chain(rng, lexicon, signer, _choose_signs(rng, lexicon, int(seconds / 0.3) + 4))


def chain(
    rng: np.random.Generator, lexicon: Lexicon, signer: Signer, signs: np.ndarray
) -> Utterance:
    """These signs (entries of the lexicon) in a row, each at the signer's own pace."""
    keys = _keys(rng, lexicon, signer, signs)
    # Four segments to a sign: transition, hold, stroke, hold.
    first, last = keys[:, 0], keys[:, 1]
    ends = np.stack([first, first, last, last], axis=1)  # (signs, 4, channels)
    origin = np.concatenate([keys[:1, 0], ends.reshape(-1, CHANNELS)[:-1]]).reshape(ends.shape)
    step = ends - origin
    sine, cosine, rate = _riding(rng, lexicon, signer, signs, step[:, 0])

    durations = np.empty((len(signs), 4))
    distance, turn = _extent(step[:, 0])
    # Longer ways take longer, but less than in proportion (Fitts).
    durations[:, 0] = 0.13 + 0.75 * distance
    durations[:, [1, 3]] = lexicon.holds[signs] * signer.holds + 0.012
    durations[:, 2] = lexicon.stroke[signs]
    durations *= np.exp(rng.normal(0.0, 0.12, durations.shape)) / signer.tempo
    # A minimum-jerk curve is at most 15/8 times as fast as its mean.
    riding = rate[:, 2][:, _GROUP] * (np.abs(sine) + np.abs(cosine) / 2)[:, 2]
    for segment, (way, angle) in (
        (0, (distance, turn)),
        (2, _extent(np.abs(step[:, 2]) + riding)),
    ):
        least = 15 / 8 * np.maximum(way / FASTEST[0], angle / FASTEST[1])
        durations[:, segment] = np.maximum(durations[:, segment], least)
    return Utterance(
        start=np.concatenate([[0.0], np.cumsum(durations)]),
        origin=origin.reshape(-1, CHANNELS),
        step=step.reshape(-1, CHANNELS),
        sine=sine.reshape(-1, CHANNELS),
        cosine=cosine.reshape(-1, CHANNELS),
        rate=rate.reshape(-1, _GROUPS),
        window=_windows(rng, len(signs)).reshape(-1, _GROUPS, 2),
    )


def _riding(
    rng: np.random.Generator,
    lexicon: Lexicon,
    signer: Signer,
    signs: np.ndarray,
    transition: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What rides on the segments: sine and cosine (signs, 4, channels), rate (signs, 4, groups).

    Args:
        rng: how large each is this time.
        lexicon: what the signs are.
        signer: whose amplitude and size.
        signs: (signs,) entries of the lexicon.
        transition: (signs, channels) way from the sign before.
    """
    n = len(signs)
    path = signer.size * signer.amplitude * np.exp(rng.normal(0.0, 0.2, (n, 1)))
    vigour = np.exp(rng.normal(0.0, 0.2, (n, 1)))
    sine, cosine = np.zeros((n, 4, CHANNELS)), np.zeros((n, 4, CHANNELS))
    for arm in range(2):
        base = arm * ARM
        wrist = slice(base, base + 3)
        sine[:, 2, wrist] = lexicon.sway[signs, arm] * path
        cosine[:, 2, wrist] = lexicon.swing[signs, arm] * path
        cosine[:, 2, base + 4 : base + 7] = lexicon.turn[signs, arm] * vigour
        sine[:, 2, base + 7 : base + ARM] = lexicon.wiggle[signs, arm] * vigour
        # Hands travel in shallow arcs, away from the body more than towards it.
        bulge = rng.normal([0.0, 0.0, 0.12], [0.08, 0.08, 0.10], (n, 3))
        sine[:, 0, wrist] = bulge * np.linalg.norm(transition[:, wrist], axis=1, keepdims=True)
    sine[:, 2, HEAD:] = lexicon.nod[signs] * vigour
    rate = np.full((n, 4, _GROUPS), np.pi)
    for groups, radians in (
        ([0, 7], lexicon.phase_rate),
        ([1, 8], lexicon.turn_rate),
        (_FINGER_GROUPS, lexicon.wiggle_rate),
        ([_HEAD_GROUP], lexicon.nod_rate),
    ):
        rate[:, 2, groups] = radians[signs, None]
    return sine, cosine, rate


def _windows(rng: np.random.Generator, signs: int) -> np.ndarray:
    """When in a segment each group moves, (signs, 4, groups, 2): wrist and fingers at their own."""
    shape = (signs, 4, _GROUPS)
    window = np.stack([rng.uniform(0.0, 0.06, shape), rng.uniform(0.94, 1.0, shape)], axis=-1)
    groups = [1, 8, *_FINGER_GROUPS]
    window[:, 0, groups, 0] = rng.uniform(0.0, 0.22, (signs, len(groups)))
    window[:, 0, groups, 1] = rng.uniform(0.76, 1.0, (signs, len(groups)))
    return window


def _extent(steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Metres of the farther wrist and radians of the largest angle, of steps (n, channels)."""
    ways = np.linalg.norm(steps[:, :TORSO].reshape(-1, 2, ARM)[..., :3], axis=-1)
    angles = np.delete(steps, np.r_[0:3, ARM : ARM + 3], axis=1)
    return ways.max(axis=1), np.abs(angles).max(axis=1)
