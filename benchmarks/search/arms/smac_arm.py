"""SMAC 2.4 as its example of several objectives has it: random forests, ParEGO, full runs."""

from __future__ import annotations

import logging
import tempfile

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from smac import HyperparameterOptimizationFacade, Scenario
from smac.multi_objective.parego import ParEGO
from smac.runhistory.dataclasses import TrialInfo, TrialValue
from smac.runhistory.enumerations import StatusType

from benchmarks.search.arms.config_space import active_values, config_of, to_config_space
from benchmarks.search.arms.flat import Flat
from benchmarks.search.problem import Scale, Task
from search_spaces.space import Config

NAMES = ["rate", "value"]


class SmacArm:
    """Ask and tell."""

    def __init__(self, task: Task, seed: int) -> None:
        """One run."""
        logging.getLogger("smac").setLevel(logging.CRITICAL)
        self._task, self._flat = task, Flat(task.space)
        self._space = ConfigurationSpace(seed=seed)
        to_config_space(self._flat, self._space)
        self._folder = tempfile.TemporaryDirectory()
        scenario = Scenario(
            self._space, objectives=NAMES, deterministic=True, seed=seed,
            output_directory=self._folder.name,
        )  # fmt: skip
        self._smac = HyperparameterOptimizationFacade(
            scenario, _never_called, multi_objective_algorithm=ParEGO(scenario), overwrite=True,
            logging_level=False,
        )  # fmt: skip
        self._infos: list[TrialInfo] = []

    def ask(self) -> Config | None:
        """The next proposal that works."""
        while True:
            info = self._smac.ask()
            config = config_of(self._flat, dict(info.config))
            if self._task.works(config):
                self._infos.append(info)
                return config
            self._smac.tell(info, _crashed(), save=False)

    def moved(self, config: Config) -> None:
        """The last proposal runs as another configuration."""
        asked = self._infos[-1]
        values = active_values(self._flat, config)
        self._infos[-1] = TrialInfo(Configuration(self._space, values=values), seed=asked.seed)

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """Trials run to their ends."""
        return True

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """The whole codec's point."""
        if points is None or not np.isfinite(points[-1]).all():
            self._smac.tell(self._infos[ask], _crashed(), save=False)
            return
        cost = [float(v) for v in points[-1]]
        self._smac.tell(self._infos[ask], TrialValue(cost=cost), save=False)


def _crashed() -> TrialValue:
    return TrialValue(cost=[np.inf, np.inf], status=StatusType.CRASHED)


def _never_called(config: Configuration, seed: int = 0) -> dict[str, float]:
    raise RuntimeError("values are told, not computed")


def make(name: str, task: Task, scale: Scale, seed: int, workers: int) -> SmacArm:
    """By name."""
    return SmacArm(task, seed)
