"""Syne Tune 0.16's MO-ASHA: random proposals, stopped by non-dominated rank.

`syne-moasha` is the scheduler as shipped. It takes the sorted list of indices that
`NonDominatedPriority` returns for priorities of samples, so a trial that dominates all others may
be stopped; `syne-moasha-repaired` is handed priorities that are ranks, and is the same otherwise.
"""

from __future__ import annotations

import datetime
import random

import numpy as np
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice, loguniform, randint, uniform
from syne_tune.optimizer.scheduler import SchedulerDecision
from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA
from syne_tune.optimizer.schedulers.multiobjective.multiobjective_priority import (
    MOPriority,
)

from benchmarks.search.arms.flat import Axis, Flat
from benchmarks.search.problem import Scale, Task
from cluster.schedulers.ranking import positions
from search_spaces.space import Config

UNITS = 52
"""What share 1 counts as, in the scheduler's whole units of time."""
NAMES = ["rate", "value"]


class RankPriority(MOPriority):
    """Priorities that are ranks: by non-dominated layer, spread out within one."""

    def priority_unsafe(self, objectives: np.ndarray) -> np.ndarray:
        """(samples, objectives) -> (samples,) ranks, the best one 0."""
        return positions([row[None] for row in objectives], list(range(len(objectives))))


class SyneArm:
    """Suggestions, and decisions at rungs."""

    def __init__(self, task: Task, seed: int, priority: MOPriority | None) -> None:
        """One run."""
        # The scheduler draws from the global generators and ignores its own seed.
        np.random.seed(seed)
        random.seed(seed)
        self._task, self._flat = task, Flat(task.space)
        self._scheduler = MOASHA(
            {a.name: _domain(a) for a in self._flat.axes},
            metrics=NAMES,
            max_t=UNITS,
            multiobjective_priority=priority,
            random_seed=seed,
        )
        self._trials: list[Trial] = []

    def ask(self) -> Config | None:
        """The next suggestion that works."""
        while True:
            suggestion = self._scheduler.suggest()
            if suggestion is None or suggestion.config is None:
                return None
            config = self._flat.config(suggestion.config)
            if self._task.works(config):
                trial = Trial(len(self._trials), suggestion.config, datetime.datetime.now())
                self._trials.append(trial)
                self._scheduler.on_trial_add(trial)
                return config

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """As the scheduler decides."""
        decision = self._scheduler.on_trial_result(self._trials[ask], _result(share, points))
        return bool(decision == SchedulerDecision.CONTINUE)

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """Ends are told; the tuner removes a stopped trial."""
        if points is None:
            self._scheduler.on_trial_remove(self._trials[ask])
        else:
            self._scheduler.on_trial_complete(self._trials[ask], _result(1.0, points))


def _result(share: float, points: np.ndarray) -> dict[str, float]:
    rate, value = (float(v) for v in points[-1])
    return {"rate": rate, "value": value, "training_iteration": max(1, round(share * UNITS))}


def _domain(axis: Axis) -> object:
    if axis.choices:
        return choice(list(axis.choices))
    if axis.integer:
        return randint(int(axis.low), int(axis.high))
    return (loguniform if axis.log else uniform)(axis.low, axis.high)


def make(name: str, task: Task, scale: Scale, seed: int, workers: int) -> SyneArm:
    """By name."""
    return SyneArm(task, seed, RankPriority() if name == "syne-moasha-repaired" else None)
