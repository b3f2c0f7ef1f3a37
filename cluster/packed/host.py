"""One Train job that hosts the trials of one device: a Ray actor whose training never stops.

Trials attach to it from Tune's actors, hear their reports one by one, and leave. The actor answers
while it trains: `TorchTrainer` runs in a thread of it, in Train's in-process mode.

Ray reads this module in every process that holds a host's handle. What trains is read in the host
alone: it would cost each attached trial seconds of a core and hundreds of megabytes.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import pickle
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.jobs import Job, device_of, open_trial
from cluster.preemption import Keeping, own_notice
from cluster.storage.archives import STATE_FOLDER
from cluster.storage.trial_files import TrialFiles
from cluster.trial_log import add_to_trial_log
from trainables.runtime import nothing

if TYPE_CHECKING:
    from cluster.packed.hosting import Hosting
    from cluster.packed.leases import Lease
    from trainables.trial import TrialTask


@dataclass(frozen=True)
class Said:
    """What a host has to say of a trial.

    Attributes:
        row: its next report; None where there is none yet.
        over: whether it has ended, and everything was heard.
        error: what ended it before its time.
        known: whether the host knows the lease at all.
    """

    row: dict[str, Any] | None = None
    over: bool = False
    error: Exception | None = None
    known: bool = True


class HostedRuntime:
    """One trial among others: what it reports is said to its lease."""

    at_notice: Callable[[], None] = staticmethod(nothing)

    def __init__(
        self, device: str, files: TrialFiles, keeping: Keeping, say: Callable[[Any], None]
    ) -> None:
        """A trial on the host's device."""
        self.rank, self.world_size, self.device = 0, 1, device
        self._files, self._keeping, self._say = files, keeping, say

    def report(self, metrics: Mapping[str, Any]) -> None:
        """To whoever holds the lease. What it speaks of is kept before that."""
        self._files.before_report(metrics)
        self._say(metrics)

    def average(self, tensors: Iterable[Any]) -> None:
        """One worker: nothing to do."""

    def stepped(self) -> None:
        """Where its node is about to be taken away, keeps what is half trained."""
        self._keeping.stepped(lambda: self._files.after_keeping(self.at_notice))

    def checkpoint_folder(self) -> Path | None:
        """In the trial's folder, so that another host finds it."""
        return self._files.folder / STATE_FOLDER


@dataclass(eq=False)
class HostedTrial:
    """A trial and the files it leaves."""

    task: TrialTask
    runtime: HostedRuntime
    files: TrialFiles

    def end(self) -> None:
        """Its artefacts are whole."""
        self.files.end()

    def failed(self, error: Exception) -> None:
        """Its log says why."""
        add_to_trial_log(self.files.folder, error=error)


class PackHost:
    """The actor."""

    def __init__(self, places: int, name: str) -> None:
        """Waits for trials, the first of which brings what all have in common.

        Args:
            places: trials at a time.
            name: of the Train job.
        """
        self._places, self._name = places, name
        self._starting = asyncio.Lock()
        self._hosting: Hosting | None = None

    async def places_taken(self) -> int:
        """Trials that are here."""
        return 0 if self._hosting is None else len(self._hosting.leases)

    async def packs(self) -> list[int]:
        """Members of each pack, as they stand."""
        return [] if self._hosting is None else self._hosting.packs

    async def attach(self, request: Mapping[str, Any], job: Job) -> str | None:
        """The number of a new lease; None where there is no place."""
        async with self._starting:
            if self._hosting is None:
                self._hosting = await asyncio.to_thread(self._start, job)
        lease = self._hosting.attach(request)
        return None if lease is None else lease.number

    def _start(self, job: Job) -> Hosting:
        """Reads the data once, and begins to train."""
        import ray

        from cluster.packed.hosting import Hosting
        from cluster.packed.scorers import Scorers, scorers_of
        from trainables.plugins import load_plugins
        from trainables.trial import limit_threads

        load_plugins(job.plugins)
        beside = scorers_of(job.threads, job.gpus)
        limit_threads(job.threads - beside)
        notice = own_notice(False) if job.joined else None

        def opened(lease: Lease) -> HostedTrial:
            task, files = open_trial(lease.request, job)
            add_to_trial_log(files.folder, f"on {self._name}, which trains several trials at once")
            runtime = HostedRuntime(device_of(job.gpus), files, Keeping(notice), lease.say)
            return HostedTrial(task, runtime, files)

        hosting = Hosting(
            ray.get(job.data), opened, self._places, lambda: notice is not None and notice.given,
            Scorers(job, beside, lambda: hosting.wake()) if beside else None,
        )  # fmt: skip
        work = threading.Thread(
            target=_work, args=(hosting, self._name, job.scratch), daemon=True, name="trials"
        )
        work.start()
        return hosting

    async def hear(self, number: str, heard: int, seconds: float) -> Said:
        """The report after so many; waits for it, but not for longer than some seconds."""
        lease = None if self._hosting is None else self._hosting.leases.ask(number, heard)
        if self._hosting is None or lease is None:
            return Said(known=False)
        self._hosting.wake()
        loop, something = asyncio.get_running_loop(), asyncio.Event()
        lease.wake = lambda: _tell(loop, something)
        if not (lease.unheard or lease.over):
            try:
                await asyncio.wait_for(something.wait(), seconds)
            except TimeoutError:
                return Said()
        if lease.unheard:
            return Said(row=lease.said[heard])
        return Said(over=True, error=_portable(lease.error))

    async def leave(self, number: str) -> None:
        """A lease is given back."""
        if self._hosting is not None:
            self._hosting.leases.give_back(number)
            self._hosting.wake()


def _work(hosting: Hosting, name: str, scratch: str) -> None:
    """The Train job, for as long as the actor lives; the actor dies with it."""
    import ray.train
    from ray.train.torch import TorchTrainer

    def turns() -> None:
        while True:
            if not hosting.turn():
                hosting.rest()

    try:
        TorchTrainer(
            turns,
            scaling_config=ray.train.ScalingConfig(num_workers=0),
            run_config=ray.train.RunConfig(name=name, storage_path=f"{scratch}/train"),
        ).fit()
    except BaseException:
        logging.getLogger(__name__).exception("a host of trials ends")
    # Its trials go on elsewhere, or here once Ray has started it again.
    os._exit(1)


def _tell(loop: asyncio.AbstractEventLoop, something: asyncio.Event) -> None:
    loop.call_soon_threadsafe(something.set)


def _portable(error: Exception | None) -> Exception | None:
    """An error that another process can read."""
    try:
        pickle.dumps(error)
        copy.copy(error)  # made anew from what is sent, as the other process will
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
