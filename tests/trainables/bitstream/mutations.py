"""Mutations of .rft files: what a disk, a transfer or an adversary may do to one.

`mutations` yields damaged bytes from good ones, from the generator that is passed in alone;
`with_right_crcs` makes their checksums right again, so that what lies behind them is tried too.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np

from search_spaces.errors import BadInput
from trainables.bitstream.container import MAGIC
from trainables.bitstream.varints import Cursor, varint

Mutation = Callable[[bytes, np.random.Generator], bytes]
_TELLING = (0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF)


def _place(data: bytes, rng: np.random.Generator) -> int:
    """Half of the injuries hit the front, where the header stands."""
    return int(rng.integers(min(len(data), 80) if rng.random() < 0.5 else len(data)))


def _bits_flipped(data: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        damaged[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def _bytes_changed(data: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        damaged[_place(data, rng)] = int(rng.integers(256))
    return bytes(damaged)


def _telling_byte(data: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(data)
    damaged[_place(data, rng)] = int(rng.choice(_TELLING))
    return bytes(damaged)


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data)))]


def _lost_piece(data: bytes, rng: np.random.Generator) -> bytes:
    start = _place(data, rng)
    return data[:start] + data[start + int(rng.integers(1, 40)) :]


def _repeated_piece(data: bytes, rng: np.random.Generator) -> bytes:
    start = _place(data, rng)
    return data[: start + int(rng.integers(1, 40))] + data[start:]


def _rubbish_put_in(data: bytes, rng: np.random.Generator) -> bytes:
    start = _place(data, rng)
    return data[:start] + rng.bytes(int(rng.integers(1, 40))) + data[start:]


def _number_put_in(data: bytes, rng: np.random.Generator) -> bytes:
    """A varint of any size over what stood there."""
    start = _place(data, rng)
    number = varint(int(rng.integers(1 << int(rng.integers(1, 63)))))
    return data[:start] + number + data[start + int(rng.integers(len(number) + 1)) :]


def _pieces_swapped(data: bytes, rng: np.random.Generator) -> bytes:
    first, second, end = sorted(_place(data, rng) for _ in range(3))
    return data[:first] + data[second:end] + data[first:second] + data[end:]


def _run_wiped(data: bytes, rng: np.random.Generator) -> bytes:
    start, length = _place(data, rng), int(rng.integers(1, 40))
    wiped = bytes([int(rng.choice((0, 255)))]) * length
    return (data[:start] + wiped + data[start + length :])[: len(data)]


def _appended(data: bytes, rng: np.random.Generator) -> bytes:
    return data + (rng.bytes(int(rng.integers(1, 9))) if rng.random() < 0.5 else data)


MUTATIONS: tuple[Mutation, ...] = (
    _bits_flipped, _bytes_changed, _telling_byte, _cut, _lost_piece, _repeated_piece,
    _rubbish_put_in, _number_put_in, _pieces_swapped, _run_wiped, _appended,
)  # fmt: skip


def _header_changed(data: bytes, rng: np.random.Generator) -> bytes:
    """One of the others in the header alone, its length made right: only the CRC gives it away."""
    cursor = Cursor(data)
    front = cursor.take(len(MAGIC) + 1)
    body = cursor.take(cursor.varint())
    changed = MUTATIONS[int(rng.integers(len(MUTATIONS)))](body, rng)
    return front + varint(len(changed)) + changed + cursor.take(cursor.left)


def mutations(data: bytes, rng: np.random.Generator, count: int) -> Iterator[bytes]:
    """So many damaged copies, none equal to what was given."""
    while count:
        kind = int(rng.integers(len(MUTATIONS) + 3))  # three in fourteen are in the header alone
        damaged = (
            MUTATIONS[kind](data, rng) if kind < len(MUTATIONS) else _header_changed(data, rng)
        )
        if damaged != data:
            count -= 1
            yield damaged


def with_right_crcs(data: bytes) -> bytes:
    """The same with every CRC-32 made right, as far as lengths lead from one to the next."""
    repaired = bytearray(data)
    cursor = Cursor(data)
    cursor.at = len(MAGIC) + 1  # after the version
    begun, crc = 0, 0
    while cursor.left > 0:
        try:
            cursor.take(cursor.varint())
            end = cursor.at
            cursor.take(4)
        except BadInput:
            break
        crc = zlib.crc32(repaired[begun:end], crc)
        repaired[end : end + 4] = struct.pack("<I", crc)
        begun = cursor.at
    return bytes(repaired)
