"""Mutations of motion files: what a disk, a transfer or an exporter may do to BVH, .npz or .pose.

`mutants` yields damaged bytes from good ones, from the generator that is passed in alone.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import numpy as np

_WORDS = (
    b"nan inf -inf 1e999 -1e308 1e7 - } { JOINT ROOT MOTION HIERARCHY Frames: Frame Time: CHANNELS "
    b"OFFSET Xrotation Zposition \x00 \xff\xfe 0 -1 99999999999 3,5 ..5 \r \xe2\x80\x93"
).split(b" ")
_LINES = (b"", b"End Site", b"OFFSET 0 0 0", b"CHANNELS 6", b"}", b"MOTION", b"Frames: 7",
          b"Frame Time: 0", b"JOINT Hips", b"{")  # fmt: skip
Mutation = Callable[[bytes, np.random.Generator], bytes]


def _cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content) + 1))]


def _lost_piece(content: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(content) + 1))
    return content[:start] + content[start + int(rng.integers(1, 4096)) :]


def _repeated_piece(content: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(content) + 1))
    end = start + int(rng.integers(1, 4096))
    return content[:end] + content[start:]


def _bytes_changed(content: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 9)) if damaged else 0):
        # Half of the injuries hit the ends, where headers and directories stand.
        near = int(rng.integers(min(600, len(damaged))))
        where = int(rng.integers(len(damaged))) if rng.random() < 0.5 else near
        damaged[where if rng.random() < 0.5 else -where - 1] = int(rng.integers(256))
    return bytes(damaged)


def _bits_flipped(content: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(content)
    for where in rng.integers(0, len(damaged), 3) if damaged else ():
        damaged[int(where)] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def _rubbish_put_in(content: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(content) + 1))
    return content[:start] + rng.bytes(int(rng.integers(1, 300))) + content[start:]


def _word_put_in(content: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(content) + 1))
    return content[:start] + _WORDS[int(rng.integers(len(_WORDS)))] + content[start:]


def _word_replaced(content: bytes, rng: np.random.Generator) -> bytes:
    words = content.split(b" ")
    words[int(rng.integers(len(words)))] = _WORDS[int(rng.integers(len(_WORDS)))]
    return b" ".join(words)


def _line_replaced(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.split(b"\n")
    # The hierarchy is the interesting part, and comes first.
    bound = len(lines) if rng.random() < 0.3 else min(len(lines), 400)
    lines[int(rng.integers(bound))] = _LINES[int(rng.integers(len(_LINES)))]
    return b"\n".join(lines)


def _lines_swapped(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.split(b"\n")
    first, second = (int(i) for i in rng.integers(0, len(lines), 2))
    lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


def _digits_changed(content: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(content)
    for where in rng.integers(0, len(damaged), 40) if damaged else ():
        if 48 <= damaged[int(where)] <= 57:
            damaged[int(where)] = 48 + int(rng.integers(10))
    return bytes(damaged)


def _member_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """One array of the archive damaged, lost or replaced, in an archive that is whole again."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # damaged by an earlier mutation
        return _bytes_changed(content, rng)
    names = sorted(members)
    name = names[int(rng.integers(len(names)))]
    kind = int(rng.integers(6))
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[name] = _array_changed(members[name], rng)
    elif kind == 2:
        members[name] = members[names[int(rng.integers(len(names)))]]
    elif kind == 3:
        members[name] = _cut(members[name], rng)
    else:
        members[name] = _bytes_changed(members[name], rng)
    packed = io.BytesIO()
    way = zipfile.ZIP_DEFLATED if rng.random() < 0.5 else zipfile.ZIP_STORED
    with zipfile.ZipFile(packed, "w", way) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return packed.getvalue()


def _array_changed(data: bytes, rng: np.random.Generator) -> bytes:
    """Another value, type or shape in an array that is well formed."""
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception:  # damaged by an earlier mutation
        return data
    kind = int(rng.integers(5))
    flat = array.reshape(-1).copy()
    if kind == 0 and flat.size and array.dtype.kind in "fiu":
        values = (0, 1, 7, 99) if array.dtype.kind in "iu" else (np.nan, np.inf, -1e300, 0.0)
        with np.errstate(over="ignore"):
            flat[int(rng.integers(flat.size))] = values[int(rng.integers(4))]
        array = flat.reshape(array.shape)
    elif kind == 1:
        array = array[..., None]
    elif kind == 2 and array.ndim:
        array = array[: int(rng.integers(len(array) + 1))]
    elif kind == 3:
        array = flat
    elif array.dtype.kind in "fiub":
        kinds = ("f2", "f4", "i1", "u8", "c16", "?")
        with np.errstate(all="ignore"):
            array = array.astype(kinds[int(rng.integers(len(kinds)))])
    written = io.BytesIO()
    np.save(written, array, allow_pickle=False)
    return written.getvalue()


def _number_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """A float32 or a uint16, as .pose files are made of, replaced; most often near the header."""
    if len(content) < 8:
        return content
    bound = len(content) - 4 if rng.random() < 0.4 else min(len(content) - 4, 4000)
    where = int(rng.integers(bound))
    if rng.random() < 0.5:
        floats = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e30, 1e-30, 65536.0)
        new = np.array(floats[int(rng.integers(len(floats)))], "<f4").tobytes()
    else:
        counts = (0, 1, 2, 255, 256, 32767, 65535)
        new = np.array(counts[int(rng.integers(len(counts)))], "<u2").tobytes()
    return content[:where] + new + content[where + len(new) :]


_ANY: tuple[Mutation, ...] = (
    _cut, _lost_piece, _repeated_piece, _bytes_changed, _bits_flipped, _rubbish_put_in,
)  # fmt: skip
_OF_TEXT: tuple[Mutation, ...] = (
    _word_put_in, _word_replaced, _line_replaced, _lines_swapped, _digits_changed,
)  # fmt: skip
MUTATIONS: dict[str, tuple[Mutation, ...]] = {
    ".bvh": (*_ANY, *_OF_TEXT, *(_digits_changed,) * 3),
    ".npz": (*_ANY, *(_member_changed,) * 9),
    ".pose": (*_ANY, *(_number_changed,) * 6),
}


def mutant(content: bytes, suffix: str, rng: np.random.Generator) -> bytes:
    """The content with one injury, seldom up to three, of the kinds that its format invites."""
    kinds = MUTATIONS[suffix]
    for _ in range(1 if rng.random() < 0.7 else int(rng.integers(2, 4))):
        content = kinds[int(rng.integers(len(kinds)))](content, rng)
    return content
