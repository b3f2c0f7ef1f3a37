"""The arrays of an .npz, taken out with care, and checks that readers of it share.

Nothing is ever unpickled, and an array's declared size is checked against the bytes that are there
before memory is taken for it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.errors import BadInput

MAX_ARRAY_BYTES = 2 << 30
MAX_COORDINATE = 1e7


PLAIN = "save plain numbers or strings"


def load_arrays(
    path: Path, wanted: Collection[str], *, of_objects: str = PLAIN
) -> dict[str, np.ndarray]:
    """The arrays of interest; the others' names with nothing in them.

    Args:
        path: the file.
        wanted: keys.
        of_objects: what to do about an array that holds Python objects, for the message.

    Raises:
        BadInput: no .npz, damaged, or an array that holds objects or claims what is not there.
    """
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                key = info.filename.removesuffix(".npy")
                asked = key in wanted
                arrays[key] = _array(path, key, archive, info, of_objects) if asked else np.empty(0)
    except BadInput:
        raise
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # zipfile, zlib, lzma and numpy each fail in ways of their own
        what = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise BadInput(f"{path}: is damaged or no .npz ({what}); write it again") from None
    return arrays


def _array(
    path: Path, key: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, of_objects: str
) -> np.ndarray:
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
        else:
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(member)
        if dtype.hasobject:
            raise BadInput(f"{path}: {key} holds Python objects; {of_objects}")
        size = dtype.itemsize
        for length in shape:
            size *= int(length)
        # Deflate shrinks by a factor of 1,032 at most: a larger claim is a lie.
        if not 0 <= size <= min(MAX_ARRAY_BYTES, info.file_size, 1100 * info.compress_size + 64):
            raise BadInput(
                f"{path}: {key} says it is {shape}, {size} bytes, which the file does not hold or "
                "is past 2 GiB; write it again, in shorter recordings"
            )
        data = member.read(size)
        if len(data) != size:
            raise BadInput(f"{path}: {key} is cut short; write the file again")
        member.read(1)  # reaching the end checks the checksum
    array = np.frombuffer(data, dtype=dtype)
    if dtype.kind == "U" and not _are_characters(np.frombuffer(data, dtype.byteorder + "u4")):
        raise BadInput(f"{path}: {key} holds what is no text; write the file again")
    return array.reshape(shape, order="F" if fortran else "C")


def _are_characters(codes: np.ndarray) -> bool:
    """Whether numbers are code points of Unicode; numpy hands over any, and Python's str fails."""
    return not ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any()


def numbers(
    path: Path, arrays: dict[str, np.ndarray], key: str, shape: tuple[int | str, ...]
) -> np.ndarray:
    """An array as float64, of a shape in which a word stands for any length."""
    array = arrays[key]
    fits = array.ndim == len(shape) and all(
        isinstance(want, str) or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "fiu":
        want = ", ".join(map(str, shape))
        raise BadInput(f"{path}: {key} must be ({want}) numbers, got {array.shape} {array.dtype}")
    with np.errstate(invalid="ignore"):  # a signalling NaN is found with the other NaN
        return np.asarray(array, dtype=np.float64)


def finite(path: Path, key: str, array: np.ndarray) -> np.ndarray:
    """The array itself where its numbers can be a motion's; BadInput where not."""
    if not (np.abs(array) <= MAX_COORDINATE).all():
        raise BadInput(f"{path}: {key} hold NaN, infinity or absurd numbers; correct them")
    return array


def joint_names(path: Path, array: np.ndarray, joints: int) -> tuple[str, ...]:
    """Distinct names, one per joint."""
    if array.dtype.kind not in "US" or array.shape != (joints,):
        raise BadInput(
            f"{path}: names must be {joints} strings, one per joint of positions, got "
            f"{array.shape} {array.dtype}"
        )
    names = tuple(_decode(name) for name in array)
    if len(set(names)) != joints or not all(names):
        raise BadInput(f"{path}: names must be distinct and not empty; rename the joints")
    return names


def _decode(word: Any) -> str:
    return word.decode("utf-8", errors="replace") if isinstance(word, bytes) else str(word)


def text(path: Path, arrays: dict[str, np.ndarray], key: str) -> str | None:
    """One string, or None where there is no such key."""
    if key not in arrays:
        return None
    array = arrays[key]
    if array.dtype.kind not in "US" or array.size != 1:
        raise BadInput(f"{path}: {key} must be one string, got {array.shape} {array.dtype}")
    return _decode(array.reshape(-1)[0])


def frame_rate(path: Path, array: np.ndarray) -> float:
    """Frames per second, one number."""
    fps = float(array.reshape(-1)[0]) if array.dtype.kind in "fiu" and array.size == 1 else 0.0
    if not 0.1 <= fps <= 1e4:
        raise BadInput(f"{path}: fps must be one number from 0.1 to 10000 frames per second")
    return fps
