"""How the synthetic speaker moves while speaking: strokes on accents, and gestures of their own.

A stroke ends, with the hand at rest for an instant, close to the vowel of an accented syllable
(McClave, 1994; Leonard and Cummins, 2011), each speaker a little before or after it. Its kind
follows from what the word means, most of the time. A share of gestures has nothing to do with
speech. What the best guess from speech could reach is known by construction: `ORACLE_KIND`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trainables.motion.synthetic_handshapes import SHAPE_NAMES
from trainables.motion.synthetic_signer import Signer
from trainables.motion.synthetic_signs import ONE_HANDED, REST, SYMMETRIC, Lexicon, draw_lexicon
from trainables.motion.synthetic_utterance import Utterance, chain
from trainables.speech.synthetic_script import CONCEPTS, Script

KINDS = CONCEPTS
"""Kinds of gesture, entries 1 to `KINDS` of the gesture lexicon."""
GESTURED = 0.85
"""Share of accented syllables that get a stroke."""
FAITHFUL = 0.7
"""Share of those strokes whose kind is that of the word's meaning; others are of any kind."""
UNRELATED = 0.2
"""Share of gestures that do not depend on speech, before some are left out as too close."""
JITTER = 0.05
"""Seconds, standard deviation of a stroke's end about its syllable and the speaker's lag."""
CHANCE_KIND = 1.0 / KINDS
"""Accuracy of the best guess of a gesture's kind without speech."""
ORACLE_KIND = FAITHFUL + (1 - FAITHFUL) / KINDS
"""Accuracy of the best guess of a stroke's kind from the word under it; 0.725."""
_CLOSEST = 0.42
"""Seconds between the ends of two strokes."""
_REST_AFTER = 1.5
"""Seconds without a stroke in which the hands go down."""
_STROKE = 0.7
"""Seconds of the way to where a stroke ends, where there is time."""

# Of each kind: where the stroke ends (metres: outwards, up, forwards, of a person of 1.70 m), both
# hands or one, hand shape.
_KINDS: tuple[tuple[tuple[float, ...], int, str], ...] = (
    ((0.18, -0.14, 0.34), ONE_HANDED, "flat"),
    ((0.18, -0.14, 0.34), SYMMETRIC, "five"),
    ((0.32, 0.03, 0.30), ONE_HANDED, "B"),
    ((0.32, 0.03, 0.30), SYMMETRIC, "C"),
    ((0.14, 0.02, 0.42), ONE_HANDED, "one"),
    ((0.14, 0.02, 0.42), SYMMETRIC, "flat"),
    ((0.15, 0.18, 0.31), ONE_HANDED, "O"),
    ((0.15, 0.18, 0.31), SYMMETRIC, "five"),
    ((0.02, 0.02, 0.28), ONE_HANDED, "C"),
    ((0.06, 0.02, 0.28), SYMMETRIC, "B"),
    ((0.28, 0.16, 0.34), ONE_HANDED, "five"),
    ((0.28, 0.16, 0.34), SYMMETRIC, "S"),
)


@dataclass(frozen=True, eq=False)
class Gestures:
    """Gestures of one recording, in time.

    Attributes:
        seconds: (gestures,) when each stroke ends.
        kind: (gestures,) 0..KINDS-1.
        syllable: (gestures,) that it belongs to, -1 where it does not depend on speech.
    """

    seconds: np.ndarray
    kind: np.ndarray
    syllable: np.ndarray


def gesture_lexicon(rng: np.random.Generator) -> Lexicon:
    """The signer's lexicon with `KINDS` gestures in place of its first signs."""
    lexicon = draw_lexicon(rng)
    own = slice(1, KINDS + 1)
    for array in (
        lexicon.sway, lexicon.swing, lexicon.turn, lexicon.wiggle, lexicon.travel, lexicon.nod,
    ):  # fmt: skip
        array[own] = 0.0
    lexicon.torso[own] *= 0.4
    lexicon.head[own] *= 0.4
    # A kind has one orientation of the hand from start to end, and it is the same on both sides.
    lexicon.palm[own] = lexicon.palm[own, :1, :1]
    lexicon.swivel[own] = 0.0
    for k, (place, hands, shape) in enumerate(_KINDS, start=1):
        lexicon.kind[k], lexicon.place[k] = hands, place
        lexicon.shape[k] = SHAPE_NAMES.index(shape)
        if hands == ONE_HANDED:
            lexicon.place[k, 1] = (0.13, -0.2, 0.2)
            lexicon.shape[k, 1] = SHAPE_NAMES.index("relaxed")
    return lexicon


def plan_gestures(rng: np.random.Generator, script: Script, lag: float) -> Gestures:
    """Which gestures go with a script, and when.

    Args:
        rng: what is drawn.
        script: what is said.
        lag: seconds by which this speaker's strokes end after the vowel begins.
    """
    accents = np.flatnonzero(script.stress == 1.0)
    accents = accents[rng.random(len(accents)) < GESTURED]
    at = script.onset[accents] + lag + rng.normal(0.0, JITTER, len(accents))
    kind = np.where(
        rng.random(len(accents)) < FAITHFUL,
        script.concept[accents],
        rng.integers(KINDS, size=len(accents)),
    )
    free = int(rng.poisson(UNRELATED / (1 - UNRELATED) * len(accents)))
    at = np.concatenate([at, rng.uniform(0.3, max(script.seconds, 0.4), free)])
    kind = np.concatenate([kind, rng.integers(KINDS, size=free)])
    syllable = np.concatenate([accents, np.full(free, -1)])
    order = np.argsort(at, kind="stable")
    kept: list[int] = []
    for i in order.tolist():
        if at[i] > 0.2 and (not kept or at[i] - at[kept[-1]] >= _CLOSEST):
            kept.append(i)
    return Gestures(at[kept], kind[kept].astype(np.int64), syllable[kept].astype(np.int64))


def gesture(
    rng: np.random.Generator, lexicon: Lexicon, signer: Signer, plan: Gestures
) -> Utterance:
    """The plan as movement: each stroke ends when the plan says, with rests in long gaps."""
    signs, ends = [REST], [-0.6]
    for i, seconds in enumerate(plan.seconds.tolist()):
        if i and seconds - ends[-1] > _REST_AFTER:
            signs.append(REST)
            ends.append(ends[-1] + 0.5 * (seconds - ends[-1]))
        signs.append(int(plan.kind[i]) + 1)
        ends.append(seconds)
    signs.append(REST)
    ends.append(ends[-1] + 1.0)
    utterance = chain(rng, lexicon, signer, np.array(signs))
    return replace(utterance, start=_times(np.array(ends)))


def _times(ends: np.ndarray) -> np.ndarray:
    """Starts of all segments (4 * signs + 1,): the stroke, and the hold until the next one.

    A chain has four segments to a sign. The way to it is the stroke here; the next two are over in
    an instant, so that the hand comes to rest once for each gesture.
    """
    before = np.concatenate([[ends[0] - 1.0], ends[:-1]])
    begin = np.maximum(before + 0.02, ends - _STROKE)
    starts = np.stack([begin, ends - 0.01, ends - 0.005, ends], axis=1).ravel()
    return np.append(starts, ends[-1] + 1.0)
