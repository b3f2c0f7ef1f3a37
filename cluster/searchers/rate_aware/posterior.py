"""One Gaussian process for each measured value, fitted together and asked together.

A rate that the coder attains is modelled as its logarithm over the nominal rate: what is known
before launch is the mean of its model, and where it is also the upper bound no expectation lies
above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cluster.searchers.rate_aware.earlier import EarlierSweeps
from cluster.searchers.rate_aware.encoding import Encoding
from cluster.searchers.rate_aware.gaussian_process import (
    GaussianProcess,
    Inputs,
    fit,
    refitted,
)
from cluster.searchers.rate_aware.observations import Seen, rows
from cluster.searchers.rate_aware.targets import Target

FEWEST_ROWS = 3
"""Rows below which there is no model."""
LOOSE = 0.7
"""Room above a bound before values are pressed together."""
Slopes = tuple[np.ndarray, np.ndarray, list[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is expected of the ends of trials.

    Attributes:
        processes: one for each measured value.
        targets: what each of them is.
    """

    processes: tuple[GaussianProcess, ...]
    targets: tuple[Target, ...]

    def predict(self, x: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and deviations, (n, measured values) both, at the end of a budget.

        Args:
            x: (n, dimensions) encoded points.
            known: (n, columns) what is known of each.
        """
        at = Inputs(x, np.ones(len(x)))
        found = [p.predict(at) for p in self.processes]
        mean = np.column_stack([self._moved(i, m, known) for i, (m, _) in enumerate(found)])
        return mean, np.column_stack([sd for _, sd in found])

    def slopes(self, x: np.ndarray, known: np.ndarray) -> Slopes:
        """`predict`, and for each measured value the (n, dimensions) gradients of both by x."""
        at = Inputs(x, np.ones(len(x)))
        means, deviations, by_mean, by_sd = [], [], [], []
        for i, process in enumerate(self.processes):
            mean, sd, mean_slope, sd_slope = process.slopes(at)
            held = self.targets[i].capped & (mean > 0)
            by_mean.append(np.where(held[:, None], 0.0, mean_slope))
            by_sd.append(sd_slope)
            means.append(self._moved(i, mean, known))
            deviations.append(sd)
        return np.column_stack(means), np.column_stack(deviations), by_mean, by_sd

    def conditioned(self, x: np.ndarray) -> Posterior:
        """Having seen the expected ends of some trials: means as they are, deviations smaller."""
        at = Inputs(x, np.ones(len(x)))
        further = tuple(p.conditioned(at, p.predict(at)[0]) for p in self.processes)
        return Posterior(further, self.targets)

    def _moved(self, i: int, mean: np.ndarray, known: np.ndarray) -> np.ndarray:
        target = self.targets[i]
        if target.capped:
            mean = np.minimum(mean, 0.0)
        return mean if target.bound is None else mean + known[:, target.bound]


class Model:
    """Fits a posterior again as trials come in, seldom once there are many."""

    def __init__(
        self,
        encoding: Encoding,
        targets: Sequence[Target],
        ceilings: Sequence[float],
        earlier: EarlierSweeps | None = None,
    ) -> None:
        """Without data of its own.

        Args:
            encoding: of the space.
            targets: of each measured value.
            ceilings: value of each above which differences count for little.
            earlier: what was measured before.
        """
        self._encoding = encoding
        self._earlier = earlier
        self._targets = tuple(targets)
        self._ceilings = [
            LOOSE if t.bound is not None else c for t, c in zip(targets, ceilings, strict=True)
        ]
        self._processes: list[GaussianProcess | None] = [None] * len(self._targets)
        self._fitted_rows = [0] * len(self._targets)

    def posterior(self, seen: Sequence[Seen]) -> Posterior | None:
        """Given some trials; None where there are too few rows of any value."""
        found = [self._process(seen, i) for i in range(len(self._targets))]
        processes = tuple(p for p in found if p is not None)
        return Posterior(processes, self._targets) if len(processes) == len(found) else None

    def _process(self, seen: Sequence[Seen], i: int) -> GaussianProcess | None:
        target = self._targets[i]
        inputs, values, total = rows(
            seen, self._encoding, self._ceilings[i], column=i, bound=target.bound
        )
        if self._earlier is not None:
            inputs, values = self._earlier.joined(
                inputs, values, self._ceilings[i], i, target.bound
            )
        if len(values) < FEWEST_ROWS:
            return None
        # A rate keeps to its bound by itself; the trend is for distortions.
        along = None if target.bound is not None else self._encoding.rate_column
        earlier = self._processes[i]
        step = 1 if total < 40 else 0.06 * total if total < 120 else 0.15 * total
        if earlier is None or total - self._fitted_rows[i] >= step:
            iterations = 25 if total < 40 else 12 if total < 120 else 7
            start = None if earlier is None else earlier.theta
            process = fit(inputs, values, self._encoding.groups, start, iterations, along)
            self._fitted_rows[i] = total
        else:
            process = refitted(earlier, inputs, values, along)
        self._processes[i] = process
        return process
