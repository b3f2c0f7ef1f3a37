"""The embedded speaker: `embedded:speaking`, motion with speech where no recording lies.

The procedural signer's bones, hands and posture, moving to generated speech (`synthetic_script`,
`synthetic_voice`, `synthetic_gestures`). The same seed gives the same bits; a recording does not
depend on how many others are asked for. Nobody was recorded, and every clip and speech says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.clip import Clip
from trainables.motion.synthetic import perform
from trainables.motion.synthetic_signer import Signer, draw_signer
from trainables.motion.synthetic_signs import Lexicon
from trainables.speech.speech import Speech, Spoken
from trainables.speech.synthetic_gestures import (
    Gestures,
    gesture,
    gesture_lexicon,
    plan_gestures,
)
from trainables.speech.synthetic_script import (
    Script,
    Vocabulary,
    Voice,
    draw_script,
    draw_vocabulary,
    draw_voice,
)
from trainables.speech.synthetic_voice import SAMPLE_RATE, synthesise

SPEAKERS = 8
RECORDINGS = {"debug": 48, "reduced": 512, "full": 1200}
"""Recordings of each size: the first so many."""
SHORTEST, LONGEST = 3.0, 20.0
"""Seconds of a recording, drawn evenly in their logarithm; in the first 48, 3 to 8 s."""
_STREAM = 7  # of random numbers; the signer's are 0 to 2
_SCRIPT, _GESTURE, _VOICE, _MOTION = range(4)


@dataclass(frozen=True, eq=False)
class _Speaker:
    signer: Signer
    voice: Voice
    lag: float


@dataclass(frozen=True, eq=False)
class _World:
    """What all recordings of a seed share."""

    seed: int
    lexicon: Lexicon
    vocabulary: Vocabulary
    speakers: tuple[_Speaker, ...]

    def script(self, number: int) -> Script:
        rng = _generator(self.seed, 3, number, _SCRIPT)
        longest = 8.0 if number < RECORDINGS["debug"] else LONGEST
        seconds = SHORTEST * (longest / SHORTEST) ** rng.random()
        # Whole fifteenths, so that audio and motion end together at the usual rate.
        return draw_script(rng, self.vocabulary, self.speaker(number).voice,
                           round(seconds * 15) / 15)  # fmt: skip

    def speaker(self, number: int) -> _Speaker:
        return self.speakers[number % SPEAKERS]

    def name(self, number: int) -> str:
        return f"{self.speaker(number).signer.name}/talk-{number // SPEAKERS + 1:03d}"

    def gestures(self, number: int, script: Script) -> Gestures:
        rng = _generator(self.seed, 3, number, _GESTURE)
        return plan_gestures(rng, script, self.speaker(number).lag)

    def clip(self, number: int, script: Script, fps: float) -> Clip:
        rng = _generator(self.seed, 3, number, _MOTION)
        signer = self.speaker(number).signer
        moved = gesture(rng, self.lexicon, signer, self.gestures(number, script))
        frames = max(1, round(script.seconds * fps))
        return perform(rng, moved, signer, self.name(number), frames, fps)

    def speech(self, number: int, script: Script) -> Speech:
        rng = _generator(self.seed, 3, number, _VOICE)
        speaker = self.speaker(number)
        return Speech(
            recording=self.name(number),
            samples=synthesise(rng, script, speaker.voice),
            sample_rate=SAMPLE_RATE,
            words=script.words,
            speaker=speaker.signer.name,
            notes=("synthetic",),
        )


def embedded_speaking_clips(size: str = "reduced", seed: int = 0, fps: float = 15.0) -> list[Clip]:
    """The motion alone: "speaker-1/talk-001", 52 joints with rotations, in metres.

    Args:
        size: "debug" (48 recordings), "reduced" (512) or "full" (1,200), of 8 speakers.
        seed: what everything is drawn from.
        fps: frames per second.

    Raises:
        BadInput: no such size, or a rate that is not positive.
    """
    world = _world(seed)
    return [world.clip(n, world.script(n), fps) for n in _numbers(size, fps)]


def embedded_speech(size: str = "reduced", seed: int = 0) -> Iterator[Speech]:
    """The speech of the same recordings, one after the other (a minute is 4 MB).

    Raises:
        BadInput: no such size.
    """
    world = _world(seed)
    return (world.speech(n, world.script(n)) for n in _numbers(size, 1.0))


def embedded_spoken(
    size: str = "reduced", seed: int = 0, fps: float = 15.0
) -> Iterator[tuple[Spoken, Script, Gestures]]:
    """Motion and speech, with what both were made from: for oracles and tests.

    Raises:
        BadInput: no such size, or a rate that is not positive.
    """
    world, numbers = _world(seed), _numbers(size, fps)
    for n in numbers:
        script = world.script(n)
        spoken = Spoken(world.clip(n, script, fps), world.speech(n, script))
        yield spoken, script, world.gestures(n, script)


def speech_numbers(size: str, seed: int) -> dict[str, int]:
    """Name of every recording of a size -> its number."""
    world = _world(seed)
    return {world.name(n): n for n in _numbers(size, 1.0)}


def speech_of_number(seed: int, number: int) -> Speech:
    """The speech of one recording."""
    world = _world(seed)
    return world.speech(number, world.script(number))


def _numbers(size: str, fps: float) -> range:
    if size not in RECORDINGS:
        raise BadInput(f"embedded motion has no size {size!r}; choose from {', '.join(RECORDINGS)}")
    if not np.isfinite(fps) or fps <= 0:
        raise BadInput(f"embedded motion: fps must be positive, got {fps}")
    return range(RECORDINGS[size])


_WORLDS: dict[int, _World] = {}


def _world(seed: int) -> _World:
    if seed not in _WORLDS:
        lexicon = gesture_lexicon(_generator(seed, 0))
        speakers = []
        for s in range(SPEAKERS):
            rng = _generator(seed, 1, s)
            signer = draw_signer(rng, s + 1, len(lexicon.kind))
            signer = replace(signer, name=f"speaker-{s + 1}")
            speakers.append(_Speaker(signer, draw_voice(rng), float(rng.uniform(-0.06, 0.04))))
        vocabulary = draw_vocabulary(_generator(seed, 2))
        _WORLDS.clear()  # the last one alone is kept
        _WORLDS[seed] = _World(seed, lexicon, vocabulary, tuple(speakers))
    return _WORLDS[seed]


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAM, *key)))
