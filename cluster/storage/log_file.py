"""The log of a sweep in a folder: one file that is appended to, flushed to disk, and locked.

The lock is the operating system's, so a process that dies gives the folder back by dying.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from cluster.storage.location import Location
from cluster.storage.locks import taken
from search_spaces.errors import BadInput
from search_spaces.record import LOG_FILE, OWNER_FILE, SPEC_FILE, TRIALS_FOLDER

LOCK_NAME = ".owner.lock"
PROBE = ".visible"


class LogFile:
    """A sweep's folder, as `cluster.storage.medium.Medium` states it."""

    together: bool = True
    location: Location | None = None
    epoch: int = 0

    def __init__(self, folder: Path, lock: IO[str]) -> None:
        """Takes over a directory whose lock is held."""
        self.folder = folder
        self.name = str(folder)
        self.log = str(folder / LOG_FILE)
        self._lock = lock
        # Unbuffered, so that nothing of a line that failed is written behind its back later.
        self._log = (folder / LOG_FILE).open("ab", buffering=0)

    @classmethod
    def create(cls, folder: Path, spec_text: str) -> LogFile:
        """A new sweep directory with `sweep.yaml` in it.

        Raises:
            BadInput: the directory holds a sweep, or other files, or cannot be written.
        """
        check_new(folder)
        made = [p for p in (folder, *folder.parents) if not p.exists()]
        lock = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _take(folder)
            _sign(folder)
            # Another process may have begun and ended in it since.
            check_new(folder, but=(LOCK_NAME, OWNER_FILE))
            (folder / TRIALS_FOLDER).mkdir()
            # In one step, so that a specification that is there is whole.
            (folder / f"{SPEC_FILE}.part").write_text(spec_text, encoding="utf-8")
            (folder / f"{SPEC_FILE}.part").replace(folder / SPEC_FILE)
            log = cls(folder, lock)
            _flush_folder(folder)
        except BadInput:
            if lock is not None:
                lock.close()
            _remove(made)
            raise
        except OSError as error:
            if lock is None:
                _remove(made)
            else:
                take_back(folder, made)
                lock.close()
            raise BadInput(
                f"{folder}: cannot be written ({error.strerror}); give --out a folder that can be"
            ) from None
        return log

    @classmethod
    def open(cls, folder: Path) -> LogFile:
        """An existing sweep directory, to go on with.

        Raises:
            BadInput: it is no sweep directory, or another process owns it.
        """
        if not (folder / SPEC_FILE).is_file():
            raise BadInput(
                f"{folder} is no sweep directory (it holds no {SPEC_FILE}); "
                "give the folder that was named by --out"
            )
        try:
            lock = _take(folder)
            _sign(folder)
            return cls(folder, lock)
        except OSError as error:
            raise BadInput(
                f"{folder}: cannot be written ({error.strerror}); mend that and resume again"
            ) from None

    def workplace(self, scratch: Path) -> Path:
        """The folder: every node sees it."""
        return self.folder

    def probe(self) -> Callable[[], str]:
        """Whether a node sees this very folder, and may write there."""
        seen = f"{secrets.token_hex(8)}\n"
        (self.folder / PROBE).write_text(seen)
        return partial(_probed, str(self.folder / PROBE), seen)

    def torn(self) -> bool:
        """Whether the last line has no end."""
        with (self.folder / LOG_FILE).open("rb") as log:
            if log.seek(0, os.SEEK_END) == 0:
                return False
            log.seek(-1, os.SEEK_END)
            return log.read(1) != b"\n"

    def write(self, lines: bytes) -> None:
        """Appends, and flushes to disk."""
        handle, rest = self._log.fileno(), memoryview(lines)
        length = os.fstat(handle).st_size
        try:
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, length)  # half a line would stand in the way of the next
            raise

    def remove_weights(self, trial: str) -> None:
        """Nothing: they lay in this folder alone."""

    def send(self, trial: str = "") -> None:
        """Nothing: it lies in this folder."""

    def abandon(self, made: Sequence[Path]) -> None:
        """Removes the folder as far as it was made."""
        take_back(self.folder, made)

    def close(self) -> None:
        """Gives the directory back."""
        (self.folder / PROBE).unlink(missing_ok=True)
        self._log.close()
        (self.folder / OWNER_FILE).unlink(missing_ok=True)
        self._lock.close()


def check_new(folder: Path, but: Sequence[str] = ()) -> None:
    """A folder may become a sweep's.

    Args:
        folder: it may be missing.
        but: names of files that may be there.

    Raises:
        BadInput: the directory holds a sweep, or other files.
    """
    if (folder / LOG_FILE).exists() or (folder / SPEC_FILE).exists():
        raise BadInput(
            f"{folder} holds a sweep already; continue it with 'ratefront resume {folder}' or "
            "give --out another folder"
        )
    if folder.exists() and (
        not folder.is_dir() or any(inside.name not in but for inside in folder.iterdir())
    ):
        raise BadInput(f"{folder} exists and is not empty; give --out a new folder")


def take_back(folder: Path, made: Sequence[Path]) -> None:
    """A refused start leaves no folder behind that it made, and one that was there empty.

    Args:
        folder: was empty, or was not there.
        made: it and its parents, innermost first, as far as they were not there.
    """
    with contextlib.suppress(OSError):
        for inside in list(folder.iterdir()):
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside, ignore_errors=True)
            else:
                inside.unlink()
    _remove(made)


def _remove(made: Sequence[Path]) -> None:
    for place in made:
        with contextlib.suppress(OSError):
            place.rmdir()  # not where it holds something else by now


def _probed(probe: str, seen: str) -> str:
    """Runs on a node. A folder of the same name may be another one there."""
    place = Path(probe)
    own = place.with_name(f"{PROBE}-{secrets.token_hex(6)}")
    try:
        if place.read_text() != seen:
            return "does not see"
    except OSError:
        return "does not see"
    try:
        own.write_text(seen)
        same = own.read_text() == seen
        own.unlink()
    except OSError as error:
        return f"cannot write ({error.strerror}) in"
    return "" if same else "does not read what it wrote in"


def _flush_folder(folder: Path) -> None:
    """Makes the names of new files in a folder durable, as `fsync` does for their contents."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _take(folder: Path) -> IO[str]:
    lock = (folder / LOCK_NAME).open("w")
    try:
        mine = taken(lock)
    except BadInput:
        lock.close()
        (folder / LOCK_NAME).unlink(missing_ok=True)  # nobody holds a lock here
        raise
    if not mine:
        lock.close()
        raise BadInput(f"{folder} is being written by {_owner(folder)}; wait for it or stop it")
    return lock


def _sign(folder: Path) -> None:
    """Says whose the folder is, for who finds it taken."""
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
    (folder / OWNER_FILE).write_text(json.dumps(owner) + "\n")


def _owner(folder: Path) -> str:
    try:
        owner = json.loads((folder / OWNER_FILE).read_text())
        return f"process {owner['pid']} on {owner['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"
