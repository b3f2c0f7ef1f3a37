"""What a sweep may spend: a deadline, GPU-hours, failures. Spent, it drains: what was proposed is
finished, nothing new begins, and the report is made."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable
from datetime import datetime

from search_spaces.budget import deadline_at
from search_spaces.spec import RunSpec


class Allowance:
    """Follows what trials cost.

    Attributes:
        paid: who pays for a trial and how much an hour, as its end says; empty without a price.
        shared: whether several trials have a device together, each its share of the seconds.
    """

    def __init__(self, run: RunSpec, began: float, clock: Callable[[], float] = time.time) -> None:
        """Nothing is spent yet.

        Args:
            run: says what may be spent, and how many GPUs a trial has.
            began: when the sweep started, pauses counted, in seconds of the clock.
            clock: says what time it is.
        """
        self._deadline = deadline_at(run.deadline, began)
        self._hours = run.max_gpu_hours
        self._failures = run.max_failures
        self._gpus = run.gpus_per_trial * (run.workers if run.placement == "group" else 1)
        self._clock = clock
        self.shared = run.placement == "packed"
        workers = run.workers if run.placement == "group" else 1
        hourly = self._gpus * run.price_gpu_hour + workers * run.threads * run.price_cpu_hour
        self.paid: dict[str, object] = {"user": _user(), "hourly": hourly} if hourly else {}
        self._used = 0.0
        self._failed = 0

    def ended(self, status: str, seconds: float) -> None:
        """A trial ended, after so many seconds of its devices."""
        self._used += self._gpus * max(0.0, seconds) / 3600
        self._failed += status == "failed"

    def spent(self) -> str:
        """What is spent, in words; "" while there is some left."""
        if self._failures is not None and self._failed > self._failures:
            many = "trial" if self._failed == 1 else "trials"
            return f"{self._failed} {many} failed, max_failures is {self._failures}"
        if self._hours and self._used >= self._hours:
            return f"trials took {self._used:.3g} GPU-hours, max_gpu_hours is {self._hours:g}"
        if self._deadline is not None and self._clock() >= self._deadline:
            moment = datetime.fromtimestamp(self._deadline).astimezone()
            return f"the deadline of {moment:%Y-%m-%d %H:%M %Z} has passed"
        return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
