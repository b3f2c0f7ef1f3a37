"""A trial whose process Ray ended fails, one whose node was lost is run again; the sweep goes on.

Tune's actor manager knows a dead actor and a raised exception, and calls everything else a fault of
its own that ends the run: also when Ray's memory monitor ends a trial's process on a node that runs
low on memory (`OutOfMemoryError`, which is no `RayActorError`), or when its node is lost. Those are
deaths of an actor like any other, and reach Tune as such from here on.

Of a lost or preempted node a trial is not guilty: it goes on elsewhere from what it kept, and that
is none of its `retries`. One that loses many nodes is a suspect, and pays from then on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from ray import tune
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
)
from ray.tune.experiment import Trial

MOST_LOST_NODES = 10
"""Nodes that a trial may lose before their loss counts as its own failure: a trial can be what
brings its node down."""
_USED = re.compile(r"was ([\d.]+ ?[KMGT]?B used / [\d.]+ ?[KMGT]?B) limit")
_NODE_GONE = "because its node has died"
"""What Ray's control store says of an actor (gcs_actor_manager.cc, GenNodeDiedCause)."""


def as_dead_actor(fault: Exception) -> Exception:
    """What Tune is to see: a dead actor for every loss of a process, else the same exception."""
    if (lost := lost_node([fault])) is not None:
        return lost
    if not isinstance(fault, RayError) or isinstance(fault, RayActorError | RayTaskError):
        return fault
    if isinstance(fault, OutOfMemoryError):
        used = _USED.search(str(fault))
        said = f" ({used[1]})" if used else ""
        return RayActorError(
            error_msg=f"the trial's process died out of memory: its node ran low{said}; lower "
            "--concurrency, or the codes or frames of a batch"
        )
    return RayActorError(error_msg=f"the trial's process died: {_named(fault)}")


def lost_node(faults: Iterable[BaseException]) -> RayActorError | None:
    """The loss of a node among some faults, as one that Tune does not count; None without one."""
    for fault in faults:
        if isinstance(fault, RayTaskError):
            fault = fault.cause
        gone = isinstance(fault, NodeDiedError) or (
            isinstance(fault, RayActorError) and (fault.preempted or _NODE_GONE in str(fault))
        )
        if gone:
            why = "preempted" if getattr(fault, "preempted", False) else "lost"
            return RayActorError(
                error_msg=f"the trial's process died: its node was {why}", preempted=True
            )
    return None


def _named(fault: Exception) -> str:
    first = next(iter(str(fault).strip().splitlines()), "no reason given")
    return f"{type(fault).__name__}: {first}"


class LostNodes(tune.Callback):
    """Counts the nodes that each trial lost, and makes a failure of one too many."""

    def __init__(self, most: int = MOST_LOST_NODES) -> None:
        """No node was lost yet."""
        self._most = most
        self._failures: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """A trial is to be run again: for a failure of its own, or for a node's."""
        name, failures = trial.trial_id, trial.run_metadata.num_failures
        if failures > self._failures[name]:
            self._failures[name] = failures
            return
        self._lost[name] += 1
        if self._lost[name] > self._most:
            trial.run_metadata.num_failures = self._failures[name] = failures + 1


def survive_lost_actors() -> None:
    """Makes Tune take every loss of a trial's process for the death of its actor."""
    for name in ("_actor_task_failed", "_actor_start_failed"):
        known: Callable[..., Any] = getattr(RayActorManager, name)
        if not hasattr(known, "__wrapped__"):
            setattr(RayActorManager, name, _told_of_dead_actors(known))


def _told_of_dead_actors(known: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(known)
    def failed(self: Any, *which: Any, exception: Exception, **more: Any) -> Any:
        return known(self, *which, exception=as_dead_actor(exception), **more)

    return failed
