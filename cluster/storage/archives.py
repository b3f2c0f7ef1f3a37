"""What a trial leaves, as few objects of a bucket: `trials/<trial>/<epoch>-<kind>.tar`.

A trial's files travel in three archives, by who asks for them: its weights (`codec`, which go when
no front needs them), what pages and decisions read (`record`), and reconstructions (`motion`); what
is half trained is a fourth (`state`). The epoch is that of the owner that ran it: what a driver
that was taken over still had under way never mixes with what its successor makes.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cluster.storage.bucket import Bucket, Kept
from search_spaces.errors import BadInput
from search_spaces.record import CODEC_FOLDER, RECONSTRUCTIONS_FILE, TRIALS_FOLDER

CODEC, RECORD, MOTION, STATE = "codec", "record", "motion", "state"
STATE_FOLDER = "state"
_KEY = re.compile(rf"{TRIALS_FOLDER}/(?P<trial>[^/]+)/(?P<epoch>\d+)-(?P<kind>[a-z]+)\.tar")


@dataclass(frozen=True)
class Archive:
    """One object of a trial."""

    trial: str
    epoch: int
    kind: str

    @property
    def key(self) -> str:
        """Where it stands."""
        return f"{TRIALS_FOLDER}/{self.trial}/{self.epoch:06d}-{self.kind}.tar"


def archives(listed: Iterable[Kept]) -> list[tuple[Archive, Kept]]:
    """Those of a listing."""
    found = ((_KEY.fullmatch(kept.key), kept) for kept in listed)
    return [
        (Archive(said["trial"], int(said["epoch"]), said["kind"]), kept)
        for said, kept in found
        if said is not None
    ]


def kind_of(path: Path) -> str:
    """In which archive a file of a trial's folder travels.

    Args:
        path: relative to the folder.
    """
    if path.parts[0] == STATE_FOLDER:
        return STATE
    if path.parts[0] == CODEC_FOLDER:
        return CODEC
    return MOTION if path.name == RECONSTRUCTIONS_FILE else RECORD


def files_of(folder: Path) -> dict[str, list[Path]]:
    """Kind -> files of a trial's folder, relative to it; no half-written ones."""
    found: dict[str, list[Path]] = {}
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
        path = file.relative_to(folder)
        if not any(part.startswith(".") or ".part" in part for part in path.parts):
            found.setdefault(kind_of(path), []).append(path)
    return found


def pack(folder: Path, files: Iterable[Path], into: Path) -> Path:
    """An archive of some files of a folder; arrays and weights are small as they are."""
    with tarfile.open(into, "w") as archive:
        for file in files:
            archive.add(folder / file, arcname=file.as_posix(), recursive=False)
    return into


def unpack(archive: Path, folder: Path, kind: str) -> None:
    """Puts files in their places; whole folders (`codec`, `state`) in one step.

    Raises:
        BadInput: it is no archive, or holds what does not belong into the folder.
    """
    part = folder / f".unpacking-{kind}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        with tarfile.open(archive) as inside:
            inside.extractall(part, filter="data")
        for made in sorted(part.iterdir()):
            target = folder / made.name
            if target.is_dir():
                shutil.rmtree(target)
            made.replace(target)
    except tarfile.TarError as error:
        raise BadInput(f"{archive}: damaged ({error}); put back a whole copy") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def send(bucket: Bucket, folder: Path, archive: Archive, files: Iterable[Path]) -> None:
    """Packs and sends one archive of a trial's folder."""
    packed(bucket, folder, archive, files)()


def packed(
    bucket: Bucket, folder: Path, archive: Archive, files: Iterable[Path]
) -> Callable[[], None]:
    """Packs one archive of a trial's folder; what is returned sends it, and may do so later."""
    # A name of its own: an earlier attempt's may still be under way.
    place, name = tempfile.mkstemp(prefix=f".sending-{archive.kind}-", dir=folder)
    os.close(place)
    part = pack(folder, files, Path(name))

    def send() -> None:
        try:
            bucket.put(archive.key, part)
        finally:
            part.unlink(missing_ok=True)

    return send


def bring(bucket: Bucket, archive: Archive, folder: Path) -> None:
    """Brings one archive into a trial's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".bringing-{archive.kind}.tar"
    try:
        bucket.get(archive.key, part)
        unpack(part, folder, archive.kind)
    finally:
        part.unlink(missing_ok=True)
