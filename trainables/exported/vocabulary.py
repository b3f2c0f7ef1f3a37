"""One flat vocabulary for all tokens of a codec, for people who train language models on them.

The id of code c of a part's level is that level's first id plus c; levels are numbered part by part
in the codec's order, so ids are dense from 0. A recording is a sequence in order of time: at every
frame where a part has a token (each `compression` frames), all its levels, coarse to fine, parts in
the codec's order. `vocabulary.json` in a codec's folder says it all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from search_spaces.errors import BadInput

VOCABULARY_VERSION = 1


@dataclass(frozen=True)
class TokenStream:
    """One part's tokens in the vocabulary.

    Attributes:
        part: its name; `root` for the root's path.
        alphabet: codes of each level.
        compression: frames per token.
    """

    part: str
    alphabet: tuple[int, ...]
    compression: int


@dataclass(frozen=True)
class Vocabulary:
    """(part, level, code) <-> id."""

    streams: tuple[TokenStream, ...]

    @property
    def size(self) -> int:
        """Number of ids."""
        return sum(sum(s.alphabet) for s in self.streams)

    @property
    def first_ids(self) -> dict[tuple[str, int], int]:
        """(part, level) -> id of its code 0."""
        firsts, following = {}, 0
        for stream in self.streams:
            for level, codes in enumerate(stream.alphabet):
                firsts[stream.part, level] = following
                following += codes
        return firsts

    def identity(self, part: str, level: int, code: int) -> int:
        """The id of a code.

        Raises:
            BadInput: there is no such part, level or code.
        """
        first = self.first_ids.get((part, level))
        codes = {s.part: s.alphabet for s in self.streams}
        if first is None or not 0 <= code < codes[part][level]:
            raise BadInput(f"the vocabulary has no code {code} in level {level} of {part!r}")
        return first + code

    def meaning(self, identity: int) -> tuple[str, int, int]:
        """(part, level, code) of an id.

        Raises:
            BadInput: there is no such id.
        """
        for (part, level), first in reversed(self.first_ids.items()):
            if first <= identity < self.size:
                return part, level, identity - first
        raise BadInput(f"token {identity} is not in the vocabulary of {self.size}")

    def flatten(self, tokens: Mapping[str, np.ndarray], frames: int) -> np.ndarray:
        """All tokens of a recording in order of time.

        Args:
            tokens: part -> (tokens, levels).
            frames: of the recording, at the codec's rate.

        Returns:
            ids (n,) int64.
        """
        columns, _ = self._schedule(frames)
        firsts = self.first_ids
        parts = [
            tokens[s.part].astype(np.int64) + [firsts[s.part, q] for q in range(len(s.alphabet))]
            for s in self.streams
        ]
        flat = np.concatenate([p.ravel() for p in parts]) if parts else np.zeros(0, np.int64)
        return flat[columns]

    def unflatten(self, ids: Sequence[int] | np.ndarray, frames: int) -> dict[str, np.ndarray]:
        """What `flatten` was given: part -> (tokens, levels) int32.

        Raises:
            BadInput: too few or too many tokens, or one that cannot stand where it stands.
        """
        given = np.asarray(ids)
        due = self._count(frames)
        if given.ndim != 1 or given.dtype.kind not in "iu" or len(given) != due:
            raise BadInput(
                f"{frames} frames are {due} tokens of this codec, got {given.size}; give whole "
                "numbers, as many as the order of the vocabulary says"
            )
        columns, lengths = self._schedule(frames)
        flat = np.empty(len(columns), np.int64)
        flat[columns] = given
        result: dict[str, np.ndarray] = {}
        wrong: list[tuple[int, int, str]] = []  # place, level, part
        at, firsts = 0, self.first_ids
        for stream, length in zip(self.streams, lengths, strict=True):
            levels = len(stream.alphabet)
            block = flat[at : at + length * levels].reshape(length, levels)
            codes = block - [firsts[stream.part, q] for q in range(levels)]
            for row, level in np.argwhere((codes < 0) | (codes >= np.array(stream.alphabet)))[:1]:
                place = int(np.flatnonzero(columns == at + row * levels + level)[0])
                wrong.append((place, int(level), stream.part))
            result[stream.part] = codes.astype(np.int32)
            at += length * levels
        if wrong:
            place, level, part = min(wrong)
            raise BadInput(
                f"token {int(given[place])} at place {place} is not of "
                f"level {level} of {part!r}, which is due there; see vocabulary.json for the order"
            )
        return result

    def frames_of(self, tokens: int) -> int:
        """Frames that so many tokens are, whole tokens of every part.

        Raises:
            BadInput: no number of frames has so many tokens.
        """
        low, high = 0, max(tokens, 1) * max(s.compression for s in self.streams)
        while low < high:  # the number of tokens grows with frames
            middle = (low + high) // 2
            if self._count(middle) < tokens:
                low = middle + 1
            else:
                high = middle
        most = low
        while self._count(most + 1) == tokens:
            most += 1
        if tokens < 1 or self._count(low) != tokens:
            raise BadInput(f"{tokens} tokens are no whole number of frames of this codec")
        return most

    def described(self) -> dict[str, Any]:
        """What `vocabulary.json` holds."""
        return {
            "schema": VOCABULARY_VERSION,
            "size": self.size,
            "order": "by time: at each frame f, for every part in this order with f divisible by "
            "its compression, all its levels from coarse to fine; id = first_id + code",
            "streams": [
                {
                    "part": s.part,
                    "level": level,
                    "codes": codes,
                    "first_id": self.first_ids[s.part, level],
                    "compression": s.compression,
                }
                for s in self.streams
                for level, codes in enumerate(s.alphabet)
            ],
        }

    def _count(self, frames: int) -> int:
        return sum(-(-frames // s.compression) * len(s.alphabet) for s in self.streams)

    def _schedule(self, frames: int) -> tuple[np.ndarray, list[int]]:
        """Which place of the parts' tokens end to end stands at each place in time; tokens each."""
        lengths = [-(-frames // s.compression) for s in self.streams]
        keys, at = [], 0
        for number, (stream, length) in enumerate(zip(self.streams, lengths, strict=True)):
            levels = len(stream.alphabet)
            time = np.repeat(np.arange(length) * stream.compression, levels)
            level = np.tile(np.arange(levels), length)
            keys.append(
                np.stack([time, np.full_like(time, number), level, at + np.arange(len(time))])
            )
            at += length * levels
        together = np.concatenate(keys, axis=1) if keys else np.zeros((4, 0), np.int64)
        order = np.lexsort((together[2], together[1], together[0]))
        return together[3][order], lengths
