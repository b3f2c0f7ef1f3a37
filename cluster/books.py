"""The books of a running sweep: what each trial said, written down before anything else sees it.

Ray's adapter calls this as trials report and end. Points are durable before the searcher is told.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from analysis.costs import HELD, held_seconds
from cluster.allowance import Allowance
from cluster.enough import Enough, device_seconds
from cluster.retention import Retention
from cluster.schedulers.rule import Decision
from cluster.searchers.proposer import Proposal, Proposer
from cluster.store import Store

Row = Mapping[str, Any]
STOPPED_EARLY = "stopped by the scheduler"


class Books:
    """Trials of one sweep from proposal to end.

    Attributes:
        status: trial -> queued, running, done, stopped, failed.
        rows: every operating point so far, in order, each once.
        enough: why nothing new is proposed any more, "" while it is.
        on_change: called after every event, to show progress.
    """

    def __init__(
        self,
        store: Store,
        proposer: Proposer,
        enough: Enough | None = None,
        retention: Retention | None = None,
        allowance: Allowance | None = None,
    ) -> None:
        """Keeps books for one store and proposer.

        Args:
            store: where it is all written down.
            proposer: of trials.
            enough: says when the sweep may end.
            retention: removes weights that are no longer wanted.
            allowance: says what the sweep may spend.
        """
        self._store = store
        self._proposer = proposer
        self._enough = enough
        self._retention = retention
        self._allowance = allowance
        self.enough = ""
        self._began: dict[str, float] = {}
        self._points: dict[str, list[Row]] = {}
        self._sources: dict[str, dict[str, str]] = {}
        self._heard: set[tuple[str, float]] = set()
        self._stops: dict[str, Decision] = {}
        self._scoring: dict[str, float] = defaultdict(float)
        self._training: dict[str, float] = {}
        self.status: dict[str, str] = {}
        self.rows: list[Row] = []
        self.on_change: Callable[[], None] = lambda: None

    @property
    def proposer(self) -> Proposer:
        """Who proposes."""
        return self._proposer

    def take_up(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Counts what an earlier process wrote; the proposer has replayed it already.

        A trial whose last point is in the log, but not its end, has nothing left to do: it is done.
        One that was to be stopped is stopped.
        """
        if self._retention is not None:
            self._retention.take_up(events)
        rungs: list[tuple[str, float]] = []
        decided: set[tuple[str, float]] = set()
        points: dict[str, dict[Any, Row]] = {}
        for event in events:
            kind = event["event"]
            if kind == "point":
                row = event["row"]
                points.setdefault(event["trial"], {})[row.get("depth")] = row
            elif kind == "progress":
                self._heard.add((event["trial"], float(event["row"].get("share") or 0.0)))
                self._took(event["trial"], event["row"])
                if "points" in event:
                    rungs.append((event["trial"], event["row"]["share"]))
            elif kind == "decided":
                decided.add((event["trial"], event["share"]))
            elif kind == "started":
                self._began[event["trial"]] = float(event.get("time", time.time()))
            elif kind in ("done", "stopped", "failed"):
                self.status[event["trial"]] = kind
                rows = list(points.get(event["trial"], {}).values()) if kind == "done" else []
                self._follow(kind, rows, held_seconds(event))
            elif kind == "enough":
                self.enough = event["reason"]
        for trial, by_depth in points.items():
            rows = list(by_depth.values())
            ended = trial in self.status
            if ended or any(row.get("depth") == row.get("levels") for row in rows):
                self.rows.extend(rows)
            if not ended and any(row.get("depth") == row.get("levels") for row in rows):
                self._points[trial] = rows
                self.ended(trial)
        for trial, share in rungs:
            decision = self._proposer.decisions.of(trial, share)
            if trial in self.status or decision is None:
                continue
            self._decided(trial, share, decision, anew=(trial, share) not in decided)
            if not decision.go_on:
                self.ended(trial)
        self._judge()

    def next(self) -> Proposal | None:
        """The next trial to run."""
        self._judge()
        proposal = self._proposer.next()
        if proposal is not None:
            self.status[proposal.trial] = "queued"
            if proposal.source is not None:
                self._sources[proposal.trial] = asdict(proposal.source)
        self.on_change()
        return proposal

    def started(self, trial: str) -> None:
        """A trial has a place to run."""
        if self.status.get(trial) != "queued":
            return
        self._began[trial] = time.time()
        self.status[trial] = "running"
        source = self._sources.get(trial)
        self._store.append("started", trial=trial, **({"input": source} if source else {}))
        self.on_change()

    def reported(self, trial: str, result: Mapping[str, Any]) -> bool:
        """A trial reported: progress of training, or its operating points.

        Returns:
            Whether it is to go on. The decision is written down before it is acted on.
        """
        points = result.get("points")
        if points is None:
            self._progress(trial, result)
            return trial not in self._stops
        if trial in self._points or trial in self._stops:
            return trial not in self._stops
        if result.get("rung"):
            self._progress(trial, result)
        self._points[trial] = list(points)
        with self._store.together():
            for row in points:
                self._store.append("point", trial=trial, row=row)
        self.rows.extend(points)
        return True

    def _progress(self, trial: str, result: Mapping[str, Any]) -> None:
        kept = {
            k: v
            for k, v in result.items()
            if k.startswith(("val_", "train_")) or k in ("share", "rung_seconds")
        }
        share = float(kept.get("share", 0.0))
        if not kept or (trial, share) in self._heard:
            return
        self._heard.add((trial, share))
        self._took(trial, kept)
        rung = result.get("rung")
        told = {"points": rung} if rung else {}
        # What was heard and what was decided of it, before Tune acts on that.
        with self._store.together():
            self._store.append("progress", trial=trial, row=kept, **told)
            if rung and trial not in self._stops:
                self._decided(trial, share, self._proposer.reported(trial, share, rung))

    def _decided(self, trial: str, share: float, decision: Decision, anew: bool = True) -> None:
        if decision.reason and anew:
            self._store.append("decided", trial=trial, share=share, **asdict(decision))
        if not decision.go_on:
            self._stops[trial] = decision

    def ended(self, trial: str, error: str | None = None) -> None:
        """A trial is over: done where its points came, else stopped, or failed with a reason."""
        if self.status.get(trial) in ("done", "stopped", "failed"):
            return
        seconds = time.time() - self._began.get(trial, time.time())
        paid = dict(self._allowance.paid) if self._allowance is not None else {}
        if self._allowance is not None and self._allowance.shared:
            paid[HELD] = self._own_share(trial, seconds)
        stop = self._stops.get(trial)
        if stop is not None:
            # Whatever its process did after that: it was over when it was decided.
            error = stop.reason if stop.failed else None
        if error is not None:
            self.status[trial] = "failed"
            self._store.append("failed", trial=trial, reason=error, seconds=seconds, **paid)
            self._proposer.ended(trial)
        elif trial in self._points:
            self.status[trial] = "done"
            going: list[str] = []
            # Its end, and weights that go because of it, before anything is told or removed.
            with self._store.together():
                self._store.append("done", trial=trial, reason="", seconds=seconds, **paid)
                if self._retention is not None:
                    going = self._retention.done(trial, self._points[trial])
            if self._retention is not None:
                self._retention.remove(going)
            self._proposer.done(trial, self._points[trial])
        else:
            self.status[trial] = "stopped"
            reason = stop.reason if stop is not None else STOPPED_EARLY
            self._store.append("stopped", trial=trial, reason=reason, seconds=seconds, **paid)
            self._proposer.ended(trial, stopped=True)
        status = self.status[trial]
        rows = self._points[trial] if status == "done" else []
        self._follow(status, rows, held_seconds({"seconds": seconds, **paid}))
        self._judge()
        self.on_change()

    def _took(self, trial: str, row: Mapping[str, Any]) -> None:
        self._training[trial] = float(row.get("train_seconds") or 0.0)
        self._scoring[trial] += float(row.get("rung_seconds") or 0.0)

    def _own_share(self, trial: str, seconds: float) -> float:
        """Seconds of a device that a trial had among others there, by what it said itself; all
        since its start where it said nothing."""
        points = self._points.get(trial)
        if not points and trial not in self._training:
            return seconds
        own = device_seconds(points or [], self._training.get(trial, 0.0))
        return min(seconds, own + self._scoring[trial])

    def _follow(self, status: str, rows: Sequence[Row], seconds: float) -> None:
        if self._enough is not None:
            self._enough.ended(device_seconds(rows, seconds), rows)
        if self._allowance is not None:
            self._allowance.ended(status, seconds)

    def _judge(self) -> None:
        """Ends the search where too little is gained or enough is spent; decided once, recalled."""
        if self.enough:
            return
        left = not self._proposer.exhausted  # else there is nothing that could end early
        if left and self._allowance is not None and (spent := self._allowance.spent()):
            self._store.append("enough", reason=spent, repeats=False)
            self.enough = spent
            self._proposer.enough(repeats=False)
        elif self._enough is not None and (said := self._enough.verdict()) is not None:
            self._store.append("enough", **asdict(said))
            self.enough = said.reason
            self._proposer.enough()

    def check(self) -> None:
        """Raises BadInput where the store could not write: nothing can be acknowledged any more."""
        if self._store.fault is not None:
            raise self._store.fault

    @property
    def settled(self) -> bool:
        """Whether every trial has an end and no other will be proposed."""
        ended = ("done", "stopped", "failed")
        return self._proposer.exhausted and all(s in ended for s in self.status.values())

    def counts(self) -> Counter[str]:
        """Trials by status; `queued` counts those still to be proposed too."""
        counts: Counter[str] = Counter(self.status.values())
        ended = counts["done"] + counts["stopped"] + counts["failed"]
        if not self._proposer.exhausted:
            counts["queued"] = max(
                counts["queued"], self._proposer.budget - ended - counts["running"]
            )
        counts["refused"] = self._proposer.refused
        return counts
