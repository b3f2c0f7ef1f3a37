"""Sweeps as people name them on the command line, folder or URI, as folders of this machine."""

from __future__ import annotations

from pathlib import Path

from cluster.storage.location import is_uri, parse_location
from cluster.storage.mirror import Extent, hold, mirror_of
from search_spaces.record import SPEC_FILE


def new_place(text: str) -> Path:
    """Where a new sweep goes. Of a bucket nothing is asked yet.

    Raises:
        BadInput: a URI that names no place.
    """
    return hold(parse_location(text)).folder if is_uri(text) else Path(text)


def named_place(text: str) -> str:
    """A sweep's place as it stands in a specification: a URI, or a folder from the root."""
    return text if is_uri(text) else str(Path(text).expanduser().absolute())


def whole_sweep(text: str) -> Path:
    """A sweep with all that is kept of it.

    Raises:
        BadInput: no sweep lies there, where it is a URI.
    """
    return _brought(text, Extent.ALL)


def page_of_sweep(text: str) -> Path:
    """A sweep with what pages and tables are made of."""
    return _brought(text, Extent.PAGE)


def log_of_sweep(text: str) -> Path:
    """A sweep with its log and specification."""
    return _brought(text, Extent.LOG)


def _brought(text: str, extent: Extent) -> Path:
    if not is_uri(text):
        return Path(text)
    mirror = hold(parse_location(text))
    mirror.refresh(extent)
    return mirror.folder


def specification(place: Path) -> Path | None:
    """The specification of a sweep that lies at a place already; None where none does."""
    mirror = mirror_of(place)
    if mirror is not None and (said := mirror.bucket.read(SPEC_FILE)) is not None:
        place.mkdir(parents=True, exist_ok=True)
        (place / SPEC_FILE).write_bytes(said[0])
        mirror.note_sent(SPEC_FILE)
    begun = place / SPEC_FILE
    return begun if begun.exists() else None


def holds(text: str, name: str) -> bool:
    """Whether a file of a sweep is there, beside its log."""
    if not is_uri(text):
        return (Path(text) / name).exists()
    return hold(parse_location(text)).bucket.read(name) is not None
