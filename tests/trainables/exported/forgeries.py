"""Codec folders that were tampered with, their sums set right again or not."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from search_spaces.errors import BadInput
from tests.trainables.tiny import make_clip
from trainables.bitstream.container import read_container
from trainables.bitstream.recording import unpack
from trainables.exported.codec_folder import SUMS_NAME, load_exported
from trainables.exported.transcode import (
    CodedRecording,
    check_fits,
    encode_clip,
    motion_suffix,
    write_motion,
)

Change = Callable[[Any], Any]
"""Gets what a file holds and changes it, or gives something else to hold."""

ODD = (None, True, -1, 0, 3, 10**6, 2**70, -0.5, 1e-300, 1e300, float("nan"), float("inf"),
       "", "x", "../x", [], [1], {}, {"x": 1})  # fmt: skip


def copied(folder: Path, to: Path) -> Path:
    """A codec's folder of one's own, whatever was there before."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to)
    return to


def resum(folder: Path) -> None:
    """Sums as the forger would write them."""
    names = sorted(p.name for p in folder.iterdir() if p.is_file() and p.name != SUMS_NAME)
    sums = ((hashlib.sha256((folder / n).read_bytes()).hexdigest(), n) for n in names)
    (folder / SUMS_NAME).write_text("".join(f"{value}  {name}\n" for value, name in sums))


def change_json(path: Path, change: Change) -> None:
    """Changes a JSON file; a change that returns something replaces it all."""
    held = json.loads(path.read_text())
    given = change(held)
    path.write_text(json.dumps(held if given is None else given))


def change_arrays(path: Path, change: Change) -> None:
    """Changes the arrays of a safetensors file."""
    arrays = load_file(path)
    change(arrays)
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, path)


def forge(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    alter = change_json if name.endswith(".json") else change_arrays
    alter(folder / name, change)
    resum(folder)


def leaves(held: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Places of everything in a JSON document, containers too."""
    if at:
        yield at
    inside: Any = held.items() if isinstance(held, dict) else ()
    for key, value in enumerate(held) if isinstance(held, list) else inside:
        yield from leaves(value, (*at, key))


def put(held: Any, at: tuple[str | int, ...], value: Any) -> Any:
    """The document with another value at a place; without it where the value is `leaves`."""
    changed = copy.deepcopy(held)
    inner = changed
    for key in at[:-1]:
        inner = inner[key]
    if value is leaves:
        del inner[at[-1]]
    else:
        inner[at[-1]] = value
    return changed


def odd_arrays(array: np.ndarray) -> Iterator[np.ndarray]:
    """What may stand in place of an array."""
    yield array[:0]
    yield np.concatenate([array, array]) if array.ndim else array.reshape(1)
    yield np.ones((), array.dtype)
    yield array[None]
    yield np.full_like(array, -1 if array.dtype.kind != "u" else 255)
    yield np.full_like(array, 1)
    yield np.zeros_like(array)
    yield array.astype(np.float16)
    yield np.zeros(array.shape, np.bool_)
    yield np.zeros(array.shape, np.complex64)
    if array.dtype.kind == "f":
        yield np.full_like(array, np.nan)
        yield np.full_like(array, 1e38)
        yield np.full_like(array, 1e-38)
    else:
        yield np.full(array.shape, np.iinfo(array.dtype).max, array.dtype)
        yield array.astype(np.float64)


def used(folder: Path, out: Path) -> str:
    """Loads a codec, encodes and decodes with it: "refused" by one clear line, or "used"."""
    try:
        codec = load_exported(folder)
        encoded, _ = encode_clip(codec, make_clip("take", 1, 6))
        container = read_container(encoded.pack(codec))
        check_fits(codec, container.header)
        tokens = unpack(container.header, container.chunks, codec.models)
        for part, indices in encoded.tokens.items():
            assert np.array_equal(tokens[part], indices)
        target = out / f"out{motion_suffix(codec)}"
        write_motion(codec, CodedRecording(container.header, tokens), target)
        target.unlink()
    except BadInput as error:
        assert 10 < len(str(error)) < 2000, str(error)
        return "refused"
    return "used"
