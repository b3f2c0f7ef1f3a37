"""One question to every node of a joined cluster, some of which may be going while it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from search_spaces.errors import BadInput

GRACE = 5.0
"""Seconds in which a node that did not answer may turn out to be gone."""


@dataclass(frozen=True)
class Node:
    """One that is alive: Ray's name for it, and where it is."""

    identity: str
    address: str

    def __str__(self) -> str:
        return f"{self.address} ({self.identity[:8]})"


def ask_every_node(
    question: Callable[..., Any], *given: object, seconds: float = 120
) -> dict[Node, Any]:
    """What a function returns on each node. A node that is lost meanwhile is left out.

    Args:
        question: to be called there, on no core of its own.
        given: its arguments.
        seconds: to wait at most for each.

    Raises:
        BadInput: names a node that is there and cannot answer.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked = {}
    for node in _alive():
        pinned = NodeAffinitySchedulingStrategy(node.identity, soft=False)
        there = ray.remote(num_cpus=0, scheduling_strategy=pinned, max_retries=0)(question)
        asked[node] = there.remote(*given)
    found = {}
    for node, answer in asked.items():
        try:
            found[node] = ray.get(answer, timeout=seconds)
        except ray.exceptions.GetTimeoutError:
            if not _gone(node):
                raise BadInput(f"node {node}: no answer within {seconds:g} s; look at it") from None
        except ray.exceptions.RayError as error:
            if _gone(node):
                continue
            # A node without this package cannot even read what it is to do.
            said = [line for line in str(error).splitlines() if line.strip()] or ["no reason given"]
            raise BadInput(
                f"node {node}: cannot run Ratefront ({said[-1].strip()}); give all nodes the same "
                "image or environment (docs/cluster.md)"
            ) from None
    return found


def _alive() -> list[Node]:
    import ray

    return [Node(n["NodeID"], n["NodeManagerAddress"]) for n in ray.nodes() if n["Alive"]]


def _gone(node: Node) -> bool:
    until = time.monotonic() + GRACE
    while node in _alive():
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True
