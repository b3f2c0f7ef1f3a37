"""What a host does, without Ray: leases on one side, trials side by side on the other.

One thread makes turns and is the only one that touches trials; others take leases and ask.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from cluster.packed.leases import Lease, Leases
from trainables.motion.dataset import MotionData
from trainables.packed.trials import Elsewhere, PackedTrials
from trainables.runtime import Runtime
from trainables.trial import TrialTask

IDLE_SECONDS = 0.5
"""Until a host without work looks for leases that have run out."""


class Opened(Protocol):
    """A trial that a host may run."""

    @property
    def task(self) -> TrialTask:
        """What it is asked to do."""

    @property
    def runtime(self) -> Runtime:
        """What it runs in."""

    def end(self) -> None:
        """It has come to its end and left its artefacts."""

    def failed(self, error: Exception) -> None:
        """It raised."""


Open = Callable[[Lease], Opened]


class Hosting:
    """Trials of one device and the leases they stand under.

    Attributes:
        leases: who asks takes and gives back here, then calls `wake`.
    """

    def __init__(
        self,
        data: MotionData,
        opened: Open,
        places: int,
        noticed: Callable[[], bool] = lambda: False,
        elsewhere: Elsewhere | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nobody hosted yet.

        Args:
            data: that all trials are on.
            opened: makes task and runtime of a lease; the runtime says its reports to the lease.
            places: trials at a time.
            noticed: whether this machine is about to be taken away.
            elsewhere: scores trials while others train, and wakes; where None it is done in turn.
            clock: seconds.
        """
        self.leases = Leases(places, clock)
        self._data, self._open, self._noticed = data, opened, noticed
        self._new: queue.SimpleQueue[Lease] = queue.SimpleQueue()
        self._hosted: dict[str, tuple[Lease, Opened]] = {}
        self._trials = PackedTrials(self._ended, elsewhere=elsewhere)
        self._awake = threading.Event()

    def attach(self, request: Mapping[str, Any]) -> Lease | None:
        """A lease for a trial, which begins with the next turn; None where there is no place."""
        lease = self.leases.take(request)
        if lease is not None:
            self._new.put(lease)
            self.wake()
        return lease

    def wake(self) -> None:
        """There may be something to do."""
        self._awake.set()

    def rest(self) -> None:
        """Waits until there may be something to do."""
        self._awake.wait(IDLE_SECONDS)
        self._awake.clear()

    def turn(self) -> bool:
        """Takes in, lets go, and trains for a while; False where there was nothing to do."""
        for lease in self.leases.left():
            if lease.number in self._hosted:
                del self._hosted[lease.number]
                self._trials.drop(lease.number)
        while not self._new.empty():
            self._take_in(self._new.get())
        if self._noticed():
            self._trials.settle()
            for _, opened in self._hosted.values():
                opened.runtime.stepped()
        return self._trials.advance()

    @property
    def packs(self) -> list[int]:
        """Members of each pack, as they stand."""
        return self._trials.packs

    def _take_in(self, lease: Lease) -> None:
        if self.leases.ask(lease.number, lease.heard) is None:
            return  # given back before it began
        try:
            opened = self._open(lease)
            self._hosted[lease.number] = lease, opened
            self._trials.admit(
                lease.number, opened.task, self._data, opened.runtime, lambda: lease.unheard
            )
        except Exception as error:
            if (taken := self._hosted.pop(lease.number, None)) is not None:
                taken[1].failed(error)
            lease.end(error)

    def _ended(self, number: str, error: Exception | None) -> None:
        lease, opened = self._hosted.pop(number)
        if error is None:
            try:
                opened.end()
            except Exception as fault:
                error = fault
        if error is not None:
            opened.failed(error)
        lease.end(error)
