"""A sweep with real trials into a bucket, without Ray, as a driver with one worker runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cluster.books import Books
from cluster.inputs import Inputs
from cluster.opening import begin
from cluster.retention import Retention
from cluster.searchers.proposer import Proposer, make_searcher
from cluster.storage.archives import STATE_FOLDER
from cluster.storage.location import parse_location
from cluster.storage.mirror import hold
from cluster.storage.trial_files import TrialFiles, trial_files
from cluster.store import Store
from cluster.sweep import _bounds
from search_spaces.objectives import objectives
from search_spaces.spec import SweepSpec
from tests.trainables.tiny import make_clips
from tests.trainables.tiny import spec as tiny
from trainables.motion.dataset import MotionData, prepare
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial


class Cut(Exception):
    """The driver's process is killed."""


class FiledRuntime(PlainRuntime):
    """What a trial reports is kept first, as a worker does, and goes to the books then."""

    def __init__(self, books: Books, trial: str, files: TrialFiles) -> None:
        super().__init__(checkpoints=files.folder / STATE_FOLDER)
        self._books, self._trial, self._files = books, trial, files

    def report(self, metrics: Mapping[str, Any]) -> None:
        self.reports.append(dict(metrics))
        self._files.before_report(metrics)
        self._books.reported(self._trial, metrics)


def some_data() -> MotionData:
    """Invented motion, prepared."""
    return prepare(tiny(), make_clips(6, 45))


class Driver:
    """One driver of a sweep in a bucket: begins it, or goes on with it."""

    def __init__(
        self, spec: SweepSpec, data: MotionData, uri: str, scratch: Path, cut: int = 10**9
    ) -> None:
        """Takes the lease; is killed before its `cut`-th report."""
        self.spec, self.data, self.scratch = spec, data, scratch
        self.mirror = hold(parse_location(uri))
        goals = objectives(spec.objectives)
        begun = self.mirror.taken()
        self.store = (
            Store.open(self.mirror.folder) if begun
            else Store.create(self.mirror.folder, spec.dump())
        )  # fmt: skip
        events: tuple[Any, ...] = ()
        if begun:
            events = self.store.read().events
            self.store.append("resumed")
        else:
            begin(spec, data, _bounds(data), [], self.store)
        reference = self.store.read().sweep["reference_point"]
        searcher = make_searcher(spec, goals, data.facts, reference)
        finds = Inputs(self.store.folder)
        proposer = Proposer(spec, data.facts, goals, searcher, self.store.append, finds)
        proposer.replay(events)
        folder, removed = self.store.folder, self.store.medium.remove_weights
        retention = Retention(spec, goals, folder, self.store.append, removed)
        self.books = Books(self.store, proposer, retention=retention)
        self.books.take_up(events)
        self.left, self.reports = cut, 0
        self.before: Callable[[str], None] = lambda trial: None
        self.of_trials = self.store.medium.location

    def run(self) -> None:
        """Trial after trial to the end."""
        while (proposal := self.books.next()) is not None:
            self.books.started(proposal.trial)
            error = None
            try:
                self._trial(proposal)
            except OSError as failed:
                error = str(failed)
            self.books.ended(proposal.trial, error)
        self.store.append("finished", counts=dict(self.books.counts()))
        self.store.medium.send()

    def _trial(self, proposal: Any) -> None:
        medium = self.store.medium
        place = str(self.scratch / "sweep")
        files = trial_files(place, proposal.trial, self.of_trials, medium.epoch)
        self.before(proposal.trial)
        files.begin()
        task = TrialTask(
            self.spec.name, proposal.config, proposal.seed, files.folder, 1, self.spec.size,
            files.given(proposal.source),
        )  # fmt: skip
        runtime = FiledRuntime(self.books, proposal.trial, files)
        report = runtime.report

        def counted(metrics: Mapping[str, Any]) -> None:
            if self.left == 0:
                raise Cut
            self.left -= 1
            self.reports += 1
            report(metrics)

        runtime.report = counted  # type: ignore[method-assign]
        run_trial(task, self.data, runtime)
        files.end()

    def die(self) -> None:
        """As a process that is killed: its lease is not given back, its copy is free."""
        lease = self.store.medium._lease  # type: ignore[attr-defined]
        lease._over.set()
        lease._renewing.join()
        self.mirror.owned = False
        self.mirror.release()
