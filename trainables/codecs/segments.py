"""Long recordings in segments of a fixed length, so that a network's memory is bounded.

Every segment starts at a multiple of `SEGMENT` frames from a recording's first frame, whoever asks:
so a trial, a codec read from a file and a decoder that streams run the very same calls. A network
that looks beyond a token's own frames is given what it looks at and a segment keeps only its own
tokens, so that the zeros of a convolution's padding touch a recording's true ends alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

SEGMENT = 4096
"""Frames that a segment gives."""


@dataclass(frozen=True)
class Context:
    """Tokens to either side that coding looks at, at most; None where that is not known.

    Attributes:
        encoder: tokens whose frames the encoder looks at for one token.
        decoder: tokens that the decoder looks at for one token's frames.
    """

    encoder: int | None = None
    decoder: int | None = None


@dataclass(frozen=True)
class Segment:
    """A stretch of one recording's tokens.

    Attributes:
        start: first token that it gives.
        stop: token after the last that it gives.
        first: first token that it looks at.
        last: token after the last that it looks at.
    """

    start: int
    stop: int
    first: int
    last: int

    def own(self, rows_per_token: int = 1) -> slice:
        """Of rows that begin at token `first`, those that it gives."""
        offset = self.first * rows_per_token
        return slice(self.start * rows_per_token - offset, self.stop * rows_per_token - offset)


def segments(tokens: int, frames_per_token: int, context: int | None) -> Iterator[Segment]:
    """The segments of a recording.

    Args:
        tokens: of the recording.
        frames_per_token: compression.
        context: tokens to either side that one token needs; None, not known, is one segment.
    """
    if context is None:
        yield Segment(0, tokens, 0, tokens)
        return
    length = max(1, SEGMENT // frames_per_token)
    for start in range(0, tokens, length):
        stop = min(start + length, tokens)
        yield Segment(start, stop, max(0, start - context), min(tokens, stop + context))


def blocks_of(pieces: Iterable[np.ndarray], frames: int) -> Iterator[np.ndarray]:
    """The rows of all pieces, cut anew: `frames` rows a block, and the rest in the last.

    Raises:
        ValueError: frames below 1, once the first block is asked for.
    """
    if frames < 1:
        raise ValueError(f"a block must have at least 1 frame, got {frames}")
    held: list[np.ndarray] = []
    count = 0  # rows held
    for piece in pieces:
        start = 0
        while count + len(piece) - start >= frames:
            stop = start + frames - count
            held.append(piece[start:stop])
            yield np.concatenate(held)  # a copy: a block shares no memory with the next
            held, count, start = [], 0, stop
        if start < len(piece):
            held.append(piece[start:])
            count += len(piece) - start
    if held:
        yield np.concatenate(held)
