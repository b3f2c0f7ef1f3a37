"""TPE with OptunaHub's multi_metric_pruner, which makes one ranking of several objectives.

The hub is no package: `optunahub` fetches the pruner from GitHub once, at the commit named here,
and keeps it in its cache (`OPTUNAHUB_CACHE_HOME`), where a copy may lie beforehand.
"""

from __future__ import annotations

import numpy as np
import optuna

from benchmarks.search.arms.optuna_arms import OptunaArm
from benchmarks.search.problem import Scale, Task

PACKAGE = "pruners/multi_metric_pruner"
COMMIT = "ee680199100edbd95e0000eb20696c3ec5505973"
RATE, VALUE = "rate", "value"
STEPS = 1000
"""A whole trial's steps: shares of the budget are told as whole numbers."""


class PrunedArm(OptunaArm):
    """Trials report whole codecs, and end where the pruner says so."""

    def __init__(self, task: Task, seed: int) -> None:
        """One run, as in the pruner's own README: a median over ranks, after three trials.

        Raises:
            ImportError: `optunahub` or the pruner is not to be had.
        """
        import optunahub

        try:
            hub = optunahub.load_module(PACKAGE, ref=COMMIT)
        except Exception as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise ImportError(
                f"GitHub did not give {PACKAGE} of optuna/optunahub-registry at {COMMIT[:7]} "
                f"({said}); a copy may be laid into optunahub's cache (OPTUNAHUB_CACHE_HOME)"
            ) from error
        super().__init__(task, optuna.samplers.TPESampler(seed=seed))
        self._study.pruner = hub.MultiMetricPruner(
            optuna.pruners.MedianPruner(n_startup_trials=3),
            metric_directions={RATE: "minimize", VALUE: "minimize"},
            joint=True,
        )
        self._wrapped = hub.MultiMetricPrunerTrial

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """The whole codec's point; the pruner decides."""
        number = self._trials[ask]
        identity = self._study.get_trials(deepcopy=False)[number]._trial_id
        trial = self._wrapped(optuna.trial.Trial(self._study, identity))
        rate, value = (float(v) for v in points[-1])
        if not np.isfinite([rate, value]).all():
            return True  # it has no rank, and fails at its end
        trial.report({RATE: rate, VALUE: value}, step=round(share * STEPS))
        return not trial.should_prune()

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """The end, or that there was none."""
        if points is None:
            self._study.tell(self._trials[ask], state=optuna.trial.TrialState.PRUNED)
        else:
            super().tell(ask, points)


def make(name: str, task: Task, scale: Scale, seed: int, workers: int) -> PrunedArm:
    """The only one."""
    return PrunedArm(task, seed)
