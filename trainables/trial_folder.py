"""The folder of one trial: one writer at a time, and artefacts that appear whole.

A trial whose driver was killed may live on for a moment while a resumed sweep starts the same trial
again. The second waits for the first to end, and a file is never half of one and half of the other.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

PART_PREFIX = ".part-"
PATIENCE_S = 60.0
"""Seconds to wait for another process that works on the same trial: Ray ends those of a driver that
died within a few."""


@contextlib.contextmanager
def sole_writer(folder: Path | None, patience: float = PATIENCE_S) -> Iterator[None]:
    """Holds a trial's folder, which is made where missing; nothing where None.

    The lock is the operating system's, so a process that dies gives it back by dying.

    Raises:
        TimeoutError: another process held it for `patience` seconds.
    """
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        _wait(handle, folder, patience)
        for left in folder.glob(f"{PART_PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(handle)


def _wait(handle: int, folder: Path, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                return  # a file system without locks of folders
        if time.monotonic() > until:
            raise TimeoutError(f"{folder}: another process has worked on it for {patience:g} s")
        time.sleep(0.1)


@contextlib.contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """Yields a folder to write into; what it holds moves to `folder` when all of it is there."""
    part = folder / f"{PART_PREFIX}{os.getpid()}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        for made in sorted(part.iterdir()):
            target = folder / made.name
            if target.is_dir():
                shutil.rmtree(target)
            made.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def bytes_under(folder: Path) -> int:
    """Bytes of all files in a folder and below it."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
