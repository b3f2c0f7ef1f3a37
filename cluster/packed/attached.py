"""A Tune trial that attaches to a host: it hears reports there and hands them to Tune.

So a trial is stopped, retried and resumed as any other, while its training is one of many in a
batch. A host that is lost takes nobody's trial with it: each attaches to another, or to the same
one once Ray has started it again, and goes on from its last checkpoint.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray import tune
from ray.exceptions import GetTimeoutError, RayActorError

from cluster.packed.host import Said

if TYPE_CHECKING:
    from cluster.jobs import Job

HEAR_SECONDS = 5.0
"""A host is asked at least so often, which keeps the lease."""
ANSWER_SECONDS = 180.0
"""Without an answer for so long a host counts as lost."""
FULL_SECONDS = 0.5
"""Until a trial asks again where no host had a place."""
MOST_LOST_HOSTS = 5
"""Hosts that a trial may lose before it fails: it can be what brings them down."""


class LostHost(Exception):
    """A host died, hangs, or knows nothing of a lease any more."""


def attend(request: Mapping[str, Any], job: Job, note: Path) -> None:
    """Runs a trial on one of the job's hosts, and reports to Tune.

    Args:
        request: of the trial, as Tune was given it.
        job: what it has in common with others.
        note: where it is written down that it hung.

    Raises:
        RuntimeError: it lost too many hosts.
        TimeoutError: no end in time.
        Exception: whatever the trial raised.
    """
    lost, until = 0, time.monotonic() + job.timeout if job.timeout else float("inf")
    note.unlink(missing_ok=True)
    while True:
        try:
            return _attend(request, job, until, note)
        except (LostHost, RayActorError, GetTimeoutError) as error:
            lost += 1
            if lost > MOST_LOST_HOSTS:
                raise RuntimeError(
                    f"the trial's process died: {lost} hosts were lost under it, the last with: "
                    f"{next(iter(str(error).splitlines()), type(error).__name__)}"
                ) from None
            time.sleep(FULL_SECONDS)


def _attend(request: Mapping[str, Any], job: Job, until: float, note: Path) -> None:
    host, lease = _place(request, job, until)
    heard = 0
    try:
        while True:
            said: Said = _answer(host.hear.remote(lease, heard, HEAR_SECONDS), host)
            if not said.known:
                raise LostHost("the lease ran out")
            if said.error is not None:
                raise said.error
            if said.over:
                return
            if time.monotonic() > until:
                note.parent.mkdir(parents=True, exist_ok=True)
                note.write_text("no end on a host that trains several trials at once\n")
                raise TimeoutError("no end in time")
            if said.row is not None:
                tune.report(said.row)
                heard += 1
    finally:
        host.leave.remote(lease)


def _place(request: Mapping[str, Any], job: Job, until: float) -> tuple[Any, str]:
    """A host with a place, the emptiest first, and the lease."""
    first = int(hashlib.sha256(str(request["trial"]).encode()).hexdigest(), 16)
    while True:
        taken = []
        for number, host in enumerate(job.hosts):
            try:
                said = _answer(host.places_taken.remote(), host)
            except (RayActorError, GetTimeoutError):
                continue
            # Of equals not all trials take the same one.
            taken.append((said, (number + first) % len(job.hosts), host))
        for _, _, host in sorted(taken, key=lambda each: each[:2]):
            lease = _answer(host.attach.remote(dict(request), job), host)
            if lease is not None:
                return host, lease
        if time.monotonic() > until:
            raise TimeoutError("no host had a place in time")
        time.sleep(FULL_SECONDS)


def _answer(reference: Any, host: Any) -> Any:
    """What a host answers; one that does not is ended, so that Ray starts it again."""
    try:
        return ray.get(reference, timeout=ANSWER_SECONDS)
    except GetTimeoutError:
        ray.kill(host, no_restart=False)
        raise
