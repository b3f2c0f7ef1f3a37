"""Ratefront's searcher with its stopping rule, and with one ingredient taken away at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.search.problem import Scale, Task
from cluster.schedulers.halving import SuccessiveHalving
from cluster.searchers.rate_aware.known import KnownObjective
from cluster.searchers.rate_aware.searcher import RATE_AND_VALUE, RateAwareSearcher, Settings
from cluster.searchers.rate_aware.targets import Target, Targets
from search_spaces.space import Config

_OFF = {
    "ratefront-candidates": Settings(gradients=False),
    "ratefront-no-fantasies": Settings(fantasies=False),
    "ratefront-ends-only": Settings(share_input=False),
    "ratefront-low-rate-start": Settings(low_rate_start=True),
    "ratefront-long-start": Settings(short_start=False),
    "ratefront-no-trend": Settings(rate_input=False),
    "ratefront-unsettled": Settings(stopped_settled=False),
    "ratefront-finished-front": Settings(finished_front=True),
    "ratefront-shipped": Settings(short_start=False, finished_front=True),
    "ratefront-cost": Settings(cost_share=1.0),
    "ratefront-half-cost": Settings(cost_share=0.5),
    "ratefront-no-rate": Settings(rate_input=False),
}
_NEVER_STOPPED = ("ratefront-no-stopping", "ratefront-halving")
"""By the model."""


@dataclass(frozen=True)
class LastPointOnly:
    """A known objective without its prefixes."""

    whole: KnownObjective

    @property
    def names(self) -> frozenset[str]:
        """As of the whole."""
        return self.whole.names

    def __call__(self, config: Config) -> np.ndarray:
        """(1,) the last rate."""
        return self.whole(config)[-1:]


@dataclass(frozen=True)
class CountOnly:
    """A known objective that says how many points there will be, and nothing of their rates."""

    whole: KnownObjective

    @property
    def names(self) -> frozenset[str]:
        """As of the whole."""
        return self.whole.names

    def __call__(self, config: Config) -> np.ndarray:
        """(points,) zeros."""
        return 0.0 * self.whole(config)


class Ours:
    """Ask, report, tell."""

    def __init__(self, name: str, task: Task, scale: Scale, seed: int, settings: Settings) -> None:
        """One run."""
        self._prefixes = name != "ratefront-no-prefixes"
        self._rate_known = name != "ratefront-no-rate"
        known = task.known if self._prefixes else LastPointOnly(task.known)
        self._searcher = RateAwareSearcher(
            task.space, known if self._rate_known else CountOnly(known), scale.reference, seed=seed,
            targets=RATE_AND_VALUE if self._rate_known else Targets((Target(), Target())),
            works=task.works, most_levels=task.levels if self._prefixes else 1, settings=settings,
        )  # fmt: skip
        self._task, self._seed, self._timed = task, seed, bool(settings.cost_share)
        self._configs: list[Config] = []
        self._model_stops = name not in _NEVER_STOPPED
        self._halving = SuccessiveHalving(seed=seed) if name == "ratefront-halving" else None

    def ask(self) -> Config | None:
        """The searcher's proposal."""
        config = self._searcher.ask()
        if config is not None:
            self._configs.append(config)
        return config

    def moved(self, config: Config) -> None:
        """The last proposal runs as another configuration."""
        self._searcher.moved(config)
        self._configs[-1] = config

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """Told to the model, then decided."""
        self._searcher.report(ask, share, self._values(points))
        if self._halving is not None:
            return self._halving.go_on(ask, share, points)
        return not self._model_stops or self._searcher.worth_finishing(ask)

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """The end."""
        values = None if points is None else self._values(points)
        # How long a trial took is known once it has ended.
        ended = self._timed and points is not None
        seconds = self._task.run(self._configs[ask], self._seed)[-1].seconds if ended else None
        self._searcher.tell(ask, values, stopped=points is None, seconds=seconds)
        if self._halving is not None:
            self._halving.ended(ask, points)

    def _values(self, points: np.ndarray) -> np.ndarray:
        kept = points if self._prefixes else points[-1:]
        return kept[:, 1] if self._rate_known else kept[:, :2]


def make(name: str, task: Task, scale: Scale, seed: int, workers: int) -> Ours:
    """By name."""
    settings = _OFF.get(name, Settings())
    if len(task.shares) == 1 or name in _NEVER_STOPPED:
        settings = replace(settings, short_start=False)
    return Ours(name, task, scale, seed, settings)
