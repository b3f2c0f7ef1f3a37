"""DeepHyper 0.13's CBO: extremely randomised trees, random weights, full runs."""

from __future__ import annotations

import tempfile
import warnings
from typing import Any

import numpy as np
from deephyper.hpo import CBO, HpProblem

from benchmarks.search.arms.config_space import active_values, config_of, to_config_space
from benchmarks.search.arms.flat import Flat
from benchmarks.search.problem import Scale, Task
from search_spaces.space import Config


class DeepHyperArm:
    """Ask and tell; DeepHyper maximises."""

    def __init__(self, task: Task, seed: int) -> None:
        """One run."""
        warnings.simplefilter("ignore")
        self._task, self._flat = task, Flat(task.space)
        problem = HpProblem()
        made = to_config_space(self._flat, problem.space)
        self._defaults = {name: h.default_value for name, h in made.items()}
        self._folder = tempfile.TemporaryDirectory()
        self._search = CBO(problem, random_state=seed, log_dir=self._folder.name, verbose=0)
        self._asked: list[dict[str, Any]] = []

    def ask(self) -> Config | None:
        """The next proposal that works."""
        while True:
            (values,) = self._search.ask(1)
            config = config_of(self._flat, values)
            if self._task.works(config):
                self._asked.append(dict(values))
                return config
            self._search.tell([(values, "F_refused")])

    def moved(self, config: Config) -> None:
        """The last proposal runs as another configuration; what is off has its default."""
        self._asked[-1] = {**self._defaults, **active_values(self._flat, config)}

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """With several objectives DeepHyper stops none."""
        return True

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """The whole codec's point."""
        failed = points is None or not np.isfinite(points[-1]).all()
        told = "F_diverged" if points is None or failed else tuple(-float(v) for v in points[-1])
        self._search.tell([(self._asked[ask], told)])


def make(name: str, task: Task, scale: Scale, seed: int, workers: int) -> DeepHyperArm:
    """By name."""
    return DeepHyperArm(task, seed)
