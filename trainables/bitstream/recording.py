"""The tokens of one recording <-> the bytes of one file.

One range coder per chunk holds all streams (a stream is one level of one part): the root's first,
then the coarsest level of every part, then the next, so the size of every prefix of the levels is
known from one pass. Each stream says with one flag whether it is coded under the codec's fitted
model or uniformly, whichever is shorter, so no recording costs more than its nominal bits and the
flags.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from search_spaces.errors import BadInput
from trainables.bitstream.container import Header, PartStream, write_container
from trainables.bitstream.entropy_coder import SymbolDecoder, SymbolEncoder
from trainables.bitstream.level_model import LevelState
from trainables.bitstream.token_model import TokenModel

ROOT = "root"
"""The root's part: its levels are the axes of a step, so a prefix of the others keeps them all."""

Models = Mapping[str, TokenModel]
PartTokens = Mapping[str, np.ndarray]
"""Part -> (tokens, levels) integers."""


@dataclass(frozen=True)
class Size:
    """Bytes of one recording's file.

    Attributes:
        total: of the whole file.
        header: what of it is no payload.
    """

    total: int
    header: int


def part_streams(
    tokens: PartTokens, models: Models, compression: Mapping[str, int]
) -> tuple[PartStream, ...]:
    """What a header says of the parts: alphabets, and which table each stream is coded under.

    Args:
        tokens: part -> (tokens, levels), in the order of coding.
        models: part -> model of at least those levels.
        compression: part -> frames per token.
    """
    streams = []
    for part, indices in tokens.items():
        levels = indices.shape[1]
        alphabet = models[part].alphabet[:levels]
        fitted = models[part].bits(indices)[:levels]
        uniform = len(indices) * np.log2(np.array(alphabet, np.float64))
        streams.append(
            PartStream(part, alphabet, compression[part], tuple((fitted < uniform).tolist()))
        )
    return tuple(streams)


def pack(header: Header, tokens: PartTokens, models: Models) -> bytes:
    """The file of one recording.

    Args:
        header: whose parts are `part_streams` of the tokens.
        tokens: part -> (tokens, levels).
        models: part -> model of its tokens.
    """
    return write_container(header, (prefixes[-1] for prefixes in _encoded(header, tokens, models)))


def prefix_sizes(header: Header, tokens: PartTokens, models: Models) -> list[Size]:
    """Size of the file for every depth, from 1 level to all; parts with fewer levels use theirs.

    Equal to packing each prefix by itself.
    """
    chunks = list(_encoded(header, tokens, models))
    sizes = []
    for depth in range(1, len(chunks[0]) + 1):
        shorter = replace(header, parts=tuple(cut(part, depth) for part in header.parts))
        payloads = [prefixes[depth - 1] for prefixes in chunks]
        total = len(write_container(shorter, payloads))
        sizes.append(Size(total, total - sum(map(len, payloads))))
    return sizes


def unpack(header: Header, payloads: Iterable[bytes], models: Models) -> dict[str, np.ndarray]:
    """Part -> (tokens, levels) int32 of a file.

    Args:
        header: of the file.
        payloads: of all its chunks, in order.
        models: part -> model of its tokens.

    Raises:
        BadInput: the payload is damaged, or made by another codec.
        ValueError: there are fewer or more payloads than the header declares.
    """
    for part in header.parts:
        known = models[part.name].alphabet if part.name in models else ()
        if part.alphabet != known[: len(part.alphabet)]:
            raise BadInput(
                f"part {part.name!r} has alphabets {part.alphabet}, the codec's are {known}; give "
                "the codec that it was encoded with"
            )
    blocks = list(_decoded(header, payloads, models))
    return {
        part.name: np.concatenate([block[part.name] for block in blocks]) for part in header.parts
    }


def cut(part: PartStream, depth: int) -> PartStream:
    """A part's stream with its first levels alone; the root keeps its own."""
    if part.name == ROOT:
        return part
    return replace(part, alphabet=part.alphabet[:depth], fitted=part.fitted[:depth])


def _order(header: Header) -> list[list[tuple[int, int]]]:
    """(part's number, level) in the order of coding, gathered by the depth they complete."""
    parts = list(enumerate(header.parts))
    root = [(i, q) for i, p in parts if p.name == ROOT for q in range(len(p.alphabet))]
    others = [(i, p) for i, p in parts if p.name != ROOT]
    deepest = max((len(p.alphabet) for _, p in others), default=1)
    steps = [[(i, q) for i, p in others if q < len(p.alphabet)] for q in range(deepest)]
    return [root + steps[0], *steps[1:]]


def _states(header: Header, models: Models) -> dict[tuple[str, int], LevelState]:
    """What each fitted stream remembers from chunk to chunk."""
    return {
        (part.name, level): models[part.name].start(level)
        for part in header.parts
        for level, fitted in enumerate(part.fitted)
        if fitted
    }


def _encoded(header: Header, tokens: PartTokens, models: Models) -> Iterator[list[bytes]]:
    """Chunk by chunk, its payload for every depth."""
    states = _states(header, models)
    for chunk in range(header.chunks):
        encoder = SymbolEncoder()
        spans = header.chunk_tokens(chunk)
        payloads = []
        for step in _order(header):
            for number, level in step:
                part, (first, end) = header.parts[number], spans[number]
                column = tokens[part.name][first:end, level]
                if not part.fitted[level]:
                    encoder.uniform(column, part.alphabet[level])
                    continue
                coarser = tokens[part.name][first:end, level - 1] if level else None
                models[part.name].encode_level(
                    encoder, level, column, coarser, states[part.name, level]
                )
            payloads.append(encoder.finish())
        yield payloads


def _decoded(
    header: Header, payloads: Iterable[bytes], models: Models
) -> Iterator[dict[str, np.ndarray]]:
    """Tokens chunk by chunk."""
    states = _states(header, models)
    for chunk, payload in zip(range(header.chunks), payloads, strict=True):
        decoder = SymbolDecoder(payload)
        spans = header.chunk_tokens(chunk)
        block = {
            part.name: np.zeros((end - first, len(part.alphabet)), np.int32)
            for part, (first, end) in zip(header.parts, spans, strict=True)
        }
        for number, level in [place for step in _order(header) for place in step]:
            part = header.parts[number]
            indices = block[part.name]
            if not part.fitted[level]:
                indices[:, level] = decoder.uniform(len(indices), part.alphabet[level])
                continue
            coarser = indices[:, level - 1] if level else None
            indices[:, level] = models[part.name].decode_level(
                decoder, level, len(indices), coarser, states[part.name, level]
            )
        decoder.finish()
        yield block
