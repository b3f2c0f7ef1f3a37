"""Numbers as few bytes: varints (LEB128), zigzag for signed ones, and exact frame rates.

A varint holds 7 bits a byte, lowest first, and the top bit says that another byte follows. There is
one spelling of each number: a varint with a superfluous last byte of zero is refused. `Cursor`
reads what the functions here write, and never past the end of what it was given.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from search_spaces.errors import BadInput

MAX_VARINT_BYTES = 10
"""Enough for 64 bits; a longer one is refused."""
MIN_FPS, MAX_FPS = 0.1, 10_000.0
"""Frame rates outside are refused, as the readers of motion files refuse them."""

_WHOLE, _HUNDREDTHS, _FRAME_TIME, _NTSC_OR_FLOAT = range(4)
_FRAME_TIME_STEPS = 100_000_000
"""Steps per second in which motion files write their frame time: up to eight decimals."""


def varint(value: int) -> bytes:
    """An integer from 0 to 2**64 - 1.

    >>> varint(300).hex()
    'ac02'

    Raises:
        ValueError: the value is outside.
    """
    if not 0 <= value < 1 << 64:
        raise ValueError(f"a varint holds 0 to 2**64 - 1, got {value}")
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def read_varint(next_byte: Callable[[], int]) -> int:
    """A varint, its bytes taken one at a time.

    Raises:
        ValueError: it is longer than it need be, or holds more than 64 bits.
    """
    value = 0
    for place in range(MAX_VARINT_BYTES):
        byte = next_byte()
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if (byte == 0 and place > 0) or value >= 1 << 64:
                break
            return value
    raise ValueError("a number is written in more bytes than it may take")


def zigzag(value: int) -> int:
    """Signed to unsigned, small to small: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return 2 * value if value >= 0 else -2 * value - 1


def unzigzag(value: int) -> int:
    """What `zigzag` was given."""
    return -(value + 1) // 2 if value & 1 else value // 2


def frame_rate(fps: float) -> bytes:
    """A frame rate such that `Cursor.frame_rate` gives the same float64 back.

    A varint whose two lowest bits say what the others, `k`, count: 0: frames per second; 1:
    hundredths of a frame per second (29.97); 2: steps of 10 ns in the time of a frame, as motion
    files write it (0.0333333 s is 1 / (3333330 / 1e8) fps); 3: 1000/1001 of a frame per second, or,
    where k is 0, that a float64 follows.

    >>> [len(frame_rate(fps)) for fps in (30, 120, 29.97, 30000 / 1001, 1 / 0.0333333, 100 / 7)]
    [1, 2, 2, 1, 4, 9]

    Raises:
        BadInput: fps is not within 0.1 to 10000.
    """
    if not MIN_FPS <= fps <= MAX_FPS:
        raise BadInput(
            f"a frame rate must be from {MIN_FPS:g} to {MAX_FPS:g} frames per second, got {fps:g}"
        )
    guesses = {
        _WHOLE: round(fps),
        _HUNDREDTHS: round(fps * 100),
        _NTSC_OR_FLOAT: round(fps * 1.001),
        _FRAME_TIME: round(_FRAME_TIME_STEPS / fps),
    }
    for kind, count in guesses.items():
        if count and _rate(kind, count) == fps:
            return varint(4 * count + kind)
    return varint(_NTSC_OR_FLOAT) + struct.pack("<d", fps)


def _rate(kind: int, count: int) -> float:
    """Frames per second; one or two roundings of float64, the same on every machine."""
    if kind == _WHOLE:
        return float(count)
    if kind == _HUNDREDTHS:
        return count / 100
    if kind == _NTSC_OR_FLOAT:
        return count * 1000 / 1001
    return 1 / (count / _FRAME_TIME_STEPS)


class Cursor:
    """Reads bytes from front to back; BadInput where they end too soon."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self.data) - self.at

    def take(self, count: int) -> bytes:
        """The next bytes, exactly so many."""
        if count > self.left:
            raise BadInput(f"{count} more bytes are declared where {self.left} are left")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        """The next byte as a number."""
        return self.take(1)[0]

    def varint(self) -> int:
        """The next varint."""
        try:
            return read_varint(self.byte)
        except ValueError as fault:
            raise BadInput(str(fault)) from None

    def bits(self, count: int) -> list[bool]:
        """So many bits, lowest first in each byte; those that fill up the last byte are zero."""
        packed = int.from_bytes(self.take((count + 7) // 8), "little")
        if packed >> count:
            raise BadInput(f"more than {count} bits are set in a map of {count}")
        return [bool(packed >> i & 1) for i in range(count)]

    def frame_rate(self) -> float:
        """The next frame rate, finite and within 0.1 to 10000 frames per second."""
        count, kind = divmod(self.varint(), 4)
        if count:
            fps = _rate(kind, count)
        elif kind == _NTSC_OR_FLOAT:
            (fps,) = struct.unpack("<d", self.take(8))
        else:
            raise BadInput("a frame rate is zero")
        if not (math.isfinite(fps) and MIN_FPS <= fps <= MAX_FPS):
            raise BadInput(f"a frame rate of {fps:g} is not within {MIN_FPS:g} to {MAX_FPS:g}")
        return float(fps)


def bit_map(bits: list[bool]) -> bytes:
    """Bits lowest first in each byte, the last byte filled up with zeros."""
    packed = sum(1 << i for i, bit in enumerate(bits) if bit)
    return packed.to_bytes((len(bits) + 7) // 8, "little")
