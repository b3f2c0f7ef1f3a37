"""Payloads decoded after docs/format.md in plain Python: slow, and no library, to check ours."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from trainables.bitstream.container import Header
from trainables.bitstream.token_model import TokenModel

_STEPS = 1 << 24
_WORD = 1 << 32
_ALL = (1 << 64) - 1


class PlainDecoder:
    """A range decoder of 64 bits over words of 32."""

    def __init__(self, payload: bytes) -> None:
        self.words = iter(struct.unpack(f"<{len(payload) // 4}I", payload))
        self.lower, self.range = 0, _ALL
        self.point = next(self.words, 0) * _WORD + next(self.words, 0)

    def symbol(self, lefts: Sequence[int]) -> int:
        """The next symbol; `lefts` says where each begins among the 2**24 steps."""
        scale = self.range // _STEPS
        place = ((self.point - self.lower) & _ALL) // scale
        found = max(i for i, left in enumerate(lefts) if left <= place)
        end = lefts[found + 1] if found + 1 < len(lefts) else _STEPS
        self.lower = (self.lower + lefts[found] * scale) & _ALL
        self.range = (end - lefts[found]) * scale
        if self.range < _WORD:
            self.lower = self.lower * _WORD & _ALL
            self.range = self.range * _WORD
            self.point = (self.point * _WORD & _ALL) + next(self.words, 0)
        return found

    def uniform(self, size: int) -> int:
        return 0 if size == 1 else self.symbol(range(0, _STEPS // size * size, _STEPS // size))

    def weighted(self, weights: Sequence[int]) -> int:
        size = len(weights)
        if size == 1:
            return 0
        scale = float(_STEPS - size) / float(sum(weights))
        before = [0, *accumulate(weights)][:size]
        return self.symbol([int(b * scale) + i for i, b in enumerate(before)])


class PlainLevel:
    """One fitted stream, from the head of a recording on."""

    def __init__(self, model: TokenModel, level: int) -> None:
        of = model.levels[level]
        self.counts = of.counts.tolist()
        self.increment = max(1, sum(self.counts) // 128)
        self.repeats = None if of.repeats is None else of.repeats.tolist()
        self.contexts: dict[int, dict[int, int]] = {}
        table = of.contexts
        for i, token in enumerate(table.previous.tolist()):
            span = slice(int(table.starts[i]), int(table.starts[i + 1]))
            entries = zip(table.symbols[span].tolist(), table.counts[span].tolist(), strict=True)
            self.contexts[token] = dict(entries)
        self.last: int | None = None
        self.above: int | None = None

    def token(self, decoder: PlainDecoder, above: int | None) -> int:
        if self.repeats is None or len(self.counts) == 1:
            return decoder.weighted(self.counts)
        moved = int(above is not None and above != self.above)
        self.above = above
        if self.last is not None:
            repeated = decoder.weighted(self.repeats[moved])
            self.repeats[moved][repeated] += 1
            if repeated:
                return self.last
        self.last = self._change(decoder)
        self.counts[self.last] += self.increment
        return self.last

    def _change(self, decoder: PlainDecoder) -> int:
        entries = self.contexts.get(-1 if self.last is None else self.last, {})
        if entries:
            place = decoder.weighted([*entries.values(), len(entries)])
            if place < len(entries):
                return list(entries)[place]
        weights = [0 if i == self.last else n for i, n in enumerate(self.counts)]
        return decoder.weighted(weights)


def plainly_unpacked(
    header: Header, payloads: Sequence[bytes], models: dict[str, TokenModel]
) -> dict[str, np.ndarray]:
    """Part -> (tokens, levels) int32."""
    found = {
        part.name: np.zeros((part.tokens(header.frames), len(part.alphabet)), np.int32)
        for part in header.parts
    }
    depth = max(len(part.alphabet) for part in header.parts)
    order = [(part, q) for part in header.parts if part.name == "root" for q in range(64)]
    order += [(part, q) for q in range(depth) for part in header.parts if part.name != "root"]
    order = [(part, q) for part, q in order if q < len(part.alphabet)]
    states = {
        (part.name, q): PlainLevel(models[part.name], q) for part, q in order if part.fitted[q]
    }
    for chunk, payload in enumerate(payloads):
        decoder = PlainDecoder(payload)
        first = chunk * header.chunk_frames
        end = min(first + header.chunk_frames, header.frames)
        for part, q in order:
            tokens = found[part.name]
            for i in range(-(-first // part.compression), -(-end // part.compression)):
                above = int(tokens[i, q - 1]) if q else None
                tokens[i, q] = (
                    states[part.name, q].token(decoder, above)
                    if part.fitted[q]
                    else decoder.uniform(part.alphabet[q])
                )
    return found
