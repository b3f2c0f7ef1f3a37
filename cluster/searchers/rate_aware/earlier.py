"""What earlier sweeps measured, as rows of other data sets in the model.

A row of an earlier sweep stands a little aside from ours, along an input of its own whose weight is
fitted, so that it is believed as far as it has proved true here. Its values are moved by the mean
of what ours have over what a process of that sweep alone expects of them, since other motion is
easier or harder as a whole; until something was measured here that offset is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cluster.searchers.rate_aware.encoding import Encoding
from cluster.searchers.rate_aware.gaussian_process import GaussianProcess, Inputs, fit
from cluster.searchers.rate_aware.observations import Seen, State, chosen_levels, rows, softened
from search_spaces.space import Config

MOST_ROWS = 120
"""Of all earlier sweeps together."""
FEWEST_ROWS = 3
ITERATIONS = 25
HIGH = 1e6


@dataclass(frozen=True, eq=False)
class EarlierTrial:
    """A finished trial of an earlier sweep.

    Attributes:
        config: its values of keys that this space has too.
        known: (points, columns) what is known of each of its points.
        values: (points, measured values), finite.
    """

    config: Config
    known: np.ndarray
    values: np.ndarray


class EarlierSweeps:
    """Rows of some earlier sweeps."""

    def __init__(self, sweeps: Sequence[Sequence[EarlierTrial]], encoding: Encoding) -> None:
        """Encodes them; `encoding` has an input for each."""
        self._sweeps = [
            [_seen(trial, encoding, number) for trial in trials]
            for number, trials in enumerate(sweeps)
        ]
        self._encoding = encoding
        self._alone: dict[tuple[int, int], tuple[Inputs, np.ndarray, GaussianProcess] | None] = {}

    def joined(
        self, inputs: Inputs, values: np.ndarray, ceiling: float, column: int, bound: int | None
    ) -> tuple[Inputs, np.ndarray]:
        """Rows of ours, then all of theirs, moved by their offsets.

        Args:
            inputs: of ours.
            values: of ours.
            ceiling: above which differences count for little.
            column: of the measured values.
            bound: column of what is known that values are relative to.
        """
        every, found = inputs, [values]
        for number in range(len(self._sweeps)):
            alone = self._process(number, column, bound)
            if alone is None:
                continue
            theirs, measured, process = alone
            offset = 0.0
            if len(values):
                at = Inputs(inputs.x.copy(), inputs.t)
                self._encoding.set_sweep(at.x, number)
                offset = float(np.mean(values - process.predict(at)[0]))
            every = every.joined(theirs)
            found.append(softened(measured + offset, ceiling))
        return every, np.concatenate(found)

    def _process(
        self, number: int, column: int, bound: int | None
    ) -> tuple[Inputs, np.ndarray, GaussianProcess] | None:
        """Rows of one sweep and a process of them alone, fitted once."""
        key = (number, column)
        if key not in self._alone:
            most = max(FEWEST_ROWS, MOST_ROWS // len(self._sweeps))
            theirs, values, _ = rows(
                self._sweeps[number], self._encoding, HIGH, most, column=column, bound=bound
            )
            along = None if bound is not None else self._encoding.rate_column
            self._alone[key] = None
            if len(values) >= FEWEST_ROWS:
                groups = self._encoding.groups
                process = fit(theirs, values, groups, None, ITERATIONS, along)
                self._alone[key] = theirs, values, process
        return self._alone[key]


def _seen(trial: EarlierTrial, encoding: Encoding, number: int) -> Seen:
    picked = chosen_levels(len(trial.known))
    x = encoding.encode(trial.config, [i + 1 for i in picked], trial.known[picked, 0])
    encoding.set_sweep(x, number)
    return Seen(trial.config, trial.known, x, picked, State.DONE, [(1.0, trial.values)])
