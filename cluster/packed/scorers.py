"""Actors beside a host that score its trials, so that its device trains on meanwhile.

They take the host's cores beyond the first, and map the data that it has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ray.exceptions import RayActorError, RayTaskError

if TYPE_CHECKING:
    from cluster.jobs import Job
    from trainables.scoring import Scoring

RESTARTS, AGAIN = 10, 2
"""Times that a scorer is started anew, and that a scoring is done anew where its process died."""


def scorers_of(threads: int, gpus: float) -> int:
    """How many a host with so many threads has: without a device nothing would wait for them."""
    return max(0, threads - 1) if gpus else 0


class Scorer:
    """An actor that scores one trial after the other."""

    def __init__(self, job: Job) -> None:
        """Reads what all trials have in common."""
        import ray

        from trainables.plugins import load_plugins
        from trainables.trial import limit_threads

        load_plugins(job.plugins)
        limit_threads(1)
        self._data = ray.get(job.data)

    def score(self, scoring: Scoring) -> Any:
        """What the scoring's `run` gives."""
        return scoring.run(self._data)


class Scorers:
    """A host's scorers; called with a scoring, has the one with the least to do do it.

    One that cannot live (its node has no memory for it, say) is asked no more, and where none is
    left the host scores by itself, beside its training.
    """

    def __init__(self, job: Job, number: int, done: Callable[[], None]) -> None:
        """Starts so many on this node, which end with this process.

        Args:
            job: of the sweep.
            number: at least 1.
            done: called from another thread whenever one has scored something.
        """
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(Scorer).options(
            num_cpus=0, max_restarts=RESTARTS, max_task_retries=AGAIN, scheduling_strategy=here
        )
        # The job is kept for its reference to the data: a scorer that starts again asks for them.
        self._job, self._done = job, done
        self._waiting = {actor.remote(job): 0 for _ in range(number)}
        self._lock = threading.Lock()

    def __call__(self, scoring: Scoring) -> Future[Any]:
        """The scores to come; raises there what scoring raised."""
        answer: Future[Any] = Future()
        self._ask(scoring, answer)
        return answer

    def _ask(self, scoring: Scoring, answer: Future[Any]) -> None:
        with self._lock:
            scorer = min(self._waiting, key=self._waiting.__getitem__, default=None)
            if scorer is not None:
                self._waiting[scorer] += 1
        if scorer is None:
            threading.Thread(target=self._score_here, args=(scoring, answer), daemon=True).start()
            return

        def said(by: Future[Any]) -> None:
            error = by.exception()
            with self._lock:
                if isinstance(error, RayActorError):
                    self._waiting.pop(scorer, None)
                elif scorer in self._waiting:
                    self._waiting[scorer] -= 1
            if isinstance(error, RayActorError):
                return self._ask(scoring, answer)
            if isinstance(error, RayTaskError):
                error = error.cause or error
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(by.result())
            self._done()

        scorer.score.remote(scoring).future().add_done_callback(said)

    def _score_here(self, scoring: Scoring, answer: Future[Any]) -> None:
        import ray

        try:
            answer.set_result(scoring.run(ray.get(self._job.data)))
        except Exception as error:
            answer.set_exception(error)
        self._done()
