"""The block that says how a recording's skeleton differs from the codec's.

Only joints that differ are written: a bit for each joint, then three signed numbers for each that
does, deflated (RFC 1951) where that is shorter. The unit is `OFFSET_STEP`, 61 µm.
"""

from __future__ import annotations

import zlib

import numpy as np

from search_spaces.errors import BadInput
from trainables.bitstream.varints import Cursor, bit_map, unzigzag, varint, zigzag

OFFSET_STEP = 2.0**-14
"""Metres: what 1 in the block stands for."""
MAX_JOINTS = 4096
"""Joints of a skeleton; more are refused before anything is allocated for them."""

_PLAIN, _DEFLATED = 0, 1
_MAX_NUMBER_BYTES = 5  # an int32 as a zigzag varint


def offsets_block(offsets: np.ndarray) -> bytes:
    """Differences (joints, 3) int32 in steps of 2**-14 m -> bytes."""
    differ = (offsets != 0).any(axis=1)
    numbers = offsets[differ].reshape(-1).tolist()
    content = bit_map(differ.tolist()) + b"".join(varint(zigzag(n)) for n in numbers)
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = squeezer.compress(content) + squeezer.flush()
    shorter = len(deflated) < len(content)
    kind = bytes([_DEFLATED if shorter else _PLAIN])
    return varint(len(offsets)) + kind + (deflated if shorter else content)


def read_offsets_block(cursor: Cursor) -> np.ndarray:
    """The differences (joints, 3) int32, from all that the cursor has left.

    Raises:
        BadInput: too many joints, or bytes that are not what `offsets_block` writes.
    """
    joints = cursor.varint()
    if not 1 <= joints <= MAX_JOINTS:
        raise BadInput(f"{joints} joints in the offsets are not within 1 to {MAX_JOINTS}")
    kind = cursor.byte()
    if kind not in (_PLAIN, _DEFLATED):
        raise BadInput(f"the offsets are stored in an unknown way ({kind})")
    content = cursor.take(cursor.left)
    if kind == _DEFLATED:
        content = _inflate(content, (joints + 7) // 8 + 3 * _MAX_NUMBER_BYTES * joints)
    inner = Cursor(content)
    differ = np.array(inner.bits(joints), dtype=bool)
    numbers = [unzigzag(inner.varint()) for _ in range(3 * int(differ.sum()))]
    if inner.left:
        raise BadInput(f"{inner.left} bytes follow the last of the offsets")
    if any(not -(1 << 31) <= n < 1 << 31 for n in numbers):
        raise BadInput("an offset is larger than 32 bits hold")
    offsets = np.zeros((joints, 3), dtype=np.int32)
    offsets[differ] = np.array(numbers, dtype=np.int32).reshape(-1, 3)
    return offsets


def _inflate(content: bytes, limit: int) -> bytes:
    """At most `limit` bytes: a few that inflate to many are refused without inflating them all."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(content, limit + 1)
    except zlib.error as error:
        raise BadInput(f"the offsets cannot be inflated ({error})") from None
    if len(inflated) > limit or not inflater.eof or inflater.unused_data:
        raise BadInput("the deflated offsets are longer or shorter than their joints take")
    return inflated
