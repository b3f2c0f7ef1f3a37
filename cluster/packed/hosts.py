"""The hosts of a sweep: one for each device, or for each share of the cores where there is none."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from cluster.jobs import Job, concurrency
from cluster.packed.host import PackHost

PLACES_CPU, PLACES_GPU = 8, 64
"""Trials of a host unless `members` says. More gain little on a core, where each is a process too,
and the more run at a time, the less the search knows when it proposes."""


def places(job: Job, resources: Mapping[str, float], asked: int) -> tuple[int, int]:
    """Hosts, and trials that each holds at most.

    Args:
        job: of the sweep.
        resources: of the cluster.
        asked: trials at a time; 0: as many as fit.

    Raises:
        BadInput: not even one host fits.
    """
    hosts = concurrency(job, resources, 0)
    most = job.members or (PLACES_GPU if job.gpus else PLACES_CPU)
    if asked:
        hosts = min(hosts, asked)
        most = min(most, math.ceil(asked / hosts))
    return hosts, most


@contextlib.contextmanager
def running_hosts(job: Job, number: int, most: int) -> Iterator[tuple[Any, ...]]:
    """Starts so many hosts of so many places each; ends them afterwards."""
    import ray

    actor = ray.remote(PackHost).options(
        num_cpus=job.threads, num_gpus=job.gpus, max_restarts=-1, max_task_retries=0,
        max_concurrency=4 * most + 16, scheduling_strategy="SPREAD",
    )  # fmt: skip
    hosts = tuple(actor.remote(most, f"host-{i}") for i in range(number))
    try:
        yield hosts
    finally:
        for host in hosts:
            ray.kill(host)
