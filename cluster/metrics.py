"""Numbers of a running sweep for Prometheus, by way of Ray's own metrics.

Ray's agents serve them beside their own, under the prefix `ray_`; `deploy/grafana/ratefront.json`
is a dashboard of them. They are a view: what counts stands in the log.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from cluster.books import Books
from cluster.jobs import Job

SECONDS = 5.0
"""Between two updates."""
GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "ratefront_trials": ("Trials by status", ("sweep", "status")),
    "ratefront_points": ("Operating points so far", ("sweep",)),
    "ratefront_gpus_in_use": ("GPUs that trials hold", ("sweep",)),
    "ratefront_cpus_in_use": ("Cores that trials hold", ("sweep",)),
    "ratefront_trials_per_hour": ("Trials that ended in the last hour of running", ("sweep",)),
    "ratefront_last_event_seconds": ("Seconds since a trial began or ended", ("sweep",)),
}
"""Name -> what it is, and its labels."""
ENDED = ("done", "stopped", "failed")


class Meters:
    """Follows the books of one sweep."""

    def __init__(
        self,
        books: Books,
        job: Job,
        gauge: Callable[..., Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Makes the gauges; `gauge(name, description=…, tag_keys=…)` as Ray's."""
        self._books, self._clock, self._sweep = books, clock, job.sweep
        workers = job.workers if job.placement == "group" else 1
        self._gpus, self._cpus = workers * job.gpus, workers * job.threads
        self._gauges = {
            name: gauge(name, description=said, tag_keys=labels)
            for name, (said, labels) in GAUGES.items()
        }
        self._began = self._changed = clock()
        self._next = float("-inf")
        self._seen: tuple[int, int] | None = None
        self._ends: list[float] = []

    def update(self) -> None:
        """To be called often; does something every few seconds."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + SECONDS
        counts = self._books.counts()
        ended = sum(counts[s] for s in ENDED)
        if self._seen is not None:
            self._ends += [now] * (ended - self._seen[0])
        if self._seen != (ended, counts["running"]):
            self._seen, self._changed = (ended, counts["running"]), now
        self._ends = [t for t in self._ends if t > now - 3600]
        hours = min(3600.0, max(SECONDS, now - self._began)) / 3600
        for status in ("queued", "running", *ENDED, "refused"):
            self._set("ratefront_trials", counts[status], status=status)
        self._set("ratefront_points", len(self._books.rows))
        self._set("ratefront_gpus_in_use", self._gpus * counts["running"])
        self._set("ratefront_cpus_in_use", self._cpus * counts["running"])
        self._set("ratefront_trials_per_hour", len(self._ends) / hours)
        self._set("ratefront_last_event_seconds", now - self._changed)

    def _set(self, name: str, value: float, **labels: str) -> None:
        self._gauges[name].set(float(value), tags={"sweep": self._sweep, **labels})
