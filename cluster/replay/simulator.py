"""Searchers and stopping rules in simulated time.

Workers take trials from an arm, each trial walks through the reports that its table holds for it,
and the arm may stop it at a report. Time is the device's: the seconds that the table recorded, and
with `charge_asking` also the processor seconds that the arm itself took to propose and to decide
(those of the wall would charge what else the machine did).
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from search_spaces.space import Config


@dataclass(frozen=True, eq=False)
class Report:
    """What a trial said at one share of its budget.

    Attributes:
        share: of the trial's own budget, 1 at its end.
        seconds: device seconds since its start.
        points: (points, objectives), all minimised.
    """

    share: float
    seconds: float
    points: np.ndarray


class Table(Protocol):
    """A tabulated problem."""

    def run(self, config: Config, seed: int) -> Sequence[Report]:
        """Every report of a trial, in order; the last one at share 1."""


class Arm(Protocol):
    """A searcher with its stopping rule."""

    def ask(self) -> Config | None:
        """The next proposal, None where there is none."""

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """A report of the `ask`-th proposal; False stops its trial."""

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """Its end: the last points, or None where it was stopped."""


@dataclass(eq=False)
class Trace:
    """What happened: one row per report, and per decision."""

    rows: list[Mapping[str, object]] = field(default_factory=list)
    points: list[tuple[float, bool, np.ndarray]] = field(default_factory=list)
    """(time, whether a trial's end, points) in order of time."""
    asked: int = 0
    stopped: int = 0
    finished: int = 0
    asking_seconds: float = 0.0
    slowest_ask: float = 0.0


def simulate(
    table: Table,
    arm: Arm,
    *,
    workers: int,
    horizon: float,
    seed: int = 0,
    charge_asking: bool = False,
    most_trials: int = 10**9,
) -> Trace:
    """Runs an arm until the clock reaches `horizon` seconds on every worker.

    Args:
        table: the problem.
        arm: who proposes and stops.
        workers: trials at a time.
        horizon: of the clock; what would be reported later is not.
        seed: of the trials; the same for every arm, so that noise is common to them.
        charge_asking: adds the arm's own processor seconds to the worker that waits for it.
        most_trials: proposals at most.
    """
    trace = Trace()
    queue: list[tuple[float, int, int, int, Sequence[Report]]] = []
    order = 0

    def launch(now: float) -> None:
        nonlocal order
        if trace.asked >= most_trials or now >= horizon:
            return
        began = time.process_time()
        config = arm.ask()
        took = time.process_time() - began
        trace.asking_seconds += took
        trace.slowest_ask = max(trace.slowest_ask, took)
        if config is None:
            return
        number = trace.asked
        trace.asked += 1
        reports = table.run(config, seed)
        start = now + (took if charge_asking else 0.0)
        trace.rows.append({"event": "asked", "time": now, "ask": number, "config": dict(config)})
        heapq.heappush(queue, (start + reports[0].seconds, order, number, 0, reports))
        order += 1

    for _ in range(workers):
        launch(0.0)
    while queue:
        now, _, number, place, reports = heapq.heappop(queue)
        if now > horizon:
            continue
        report = reports[place]
        last = place == len(reports) - 1
        trace.points.append((now, last, report.points))
        began = time.process_time()
        goes_on = arm.report(number, report.share, report.points) if not last else True
        if last:
            arm.tell(number, report.points)
            trace.finished += 1
        elif not goes_on:
            arm.tell(number, None)
            trace.stopped += 1
        took = time.process_time() - began
        later = took if charge_asking else 0.0
        event = "done" if last else "report" if goes_on else "stopped"
        trace.rows.append(
            {"event": event, "time": now, "ask": number, "share": report.share,
             "points": report.points.tolist()}
        )  # fmt: skip
        if last or not goes_on:
            launch(now + later)
            continue
        wait = reports[place + 1].seconds - report.seconds
        heapq.heappush(queue, (now + later + wait, order, number, place + 1, reports))
        order += 1
    return trace
