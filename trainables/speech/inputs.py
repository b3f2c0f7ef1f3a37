"""What a model from speech is given, a row for every token: audio, and which words sound.

A token covers several frames, so its row holds those frames' features side by side: means would
blur onsets. Words are kept as numbers of rows in a table of vectors, so that a model may tune the
table, or the network that makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from search_spaces.space import Value
from trainables.speech.encoders import CONTEXT_WORDS, AudioEncoder, TextEncoder
from trainables.speech.log_mel import BANDS
from trainables.speech.speech import Speech, Word
from trainables.speech.spoken_data import SaidBeside
from trainables.speech.text import hashed_vectors, read_vectors, vectors_at_frames
from trainables.speech.wav import resampled

SILENT = -1


@dataclass(frozen=True, eq=False)
class SpeechTokens:
    """Speech of one recording, or of several one after the other.

    Attributes:
        audio: (tokens, features) float32; samples where the encoder of audio is tuned.
        said: (tokens, frames of a token) int64 rows of the table, `SILENT` where nobody speaks.
    """

    audio: np.ndarray
    said: np.ndarray

    def __len__(self) -> int:
        return len(self.audio)

    def as_long_as(self, tokens: int) -> SpeechTokens:
        """So many tokens: cut, or begun again at its end."""
        rows = np.arange(tokens) % len(self)
        return SpeechTokens(self.audio[rows], self.said[rows])


@dataclass(frozen=True, eq=False)
class Chunk:
    """Words that a tuned text encoder reads at once: rows `first`, `first + 1`, … of the table."""

    first: int
    texts: tuple[str, ...]


class Timed(Protocol):
    """A recording's name and its length in frames."""

    @property
    def recording(self) -> str:
        """Its name."""
        ...

    @property
    def frames(self) -> int:
        """Its length."""
        ...


class Said(Protocol):
    """Recordings with speech: prepared motion with its speech, or speech alone."""

    @property
    def fps(self) -> float:
        """Frames per second of the motion."""
        ...

    @property
    def splits(self) -> Mapping[str, Sequence[Timed]]:
        """Recordings by split."""
        ...

    @property
    def speech(self) -> Mapping[str, SaidBeside]:
        """Recording -> what was said and heard."""
        ...

    def audio(self) -> Mapping[str, Speech]:
        """Recording -> its audio."""
        ...


