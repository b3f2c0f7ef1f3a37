"""Ratefront's searcher with its stopping rule, and with one ingredient taken away at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.search.problem import Scale, Task
from cluster.schedulers.halving import SuccessiveHalving
from cluster.searchers.rate_aware.known import KnownObjective, known_values
from cluster.searchers.rate_aware.observations import Seen, chosen_levels
from cluster.searchers.rate_aware.searcher import RateAwareSearcher, Settings
from search_spaces.space import Config, canonical

_OFF = {
    "ratefront-candidates": Settings(gradients=False),
    "ratefront-no-fantasies": Settings(fantasies=False),
    "ratefront-ends-only": Settings(share_input=False),
    "ratefront-plain-start": Settings(low_rate_start=False),
    "ratefront-long-start": Settings(short_start=False),
    "ratefront-no-trend": Settings(rate_input=False),
    "ratefront-unsettled": Settings(stopped_settled=False),
    "ratefront-finished-front": Settings(finished_front=True),
}


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


class Ours:
    """Ask, report, tell."""

    def __init__(self, name: str, task: Task, scale: Scale, seed: int, settings: Settings) -> None:
        """One run."""
        self._prefixes = name != "ratefront-no-prefixes"
        known = task.known if self._prefixes else LastPointOnly(task.known)
        self._searcher = RateAwareSearcher(
            task.space, known, scale.reference, seed=seed, works=task.works,
            most_levels=task.levels if self._prefixes else 1, settings=settings,
        )  # fmt: skip
        self._model_stops = name not in ("ratefront-no-stopping", "ratefront-halving")
        self._halving = SuccessiveHalving(seed=seed) if name == "ratefront-halving" else None

    def ask(self) -> Config | None:
        """The searcher's proposal."""
        return self._searcher.ask()

    def moved(self, config: Config) -> None:
        """The last proposal runs as another configuration."""
        searcher = self._searcher
        known = known_values(searcher._known, config)
        picked = chosen_levels(len(known))
        x = searcher._encoding.encode(config, [i + 1 for i in picked], known[picked, 0])
        searcher._seen[-1] = Seen(config, known, x, picked)
        searcher._proposed.add(canonical(config))

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """Told to the model, then decided."""
        self._searcher.report(ask, share, self._values(points))
        if self._halving is not None:
            return self._halving.go_on(ask, share, points)
        return not self._model_stops or self._searcher.worth_finishing(ask)

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """The end."""
        values = None if points is None else self._values(points)
        self._searcher.tell(ask, values, stopped=points is None)
        if self._halving is not None:
            self._halving.ended(ask, points)

    def _values(self, points: np.ndarray) -> np.ndarray:
        return points[:, 1] if self._prefixes else points[-1:, 1]


def make(name: str, task: Task, scale: Scale, seed: int, workers: int) -> Ours:
    """By name."""
    return Ours(name, task, scale, seed, _OFF.get(name, Settings()))
