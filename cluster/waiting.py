"""Says when a sweep stands still: its cluster lost the node that trials ran on, or other work has
the nodes. Ray waits then, for good and without a word."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from analysis.labels import duration
from cluster.resources import Need, Nodes

PATIENCE = 60.0
"""Seconds without a trial before the first word; a process of Ray's starts within seconds."""
BETWEEN_LOOKS = 1.0
"""Seconds; Tune asks at every event, and all trials there ever were are looked at."""


class Waiting(tune.Callback):
    """Tells of trials that wait while none runs, less and less often as time goes by."""

    def __init__(
        self,
        need: Need,
        nodes: Callable[[], Sequence[Nodes]],
        say: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Of one sweep.

        Args:
            need: of one trial.
            nodes: those of the cluster that live, when it is called.
            say: takes a line.
            clock: seconds.
        """
        self._need, self._nodes, self._say, self._clock = need, nodes, say, clock
        self._since: float | None = None
        self._next = PATIENCE
        self._looked = -math.inf

    def on_step_end(self, iteration: int, trials: list[Trial], **_: Any) -> None:
        """Tune has done something once more."""
        now = self._clock()
        if now - self._looked < BETWEEN_LOOKS:
            return
        self._looked = now
        waiting = sum(trial.status == Trial.PENDING for trial in trials)
        if not waiting or any(trial.status == Trial.RUNNING for trial in trials):
            self._since, self._next = None, PATIENCE
            return
        if self._since is None:
            self._since = now
        if now - self._since < self._next:
            return
        self._next *= 2
        self._say(self._line(waiting, now - self._since))

    def _line(self, waiting: int, seconds: float) -> str:
        nodes = self._nodes()
        held = sum(each.count * each.workers(self._need) for each in nodes)
        count = sum(each.count for each in nodes)
        there = f"{count} node{'s' if count != 1 else ''}"
        why = (
            f"{there} could hold {held} such worker{'s' if held != 1 else ''}, and other work has "
            "them or processes start slowly"
            if held
            else f"the cluster has {there} and none that holds it; the sweep goes on when one joins"
        )
        return (
            f"no trial has run for {duration(seconds)} though {waiting} "
            f"wait{'s' if waiting == 1 else ''}: one needs {self._need}; {why}"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {}
