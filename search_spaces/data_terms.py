"""What may be done with a folder of motion: `ratefront.yaml` beside its files.

    redistribute: no
    reason: the signers agreed to research on this machine alone

`redistribute: no` keeps the motion of that folder out of whatever a sweep uploads, and every page
says so. A folder without the file says nothing, which counts as yes.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from search_spaces.errors import BadInput
from search_spaces.spec import read_yaml

TERMS_FILE = "ratefront.yaml"


class DataTerms(BaseModel):
    """What a folder of motion says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    redistribute: bool = True
    """Whether clips of the motion may be given to others."""
    reason: str = ""
    """Why not, for people to read."""


def read_terms(path: str | Path) -> DataTerms:
    """The terms of a folder of motion, or of the folder that a file lies in.

    The folder's own file counts and those of its subfolders; one that says `no` holds for all.

    Raises:
        BadInput: a file that cannot be read, or says something else.
    """
    place = Path(path).expanduser()
    if not str(path) or not place.exists():  # nothing, or motion that is computed
        return DataTerms()
    files = sorted(place.rglob(TERMS_FILE)) if place.is_dir() else [place.parent / TERMS_FILE]
    said = [_read(file) for file in files if file.is_file()]
    return next((t for t in said if not t.redistribute), said[0] if said else DataTerms())


def _read(file: Path) -> DataTerms:
    document = read_yaml(file)
    known = list(DataTerms.model_fields)
    for key in document:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            guess = f"did you mean {near[0]}? " if near else ""
            raise BadInput(f"{file}: no key {key!r}; {guess}there are {', '.join(known)}")
    allowed, reason = document.get("redistribute"), document.get("reason", "")
    if not isinstance(allowed, bool):
        given = "nothing" if allowed is None else repr(allowed)
        raise BadInput(f"{file}: redistribute must be yes or no, got {given}")
    if not isinstance(reason, str):
        raise BadInput(f"{file}: reason must be a text, got {reason!r}")
    return DataTerms(redistribute=allowed, reason=" ".join(reason.split()))
