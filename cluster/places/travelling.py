"""Plugins that go along with a submission: no machine there has the file of whoever submits.

Their text is part of the submission and of its id, and lies beside the specification there. Before
the sweep begins, each is compared with the hash that was sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from search_spaces.errors import BadInput
from search_spaces.spec import SweepSpec

MOST_BYTES = 900_000
"""Of all plugins together: what a ConfigMap of Kubernetes holds, with room for the rest."""
_NAME = re.compile(r"[-\w.]+\.py", re.ASCII)


def packed(spec: SweepSpec, folder: str) -> tuple[SweepSpec, dict[str, str]]:
    """A specification whose plugins lie in a folder there, and name -> text of each.

    Args:
        spec: with plugins as files of this machine.
        folder: of the specification, on the machines.

    Raises:
        BadInput: a file cannot be read or sent; the message names it.
    """
    found: dict[str, str] = {}
    for file in (Path(p).expanduser() for p in spec.plugins):
        if not _NAME.fullmatch(file.name) or file.name in found:
            why = "two of that name" if file.name in found else "letters, digits, - and _ alone"
            raise BadInput(f"--plugin {file}: cannot be sent ({why}); give it another name")
        try:
            found[file.name] = file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"--plugin {file}: cannot be read as text ({error})") from None
    size = sum(len(text.encode()) for text in found.values())
    if size > MOST_BYTES:
        raise BadInput(
            f"--plugin: {size} bytes in all, at most {MOST_BYTES} travel; install a package in the "
            "image instead (entry point ratefront.plugins)"
        )
    there = tuple(f"{folder}/{name}" for name in found)
    return spec.model_copy(update={"plugins": there}), found


def options(plugins: Mapping[str, str]) -> list[str]:
    """What the entrypoint is told of them."""
    return [w for n, text in plugins.items() for w in ("--plugin-hash", f"{n}={_hash(text)}")]


def check_arrived(plugins: Iterable[str], hashes: Sequence[str]) -> None:
    """Plugins there are those that were sent.

    Args:
        plugins: of the specification that was sent.
        hashes: NAME=HASH of each.

    Raises:
        BadInput: one is missing, or another.
    """
    files = {Path(p).name: Path(p).expanduser() for p in plugins}
    for name, _, sent in (text.partition("=") for text in hashes):
        file = files.get(name)
        there = file is not None and file.is_file()
        if file is None or not there or _hash(file.read_bytes().decode()) != sent:
            raise BadInput(f"plugin {name}: is not the one that was submitted; submit again")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
