"""Well-formed .rft files that say something else than was encoded, all their checksums right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from search_spaces.errors import BadInput
from trainables.bitstream.container import Container, Header, chunk_limit, write_container

Change = Callable[[Container, np.random.Generator], Header]


def _frames(good: Container, rng: np.random.Generator) -> Header:
    header = good.header
    frames = int(
        rng.choice([1, 31, 32, 33, header.frames - 1, header.frames + 1, rng.integers(1, 5000)])
    )
    source = max(1, round(frames * header.source_fps / header.fps) + int(rng.integers(-1, 2)))
    return replace(header, frames=frames, source_frames=source)


def _source(good: Container, rng: np.random.Generator) -> Header:
    fps = float(rng.choice([0.1, 24.0, 29.97, 30.0, 120.0, 10_000.0]))
    frames = max(1, round(good.header.seconds * fps))
    return replace(good.header, source_fps=fps, source_frames=frames)


def _chunk_frames(good: Container, rng: np.random.Generator) -> Header:
    return replace(good.header, chunk_frames=int(rng.choice([1, 2, 7, 64, 65536])))


def _tables(good: Container, rng: np.random.Generator) -> Header:
    parts = tuple(
        replace(p, fitted=tuple((rng.random(len(p.fitted)) < 0.5).tolist()))
        for p in good.header.parts
    )
    return replace(good.header, parts=parts)


def _start(good: Container, rng: np.random.Generator) -> Header:
    x, z = rng.integers(-(1 << 15), 1 << 15, 2).tolist()
    start = None if rng.random() < 0.3 else (x, z, int(rng.integers(1 << 16)))
    return replace(good.header, start=start)


def _bones(good: Container, rng: np.random.Generator) -> Header:
    known = good.header.offsets
    joints = int(rng.integers(1, 4097)) if known is None or rng.random() < 0.2 else len(known)
    reach = 1 << int(rng.integers(1, 32))
    return replace(good.header, offsets=rng.integers(-reach, reach, (joints, 3)).astype(np.int32))


def _parts(good: Container, rng: np.random.Generator) -> Header:
    parts = list(good.header.parts)
    kind, i = int(rng.integers(6)), int(rng.integers(len(parts)))
    part = parts[i]
    if kind == 0:
        parts = [parts[j] for j in rng.permutation(len(parts))]
    elif kind == 1:
        del parts[i]
    elif kind == 2:
        parts.append(replace(part, name="tail"))
    elif kind == 3:
        parts[i] = replace(part, compression=int(rng.integers(1, 65537)))
    elif kind == 4:
        sizes = tuple(rng.integers(1, 65537, len(part.alphabet)).tolist())
        parts[i] = replace(part, alphabet=sizes)
    else:
        levels = int(rng.integers(1, 65))
        sizes = (part.alphabet * levels)[:levels]
        parts[i] = replace(part, alphabet=sizes, fitted=(True,) * levels)
    return replace(good.header, parts=tuple(parts))


def _nothing(good: Container, rng: np.random.Generator) -> Header:
    return good.header


LIES: tuple[Change, ...] = (
    _frames, _source, _chunk_frames, _tables, _start, _bones, _parts, _nothing,
)  # fmt: skip


def _payload(payload: bytes, rng: np.random.Generator) -> bytes:
    """Another payload, most often of whole words, as only those get past the first check."""
    kind, words = int(rng.integers(6)), len(payload) // 4
    if kind == 0:
        return payload[: 4 * int(rng.integers(words + 1))]
    if kind == 1:
        return payload + rng.bytes(4 * int(rng.integers(1, 9)))
    if kind == 2:
        return rng.bytes(4 * int(rng.integers(words + 3)))
    if kind == 3:
        return bytes([int(rng.choice((0, 255)))]) * len(payload)
    if kind == 4:
        return payload + rng.bytes(int(rng.integers(1, 4)))
    damaged = bytearray(payload)
    for _ in range(int(rng.integers(1, 4)) if payload else 0):
        damaged[int(rng.integers(len(payload)))] = int(rng.integers(256))
    return bytes(damaged)


def lie(good: Container, rng: np.random.Generator) -> bytes:
    """A well-formed file with another header or another payload, checksums right."""
    while True:
        change = LIES[int(rng.integers(len(LIES)))]
        try:
            header = change(good, rng)
        except BadInput:  # cannot even be written
            continue
        chunks = list(good.chunks[: header.chunks])
        while len(chunks) < header.chunks:
            chunks.append(chunks[int(rng.integers(len(chunks)))] if rng.random() < 0.8 else b"")
        if change is _nothing or rng.random() < 0.3:
            place = int(rng.integers(len(chunks)))
            chunks[place] = _payload(chunks[place], rng)
        return write_container(header, (c[: chunk_limit(header, i)] for i, c in enumerate(chunks)))
