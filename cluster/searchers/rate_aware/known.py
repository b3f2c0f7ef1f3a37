"""What is exact before a trial runs: the rate of every point that it will give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from search_spaces.space import Config, Parameter, Space, Value

GRID = 24
"""Values at most that are tried of one rate-determining key with a long range."""
COMBINATIONS = 64
"""Combinations of rate-determining keys at most that are tried for one start."""


class KnownObjective(Protocol):
    """An objective that follows from the configuration."""

    @property
    def names(self) -> frozenset[str]:
        """Keys that it depends on."""

    def __call__(self, config: Config) -> np.ndarray:
        """(points,) its value at each point of a trial, ascending; the last one is the whole.

        Or (points, columns): several known values, the first of which ascends.
        """


def known_values(known: KnownObjective, config: Config) -> np.ndarray:
    """(points, columns) of a configuration, whatever the number of columns."""
    found = np.asarray(known(config), float)
    return found[:, None] if found.ndim == 1 else found


def rate_grid(space: Space, config: Config, names: frozenset[str]) -> Iterator[Config]:
    """A configuration with every combination of its rate-determining keys, the rest as it is.

    Keys on which another one's existence depends stay too, so that the same keys remain.
    """
    asked = {name for p in space.parameters for name in p.when}
    free = [p for p in space.active(config) if p.name in names and p.name not in asked]
    values = [_values(p) for p in free]
    while np.prod([len(v) for v in values]) > COMBINATIONS:
        longest = max(range(len(values)), key=lambda i: len(values[i]))
        values[longest] = values[longest][::2]

    def extend(fresh: Config, place: int) -> Iterator[Config]:
        if place == len(free):
            yield fresh
            return
        for value in values[place]:
            yield from extend({**fresh, free[place].name: value}, place + 1)

    yield from extend(dict(config), 0)


def rate_lines(space: Space, config: Config, names: frozenset[str]) -> Iterator[Config]:
    """A configuration with each of its rate-determining keys changed alone, and as it is."""
    asked = {name for p in space.parameters for name in p.when}
    yield dict(config)
    for parameter in space.active(config):
        if parameter.name in names and parameter.name not in asked:
            for value in _values(parameter):
                if value != config[parameter.name]:
                    yield {**config, parameter.name: value}


def _values(parameter: Parameter) -> list[Value]:
    if parameter.choices is not None:
        return list(parameter.choices)
    low, high = float(parameter.low or 0), float(parameter.high or 0)
    spread = np.geomspace(low, high, GRID) if parameter.log else np.linspace(low, high, GRID)
    if not parameter.integer:
        return [float(v) for v in spread]
    step = parameter.step or 1
    top = high - (high - low) % step  # the last step may fall short of the end
    return list({int(min(low + step * round((v - low) / step), top)) for v in spread})
