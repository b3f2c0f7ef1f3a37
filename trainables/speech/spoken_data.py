"""Prepared motion with what was said and heard beside it: what models from speech are trained on.

Audio is large, so what every trial needs of it is taken once (log-mel features at the clips'
frames, onsets, words); audio itself is read again by those whose encoder wants it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.objectives import SPLITS
from search_spaces.spec import DataSpec
from trainables.motion.dataset import MotionData
from trainables.motion.preparation import SplitClip
from trainables.speech.log_mel import HOP, SAMPLE_RATE, at_frames, log_mel
from trainables.speech.onsets import onsets
from trainables.speech.source import SpeechSource
from trainables.speech.speech import TOLERANCE, Speech, Word
from trainables.speech.wav import resampled


@dataclass(frozen=True, eq=False)
class SaidBeside:
    """Speech of one recording as trials take it.

    Attributes:
        mel: (frames, bands) float32, log-mel at the clip's frames.
        onsets: (onsets,) seconds.
        words: in time; None where the source has none.
    """

    mel: np.ndarray
    onsets: np.ndarray
    words: tuple[Word, ...] | None


@dataclass(frozen=True, eq=False)
class SpokenMotion(MotionData):
    """Prepared motion whose recordings were spoken beside.

    Attributes:
        speech: recording -> what was said and heard.
        source: where the audio lies.
    """

    speech: Mapping[str, SaidBeside]
    source: DataSpec

    def audio(self) -> SpeechSource:
        """Recording -> its audio, read when it is asked for."""
        return SpeechSource(self.source)


def with_speech(data: MotionData, source: DataSpec) -> SpokenMotion:
    """Prepared motion with its speech.

    Raises:
        BadInput: the motion has none, or one of another length.
    """
    speech = SpeechSource(source)
    found = {
        clip.recording: _beside(clip, speech[clip.recording], data.fps)
        for split in SPLITS
        for clip in data.splits[split]
    }
    known = {f.name: getattr(data, f.name) for f in fields(MotionData)}
    return SpokenMotion(**known, speech=found, source=source)


@dataclass(frozen=True)
class Length:
    """A recording of which nothing but speech is there, and how long it is to be."""

    recording: str
    frames: int


@dataclass(frozen=True, eq=False)
class SpeechAlone:
    """Speech without motion, as a model that was trained takes it.

    Attributes:
        fps: frames per second of the motion that is to be made.
        splits: all recordings, under one name.
        speech: recording -> what was said and heard.
        sources: recording -> audio.
    """

    fps: float
    splits: Mapping[str, Sequence[Length]]
    speech: Mapping[str, SaidBeside]
    sources: Mapping[str, Speech]

    def audio(self) -> Mapping[str, Speech]:
        """Recording -> its audio."""
        return self.sources


def speech_alone(sources: Mapping[str, Speech], fps: float) -> SpeechAlone:
    """Speech of some recordings, each as long as its audio."""
    lengths = [Length(r, max(1, round(s.seconds * fps))) for r, s in sources.items()]
    said = {x.recording: _said(sources[x.recording], x.frames, fps) for x in lengths}
    return SpeechAlone(fps, {"": lengths}, said, dict(sources))


def _beside(clip: SplitClip, speech: Speech, fps: float) -> SaidBeside:
    if abs(away := speech.seconds - clip.frames / fps) > TOLERANCE:
        raise BadInput(
            f"{clip.recording}: audio is {abs(away):.2f} s {'longer' if away > 0 else 'shorter'} "
            "than motion; give the audio of this recording, or correct the motion's frame rate"
        )
    return _said(speech, clip.frames, fps)


def _said(speech: Speech, frames: int, fps: float) -> SaidBeside:
    samples = resampled(speech, SAMPLE_RATE)
    return SaidBeside(
        mel=at_frames(log_mel(samples), SAMPLE_RATE / HOP, frames, fps),
        onsets=onsets(samples, SAMPLE_RATE),
        words=speech.words,
    )
