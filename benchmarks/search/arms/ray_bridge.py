"""What users of Ray Tune have today: OptunaSearch with several objectives, FIFO or ASHA.

The searcher and the scheduler are Ray's own objects, called in the order in which Tune's controller
calls them, so that what they remember of a stopped trial is what they would remember in a sweep:
its last result, told as complete.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import optuna
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch

from benchmarks.search.arms.optuna_arms import moved
from benchmarks.search.problem import Scale, Task
from search_spaces.distributions import suggest
from search_spaces.space import Config

RATE, VALUE = "rate", "value"
RUNG_NAME = "training_iteration"


class _Trial:
    """As much of Tune's Trial as the scheduler asks for."""

    def __init__(self, trial_id: str) -> None:
        self.trial_id = trial_id
        self.config: dict[str, Any] = {}
        self.status = "RUNNING"

    def __str__(self) -> str:
        return self.trial_id


class RayBridge:
    """OptunaSearch, and ASHA on the measured objective where `rungs` are given."""

    def __init__(
        self, task: Task, sampler: optuna.samplers.BaseSampler, *, asha: bool, shares: int
    ) -> None:
        """One run; `shares` is what share 1 counts as in ASHA's units of time."""
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore")
        self._task = task
        self._configs: dict[str, Config] = {}

        def define(trial: optuna.Trial) -> dict[str, Any]:
            config = suggest(task.space, trial)
            self._configs[str(trial.number)] = config
            return {"number": trial.number}

        self._search = OptunaSearch(
            define, metric=[RATE, VALUE], mode=["min", "min"], sampler=sampler
        )
        self._units = shares
        self._scheduler = (
            AsyncHyperBandScheduler(
                time_attr=RUNG_NAME, metric=VALUE, mode="min", max_t=shares, grace_period=1,
                reduction_factor=4,
            )
            if asha
            else None
        )  # fmt: skip
        self._trials: list[_Trial] = []
        self._last: dict[int, dict[str, Any]] = {}
        self._asked = 0

    def ask(self) -> Config | None:
        """The next suggestion; what cannot work is a trial that fails at once, at no cost."""
        while True:
            name = f"t{self._asked}"
            self._asked += 1
            suggested = self._search.suggest(name)
            if suggested is None:
                return None
            config = self._configs[str(suggested["number"])]
            if not self._task.works(config):
                self._search.on_trial_complete(name, error=True)
                continue
            trial = _Trial(name)
            self._trials.append(trial)
            if self._scheduler is not None:
                self._scheduler.on_trial_add(None, trial)  # type: ignore[arg-type]
            return config

    def moved(self, config: Config) -> None:
        """The last suggestion runs as another configuration: a trial that Tune was given."""
        name = self._trials[-1].trial_id
        study, asked = self._search._ot_study, self._search._ot_trials[name]
        number = moved(study, asked.number, self._task.space, config)
        fresh = study.get_trials(deepcopy=False)[number]
        self._search._ot_trials[name] = optuna.trial.Trial(study, fresh._trial_id)

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """A result on the way."""
        result = self._result(share, points)
        self._last[ask] = result
        self._search.on_trial_result(self._trials[ask].trial_id, result)
        if self._scheduler is None:
            return True
        decision = self._scheduler.on_trial_result(None, self._trials[ask], result)  # type: ignore[arg-type]
        return bool(decision == TrialScheduler.CONTINUE)

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """The end: the controller hands over the last result, a stopped trial's too."""
        result = self._last.get(ask) if points is None else self._result(1.0, points)
        trial = self._trials[ask]
        self._search.on_trial_complete(trial.trial_id, result=result)
        if self._scheduler is not None and points is not None:
            self._scheduler.on_trial_complete(None, trial, result)  # type: ignore[arg-type]

    def _result(self, share: float, points: np.ndarray) -> dict[str, Any]:
        rate, value = (float(v) for v in points[-1])
        return {RATE: rate, VALUE: value, RUNG_NAME: max(1, round(share * self._units))}


def make(name: str, task: Task, scale: Scale, seed: int, workers: int) -> RayBridge:
    """By name; the sampler is OptunaSearch's own default unless the name says otherwise."""
    warnings.simplefilter("ignore")
    samplers = optuna.samplers
    sampler: optuna.samplers.BaseSampler = {
        "ray-nsga2": lambda: samplers.NSGAIISampler(seed=seed),
        "ray-gp": lambda: samplers.GPSampler(seed=seed),
    }.get(name, lambda: samplers.TPESampler(seed=seed))()
    return RayBridge(task, sampler, asha=name == "ray-optuna-asha", shares=52)
