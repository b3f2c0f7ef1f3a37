"""Speech: what is heard and said while a clip moves.

A `Clip` stays motion alone; a `Spoken` is a clip and the speech of the same seconds. Both start at
the same moment, and frame `i` of the clip stands at `i / fps` seconds of the audio.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.clip import Clip

TOLERANCE = 0.5
"""Seconds by which audio and motion of one recording may differ in length: the longer one is cut.
More than a trailing rest of either is a wrong partner or a wrong frame rate."""


@dataclass(frozen=True)
class Word:
    """A word in time.

    Attributes:
        text: as the source writes it.
        start: seconds.
        end: seconds, not before `start`.
    """

    text: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Speech:
    """Audio of one recording, and its words where the source has them.

    Attributes:
        recording: name of the clip that it belongs to.
        samples: (samples,) float32, one channel, full scale is -1 to 1.
        sample_rate: samples per second.
        words: in order of time; None where the source has no words (an empty tuple: nobody spoke).
        speaker: who speaks, where the source says so.
        notes: oddities found on reading, one sentence each; "synthetic" where nobody spoke it.
    """

    recording: str
    samples: np.ndarray
    sample_rate: int
    words: tuple[Word, ...] | None = None
    speaker: str | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        where = f"{self.recording}: "
        if self.samples.ndim != 1 or not len(self.samples):
            raise BadInput(f"{where}audio must be (samples,), got {self.samples.shape}")
        if self.sample_rate < 1:
            raise BadInput(f"{where}sample rate must be positive, got {self.sample_rate}")
        if not np.isfinite(self.samples).all():
            raise BadInput(f"{where}audio holds NaN or infinity; export it again")
        for word in self.words or ():
            if not 0 <= word.start <= word.end < np.inf:
                raise BadInput(
                    f"{where}word {word.text!r} is from {word.start:g} s to {word.end:g} s; "
                    "words start at 0 or later and end after they start"
                )

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.samples) / self.sample_rate

    def cut(self, start: float, stop: float) -> Speech:
        """Seconds start..stop as speech of its own; words that lie partly inside are cut."""
        first, last = (round(t * self.sample_rate) for t in (start, stop))
        inside = None
        if self.words is not None:
            inside = tuple(
                Word(w.text, max(w.start, start) - start, min(w.end, stop) - start)
                for w in self.words
                if w.end > start and w.start < stop
            )
        return replace(self, samples=self.samples[first:last], words=inside)


@dataclass(frozen=True, eq=False)
class Spoken:
    """A clip and the speech of the same seconds."""

    clip: Clip
    speech: Speech


def paired(clip: Clip, speech: Speech) -> Spoken:
    """Motion and speech of one recording, both cut to the shorter one's length.

    Raises:
        BadInput: they differ by more than `TOLERANCE`.
    """
    away = speech.seconds - clip.seconds
    if abs(away) > TOLERANCE:
        raise BadInput(
            f"{clip.recording}: motion lasts {clip.seconds:.2f} s and audio {speech.seconds:.2f} s;"
            " give the audio of this recording, or correct the motion's frame rate"
        )
    return together(clip, speech)


def together(clip: Clip, speech: Speech) -> Spoken:
    """Motion beside any speech, both from their starts to the end of the shorter one."""
    frames = max(1, min(clip.frames, int(speech.seconds * clip.fps + 1e-6)))
    speech = replace(speech, recording=clip.recording)
    return Spoken(clip if frames == clip.frames else clip.cut(0, frames),
                  speech.cut(0.0, frames / clip.fps))  # fmt: skip
