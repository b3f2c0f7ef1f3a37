"""The start of a search, before there is a model, and what is left where that finds nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import islice

import numpy as np

from cluster.searchers.rate_aware.encoding import Encoding, sobol
from cluster.searchers.rate_aware.known import rate_grid
from search_spaces.space import Config, Space

SHORT = 8
"""Proposals of a start whose trials end at their first report."""
WHOLE = 4
"""Proposals of a start whose trials run to their ends: eight cost 8 % of the area under the volume
over time, on each of LCBench's development instances (docs/evidence/search.md)."""
TRIES = 50
LISTED = 5000
"""Points of a finite space up to which its last ones are looked for one by one; rates of a long
list that are tried for one proposal."""
MOST_RATES = 50_000


class Start:
    """Scrambled Sobol points, cheap ones more often, each codec in turn."""

    def __init__(
        self,
        encoding: Encoding,
        rate_keys: frozenset[str],
        count: int,
        seed: int,
        allowed: Callable[[Config], bool],
        *,
        low_rates: bool,
    ) -> None:
        """Of a space.

        Args:
            encoding: of the space.
            rate_keys: what the rate follows from.
            count: proposals of the start.
            seed: of the sequence.
            allowed: False for what was proposed before or cannot work.
            low_rates: each rate-determining key is the smaller of two draws.
        """
        self._encoding, self._space = encoding, encoding.space
        self._rate_keys, self._count, self._allowed = rate_keys, count, allowed
        self._low_rates = low_rates
        drawn = sobol(encoding.labels, 4 * count, seed)
        self._first, self._second = np.split(drawn, [2 * count])

    def proposal(self, number: int, rng: np.random.Generator) -> Config | None:
        """The `number`-th point; None where nothing near it is allowed."""
        for place in range(number, len(self._first), self._count):
            cube = self._first[place].copy()
            if self._low_rates:
                for i, parameter in enumerate(self._space.parameters):
                    if parameter.name in self._rate_keys and not _asked_for(
                        self._space, parameter.name
                    ):
                        cube[i] = min(cube[i], self._second[place][i])
            self._turn(cube, number)
            config = self._encoding.at(cube)
            found = config if self._allowed(config) else self._moved_in(config, rng)
            if found is not None:
                return found
        return None

    def anywhere(self, rng: np.random.Generator) -> Config | None:
        """Any configuration that is allowed; None where none was found."""
        for _ in range(TRIES):
            config = self._encoding.at(rng.random(self._encoding.labels))
            found = config if self._allowed(config) else self._moved_in(config, rng)
            if found is not None:
                return found
        if self._space.finite and self._space.size() <= LISTED:
            return next((c for c in self._space.grid() if self._allowed(c)), None)
        # A window may be so narrow that chance does not find it: every rate is tried then.
        for i in rng.permutation(len(self._rates))[:LISTED]:
            config = self._encoding.completed(self._rates[i], rng.random(self._encoding.labels))
            if self._allowed(config):
                return config
        return None

    @cached_property
    def _rates(self) -> list[Config]:
        """Every combination of what the rate follows from; none where they cannot be listed."""
        named = tuple(
            p
            for p in self._space.parameters
            if p.name in self._rate_keys or _asked_for(self._space, p.name)
        )
        if self._space.cells or not Space(parameters=named, fixed=self._space.fixed).finite:
            return []
        return list(islice(self._space.projected(set(self._rate_keys)), MOST_RATES))

    def _moved_in(self, config: Config, rng: np.random.Generator) -> Config | None:
        """Another rate for a configuration that is not allowed: a narrow window is hit seldom."""
        grid = list(rate_grid(self._space, config, self._rate_keys))
        order = rng.permutation(len(grid))
        return next((grid[i] for i in order if self._allowed(grid[i])), None)

    def _turn(self, cube: np.ndarray, number: int) -> None:
        """Each value of a key that others depend on (the codec) has its turn in the start."""
        for i, parameter in enumerate(self._space.parameters):
            if parameter.choices is not None and _asked_for(self._space, parameter.name):
                count = len(parameter.choices)
                cube[i] = (number % count + 0.5) / count


def startup_of(space: Space, *, short: bool) -> int:
    """Proposals of a start, at least each value of a key that others depend on and one twice.

    Args:
        space: to be searched.
        short: whether its trials end at their first report.
    """
    turns = [len(p.choices) for p in space.parameters if p.choices and _asked_for(space, p.name)]
    return max([SHORT if short else WHOLE, *(1 + count for count in turns)])


def _asked_for(space: Space, name: str) -> bool:
    return any(name in p.when for p in space.parameters)
