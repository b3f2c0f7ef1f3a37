"""NePS 0.16's MO-ASHA and PriMO (without priors), which continue what they promote.

As shipped both fail with several workers: a pending trial's NaN is stacked with vectors of
objectives, and PriMO gives two pending trials one name. `neps-moasha` and `neps-primo` leave
pending trials out of that ranking and give each trial its own name, nothing else;
`neps-moasha-shipped` and `neps-primo-shipped` are untouched.
"""

from __future__ import annotations

import contextlib
import logging
import math
import random
import warnings
from typing import Any

import neps
import numpy as np
import torch
from neps.optimizers import algorithms
from neps.optimizers.utils.brackets import Rung
from neps.state import Trial

from benchmarks.search.arms.flat import Axis, Flat
from benchmarks.search.problem import Scale, Task
from search_spaces.space import Config, canonical

FIDELITY = "fidelity"
STEPS = 27
"""The fidelity runs from 1 to this, so that with eta 3 there are four rungs."""

_as_shipped = Rung.epsnet_selector


def _without_pending(self: Rung, *, k: int, contenders: Any) -> Any:
    """The selector on trials that have a result."""
    told = contenders[[isinstance(perf, np.ndarray) for perf in contenders["perf"]]]
    return _as_shipped(self, k=k, contenders=told) if len(told) else told


class NepsArm:
    """Ask, report and tell. A promoted trial goes on from where it was paused.

    Attributes:
        resumed: share of its budget from which the trial asked for last goes on, 0 for a new one.
    """

    def __init__(self, name: str, task: Task, seed: int) -> None:
        """One run; ValueError where a task has no learning curves."""
        if len(task.shares) < 2:
            raise ValueError("it asks for low fidelities, and the task has no learning curves")
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        np.random.seed(seed)
        random.seed(seed)
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self._task, self._flat = task, Flat(task.space)
        self._repaired = not name.endswith("-shipped")
        Rung.epsnet_selector = _without_pending if self._repaired else _as_shipped
        space = neps.SearchSpace(
            {a.name: _parameter(a) for a in self._flat.axes}
            | {FIDELITY: neps.HPOInteger(1, STEPS, is_fidelity=True)}
        )
        if "primo" in name:
            self._optimizer: Any = algorithms.primo(space, prior_centers={})
        else:
            self._optimizer = algorithms.moasha(space)
        self._trials: dict[str, Trial] = {}
        self._asked: list[str] = []
        self._stops: list[float] = []
        self._reached: dict[str, tuple[float, np.ndarray]] = {}
        self.resumed = 0.0

    def ask(self) -> Config | None:
        """A new configuration, or one that is promoted."""
        while True:
            sampled = self._optimizer(self._trials, None, None)
            name = sampled.id
            while self._repaired and name in self._trials and "_" not in name:
                name = str(int(name) + 1)
            values = dict(sampled.config)
            trial = Trial.new(
                trial_id=name, location="", config=values, previous_trial=None,
                previous_trial_location="", time_sampled=0.0, worker_id="w",
            )  # fmt: skip
            trial.set_evaluating(time_started=0.0, worker_id="w")
            self._trials[name] = trial
            config = self._flat.config(values)
            stop = self._share_of(int(values[FIDELITY]))
            known = self._reached.get(canonical(config))
            if known is not None and known[0] >= stop:
                self._told(name, known[1])  # It has run that far already, and costs nothing more.
                continue
            if not self._task.works(config):
                self._told(name, None)
                continue
            self._asked.append(name)
            self._stops.append(stop)
            self.resumed = known[0] if known is not None else 0.0
            return config

    def moved(self, config: Config) -> None:
        """The last proposal runs as another configuration."""
        trial = self._trials[self._asked[-1]]
        values = self._flat.values(config, trial.config)
        trial.config = {**values, FIDELITY: trial.config[FIDELITY]}

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """A trial is paused at its fidelity."""
        self._keep(ask, share, points)
        if share < self._stops[ask] - 1e-9:
            return True
        self._told(self._asked[ask], points[-1])
        return False

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """Ends; a paused trial was told of already."""
        if points is not None:
            self._keep(ask, 1.0, points)
            self._told(self._asked[ask], points[-1])

    def _keep(self, ask: int, share: float, points: np.ndarray) -> None:
        config = self._flat.config(self._trials[self._asked[ask]].config)
        self._reached[canonical(config)] = (share, points[-1])

    def _told(self, name: str, values: np.ndarray | None) -> None:
        finite = values is not None and bool(np.isfinite(values).all())
        trial = self._trials[name]
        trial.report = trial.set_complete(
            report_as="success" if finite else "crashed",
            objective_to_minimize=[float(v) for v in values] if finite else None,  # type: ignore
            cost=None, learning_curve=None, extra={}, err=None, tb=None, time_end=0.0,
            evaluation_duration=0.0,
        )  # fmt: skip

    def _share_of(self, fidelity: int) -> float:
        """The recorded share that is nearest to a fidelity, in ratio."""
        wanted = math.log(fidelity / STEPS)
        return min(self._task.shares, key=lambda s: abs(math.log(s) - wanted))


def _parameter(axis: Axis) -> Any:
    if axis.choices:
        with contextlib.suppress(ValueError):
            return neps.HPOCategorical(list(axis.choices))
        return neps.HPOConstant(axis.choices[0])
    if axis.integer:
        return neps.HPOInteger(int(axis.low), int(axis.high), log=axis.log)
    return neps.HPOFloat(axis.low, axis.high, log=axis.log)


def make(name: str, task: Task, scale: Scale, seed: int, workers: int) -> NepsArm:
    """By name."""
    return NepsArm(name, task, seed)
