"""Ax 1.3 through its Client: Sobol, then BoTorch's qLogNEHVI, full runs; conditions it has none."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import torch
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from botorch.acquisition.multi_objective.logei import _try_load_fused_kernel

from benchmarks.search.arms.flat import Axis, Flat
from benchmarks.search.problem import Scale, Task
from search_spaces.space import Config


class AxArm:
    """Ask and tell."""

    def __init__(self, task: Task, seed: int) -> None:
        """One run."""
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        # Compiled once for a machine, before any clock runs. A process that is ended on the way
        # leaves a lock in ~/.cache/torch_extensions, for which the next one waits for ever.
        _try_load_fused_kernel()
        self._task, self._flat = task, Flat(task.space)
        self._client = Client(random_seed=seed)
        self._client.configure_experiment(parameters=[_parameter(a) for a in self._flat.axes])
        self._client.configure_optimization(objective="-rate, -value")
        self._trials: list[int] = []
        self._asked: dict[str, Any] = {}

    def ask(self) -> Config | None:
        """The next proposal that works."""
        while True:
            ((index, values),) = self._client.get_next_trials(max_trials=1).items()
            config = self._flat.config(values)
            if self._task.works(config):
                self._trials.append(index)
                self._asked = dict(values)
                return config
            self._client.mark_trial_abandoned(index)

    def moved(self, config: Config) -> None:
        """The last proposal runs as another configuration: a trial attached by hand."""
        self._client.mark_trial_abandoned(self._trials[-1])
        self._trials[-1] = self._client.attach_trial(self._flat.values(config, self._asked))

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """With several objectives Ax stops none."""
        return True

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """The whole codec's point."""
        if points is None or not np.isfinite(points[-1]).all():
            self._client.mark_trial_failed(self._trials[ask])
            return
        rate, value = (float(v) for v in points[-1])
        self._client.complete_trial(self._trials[ask], raw_data={"rate": rate, "value": value})


def _parameter(axis: Axis) -> Any:
    if axis.choices:
        kind: Any = type(axis.choices[0]).__name__
        return ChoiceParameterConfig(
            name=axis.name, values=list(axis.choices), parameter_type=kind,
            is_ordered=axis.ordered or len(axis.choices) == 1,
        )  # fmt: skip
    return RangeParameterConfig(
        name=axis.name,
        bounds=(int(axis.low), int(axis.high)) if axis.integer else (axis.low, axis.high),
        parameter_type="int" if axis.integer else "float",
        scaling="log" if axis.log else "linear",
    )


def make(name: str, task: Task, scale: Scale, seed: int, workers: int) -> AxArm:
    """By name."""
    return AxArm(task, seed)
