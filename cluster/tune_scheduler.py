"""Our stopping rules as Ray Tune sees them: a TrialScheduler that asks the books.

Tune asks its scheduler before it tells callbacks, so a report is written down here. The books
decide once for each rung; Tune ends the trial, and its cores are free.
"""

from __future__ import annotations

from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from cluster.books import Books


class BookedStopping(FIFOScheduler):
    """All go on in order, until the books say that a trial is not worth finishing."""

    def __init__(self, books: Books) -> None:
        """Wraps the books of one sweep."""
        super().__init__()
        self._books = books

    def on_trial_result(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> str:
        """Stop or go on."""
        goes_on = self._books.reported(str(trial.config["trial"]), result)
        return TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        """Nobody in particular: Tune begins in order what waits, the newest with a free process.

        First in, first out looks at every trial at every event, and hands a process that has become
        free to the trial that waited longest, whose own is then ended while it starts: trials that
        are shorter than such a start would never fill a cluster.
        """
        return None

    def __getstate__(self) -> dict[str, Any]:
        return {}
