"""How many nodes of a Ray cluster are alive, asked of its control store without joining it."""

from __future__ import annotations

import time
from collections.abc import Callable

from search_spaces.errors import BadInput

_ALIVE = 0
"""`GcsNodeInfo.ALIVE` of Ray's protocol."""


def alive_nodes(address: str) -> int:
    """Nodes that are alive; 0 where nothing answers yet."""
    import ray
    from ray.exceptions import RpcError

    try:
        known = ray._raylet.GcsClient(address=address).get_all_node_info(timeout=5)
    except (RpcError, RuntimeError, TimeoutError):
        return 0
    return sum(node.state == _ALIVE for node in known.values())


def await_nodes(
    address: str, wanted: int, seconds: float, lives: Callable[[], bool] = lambda: True
) -> None:
    """Waits until a cluster has its nodes.

    Args:
        address: HOST:PORT of its head.
        wanted: nodes, the head counted.
        seconds: to wait at most.
        lives: says whether waiting still makes sense.

    Raises:
        BadInput: it has fewer by then.
    """
    until = time.monotonic() + seconds
    there = 0
    while lives():
        there = alive_nodes(address)
        if there >= wanted:
            return
        if time.monotonic() > until:
            break
        time.sleep(1)
    raise BadInput(
        f"{there} of {wanted} nodes of the Ray cluster at {address} started within "
        f"{seconds:g} s; look at their logs, and submit again"
    )
