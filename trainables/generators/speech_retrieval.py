"""A baseline that learns nothing: the motion of the training speech that sounds most alike.

Speech is cut into chunks of two seconds; for each, the nearest chunk of training speech (squared
distance of scaled audio and word features) lends its motion, and neighbours pass over into each
other within a token.
"""

from __future__ import annotations

import numpy as np

from trainables.speech.inputs import SpeechTokens

CHUNK_SECONDS = 2.0
STRIDE = 2
"""Tokens between chunks of training speech that may be borrowed."""
_AT_ONCE = 64


class Retrieval:
    """Chunks of training speech and the motion beside them."""

    def __init__(
        self,
        speech: SpeechTokens,
        lengths: tuple[int, ...],
        targets: np.ndarray,
        table: np.ndarray,
        chunk: int,
    ) -> None:
        """Takes training recordings one after the other.

        Args:
            speech: of all tokens.
            lengths: tokens of each recording.
            targets: (tokens, features of a token) motion beside them.
            table: (rows, dimensions) vectors of words.
            chunk: tokens that are borrowed at once.
        """
        self._table, self._chunk, self._targets = table, chunk, targets
        self._mean = speech.audio.mean(axis=0)
        self._std = np.maximum(speech.audio.std(axis=0), 1e-3)
        rows = self._features(speech)
        ends = np.cumsum(lengths)
        starts = [
            np.arange(end - n, max(end - chunk, end - n) + 1, STRIDE)
            for n, end in zip(lengths, ends, strict=True)
        ]
        self._starts = np.concatenate(starts)
        last = np.repeat(ends - 1, [len(s) for s in starts])
        self._rows = np.minimum(self._starts[:, None] + np.arange(chunk), last[:, None])
        self._keys = rows[self._rows].reshape(len(self._rows), -1)

    def predict(self, speech: SpeechTokens) -> np.ndarray:
        """(tokens, features of a token) of one recording."""
        chunk, tokens = self._chunk, len(speech)
        rows = self._features(speech)
        own = np.minimum(np.arange(-(-tokens // chunk) * chunk), tokens - 1).reshape(-1, chunk)
        wanted = rows[own].reshape(len(own), -1)
        found = []
        squares = (self._keys**2).sum(axis=1)
        for begin in range(0, len(wanted), _AT_ONCE):
            some = wanted[begin : begin + _AT_ONCE]
            nearest = (squares - 2.0 * some @ self._keys.T).argmin(axis=1)
            found.append(self._targets[self._rows[nearest]])
        return np.concatenate(found).reshape(-1, self._targets.shape[1])[:tokens]

    def _features(self, speech: SpeechTokens) -> np.ndarray:
        """(tokens, features): scaled audio and vectors of words, each modality of like weight."""
        audio = (speech.audio - self._mean) / self._std / np.sqrt(speech.audio.shape[1])
        if not self._table.size:
            return audio.astype(np.float32)
        said = self._table[np.maximum(speech.said, 0)] * (speech.said >= 0)[..., None]
        return np.concatenate([audio, said.mean(axis=1)], axis=1).astype(np.float32)


def faded(features: np.ndarray, chunk: int, frames: int) -> np.ndarray:
    """Motion (frames, features) whose chunks pass over into each other.

    Args:
        features: (frames, features), chunks one after the other.
        chunk: frames of each.
        frames: after a seam over which what the chunk before ended with fades out.
    """
    found = features.copy()
    for seam in range(chunk, len(features), chunk):
        here = slice(seam, min(seam + frames, len(features)))
        share = ((np.arange(here.stop - here.start) + 1.0) / (frames + 1))[:, None]
        found[here] = (1 - share) * features[seam - 1] + share * features[here]
    return found
