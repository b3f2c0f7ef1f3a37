"""What a benchmark task is to every arm: a space, an exact objective, and a table of curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from benchmarks.search.scoring import volume
from cluster.replay.simulator import Report
from cluster.searchers.rate_aware.known import KnownObjective
from search_spaces.space import Config, Space

FULL_RUNS = 40
"""Budget: the device time of so many trials of mean length."""
SAMPLE = 6000


class Task(Protocol):
    """One tabulated problem."""

    name: str
    space: Space
    levels: int
    """Points at most of one trial."""

    @property
    def known(self) -> KnownObjective:
        """The exact objective."""

    def run(self, config: Config, seed: int) -> Sequence[Report]:
        """A trial's reports."""

    def sample(self, count: int, seed: int) -> tuple[list[Config], np.ndarray, np.ndarray]:
        """Random configurations, (n, 2) points of their ends, and (configurations,) seconds."""

    @property
    def shares(self) -> tuple[float, ...]:
        """Of a trial's own budget, at which it may report; the last one is 1."""

    def works(self, config: Config) -> bool:
        """Whether a configuration can be run; where not, an arm is told at no cost."""


@runtime_checkable
class Solved(Protocol):
    """A task whose true front is known."""

    def front(self) -> np.ndarray:
        """(n, 2) points."""


@dataclass(frozen=True)
class Scale:
    """What volumes are measured by, from a random sample of full trials.

    Attributes:
        reference: highest rate of the sample, and the 90th percentile of its values.
        volume: of the true front where that is known, else of the sample's: what volumes are
            divided by.
        seconds: mean length of a full trial.
    """

    reference: tuple[float, float]
    volume: float
    seconds: float

    def horizon(self, workers: int) -> float:
        """Seconds on each worker."""
        return FULL_RUNS * self.seconds / workers


def scale_of(task: Task, count: int = SAMPLE) -> Scale:
    """Samples a task; the same sample for every arm."""
    _, points, seconds = task.sample(count, 0)
    kept = points[np.isfinite(points).all(axis=1)]
    reference = (float(kept[:, 0].max()), float(np.quantile(kept[:, 1], 0.9)))
    front = task.front() if isinstance(task, Solved) else kept
    return Scale(reference, volume(front, reference), float(seconds.mean()))
