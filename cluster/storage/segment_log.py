"""A sweep in a bucket, as `cluster.storage.medium.Medium` states it: log, weights, files."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from cluster.storage import archives
from cluster.storage.archives import CODEC, Archive, files_of
from cluster.storage.bucket import Bucket
from cluster.storage.lease import Lease
from cluster.storage.location import Location
from cluster.storage.log_file import take_back
from cluster.storage.mirror import Mirror
from cluster.storage.patience import TRIAL_SECONDS, Lost
from cluster.storage.segments import Fenced, SegmentWriter
from search_spaces.errors import BadInput
from search_spaces.record import LOG_FILE, SPEC_FILE, TRIALS_FOLDER


class SegmentLog:
    """The owner of a sweep in a bucket; its copy on this machine follows every write."""

    together: bool = True

    def __init__(self, mirror: Mirror, lease: Lease) -> None:
        """Reads the log whole, once nobody else can write it any more."""
        self._mirror = mirror
        self._bucket = mirror.bucket
        self._lease = lease
        self.folder = mirror.folder
        self.location: Location | None = mirror.location
        self.name = str(mirror.location)
        self.log = f"{mirror.location} (log)"
        self.epoch = lease.epoch
        self._fenced = False
        self._going: list[str] = []
        try:
            self._writer = SegmentWriter(self._bucket, lease)
        except BaseException:
            lease.close()
            raise
        mirror.epochs = self._writer.reader.epochs
        mirror.owned = True
        mirror.write_log((s.events for s in self._writer.segments), anew=True)
        mirror.date_log(self._writer.reader.modified)

    @classmethod
    def create(cls, mirror: Mirror, spec_text: str) -> SegmentLog:
        """A new sweep in a bucket, with `sweep.yaml` in it.

        Raises:
            BadInput: a sweep lies there, or something else, or it cannot be written safely.
        """
        check_new(mirror)
        check_writable(mirror.bucket)
        if not mirror.bucket.create(SPEC_FILE, spec_text.encode()):
            raise BadInput(f"{mirror.location} holds a sweep already; give --out another place")
        mirror.clear()
        (mirror.folder / TRIALS_FOLDER).mkdir(parents=True)
        (mirror.folder / SPEC_FILE).write_text(spec_text, encoding="utf-8")
        mirror.note_sent(SPEC_FILE)
        return cls(mirror, Lease(mirror.bucket))

    @classmethod
    def open(cls, mirror: Mirror) -> SegmentLog:
        """A sweep that lies there, to go on with.

        Raises:
            BadInput: there is none, another process owns it, or it is damaged.
        """
        spec = mirror.bucket.read(SPEC_FILE)
        if spec is None:
            raise BadInput(
                f"{mirror.location} is no sweep (it holds no {SPEC_FILE}); give the place that was "
                "named by --out"
            )
        (mirror.folder / TRIALS_FOLDER).mkdir(parents=True, exist_ok=True)
        (mirror.folder / SPEC_FILE).write_bytes(spec[0])
        mirror.note_sent(SPEC_FILE)
        return cls(mirror, Lease(mirror.bucket))

    def workplace(self, scratch: Path) -> Path:
        """On each machine, in what goes with the session."""
        return scratch / "sweep"

    def probe(self) -> Callable[[], str]:
        """Whether a node reaches the bucket, and may write there."""
        return partial(_probed, self._mirror.location)

    def torn(self) -> bool:
        """Never: an object is there or is not."""
        return False

    def write(self, lines: bytes) -> None:
        """One object; then what its lines allowed to remove is removed."""
        try:
            self._writer.append(lines)
        except Fenced:
            self._fenced = self._mirror.fenced = True
            raise
        with (self.folder / LOG_FILE).open("ab") as log:
            log.write(lines)
        going, self._going = self._going, []
        # What cannot be removed costs room and nothing else.
        with contextlib.suppress(Lost):
            self._bucket.delete(going)

    def remove_weights(self, trial: str) -> None:
        """Goes up with the next write, which says so."""
        epoch = self._writer.reader.epochs.get(trial)
        if epoch is not None:
            self._going.append(Archive(trial, epoch, CODEC).key)

    def send(self, trial: str = "") -> None:
        """Files that changed; a trial's weights under the epoch that its points stand under."""
        self._mirror.send()
        if trial:
            folder = self.folder / TRIALS_FOLDER / trial
            epoch = self._writer.reader.epochs.get(trial, self.epoch)
            weights = files_of(folder).get(CODEC, [])
            archives.send(self._bucket, folder, Archive(trial, epoch, CODEC), weights)

    def abandon(self, made: Sequence[Path]) -> None:
        """Removes everything there, unless it is somebody else's by now."""
        if not self._fenced:
            with contextlib.suppress(Lost):
                self._bucket.delete([kept.key for kept in self._bucket.listed()])
        take_back(self.folder, made)

    def close(self) -> None:
        """Gives the place back; other processes may write it."""
        self._lease.close()
        self._mirror.owned = False


def check_new(mirror: Mirror) -> None:
    """Nothing lies there yet.

    Raises:
        BadInput: something does.
    """
    keys = [kept.key for kept in mirror.bucket.listed()]
    if SPEC_FILE in keys:
        raise BadInput(
            f"{mirror.location} holds a sweep already; continue it with "
            f"'ratefront resume {mirror.location}' or give --out another place"
        )
    if keys:
        raise BadInput(f"{mirror.location} is not empty; give --out a new place")


def check_writable(bucket: Bucket) -> None:
    """This machine can write, read and delete there, and a second writer is refused.

    Raises:
        BadInput: it cannot, or the service ignores conditions, so that two drivers of one sweep
            would overwrite each other.
    """
    key = f".preflight/{secrets.token_hex(6)}"
    said = f"process {os.getpid()}".encode()
    if not bucket.create(key, said):
        raise BadInput(f"{bucket.location}: cannot be written")
    refuses = not bucket.create(key, b"another")
    found = bucket.read(key)
    bucket.delete([key])
    if not refuses:
        raise BadInput(
            f"{bucket.location}: the service ignores conditional writes, so two drivers of a sweep "
            "could overwrite each other; use one that honours If-None-Match"
        )
    if found is None or found[0] != said or bucket.read(key) is not None:
        raise BadInput(f"{bucket.location}: what was written and deleted is not what is read")


def _probed(location: Location) -> str:
    """Runs on a node."""
    try:
        check_writable(Bucket(location, TRIAL_SECONDS))
    except (BadInput, OSError) as error:
        return f"cannot write, read and delete ({error}) in"
    return ""
