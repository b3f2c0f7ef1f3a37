"""The store of a sweep: an append-only log with one owner, durable before it is acknowledged.

`log.jsonl` is the single source of truth. Every line is flushed to disk before `append` returns.
What else lies in the directory (tables, report, Tune's files) is a view that can be rebuilt.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import shutil
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from analysis.log import Event, Log, read_log
from search_spaces.errors import BadInput
from search_spaces.record import EVENTS, LOG_FILE, OWNER_FILE, SPEC_FILE, TRIALS_FOLDER

LOCK_NAME = ".owner.lock"


class Store:
    """The one writer of a sweep directory.

    Use `create` or `open`; `close` gives the directory back. A process that dies gives it back by
    dying, since the lock is the operating system's.
    """

    def __init__(self, folder: Path, lock: IO[str]) -> None:
        """Takes over a directory whose lock is held."""
        self.folder = folder
        self._lock = lock
        self.fault: BadInput | None = None
        # Unbuffered, so that nothing of a line that failed is written behind its back later.
        self._log = (folder / LOG_FILE).open("ab", buffering=0)

    @classmethod
    def create(cls, folder: Path, spec_text: str) -> Store:
        """A new sweep directory with `sweep.yaml` in it.

        Raises:
            BadInput: the directory holds a sweep, or other files, or cannot be written.
        """
        if (folder / LOG_FILE).exists() or (folder / SPEC_FILE).exists():
            raise BadInput(
                f"{folder} holds a sweep already; continue it with 'ratefront resume {folder}' or "
                "give --out another folder"
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInput(f"{folder} exists and is not empty; give --out a new folder")
        made = [p for p in (folder, *folder.parents) if not p.exists()]
        try:
            (folder / TRIALS_FOLDER).mkdir(parents=True)
            lock = _take(folder)
            # In one step, so that a specification that is there is whole.
            (folder / f"{SPEC_FILE}.part").write_text(spec_text, encoding="utf-8")
            (folder / f"{SPEC_FILE}.part").replace(folder / SPEC_FILE)
            store = cls(folder, lock)
            _flush_folder(folder)
        except OSError as error:
            take_back(folder, made)
            raise BadInput(
                f"{folder}: cannot be written ({error.strerror}); give --out a folder that can be"
            ) from None
        return store

    @classmethod
    def open(cls, folder: Path) -> Store:
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
            store = cls(folder, _take(folder))
        except OSError as error:
            raise BadInput(
                f"{folder}: cannot be written ({error.strerror}); mend that and resume again"
            ) from None
        try:
            store.read()
        except BadInput:
            store.close()
            raise
        return store

    def read(self) -> Log:
        """The log as it stands."""
        return read_log(self.folder, begun=False)

    def append(self, event: str, **fields: Any) -> Event:
        """Writes one event; it is on disk when this returns.

        Raises:
            BadInput: it could not be written. What was acknowledged before stands; nothing more is
                taken by this store, and `fault` keeps the reason.
        """
        if event not in EVENTS:
            raise ValueError(f"event must be one of {EVENTS}, got {event!r}")
        row = {"event": event, "time": time.time(), **fields}
        line = json.dumps(_plain(row), separators=(",", ":"), allow_nan=False) + "\n"
        if event == "resumed" and self._torn():
            # The torn line stays where it is; readers drop one that stands before `resumed`.
            line = "\n" + line
        if self.fault is not None:
            raise self.fault
        try:
            self._write(line.encode())
        except OSError as error:
            self.fault = BadInput(
                f"{self.folder / LOG_FILE}: cannot be written ({error.strerror or error}); nothing "
                f"that was acknowledged is lost: mend that, then 'ratefront resume {self.folder}'"
            )
            raise self.fault from None
        return row

    def _write(self, line: bytes) -> None:
        handle, rest = self._log.fileno(), memoryview(line)
        length = os.fstat(handle).st_size
        try:
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, length)  # half a line would stand in the way of the next
            raise

    def _torn(self) -> bool:
        path = self.folder / LOG_FILE
        with path.open("rb") as log:
            if log.seek(0, os.SEEK_END) == 0:
                return False
            log.seek(-1, os.SEEK_END)
            return log.read(1) != b"\n"

    def close(self) -> None:
        """Gives the directory back."""
        self._log.close()
        (self.folder / OWNER_FILE).unlink(missing_ok=True)
        self._lock.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
    for place in made:
        with contextlib.suppress(OSError):
            place.rmdir()  # not where it holds something else by now


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
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise BadInput(
            f"{folder} is being written by {_owner(folder)}; wait for it or stop it"
        ) from None
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
    (folder / OWNER_FILE).write_text(json.dumps(owner) + "\n")
    return lock


def _owner(folder: Path) -> str:
    try:
        owner = json.loads((folder / OWNER_FILE).read_text())
        return f"process {owner['pid']} on {owner['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def _plain(value: Any) -> Any:
    """JSON-ready: numpy scalars as numbers, numbers that are not finite as null."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
