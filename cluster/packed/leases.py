"""Places on a host, each held by a trial for as long as somebody asks after it.

A trial's process may die without a word, so a place is lent and not given: it is free again when
nobody has asked for a while, at once when it is given back, and when its trial asks for another.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

LEASE_SECONDS = 60.0
"""Without a word from a trial's process, whose driver may be busy for a while."""


@dataclass(eq=False)
class Lease:
    """One trial's place.

    Attributes:
        request: of the trial, as Tune was given it.
        number: by which its process asks.
        seen: when it was asked after last.
        said: reports so far.
        heard: how many of them the trial's process has handed on, and been told to go on after.
        over: whether the trial has ended here.
        error: what ended it before its time.
        wake: called when there is something to hear.
    """

    request: Mapping[str, Any]
    seen: float
    number: str = field(default_factory=lambda: uuid.uuid4().hex)
    said: list[dict[str, Any]] = field(default_factory=list)
    heard: int = 0
    over: bool = False
    error: Exception | None = None
    wake: Callable[[], None] = lambda: None

    @property
    def trial(self) -> str:
        """Its name."""
        return str(self.request["trial"])

    @property
    def unheard(self) -> bool:
        """Whether a report waits to be handed on."""
        return len(self.said) > self.heard

    def say(self, row: Mapping[str, Any]) -> None:
        """Another report."""
        self.said.append(dict(row))
        self.wake()

    def end(self, error: Exception | None) -> None:
        """The trial is over."""
        self.error, self.over = error, True
        self.wake()


class Leases:
    """All places of one host; safe to be asked from several threads."""

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        """As many places, none taken."""
        self._places, self._clock = places, clock
        self._lock = threading.Lock()
        self._held: dict[str, Lease] = {}
        self._left: list[Lease] = []

    def __len__(self) -> int:
        return len(self._held)

    def take(self, request: Mapping[str, Any]) -> Lease | None:
        """A place for a trial; None where all are taken. One that the trial had is given back."""
        with self._lock:
            for lease in list(self._held.values()):
                if lease.trial == request["trial"]:
                    self._drop(lease)
            if len(self._held) >= self._places:
                return None
            lease = Lease(request, self._clock())
            self._held[lease.number] = lease
            return lease

    def ask(self, number: str, heard: int) -> Lease | None:
        """A trial's process asks after its place, and has handed so many reports on."""
        with self._lock:
            lease = self._held.get(number)
            if lease is not None:
                lease.seen, lease.heard = self._clock(), heard
            return lease

    def give_back(self, number: str) -> None:
        """A place is free; nothing happens where it is already."""
        with self._lock:
            if (lease := self._held.get(number)) is not None:
                self._drop(lease)

    def left(self) -> list[Lease]:
        """Places that were given back or ran out since the last call."""
        with self._lock:
            for lease in list(self._held.values()):
                if self._clock() - lease.seen > LEASE_SECONDS:
                    self._drop(lease)
            left, self._left = self._left, []
            return left

    def _drop(self, lease: Lease) -> None:
        del self._held[lease.number]
        self._left.append(lease)
