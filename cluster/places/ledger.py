"""Submissions that were made from here: `~/.local/state/ratefront/ID/`, readable by their owner.

Holds the submission, its specification, the manifest, and the cluster's token, which is made here,
stands in no other file, and is passed on by the file's path.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from cluster.places.submission import PREFIX, Submission
from search_spaces.errors import BadInput

SUBMISSION_FILE = "submission.json"
SPEC_FILE = "spec.yaml"
TOKEN_FILE = "token"
JOB_FILE = "job"
"""What the place calls it, where that is not its id."""


def ledger() -> Path:
    """The folder of all submissions: in `RATEFRONT_STATE`, or in the XDG state folder."""
    if own := os.environ.get("RATEFRONT_STATE"):
        return Path(own).absolute()
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state).absolute() / "ratefront"


def folder_of(submission: Submission) -> Path:
    """Where a submission is, or would be, kept."""
    return ledger() / submission.id


def keep(submission: Submission, manifest: str, manifest_name: str) -> Path:
    """Writes a submission down, with a token for its cluster; keeps the token that is there.

    Raises:
        BadInput: the folder belongs to somebody else.
    """
    folder = folder_of(submission)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_uid != os.getuid():
        raise BadInput(
            f"{folder} belongs to another user; set RATEFRONT_STATE to a folder of yours"
        )
    folder.chmod(0o700)
    (folder / SPEC_FILE).write_text(submission.spec, encoding="utf-8")
    for name, text in submission.plugins.items():
        (folder / name).write_bytes(text.encode())
    (folder / manifest_name).write_text(manifest, encoding="utf-8")
    make_token(folder / TOKEN_FILE)
    (folder / SUBMISSION_FILE).write_text(submission.model_dump_json(indent=1), encoding="utf-8")
    return folder


def make_token(place: Path) -> Path:
    """A file with 256 random bits, for its owner alone; one that is there stays as it is."""
    try:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        place.chmod(0o600)
        return place
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    return place


def kept() -> Iterator[Submission]:
    """All submissions that were made, the latest first."""
    files = ledger().glob(f"{PREFIX}*/{SUBMISSION_FILE}")
    for place in sorted(files, key=lambda p: p.stat().st_mtime, reverse=True):
        try:
            yield Submission.model_validate_json(place.read_text(encoding="utf-8"))
        except ValidationError:
            continue  # of a release that wrote another form


def find(word: str) -> Submission:
    """A submission by id, by the beginning of its id, by its sweep's name or folder.

    Raises:
        BadInput: none fits, or several do.
    """
    found = [
        s for s in kept()
        if word in (s.id, s.name, s.out)
        or s.id.startswith(word)
        or s.id.removeprefix(PREFIX).startswith(word)
    ]  # fmt: skip
    if exact := [s for s in found if s.id == word]:
        found = exact
    if not found:
        raise BadInput(f"{word}: no such submission; 'ratefront status' lists those of {ledger()}")
    if len(found) > 1:
        names = ", ".join(s.id for s in found[:4])
        raise BadInput(f"{word}: {len(found)} submissions fit ({names}); name one by its id")
    return found[0]
