"""A trial whose process Ray ended fails; the sweep goes on.

Tune's actor manager knows a dead actor and a raised exception, and calls everything else a fault of
its own that ends the run: also when Ray's memory monitor ends a trial's process on a node that runs
low on memory (`OutOfMemoryError`, which is no `RayActorError`), or when its node is lost. Those are
deaths of an actor like any other, and reach Tune as such from here on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError

_USED = re.compile(r"was ([\d.]+ ?[KMGT]?B used / [\d.]+ ?[KMGT]?B) limit")


def as_dead_actor(fault: Exception) -> Exception:
    """What Tune is to see: a dead actor for every loss of a process, else the same exception."""
    if not isinstance(fault, RayError) or isinstance(fault, RayActorError | RayTaskError):
        return fault
    if isinstance(fault, OutOfMemoryError):
        used = _USED.search(str(fault))
        said = f" ({used[1]})" if used else ""
        return RayActorError(
            error_msg=f"the trial's process died out of memory: its node ran low{said}; lower "
            "--concurrency, or the codes or frames of a batch"
        )
    first = next(iter(str(fault).strip().splitlines()), "no reason given")
    return RayActorError(error_msg=f"the trial's process died: {type(fault).__name__}: {first}")


def survive_lost_actors() -> None:
    """Makes Tune take every loss of a trial's process for the death of its actor."""
    known: Callable[..., Any] = RayActorManager._actor_task_failed
    if hasattr(known, "__wrapped__"):
        return

    @wraps(known)
    def failed(self: Any, tracked_actor_task: Any, exception: Exception) -> Any:
        return known(self, tracked_actor_task, as_dead_actor(exception))

    setattr(RayActorManager, "_actor_task_failed", failed)  # noqa: B010 -- mypy: methods are fixed
