"""Where to look next: the expected volume of a whole trial, and its maximum over a space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize

from cluster.searchers.rate_aware.encoding import Encoding
from cluster.searchers.rate_aware.expected_gain import log_expected_gain
from cluster.searchers.rate_aware.gaussian_process import GaussianProcess, Inputs
from cluster.searchers.rate_aware.known import KnownObjective, rate_grid
from cluster.searchers.rate_aware.observations import chosen_levels
from cluster.searchers.rate_aware.staircase import Staircase
from search_spaces.space import Config

CANDIDATES = 600
NEIGHBOURS = 24
STARTS = 5
APART = 0.12
"""Starts of the gradient search stand at least this far apart (root mean square per input)."""
ROUNDS = (15, 25)
"""Iterations of L-BFGS-B after each enumeration of the rate-determining keys."""
WIDTHS = (0.05, 0.15)


@dataclass(frozen=True, eq=False)
class Question:
    """Points of several trials at the end of their budgets, ready for the model."""

    x: np.ndarray
    rates: np.ndarray
    stops: np.ndarray
    owner: np.ndarray
    owners: int


@dataclass(frozen=True, eq=False)
class Acquisition:
    """The logarithm of the expected volume that a trial adds to a staircase."""

    process: GaussianProcess
    front: Staircase
    encoding: Encoding
    known: KnownObjective
    remembered: dict[tuple[object, ...], tuple[np.ndarray, np.ndarray, list[int]]] = field(
        default_factory=dict
    )
    """What `known` said; the searcher hands the same one over at every proposal."""

    def question(self, configs: Sequence[Config]) -> Question:
        """The points of some configurations; of many levels the chosen few stand for all."""
        sets = [self._rates(config) for config in configs]
        counts = [len(rates) for rates, _, _ in sets]
        x = self.encoding.encode_all(configs)
        owner = np.repeat(np.arange(len(configs)), counts)
        x = x[owner]
        rates = np.concatenate([r for r, _, _ in sets])
        self.encoding.set_points(x, [q for _, _, levels in sets for q in levels], rates)
        stops = np.concatenate([s for _, s, _ in sets])
        return Question(x, rates, stops, owner, len(configs))

    def _rates(self, config: Config) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Rates of the chosen points, up to where each counts, and their levels; remembered."""
        key = tuple(config.get(name) for name in sorted(self.known.names))
        if key not in self.remembered:
            every = np.asarray(self.known(config), float)
            picked = chosen_levels(len(every))
            rates = every[picked]
            levels = [i + 1 for i in picked]
            self.remembered[key] = rates, np.append(rates[1:], np.inf), levels
        return self.remembered[key]

    def values(self, configs: Sequence[Config]) -> np.ndarray:
        """(configs,) values; -inf for what cannot count."""
        asked = self.question(configs)
        mean, sd = self.process.predict(Inputs(asked.x, np.ones(len(asked.x))))
        widths = self.front.widths(asked.rates, asked.stops)
        return log_expected_gain(mean, sd, self.front.levels, widths, asked.owner, asked.owners)[0]

    def ascended(
        self, configs: Sequence[Config], but: frozenset[str], iterations: int
    ) -> list[Config]:
        """Configurations moved uphill along their numeric keys, those in `but` fixed."""
        asked = self.question(configs)
        widths = self.front.widths(asked.rates, asked.stops)
        columns = [self.encoding.numeric_columns(config, but) for config in configs]
        first = np.array([int(np.argmax(asked.owner == i)) for i in range(asked.owners)])
        start = np.concatenate([asked.x[first[i], c] for i, c in enumerate(columns)])
        if not len(start):
            return list(configs)
        ends = np.cumsum([len(c) for c in columns])
        time = np.ones(len(asked.x))

        def placed(vector: np.ndarray) -> np.ndarray:
            x = asked.x.copy()
            for number, part in enumerate(np.split(vector, ends[:-1])):
                mine = np.flatnonzero(asked.owner == number)
                x[np.ix_(mine, np.array(columns[number], int))] = part
            return x

        def negative(vector: np.ndarray) -> tuple[float, np.ndarray]:
            mean, sd, by_mean, by_sd = self.process.slopes(Inputs(placed(vector), time))
            value, mean_slope, sd_slope = log_expected_gain(
                mean, sd, self.front.levels, widths, asked.owner, asked.owners
            )
            pull = mean_slope[:, None] * by_mean + sd_slope[:, None] * by_sd
            slope = [
                pull[asked.owner == number][:, chosen].sum(0)
                for number, chosen in enumerate(columns)
            ]
            live = np.isfinite(value)
            slopes = [s if live[i] else 0 * s for i, s in enumerate(slope)]
            return -float(value[live].sum()), -np.concatenate(slopes)

        found = minimize(
            negative, np.clip(start, 0, 1), jac=True, method="L-BFGS-B",
            bounds=[(0.0, 1.0)] * len(start), options={"maxiter": iterations},
        )  # fmt: skip
        x = placed(np.asarray(found.x))
        return [self.encoding.moved(config, x[first[i]], but) for i, config in enumerate(configs)]


def maximised(
    acquisition: Acquisition,
    anchors: Sequence[Config],
    rng: np.random.Generator,
    allowed: Callable[[Config], bool],
    gradients: bool = True,
) -> Config | None:
    """The most promising configuration that is allowed, or None where none was found.

    Args:
        acquisition: what to maximise.
        anchors: good configurations whose neighbourhood is searched too.
        rng: for the candidates.
        allowed: False for what was proposed before or cannot work.
        gradients: False leaves the candidates as they are drawn.
    """
    encoding, known = acquisition.encoding, acquisition.known
    draws = rng.random((CANDIDATES, encoding.labels))
    pool = [encoding.at(cube) for cube in draws]
    for anchor in anchors:
        pool += [
            encoding.perturbed(anchor, rng, WIDTHS[i % len(WIDTHS)]) for i in range(NEIGHBOURS)
        ]
    pool = list({tuple(c.items()): c for c in pool}.values())
    scores = acquisition.values(pool)
    starts = _spread(pool, scores, encoding, allowed)
    if not starts:
        return None
    found = [pool[i] for i in starts]
    ranked = [(float(scores[starts[0]]), found[0])]
    if gradients:
        for iterations in ROUNDS:
            found = [_best_rate(acquisition, c, allowed) for c in found]
            found = acquisition.ascended(found, known.names, iterations)
        fresh = [c for c in found if allowed(c)]
        if fresh:
            ranked += list(zip(acquisition.values(fresh).tolist(), fresh, strict=True))
    return max(ranked, key=lambda pair: pair[0])[1]


def _spread(
    pool: Sequence[Config],
    scores: np.ndarray,
    encoding: Encoding,
    allowed: Callable[[Config], bool],
) -> list[int]:
    """Places of the best that stand apart and are allowed, which is asked of these few alone."""
    picked: list[int] = []
    x = encoding.encode_all(pool)
    for i in np.argsort(-scores, kind="stable"):
        if not np.isfinite(scores[i]) and picked:
            break
        away = all(np.sqrt(np.mean((x[i] - x[j]) ** 2)) > APART for j in picked)
        if away and allowed(pool[i]):
            picked.append(int(i))
        if len(picked) == STARTS:
            break
    return picked


def _best_rate(
    acquisition: Acquisition, config: Config, allowed: Callable[[Config], bool]
) -> Config:
    grid = list(rate_grid(acquisition.encoding.space, config, acquisition.known.names))
    scores = acquisition.values(grid)
    for i in np.argsort(-scores, kind="stable"):
        if allowed(grid[i]):
            return grid[i]
    return config
