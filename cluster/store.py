"""The store of a sweep: an append-only log with one owner, durable before it is acknowledged.

The log is the single source of truth. Every event is durable before `append` returns. What else
lies beside it (tables, report, Tune's files) is a view that can be rebuilt. Where it lies, and who
its owner is, is the medium's affair (`cluster.storage`): a file that is flushed to disk in a
folder, numbered objects in a bucket.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from analysis.log import Event, Log, read_log
from cluster.storage.log_file import LogFile
from cluster.storage.log_file import check_new as check_new_folder
from cluster.storage.medium import Medium
from cluster.storage.mirror import mirror_of
from search_spaces.errors import BadInput
from search_spaces.record import EVENTS, TAKEN_UP


class Store:
    """The one writer of a sweep.

    Use `create` or `open`; `close` gives its place back. A process that dies gives it back by
    dying.

    Attributes:
        folder: where the sweep's files lie for this process.
        name: what a person calls the sweep's place.
        medium: where it lies.
        fault: why nothing more can be written; None while it can.
        sweep: the event that the sweep was opened with, last read or written; empty before it.
    """

    def __init__(self, medium: Medium) -> None:
        """Takes over a place that this process owns."""
        self.medium = medium
        self.folder = medium.folder
        self.name = medium.name
        self.fault: BadInput | None = None
        self.sweep: Event = {}
        self._gathered: list[bytes] | None = None

    @classmethod
    def create(cls, folder: Path, spec_text: str) -> Store:
        """A new sweep with `sweep.yaml` in it.

        Raises:
            BadInput: the place holds a sweep, or other files, or cannot be written.
        """
        if (mirror := mirror_of(folder)) is not None:
            from cluster.storage.segment_log import SegmentLog

            return cls(SegmentLog.create(mirror, spec_text))
        return cls(LogFile.create(folder, spec_text))

    @classmethod
    def open(cls, folder: Path) -> Store:
        """An existing sweep, to go on with.

        Raises:
            BadInput: it is no sweep, or another process owns it.
        """
        return cls.reopen(folder)[0]

    @classmethod
    def reopen(cls, folder: Path) -> tuple[Store, Log]:
        """An existing sweep, to go on with, and its log: a long one is worth reading once.

        Raises:
            BadInput: it is no sweep, or another process owns it.
        """
        medium: Medium
        if (mirror := mirror_of(folder)) is not None:
            from cluster.storage.segment_log import SegmentLog

            medium = SegmentLog.open(mirror)
        else:
            medium = LogFile.open(folder)
        store = cls(medium)
        try:
            return store, store.read()
        except BadInput:
            store.close()
            raise

    def read(self) -> Log:
        """The log as it stands."""
        log = read_log(self.folder, begun=False)
        self.sweep = log.sweep
        return log

    def append(self, event: str, **fields: Any) -> Event:
        """Writes one event; it is durable when this returns, or when `together` ends around it.

        Raises:
            BadInput: it could not be written. What was acknowledged before stands; nothing more is
                taken by this store, and `fault` keeps the reason.
        """
        if event not in EVENTS:
            raise ValueError(f"event must be one of {EVENTS}, got {event!r}")
        row = {"event": event, "time": time.time(), **fields}
        if event == "sweep":
            self.sweep = row
        line = json.dumps(_plain(row), separators=(",", ":"), allow_nan=False) + "\n"
        if event in TAKEN_UP and self.medium.torn():
            # The torn line stays where it is; readers drop one that stands before these.
            line = "\n" + line
        if self._gathered is not None:
            self._gathered.append(line.encode())
        else:
            self._write(line.encode())
        return row

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Events inside are written at once where that costs less; else each as it comes.

        They are durable when this ends. What goes wrong inside is raised; events before it count.
        """
        if not self.medium.together or self._gathered is not None:
            yield
            return
        self._gathered = []
        try:
            yield
        finally:
            lines, self._gathered = b"".join(self._gathered), None
            if lines:
                self._write(lines)

    def _write(self, lines: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        try:
            self.medium.write(lines)
        except BadInput as error:
            self.fault = error
            raise
        except OSError as error:
            self.fault = BadInput(
                f"{self.medium.log}: cannot be written ({error.strerror or error}); nothing that "
                f"was acknowledged is lost: mend that, then 'ratefront resume {self.name}'"
            )
            raise self.fault from None

    def close(self) -> None:
        """Gives the place back."""
        self.medium.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_new(folder: Path) -> None:
    """A new sweep can be made there.

    Raises:
        BadInput: it holds a sweep, or other files.
    """
    if (mirror := mirror_of(folder)) is not None:
        from cluster.storage.segment_log import check_new as check_new_place

        check_new_place(mirror)
    else:
        check_new_folder(folder)


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
