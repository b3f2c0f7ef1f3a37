"""Trackers that keep, raise, hang or dawdle, and a log with learning curves to give them."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.dashboards.tracker import Trial
from analysis.log import Log
from search_spaces.record import LOG_FILE
from tests.analysis.make_sweep import FakeSweep

SHARES = (0.25, 0.5, 0.75)


@dataclass
class Keeping:
    """Keeps what it is given, and the calls in order."""

    name: str = "fake"
    calls: list[str] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    heads: list[Log] = field(default_factory=list)

    @property
    def place(self) -> str:
        return "nowhere"

    def start(self, head: Log) -> None:
        self.calls.append("start")
        self.heads.append(head)

    def trial(self, trial: Trial) -> None:
        self.calls.append("trial")
        self.trials.append(trial)

    def finish(self, log: Log) -> None:
        self.calls.append("finish")

    def close(self) -> None:
        self.calls.append("close")

    def abandon(self) -> None:
        self.calls.append("abandon")


@dataclass
class Raising(Keeping):
    """Raises `error` in one of its calls."""

    where: str = "trial"
    error: BaseException = field(default_factory=lambda: OSError("the network is gone"))

    def _raise(self, where: str) -> None:
        if where == self.where:
            raise self.error

    def start(self, head: Log) -> None:
        self._raise("start")
        super().start(head)

    def trial(self, trial: Trial) -> None:
        self._raise("trial")
        super().trial(trial)

    def finish(self, log: Log) -> None:
        self._raise("finish")
        super().finish(log)

    def close(self) -> None:
        self._raise("close")
        super().close()


@dataclass
class Hanging(Keeping):
    """Hangs in its first trial until `freed`, which `abandon` does only where it is `kind`."""

    freed: threading.Event = field(default_factory=threading.Event)
    kind: bool = False

    def trial(self, trial: Trial) -> None:
        self.freed.wait()
        raise OSError("cut off")

    def abandon(self) -> None:
        super().abandon()
        if self.kind:
            self.freed.set()
        else:
            self.freed.wait()


@dataclass
class Dawdling(Keeping):
    """Takes 50 ms for a trial."""

    def trial(self, trial: Trial) -> None:
        time.sleep(0.05)
        super().trial(trial)


def make_log(folder: Path, **settings: Any) -> list[str]:
    """Writes an invented sweep whose neural codecs have learning curves; gives its lines back."""
    sweep = FakeSweep(**{"trials": 16, "clips": False, **settings})
    sweep.write(folder, np.random.default_rng(0))
    events: list[dict[str, Any]] = []
    codecs: dict[str, str] = {}
    for event in sweep.events:
        if event["event"] == "refused":  # one event, as the proposer writes it
            event = {**events.pop(), **event}
        events.append(event)
        if event["event"] == "proposed":
            codecs[event["trial"]] = event["codec"]
        if event["event"] == "started" and codecs[event["trial"]] != "kmeans":
            for share in SHARES:
                row = {"share": share, "val_rmse_full_cm": 9 - 4 * share, "val_hull_pct": None}
                progress = {"event": "progress", "trial": event["trial"], "row": row}
                events.append({**progress, "time": event["time"]})
    lines = [json.dumps(e) + "\n" for e in events]
    (folder / LOG_FILE).write_text("".join(lines))
    return lines


def cut(lines: list[str], ended: int) -> int:
    """How many lines there are up to the end of so many trials."""
    ends = [
        i
        for i, line in enumerate(lines, 1)
        if json.loads(line)["event"] in ("done", "stopped", "refused", "failed")
    ]
    return ends[ended - 1]
