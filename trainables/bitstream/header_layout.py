"""The bytes of a header between its length and its CRC, as `docs/format.md` publishes them."""

from __future__ import annotations

from search_spaces.errors import BadInput
from search_spaces.units import Unit
from trainables.bitstream.header import (
    CODEC_HASH_BYTES,
    DEFAULT_CHUNK_FRAMES,
    LIFT_LAYOUT,
    MAX_LEVELS,
    MAX_NAME_BYTES,
    MAX_PARTS,
    SKELETON_HASH_BYTES,
    START_LAYOUT,
    Header,
    PartStream,
    Start,
)
from trainables.bitstream.offsets_block import offsets_block, read_offsets_block
from trainables.bitstream.varints import Cursor, bit_map, frame_rate, varint

STANDARD_PARTS = (
    "body", "right_hand", "left_hand", "hands", "feet", "face", "root",
    "full", "torso", "upper_body", "lower_body", "head",
)  # fmt: skip
"""Names that take one byte: their place here, counted from 1. Only ever added to at the end."""

_OFFSETS, _START, _CHUNK_FRAMES, _SOURCE, _UNIT = 1, 2, 4, 8, 16
"""Flags: which of the fields that may be missing are there."""

_UNITS: dict[Unit, int] = {"px": 1, "sw": 2}
"""Of what is not in metres, which has no such field: files in metres are as they always were."""


def header_body(header: Header) -> bytes:
    """The header without magic, version, length and CRC."""
    source = (header.source_fps, header.source_frames) != (header.fps, header.frames)
    optional = {
        _OFFSETS: header.offsets is not None,
        _START: header.start is not None,
        _CHUNK_FRAMES: header.chunk_frames != DEFAULT_CHUNK_FRAMES,
        _SOURCE: source,
        _UNIT: header.unit != "m",
    }
    written = [bytes([sum(flag for flag, there in optional.items() if there), header.coder])]
    written += [header.codec_hash, header.skeleton_hash]
    written += [frame_rate(header.fps), varint(header.frames)]
    if source:
        written += [frame_rate(header.source_fps), varint(header.source_frames)]
    if optional[_CHUNK_FRAMES]:
        written.append(varint(header.chunk_frames))
    if optional[_UNIT]:
        written.append(bytes([_UNITS[header.unit]]))
    if header.start is not None:
        written.append(START_LAYOUT.pack(*header.start))
        if optional[_UNIT]:
            written.append(LIFT_LAYOUT.pack(header.lift))
    written.append(varint(len(header.parts)))
    written += [_part(part) for part in header.parts]
    written.append(bit_map([bool(flag) for part in header.parts for flag in part.fitted]))
    if header.offsets is not None:
        written.append(offsets_block(header.offsets))
    return b"".join(written)


def _part(part: PartStream) -> bytes:
    written = bytearray()
    if part.name in STANDARD_PARTS:
        written.append(1 + STANDARD_PARTS.index(part.name))
    else:
        name = part.name.encode()
        written += bytes([0, len(name)]) + name
    written += varint(part.compression) + varint(len(part.alphabet))
    level = 0
    while level < len(part.alphabet):
        size, first = part.alphabet[level], level
        while level < len(part.alphabet) and part.alphabet[level] == size:
            level += 1
        written += varint(size - 1)
        if first + 1 < len(part.alphabet):  # a last level stands alone without saying so
            written += varint(level - first)
    return bytes(written)


def read_header_body(body: bytes) -> Header:
    """What `header_body` was given.

    Raises:
        BadInput: the bytes are not a header; the message names no place and no remedy.
    """
    cursor = Cursor(body)
    flags, coder = cursor.byte(), cursor.byte()
    if flags > _OFFSETS + _START + _CHUNK_FRAMES + _SOURCE + _UNIT:
        raise BadInput(f"flags {flags:#04x} are unknown")
    codec_hash, skeleton_hash = cursor.take(CODEC_HASH_BYTES), cursor.take(SKELETON_HASH_BYTES)
    fps, frames = cursor.frame_rate(), cursor.varint()
    source_fps, source_frames = fps, frames
    if flags & _SOURCE:
        source_fps, source_frames = cursor.frame_rate(), cursor.varint()
    chunk_frames = cursor.varint() if flags & _CHUNK_FRAMES else DEFAULT_CHUNK_FRAMES
    unit: Unit = "m"
    if flags & _UNIT:
        code = cursor.byte()
        known = [name for name, number in _UNITS.items() if number == code]
        if not known:
            raise BadInput(f"unit {code} is unknown")
        unit = known[0]
    start, lift = None, 0
    if flags & _START:
        start = Start(*START_LAYOUT.unpack(cursor.take(START_LAYOUT.size)))
        if flags & _UNIT:
            (lift,) = LIFT_LAYOUT.unpack(cursor.take(LIFT_LAYOUT.size))
    count = cursor.varint()
    if not 1 <= count <= MAX_PARTS:
        raise BadInput(f"{count} parts are not within 1 to {MAX_PARTS}")
    described = [_read_part(cursor) for _ in range(count)]
    fitted = iter(cursor.bits(sum(len(alphabet) for _, alphabet, _ in described)))
    parts = tuple(
        PartStream(name, alphabet, compression, tuple(next(fitted) for _ in alphabet))
        for name, alphabet, compression in described
    )
    offsets = read_offsets_block(cursor) if flags & _OFFSETS else None
    if cursor.left:
        raise BadInput(f"{cursor.left} bytes follow its last field")
    return Header(
        codec_hash, skeleton_hash, source_fps, fps, source_frames, frames, parts, coder,
        offsets, start, chunk_frames, unit, lift,
    )  # fmt: skip


def _read_part(cursor: Cursor) -> tuple[str, tuple[int, ...], int]:
    code = cursor.byte()
    if code > len(STANDARD_PARTS):
        raise BadInput(f"part name {code} is unknown")
    if code:
        name = STANDARD_PARTS[code - 1]
    else:
        length = cursor.byte()
        if not 1 <= length <= MAX_NAME_BYTES:
            raise BadInput(f"a part name of {length} bytes is not within 1 to {MAX_NAME_BYTES}")
        try:
            name = cursor.take(length).decode()
        except UnicodeDecodeError:
            raise BadInput("a part name is not UTF-8") from None
    compression, levels = cursor.varint(), cursor.varint()
    if not 1 <= levels <= MAX_LEVELS:
        raise BadInput(f"{levels} levels of {name!r} are not within 1 to {MAX_LEVELS}")
    alphabet: list[int] = []
    while len(alphabet) < levels:
        size = cursor.varint() + 1
        run = cursor.varint() if len(alphabet) + 1 < levels else 1
        if not 1 <= run <= levels - len(alphabet):
            raise BadInput(f"{run} levels of {size} codes do not fit into the levels of {name!r}")
        alphabet += [size] * run
    return name, tuple(alphabet), compression
