"""Which function reads which file: a registry by suffix, open to plug-ins.

A plug-in adds a reader in one file: `register_reader(".c3d", read_c3d)` with a function
`(path, recording name or None) -> Clip` that raises `BadInput` for what it cannot read. A reader
with a keyword `rest_skeleton` or `body_model` gets the file that was named for sources without
bones.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path

from search_spaces.bones import Bones
from search_spaces.errors import BadInput
from trainables.motion.bvh import read_bvh
from trainables.motion.clip import Clip
from trainables.motion.npz import read_npz
from trainables.motion.pose_files import read_pose

Reader = Callable[..., Clip]

_READERS: dict[str, Reader] = {}
_TEXTS = {"license", "licence", "copying", "readme", "notice"}


def register_reader(suffix: str, reader: Reader) -> None:
    """Files that end in `suffix` (with its dot, any case) are read by `reader` from now on."""
    if not suffix.startswith(".") or len(suffix) < 2:
        raise ValueError(f"a suffix starts with a dot, such as .bvh; got {suffix!r}")
    _READERS[suffix.lower()] = reader


def known_suffixes() -> tuple[str, ...]:
    """Suffixes that can be read, sorted."""
    return tuple(sorted(_READERS))


def read_clip(
    path: Path,
    recording: str | None = None,
    *,
    rest_skeleton: str | Path = "",
    body_model: str | Path = "",
) -> Clip:
    """Reads one recording, whatever its format.

    Args:
        path: the file.
        recording: its name in the data set; the file's stem when left out.
        rest_skeleton: a BVH file with the bones of formats that hold rotations alone (SMPL-X).
        body_model: a body model's .npz instead, for the bones of each recording's own shape.

    Raises:
        BadInput: the file is missing, of no known suffix, or wrong inside, or both are named.
    """
    bones = Bones(str(rest_skeleton), str(body_model))
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: no such file; files that can be read end in {_suffixes()}")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"{path}: files that can be read end in {_suffixes()}; convert it to one")
    taken = inspect.signature(reader).parameters
    named = {"rest_skeleton": bones.rest_skeleton, "body_model": bones.body_model}
    given = {k: Path(file).expanduser() for k, file in named.items() if file and k in taken}
    return reader(path, recording, **given)


def find_recordings(path: Path) -> list[Path]:
    """The recordings at a path: itself, or all below a folder, sorted.

    Only known suffixes count; hidden files and folders, links to folders, and texts that lie beside
    data (`LICENSE.pose`, `README.npz`) are passed over.

    Raises:
        BadInput: nothing is there, or nothing that can be read.
    """
    path = Path(path)
    if path.is_file():
        if path.suffix.lower() not in _READERS:
            raise BadInput(
                f"{path}: files that can be read end in {_suffixes()}; convert it to one"
            )
        return [path]
    if not path.is_dir():
        raise BadInput(f"{path}: no such file or folder; name one with {_suffixes()} files")
    found = []
    for folder, below, files in os.walk(path):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [
            Path(folder, name)
            for name in files
            if not name.startswith(".")
            and Path(name).suffix.lower() in _READERS
            and Path(name).name.split(".")[0].lower() not in _TEXTS
        ]
    if not found:
        raise BadInput(f"{path}: holds no recordings; files that can be read end in {_suffixes()}")
    return sorted(found)


def _suffixes() -> str:
    return ", ".join(known_suffixes())


register_reader(".bvh", lambda path, recording: read_bvh(path, recording).clip)
register_reader(".npz", read_npz)
register_reader(".pose", lambda path, recording: read_pose(path, recording).clip)
