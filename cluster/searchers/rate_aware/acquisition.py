"""Where to look next: the expected volume of a whole trial, and its maximum over a space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_ndtr

from cluster.searchers.rate_aware.boxes import slabs
from cluster.searchers.rate_aware.encoding import Encoding
from cluster.searchers.rate_aware.expected_gain import Terms, gathered
from cluster.searchers.rate_aware.known import KnownObjective, known_values
from cluster.searchers.rate_aware.observations import chosen_levels
from cluster.searchers.rate_aware.posterior import Posterior
from cluster.searchers.rate_aware.targets import Targets
from search_spaces.space import Config

Known = tuple[np.ndarray, np.ndarray, list[int]]
"""(points, columns) known values of the chosen points, (points, 2) where each counts, levels."""


class Front(Protocol):
    """What trials have reached, and what others would add to it: a `Staircase` or `Boxes`."""

    def gain(self, points: np.ndarray) -> float:
        """Volume that points (n, objectives) add together."""

    def log_gain(
        self, mean: np.ndarray, sd: np.ndarray, slabs: np.ndarray, *, slopes: bool = True
    ) -> Terms:
        """ln of what each point is expected to add in its slab, and its slopes if asked for."""


@dataclass(frozen=True, eq=False)
class Question:
    """Points of several trials at the end of their budgets, ready for the model."""

    x: np.ndarray
    known: np.ndarray
    slabs: np.ndarray
    owner: np.ndarray
    owners: int


@dataclass(frozen=True, eq=False)
class Acquisition:
    """The logarithm of the expected volume that a trial adds to a front.

    Of each point the probability that it keeps the limits is a factor of it; with `cost`, the
    logarithm of the expected seconds is taken off `cost_share` times.
    """

    posterior: Posterior
    front: Front
    encoding: Encoding
    known: KnownObjective
    targets: Targets
    remembered: dict[tuple[object, ...], Known] = field(default_factory=dict)
    """What `known` said; the searcher hands the same one over at every proposal."""
    cost: Posterior | None = None
    cost_share: float = 0.0

    def question(self, configs: Sequence[Config]) -> Question:
        """The points of some configurations; of many levels the chosen few stand for all."""
        sets = [self._known(config) for config in configs]
        counts = [len(known) for known, _, _ in sets]
        x = self.encoding.encode_all(configs)
        owner = np.repeat(np.arange(len(configs)), counts)
        x = x[owner]
        known = np.concatenate([k for k, _, _ in sets])
        self.encoding.set_points(x, [q for _, _, levels in sets for q in levels], known[:, 0])
        where = np.concatenate([s for _, s, _ in sets])
        return Question(x, known, where, owner, len(configs))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(sorted(self.known.names))

    def _known(self, config: Config) -> Known:
        """Remembered by the keys that it hangs on."""
        key = tuple([config.get(name) for name in self._names])
        if key not in self.remembered:
            every = known_values(self.known, config)
            picked = chosen_levels(len(every))
            chosen = every[picked]
            stops = np.append(chosen[1:, 0], np.inf)
            where = np.column_stack([np.full(len(stops), -np.inf), stops])
            self.remembered[key] = chosen, where, [i + 1 for i in picked]
        return self.remembered[key]

    def values(self, configs: Sequence[Config]) -> np.ndarray:
        """(configs,) values; -inf for what cannot count."""
        asked = self.question(configs)
        mean, sd = self.posterior.predict(asked.x, asked.known)
        each = self._each(asked, mean, sd, self._where(asked, mean), slopes=False)[0]
        value = gathered(each, asked.owner, asked.owners)[0]
        if self.cost is not None:
            last = _last(asked)
            spent = self.cost.predict(asked.x[last], asked.known[last])[0][:, 0]
            value = value - self.cost_share * spent
        return value

    def _where(self, asked: Question, mean: np.ndarray) -> np.ndarray:
        """Up to the next rate where that is exact, else up to the next expected value."""
        if self.targets.staircase:
            return asked.slabs
        return slabs(self.targets.placed(asked.known, mean), asked.owner, asked.owners)

    def _each(
        self, asked: Question, mean: np.ndarray, sd: np.ndarray, where: np.ndarray, *, slopes: bool
    ) -> Terms:
        """(points,) values, and slopes by (points, measured values) means and deviations."""
        targets, count = self.targets, len(self.targets.measured)
        value, *by = self.front.log_gain(
            targets.placed(asked.known, mean), targets.placed(0 * asked.known, sd), where,
            slopes=slopes,
        )  # fmt: skip
        by = [b[:, targets.measured] for b in by]
        if not targets.limits:
            return value, *by
        room = (np.array(targets.limits) - mean[:, count:]) / sd[:, count:]
        value = value + log_ndtr(room).sum(axis=1)
        if not slopes:
            return (value,)
        pull = np.exp(-0.5 * room**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(room)) / sd[:, count:]
        return value, np.hstack([by[0], -pull]), np.hstack([by[1], -pull * room])

    def ascended(
        self, configs: Sequence[Config], but: frozenset[str], iterations: int
    ) -> list[Config]:
        """Configurations moved uphill along their numeric keys, those in `but` fixed."""
        asked = self.question(configs)
        columns = [self.encoding.numeric_columns(config, but) for config in configs]
        last = _last(asked)
        first = np.append(0, last[:-1] + 1)
        start = np.concatenate([asked.x[first[i], c] for i, c in enumerate(columns)])
        if not len(start):
            return list(configs)
        where = self._where(asked, self.posterior.predict(asked.x, asked.known)[0])
        ends = np.cumsum([len(c) for c in columns])
        mine = [slice(f, e + 1) for f, e in zip(first, last, strict=True)]

        def placed(vector: np.ndarray) -> np.ndarray:
            x = asked.x.copy()
            for rows, chosen, part in zip(mine, columns, np.split(vector, ends[:-1]), strict=True):
                x[rows, chosen] = part
            return x

        def negative(vector: np.ndarray) -> tuple[float, np.ndarray]:
            x = placed(vector)
            mean, sd, by_mean, by_sd = self.posterior.slopes(x, asked.known)
            each, mean_slope, sd_slope = self._each(asked, mean, sd, where, slopes=True)
            value, shares = gathered(each, asked.owner, asked.owners)
            pull = np.zeros_like(x)
            for i in range(mean.shape[1]):
                pull += mean_slope[:, i, None] * by_mean[i] + sd_slope[:, i, None] * by_sd[i]
            pull *= shares[:, None]
            if self.cost is not None:
                spent, _, by_cost, _ = self.cost.slopes(x[last], asked.known[last])
                value = value - self.cost_share * spent[:, 0]
                pull[last] -= self.cost_share * by_cost[0]
            slope = [pull[rows, chosen].sum(0) for rows, chosen in zip(mine, columns, strict=True)]
            live = np.isfinite(value)
            slopes = [s if live[i] else 0 * s for i, s in enumerate(slope)]
            return -float(value[live].sum()), -np.concatenate(slopes)

        found = minimize(
            negative, np.clip(start, 0, 1), jac=True, method="L-BFGS-B",
            bounds=[(0.0, 1.0)] * len(start), options={"maxiter": iterations},
        )  # fmt: skip
        x = placed(np.asarray(found.x))
        return [self.encoding.moved(config, x[first[i]], but) for i, config in enumerate(configs)]


def _last(asked: Question) -> np.ndarray:
    """Places of the whole codecs among the points."""
    return np.append(np.flatnonzero(np.diff(asked.owner)), len(asked.owner) - 1)
