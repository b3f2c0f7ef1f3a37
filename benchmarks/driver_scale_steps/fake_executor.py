"""The driver without Ray: its books, store, searcher, stopping rule and retention, and nobody else.

`FakeExecutor` stands for Ray: it keeps as many trials under way as it is told, runs none of them,
and hands the books what each would have said, in turn, as Tune's callbacks do.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from driver_scale_steps.invented_points import Forms
from driver_scale_steps.light_sweep import opened, resident_mib

Reports = Callable[[str, Mapping[str, Any]], Sequence[Mapping[str, Any]]]


@dataclass
class Spent:
    """What a run of the driver took.

    Attributes:
        seconds: of each kind of call, in all.
        calls: how often.
        curve: trials ended -> (wall seconds, processor seconds, MiB of memory) since the start.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    curve: dict[int, tuple[float, float, float]] = field(default_factory=dict)

    def call(self, kind: str, run: Callable[..., Any], *given: Any) -> Any:
        """Calls, and counts."""
        began = time.perf_counter()
        found = run(*given)
        self.seconds[kind] = self.seconds.get(kind, 0.0) + time.perf_counter() - began
        self.calls[kind] = self.calls.get(kind, 0) + 1
        return found


class FakeExecutor:
    """Keeps trials under way that nobody runs."""

    def __init__(self, books: Any, at_a_time: int, reports: Reports) -> None:
        """Of one sweep's books.

        Args:
            books: that are told.
            at_a_time: trials under way.
            reports: (trial, configuration) -> what it says, one after the other.
        """
        self._books, self._at_a_time, self._reports = books, at_a_time, reports
        self._under_way: deque[tuple[str, Iterator[Mapping[str, Any]]]] = deque()
        self._full = True
        self.spent = Spent()

    def run(self, trials: int, marks: Sequence[int], leave: int = 0) -> None:
        """Until so many have ended.

        Args:
            trials: to be ended.
            marks: numbers of ended trials at which time and memory are noted.
            leave: trials that are begun and never end, as when a driver is killed.
        """
        call, ended = self.spent.call, 0
        wall, processor = time.perf_counter(), time.process_time()
        left = [self._begun() for _ in range(leave)]
        while ended < trials:
            while len(self._under_way) < self._at_a_time and (begun := self._begun()):
                self._under_way.append(begun)
            if not self._under_way:
                raise SystemExit(f"{ended} of {trials} trials ended, {len(left)} were left")
            trial, rest = self._under_way.popleft()
            report = next(rest, None)
            goes_on = report is not None and call("report", self._books.reported, trial, report)
            if goes_on:
                self._under_way.append((trial, rest))
                continue
            call("end", self._books.ended, trial)
            ended += 1
            if ended in marks:
                now = (time.perf_counter() - wall, time.process_time() - processor)
                self.spent.curve[ended] = (*now, resident_mib())

    def _begun(self) -> tuple[str, Iterator[Mapping[str, Any]]] | None:
        proposal = self.spent.call("propose", self._books.next)
        if proposal is None:
            return None
        self.spent.call("begin", self._books.started, proposal.trial)
        return proposal.trial, iter(self._reports(proposal.trial, proposal.config))


def fake_sweep(
    folder: Path, forms: Forms, trials: int, at_a_time: int, marks: Sequence[int]
) -> dict[str, Any]:
    """Runs a sweep of which one trial is left under way; returns what it took.

    Args:
        folder: new, for the sweep.
        forms: of what trials say.
        trials: that end.
        at_a_time: under way.
        marks: as in `FakeExecutor.run`.
    """
    with opened(folder, trials + 1) as (spec, store, books):
        written = 0.0
        write = store.medium.write

        def timed(lines: bytes) -> None:
            nonlocal written
            began = time.perf_counter()
            write(lines)
            written += time.perf_counter() - began

        store.medium.write = timed
        rungs = spec.search.rungs
        executor = FakeExecutor(
            books, at_a_time, lambda trial, config: forms.reports(trial, config, rungs)
        )
        before = resident_mib()
        executor.run(trials, marks, leave=1)
        spent = executor.spent
        counts = books.counts()
    return {
        "trials": trials, "seconds": spent.seconds, "calls": spent.calls, "curve": spent.curve,
        "before_mib": before, "write_seconds": written, "counts": dict(counts),
        "log_bytes": (folder / "log.jsonl").stat().st_size,
    }  # fmt: skip