class SpeechReader:
    """Rows for every recording of some data, as a configuration wants them.

    Attributes:
        compression: frames of a token.
        table: (rows, dimensions) float32 vectors of words; (0, 0) without text.
        words: text of each row, where a row is a word and not one place at which it is said.
        chunks: what a tuned text encoder reads; empty where none is tuned.
        samples: audio samples of a token where the encoder of audio is tuned, else 0.
        audio_encoder, text_encoder: from the person's folders; None where there is none.
    """

    def __init__(
        self,
        config: Mapping[str, Value],
        data: Said,
        compression: int,
        known: Sequence[str] = (),
    ) -> None:
        """Reads vectors, and loads encoders.

        Args:
            config: of the model.
            data: the recordings.
            compression: frames of a token.
            known: words that come first in the table, said or not: those of training.

        Raises:
            Refused: weights are missing.
            BadInput: they cannot be read.
        """
        self.compression = compression
        self._data = data
        self._clips = {c.recording: c for split in data.splits.values() for c in split}
        self._tunes = bool(config["speech.audio_finetune"])
        self.audio_encoder: AudioEncoder | None = None
        self.text_encoder: TextEncoder | None = None
        self.samples = 0
        if config["speech.audio"] == "encoder":
            self.audio_encoder = AudioEncoder(str(config["speech.audio_weights"]))
            if self._tunes:
                self.samples = int(self.audio_encoder.sample_rate * compression / data.fps)
        self.chunks: tuple[Chunk, ...] = ()
        self.words: tuple[str, ...] = ()
        self.table = np.zeros((0, 0), np.float32)
        self._rows: dict[str, tuple[int, ...]] = {}
        self._read_text(config, known)

    @property
    def audio_features(self) -> int:
        """Of a token, as a network sees them."""
        encoder = self.audio_encoder
        return self.compression * (BANDS if encoder is None else encoder.dimensions)

    @property
    def text_features(self) -> int:
        """Of a token, as a network sees them: a vector and whether a word sounds, for each frame.

        0 where no text is asked for, or none is known of any recording.
        """
        width = self.table.shape[1]
        return self.compression * (width + 1) if width else 0

    def __call__(self, recording: str) -> SpeechTokens:
        """Rows of one recording; the last frame stands for those that a last token lacks."""
        frames = self._clips[recording].frames
        tokens = -(-frames // self.compression)
        own = np.minimum(np.arange(tokens * self.compression), frames - 1)
        said = self._said(recording, frames)[own].reshape(tokens, self.compression)
        if self.samples:
            return SpeechTokens(self._waves(recording, tokens), said)
        return SpeechTokens(self._audio(recording, frames)[own].reshape(tokens, -1), said)

    def together(self, split: str) -> tuple[SpeechTokens, tuple[int, ...]]:
        """All recordings of a split one after the other, and how many tokens each has."""
        each = [self(clip.recording) for clip in self._data.splits[split]]
        joined = SpeechTokens(
            np.concatenate([t.audio for t in each]), np.concatenate([t.said for t in each])
        )
        return joined, tuple(len(t) for t in each)

    def _audio(self, recording: str, frames: int) -> np.ndarray:
        """(frames, features)."""
        if self.audio_encoder is None:
            return self._data.speech[recording].mel
        return self.audio_encoder(self._data.audio()[recording], frames, self._data.fps)

    def _waves(self, recording: str, tokens: int) -> np.ndarray:
        """(tokens, samples): silence follows where audio ends early."""
        assert self.audio_encoder is not None
        rate = self.audio_encoder.sample_rate
        samples = resampled(self._data.audio()[recording], rate)
        starts = np.round(np.arange(tokens) * self.compression / self._data.fps * rate).astype(int)
        missing = max(0, int(starts[-1]) + self.samples - len(samples))
        padded = np.pad(samples, (0, missing))
        return np.stack([padded[s : s + self.samples] for s in starts]).astype(np.float32)

    def _read_text(self, config: Mapping[str, Value], known: Sequence[str]) -> None:
        kind = str(config["speech.text"])
        spoken = {r: s.words for r, s in self._data.speech.items() if s.words}
        if kind == "none" or not (spoken or known):
            return
        if kind == "encoder":
            self.text_encoder = TextEncoder(str(config["speech.text_weights"]))
            self._read_in_context(spoken)
            return
        said = (w.text for words in spoken.values() for w in words)
        texts = list(dict.fromkeys((*known, *said)))
        if kind == "hashed":
            vectors = hashed_vectors(texts, int(config["speech.text_dim"]))
        else:
            vectors = read_vectors(Path(str(config["speech.text_weights"])).expanduser(), texts)
        dimensions = len(next(iter(vectors.values()), np.zeros(1)))
        nothing = np.zeros(dimensions, np.float32)
        self.words = tuple(texts)
        self.table = np.stack([vectors.get(text, nothing) for text in texts])
        row = {text: i for i, text in enumerate(texts)}
        self._rows = {r: tuple(row[w.text] for w in words) for r, words in spoken.items()}

    def _read_in_context(self, spoken: Mapping[str, tuple[Word, ...]]) -> None:
        """A row for every place at which a word is said, since its neighbours count."""
        assert self.text_encoder is not None
        chunks: list[Chunk] = []
        count = 0
        for recording, words in spoken.items():
            self._rows[recording] = tuple(range(count, count + len(words)))
            for begin in range(0, len(words), CONTEXT_WORDS):
                some = tuple(w.text for w in words[begin : begin + CONTEXT_WORDS])
                chunks.append(Chunk(count + begin, some))
            count += len(words)
        self.chunks = tuple(chunks)
        each = [self.text_encoder.vectors(list(c.texts)) for c in chunks]
        if not each:  # nobody speaks, and the network has its inputs all the same
            self.table = np.zeros((1, self.text_encoder.dimensions), np.float32)
            return
        self.table = np.concatenate([v.detach().cpu().numpy() for v in each])

    def _said(self, recording: str, frames: int) -> np.ndarray:
        """(frames,) int64 rows of the table."""
        rows, words = self._rows.get(recording), self._data.speech[recording].words
        if not rows or not words:
            return np.full(frames, SILENT, np.int64)
        numbered = [Word(str(i), w.start, w.end) for i, w in enumerate(words)]
        numbers = {str(i): np.array([row], np.float32) for i, row in enumerate(rows)}
        found = vectors_at_frames(numbered, numbers, 1, frames, self._data.fps)
        return np.where(found[:, 1] > 0, found[:, 0].astype(np.int64), SILENT)
