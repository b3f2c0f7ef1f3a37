"""Where a trial works, and how what it leaves outlives its machine.

In a sweep's folder it works where its files stay. For a sweep in a bucket it works on its own
machine: what is half trained goes up at every rung that kept something, while training goes on;
what it left goes up before its points are told, so that nothing is acknowledged that is not there.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from cluster.storage import archives
from cluster.storage.archives import CODEC, STATE, STATE_FOLDER, Archive, files_of
from cluster.storage.bucket import Bucket
from cluster.storage.location import Location
from cluster.storage.patience import TRIAL_SECONDS
from search_spaces.inputs import Resolved
from search_spaces.record import CODEC_FOLDER, INPUTS_FOLDER, TRIALS_FOLDER


class TrialFiles(Protocol):
    """One trial's files, on the machine that runs it."""

    @property
    def folder(self) -> Path:
        """Where it works."""

    def begin(self) -> None:
        """Brings what an earlier process had half trained."""

    def before_report(self, metrics: Mapping[str, Any]) -> None:
        """Keeps what a report speaks of; an OSError fails the trial."""

    def after_keeping(self, keep: Callable[[], None]) -> None:
        """Calls what keeps a state at once, and sees that it outlives this machine."""

    def end(self) -> None:
        """The trial reached its end: nothing half trained is needed."""

    def given(self, source: Resolved | None) -> Resolved | None:
        """Where what the trial was given lies on this machine."""


def trial_files(folder: str, trial: str, location: Location | None, epoch: int) -> TrialFiles:
    """Of one trial.

    Args:
        folder: the sweep's; for one in a bucket, a folder on each machine.
        trial: its identity.
        location: of a sweep in a bucket.
        epoch: of the owner that runs the trial, there.
    """
    if location is None:
        return InFolder(Path(folder) / TRIALS_FOLDER / trial)
    return InBucket(location, epoch, trial, Path(folder))


@dataclass
class InFolder:
    """Of a sweep in a folder that every node sees: files are where they stay."""

    folder: Path

    def begin(self) -> None:
        """They are there."""

    def before_report(self, metrics: Mapping[str, Any]) -> None:
        """They are there."""

    def after_keeping(self, keep: Callable[[], None]) -> None:
        """It lies where it stays."""
        keep()

    def end(self) -> None:
        """`trainables.half_trained.forget` has removed what is not needed."""

    def given(self, source: Resolved | None) -> Resolved | None:
        """Where the sweep's folder has it."""
        return source


@dataclass
class InBucket:
    """Of a sweep in a bucket.

    Attributes:
        location: of the sweep.
        epoch: of the owner that runs the trial.
        trial: its identity.
        scratch: folder on this machine, for the sweep's trials.
    """

    location: Location
    epoch: int
    trial: str
    scratch: Path
    _states: set[str] = field(default_factory=set)
    _sent: int = 0
    _under_way: Future[None] | None = None

    @property
    def folder(self) -> Path:
        """Where it works."""
        return self.scratch / TRIALS_FOLDER / self.trial

    @cached_property
    def _bucket(self) -> Bucket:
        return Bucket(self.location, TRIAL_SECONDS)

    def begin(self) -> None:
        """One listing; the state that was kept last, unless this machine has one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        listed = self._bucket.listed(f"{TRIALS_FOLDER}/{self.trial}")
        kept = [
            a for a, _ in archives.archives(listed) if a.kind == STATE and a.epoch <= self.epoch
        ]
        self._states = {a.key for a in kept}
        if kept and not (self.folder / STATE_FOLDER).is_dir():
            archives.bring(self._bucket, max(kept, key=lambda a: a.epoch), self.folder)
        self._sent = self._state()

    def before_report(self, metrics: Mapping[str, Any]) -> None:
        """One request for a new state, or one for each archive of a trial that is done.

        A state is packed here and sent meanwhile; what goes wrong there is raised at the next call.
        """
        if "points" not in metrics:
            self._send_state()
            return
        self._settle()
        for kind, paths in files_of(self.folder).items():
            if kind != STATE:
                archives.send(self._bucket, self.folder, self._archive(kind), paths)

    def after_keeping(self, keep: Callable[[], None]) -> None:
        """One request more. Without a connection training goes on, as without a notice."""
        keep()
        with contextlib.suppress(OSError):
            self._send_state()
            self._settle()

    def _send_state(self) -> None:
        now = self._state()
        if now and now != self._sent:
            self._settle()
            archive = self._archive(STATE)
            paths = files_of(self.folder).get(STATE, [])
            send = archives.packed(self._bucket, self.folder, archive, paths)
            self._states.add(archive.key)
            self._sent = now
            self._under_way = self._carrier.submit(send)

    @cached_property
    def _carrier(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="half-trained states")

    def _settle(self) -> None:
        """Waits for what is under way."""
        carried, self._under_way = self._under_way, None
        if carried is None:
            return
        try:
            carried.result()
        except OSError:
            self._sent = 0  # it is not there
            raise

    def end(self) -> None:
        """Removes the folder here and half-trained states there; what stays costs room alone."""
        with contextlib.suppress(OSError):
            self._settle()
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._bucket.delete(sorted(self._states))

    def given(self, source: Resolved | None) -> Resolved | None:
        """Brings codecs that the trial was given to this machine."""
        if source is None:
            return None
        if source.features:
            place, *rest = source.features
            source = replace(source, features=(str(self._here(place)), rest[0], rest[1]))
        return replace(source, place=str(self._here(source.place))) if source.place else source

    def _here(self, place: str) -> Path:
        """A codec's folder on this machine, from its folder in the driver's copy of the sweep."""
        path = Path(place)
        if path.parent.name == INPUTS_FOLDER:
            here = self.scratch / INPUTS_FOLDER / path.name
            if not here.is_dir():
                for kept in self._bucket.listed(f"{INPUTS_FOLDER}/{path.name}"):
                    self._bucket.get(kept.key, self.scratch / kept.key)
            return here
        trial = path.parent.name
        folder = self.scratch / "given" / trial
        if not (folder / CODEC_FOLDER).is_dir():
            listed = self._bucket.listed(f"{TRIALS_FOLDER}/{trial}")
            found = [archive for archive, _ in archives.archives(listed)]
            codecs = [archive for archive in found if archive.kind == CODEC]
            archives.bring(self._bucket, max(codecs, key=lambda a: a.epoch), folder)
        return folder / CODEC_FOLDER

    def _archive(self, kind: str) -> Archive:
        return Archive(self.trial, self.epoch, kind)

    def _state(self) -> int:
        """When the newest half-trained file was written."""
        folder = self.folder / STATE_FOLDER
        times = [p.stat().st_mtime_ns for p in folder.glob("*")] if folder.is_dir() else []
        return max(times, default=0)
