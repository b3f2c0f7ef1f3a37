"""What a tracker is, and the mirror that hands it the trials of a sweep's log, each once.

A tracker never sees a trial: it is given what the log says of one that has ended, so it can be
slow, broken or absent at no cost to the sweep, and a log can be mirrored again at any time.
`tracking.json` in the sweep folder says which trials a tracker has in full.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from analysis.log import Event, Log, read_log
from search_spaces.errors import BadInput
from search_spaces.record import STATUSES

TRACKING_FILE = "tracking.json"
_HEAD = ("sweep", "data", "bounds")


class TrackerUnavailable(BadInput):
    """A tracker cannot be reached: not installed, no key, switched off. The message says which."""


@dataclass(frozen=True)
class Trial:
    """A trial that has ended, as the log tells it.

    Attributes:
        name: its identity in the sweep.
        proposed: the event that proposed it: `config`, `seed`, `codec`, `config_hash`. A refused
            trial was never proposed to anyone; its one event says all of this.
        progress: rows of its learning curve by rising `share`, each share once, the last report.
        points: rows of its operating points by rising `depth`, each depth once, the last report.
        end: the event that ended it: a status of `STATUSES`, `reason`, `seconds`.
    """

    name: str
    proposed: Event
    progress: tuple[Event, ...]
    points: tuple[Event, ...]
    end: Event

    @property
    def status(self) -> str:
        """done, stopped, refused or failed."""
        return str(self.end["event"])

    @property
    def reason(self) -> str:
        """Why it ended so; empty where it is done."""
        return str(self.end.get("reason") or "")

    @property
    def ended(self) -> float:
        """When it ended, in seconds since 1970."""
        return float(self.end.get("time") or 0.0)

    @property
    def began(self) -> float:
        """When it was proposed, in seconds since 1970; its end where the log does not say."""
        return float(self.proposed.get("time") or self.ended)

    @property
    def config(self) -> dict[str, Any]:
        """Its flat configuration."""
        return dict(self.proposed.get("config") or {})

    @property
    def codec(self) -> str:
        """Its codec family."""
        return str(self.proposed.get("codec") or self.config.get("codec") or "")


class Tracker(Protocol):
    """Where trials are mirrored to. Calls come one at a time, from one thread, in this order."""

    @property
    def name(self) -> str:
        """What it is called on the command line and in `tracking.json`."""
        ...

    @property
    def place(self) -> str:
        """Where to look at what was mirrored; "" where that is not known."""
        ...

    def start(self, head: Log) -> None:
        """Gets ready for a sweep; `head` holds its `sweep`, `data` and `bounds` events.

        Raises:
            TrackerUnavailable: it cannot be used here.
        """
        ...

    def trial(self, trial: Trial) -> None:
        """Keeps one ended trial in full; when this returns, it will not be given again."""
        ...

    def finish(self, log: Log) -> None:
        """Keeps the sweep as a whole; the report is in its folder where it was built."""
        ...

    def close(self) -> None:
        """Gives back threads, processes and files; called once, also after an error."""
        ...

    def abandon(self) -> None:
        """Lets go of all that could hold up the end of this process.

        Called from another thread while a call above hangs. Returns at once and never raises.
        """
        ...


def sweep_identity(log: Log) -> str:
    """Twelve hex digits that tell a sweep from every other, the same after each resumption.

    They follow from its name, its data and the moment it began, not from where its folder lies.
    """
    data_hash = log.facts.data_hash if log.facts else ""
    return _digest(log.name, str(log.sweep.get("time")), data_hash)


def run_identity(log: Log, trial: str) -> str:
    """Twelve hex digits of a trial of a sweep, the same after each resumption."""
    return _digest(sweep_identity(log), trial)


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:12]


class Ledger:
    """Which trials of a sweep a tracker has in full, in `tracking.json`, replaced in one step.

    Attributes:
        trials: names of those trials.
        analysis: number of ended trials that the analysis of the whole was made from.
    """

    def __init__(self, folder: Path, tracker: str, sweep: str) -> None:
        """Reads what is known; of another sweep, or where the file is damaged, nothing is."""
        self._path = folder / TRACKING_FILE
        self._tracker, self._sweep = tracker, sweep
        known = self._read().get(tracker)
        if not isinstance(known, dict) or known.get("sweep") != sweep:
            known = {}
        self.trials: dict[str, None] = dict.fromkeys(known.get("trials", ()))
        self.analysis = int(known.get("analysis", 0))

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def write(self) -> None:
        """Makes what is known now durable, beside what other trackers know."""
        own = {"sweep": self._sweep, "trials": list(self.trials), "analysis": self.analysis}
        temporary = self._path.with_name(f".{TRACKING_FILE}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(self._read() | {self._tracker: own}), encoding="utf-8")
        os.replace(temporary, self._path)


@dataclass
class _Open:
    """What the log has said so far of a trial without an end."""

    proposed: Event = field(default_factory=dict)
    progress: dict[float, Event] = field(default_factory=dict)
    points: dict[int, Event] = field(default_factory=dict)

    def ended(self, name: str, end: Event) -> Trial:
        progress = tuple(row for _, row in sorted(self.progress.items()))
        points = tuple(row for _, row in sorted(self.points.items()))
        return Trial(name, self.proposed or end, progress, points, end)


class Mirror:
    """Takes the events of a log one by one and hands ended trials to a tracker.

    Attributes:
        written: trials that the tracker was given and took.
    """

    def __init__(self, folder: Path, tracker: Tracker) -> None:
        """Mirrors the log of `folder`; the tracker is started when there is something for it."""
        self._folder, self._tracker = folder, tracker
        self._head: dict[str, Event] = {}
        self._open: dict[str, _Open] = {}
        self._ended: dict[str, None] = {}
        self._ledger: Ledger | None = None
        self._started = False
        self.written = 0

    def feed(self, event: Event) -> None:
        """Takes the next event of the log."""
        kind = event["event"]
        if kind in _HEAD:
            self._head[kind] = event
            return
        if "trial" not in event:
            return
        name = str(event["trial"])
        trial = self._open.setdefault(name, _Open())
        if kind == "proposed":
            trial.proposed = event
        elif kind == "progress":
            trial.progress[float(event["row"].get("share") or 0.0)] = event["row"]
        elif kind == "point":
            trial.points[int(event["row"].get("depth") or 0)] = event["row"]
        elif kind in STATUSES:
            self._ended[name] = None
            ledger = self._known()
            if name not in ledger.trials:
                self._start()
                self._tracker.trial(trial.ended(name, event))
                ledger.trials[name] = None
                ledger.write()
                self.written += 1
            # The proposal is kept, should a later end replace this one.
            self._open[name] = _Open(trial.proposed)

    def finish(self) -> None:
        """Mirrors the sweep as a whole, unless no trial has ended since that was done last."""
        if not self._ended:
            return
        ledger = self._known()
        if ledger.analysis != len(self._ended):
            self._start()
            self._tracker.finish(read_log(self._folder))
            ledger.analysis = len(self._ended)
            ledger.write()

    def _known(self) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger(self._folder, self._tracker.name, sweep_identity(self._begun()))
        return self._ledger

    def _begun(self) -> Log:
        return Log(self._folder, tuple(self._head[k] for k in _HEAD if k in self._head))

    def _start(self) -> None:
        """Starts the tracker before the first thing that it has not got yet."""
        if not self._started:
            self._tracker.start(self._begun())
            self._started = True


def mirror(folder: Path | str, tracker: Tracker) -> int:
    """Replays the log of a finished or interrupted sweep into a tracker, here and now.

    Trials and analyses that the tracker has already (`tracking.json`) are not written again, so
    doing it twice changes nothing, and after a resume it adds what ended since.

    Args:
        folder: the sweep directory.
        tracker: where to; it is closed at the end.

    Returns:
        How many trials were written.

    Raises:
        BadInput: no sweep there, or the tracker is unavailable.
    """
    log = read_log(folder)
    mirrored = Mirror(log.folder, tracker)
    try:
        for event in log.events:
            mirrored.feed(event)
        mirrored.finish()
    finally:
        tracker.close()
    return mirrored.written
