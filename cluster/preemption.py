"""Notices that a node will be taken away (a spot machine, a drained node), as trials hear of them.

Ray keeps which nodes are draining, whoever told it: a cloud's notice by way of the autoscaler,
KubeRay, or an operator. A thread of the trial's process asks every few seconds; the trial then
keeps its state between two steps, and again every few seconds while it goes on. What is not kept by
the deadline is lost with the node; one that is killed without a word leaves the last rung's state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from functools import cache

ASK_SECONDS = 3.0
"""Clouds give notice of half a minute to two minutes; Ray's own watcher asks every five seconds."""
KEEP_SECONDS = 10.0
"""Between two states that are kept while a node waits for its end."""


class Notice:
    """Whether nodes are being taken away, asked in the background.

    Attributes:
        given: whether one of them is.
    """

    def __init__(
        self,
        mine: Callable[[str], bool],
        draining: Callable[[], Collection[str]],
        ask_seconds: float = ASK_SECONDS,
    ) -> None:
        """Asks from now on, for as long as the process lives.

        Args:
            mine: whether a node, by its id, matters to this process.
            draining: ids of nodes that are to be taken away.
            ask_seconds: between two questions.
        """
        self._mine, self._draining, self._seconds = mine, draining, ask_seconds
        self.given = False
        threading.Thread(target=self._watch, daemon=True, name="preemption notices").start()

    def _watch(self) -> None:
        while True:
            try:
                self.given = any(map(self._mine, self._draining()))
            except Exception:  # the control store is away for a moment, or for good
                self.given = False
            time.sleep(self._seconds)


class Keeping:
    """Calls what keeps a trial's state, when there is notice, and not too often."""

    def __init__(self, notice: Notice | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing was kept yet; without a notice to look at nothing ever is."""
        self._notice, self._clock = notice, clock
        self._last = float("-inf")

    def stepped(self, keep: Callable[[], None]) -> None:
        """To be called between any two steps of training."""
        if self._notice is None or not self._notice.given:
            return
        if self._clock() - self._last >= KEEP_SECONDS:
            keep()
            self._last = self._clock()


@cache
def own_notice(anywhere: bool) -> Notice:
    """The notice of this process, which runs in a Ray worker.

    Args:
        anywhere: whether any node of the cluster counts, as for a group of workers, which ends when
            one of them does, and of which each only knows where it is itself.
    """
    import ray

    here = ray.get_runtime_context().get_node_id()
    draining = ray._private.state.state.get_draining_nodes
    return Notice((lambda node: True) if anywhere else here.__eq__, draining)
