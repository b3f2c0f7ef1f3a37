"""Random search and Optuna's samplers at their documented defaults, told ends alone."""

from __future__ import annotations

import warnings

import numpy as np
import optuna

from benchmarks.search.problem import Scale, Task
from cluster.schedulers.halving import SuccessiveHalving
from cluster.schedulers.rule import NeverStop, StoppingRule
from cluster.searchers.rate_aware.encoding import Encoding
from search_spaces.distributions import suggest, to_trial
from search_spaces.space import Config, Space


class RandomArm:
    """Uniform draws, with or without a stopping rule."""

    def __init__(self, task: Task, seed: int, rule: StoppingRule) -> None:
        """One run."""
        self._task, self._rule = task, rule
        self._encoding = Encoding(task.space)
        self._rng = np.random.default_rng(seed)

    def ask(self) -> Config | None:
        """A draw that works."""
        while True:
            config = self._encoding.at(self._rng.random(self._encoding.labels))
            if self._task.works(config):
                return config

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """As the rule says."""
        return self._rule.go_on(ask, share, points)

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """For the rule."""
        self._rule.ended(ask, points)


class OptunaArm:
    """A sampler of Optuna: every trial runs to its end; refusals are told as failed."""

    def __init__(self, task: Task, sampler: optuna.samplers.BaseSampler) -> None:
        """One run."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore")
        self._task = task
        self._study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
        self._trials: list[int] = []

    def ask(self) -> Config | None:
        """The sampler's proposal; what cannot work costs nothing."""
        while True:
            trial = self._study.ask()
            config = suggest(self._task.space, trial)
            if self._task.works(config):
                self._trials.append(trial.number)
                return config
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)

    def moved(self, config: Config) -> None:
        """The last proposal runs as another configuration."""
        self._trials[-1] = moved(self._study, self._trials[-1], self._task.space, config)

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """Optuna takes no reports of several objectives."""
        return True

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """The whole codec's point."""
        if points is None or not np.isfinite(points[-1]).all():
            self._study.tell(self._trials[ask], state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(self._trials[ask], points[-1].tolist())


def moved(study: optuna.Study, number: int, space: Space, config: Config) -> int:
    """Puts a running trial of another configuration in a trial's place; returns its number."""
    asked = study.get_trials(deepcopy=False)[number]
    params, distributions = to_trial(space, config)
    study.add_trial(
        optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params=params,
            distributions=distributions,
            system_attrs=asked.system_attrs,
        )
    )
    study.tell(number, state=optuna.trial.TrialState.FAIL)
    return len(study.get_trials(deepcopy=False)) - 1


def make(name: str, task: Task, scale: Scale, seed: int, workers: int) -> RandomArm | OptunaArm:
    """By name."""
    if name in ("random", "random-halving"):
        rule = SuccessiveHalving(seed=seed) if name == "random-halving" else NeverStop()
        return RandomArm(task, seed, rule)
    warnings.simplefilter("ignore")
    samplers = optuna.samplers
    if name == "tpe":
        return OptunaArm(task, samplers.TPESampler(seed=seed))
    if name == "nsga2":
        return OptunaArm(task, samplers.NSGAIISampler(seed=seed))
    if name == "gpsampler":
        return OptunaArm(task, samplers.GPSampler(seed=seed))
    raise ImportError(f"{name}: no such sampler here")
