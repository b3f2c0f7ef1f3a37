"""Configurations of a conditional space as points of a unit cube.

One coordinate for each numeric key, whatever codec it belongs to, so that what is learnt of one
codec's codebook size tells about another's; one coordinate for each value of a key without an
order. A key that a configuration lacks stands in the middle, so that between two codecs it is the
codec's own coordinates that tell them apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import qmc

from search_spaces.space import Config, Parameter, Space, Value, distinct

MIDDLE = 0.5
REMEMBERED = 10_000
ASIDE = 0.3
"""How far points of an earlier sweep stand from ours: correlated by 0.88 at the usual weight."""


def _number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, eq=False)
class _Axis:
    """Where one key stands: a column, or one for each of its values."""

    name: str
    column: int
    values: tuple[Value, ...] = ()
    """Values without an order."""
    places: tuple[float, ...] = ()
    """Numeric values that stand at even distances, where neither scale fits."""
    low: float = 0.0
    high: float = 1.0
    log: bool = False

    @cached_property
    def numeric(self) -> bool:
        return not self.values

    @cached_property
    def ends(self) -> tuple[float, float]:
        return (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)

    @property
    def width(self) -> int:
        return len(self.values) or 1

    @cached_property
    def _known(self) -> dict[Value, float]:
        return {}

    def at(self, value: Value) -> float:
        """`unit`, remembered: few values are asked for often."""
        found = self._known.get(value)
        if found is None:
            if len(self._known) > REMEMBERED:
                self._known.clear()
            found = self._known[value] = self.unit(value)
        return found

    def unit(self, value: Value) -> float:
        number = float(value)
        if self.places:
            return float(np.interp(number, self.places, np.linspace(0, 1, len(self.places))))
        low, high = self.ends
        # What an earlier sweep had at 0 stands at the low end.
        place = math.log(number if number > 0 else self.low) if self.log else number
        return (place - low) / (high - low) if high > low else MIDDLE

    def numbers(self, units: np.ndarray) -> np.ndarray:
        if self.places:
            return np.interp(units, np.linspace(0, 1, len(self.places)), self.places)
        low, high = self.ends
        place = low + units * (high - low)
        return np.exp(place) if self.log else place


class Encoding:
    """Between configurations of a space and vectors."""

    def __init__(
        self,
        space: Space,
        levels: int = 1,
        rates: tuple[float, float] | None = None,
        earlier: int = 0,
    ) -> None:
        """For a space whose trials give up to `levels` points each (prefixes of a codec).

        With `rates`, the lowest and highest of the space, a point's rate is an input of its own,
        and so is each of `earlier` sweeps: 0 for points of this one.
        """
        self.space = space
        self._axes: dict[str, _Axis] = {}
        # By identity: a label is built anew each time, and is asked for thousands of times.
        self._own = {id(p): _axis(p.name, 0, [p]) for p in space.parameters}
        self._ordered = {id(p): _sorted(p.choices) for p in space.parameters if p.choices}
        self._asked = {name for p in space.parameters for name in p.when}
        self._gates = [i for i, p in enumerate(space.parameters) if p.name in self._asked]
        self._existing: dict[tuple[Value, ...], list[tuple[str, int]]] = {}
        column = 0
        for name in dict.fromkeys(p.name for p in space.parameters):
            axis = _axis(name, column, [p for p in space.parameters if p.name == name])
            self._axes[name] = axis
            column += axis.width
        self._level_column = column if levels > 1 else None
        self._log_levels = math.log(levels) if levels > 1 else 1.0
        column += levels > 1
        self.rate_column = column if rates is not None else None
        self._rates = rates or (0.0, 1.0)
        self._sweep_column = column + (rates is not None)
        self.dimensions = self._sweep_column + earlier
        names = list(self._axes)
        groups = [names.index(a.name) for a in self._axes.values() for _ in range(a.width)]
        further = (levels > 1) + (rates is not None) + earlier
        self.groups = np.array(groups + [len(names) + i for i in range(further)], dtype=int)

    def encode(
        self,
        config: Config,
        levels: Sequence[int] = (1,),
        rates: Sequence[float] | np.ndarray = (0.0,),
    ) -> np.ndarray:
        """(levels, dimensions): a configuration at each number of levels decoded."""
        rows = np.repeat(self.encode_all([config]), len(levels), axis=0)
        self.set_points(rows, levels, rates)
        return rows

    def encode_all(self, configs: Sequence[Config]) -> np.ndarray:
        """(configs, dimensions): many at once, each at one level."""
        x = np.full((len(configs), self.dimensions), MIDDLE)
        for axis in self._axes.values():
            if axis.numeric:
                x[:, axis.column] = [
                    MIDDLE if (v := c.get(axis.name)) is None else axis.at(v) for c in configs
                ]
                continue
            # Two values of a key stand 1 apart, whatever the number of its values.
            found = [c.get(axis.name) for c in configs]
            for place, value in enumerate(axis.values):
                x[:, axis.column + place] = [math.sqrt(0.5) * (v == value) for v in found]
        if self._level_column is not None:
            x[:, self._level_column] = 0.0
        x[:, self._sweep_column :] = 0.0
        return x

    def set_sweep(self, x: np.ndarray, number: int) -> None:
        """Writes that rows are of an earlier sweep."""
        x[:, self._sweep_column :] = 0.0
        x[:, self._sweep_column + number] = ASIDE

    def set_points(
        self, x: np.ndarray, levels: Sequence[int], rates: Sequence[float] | np.ndarray
    ) -> None:
        """Writes how many levels each row decodes, and its rate."""
        if self._level_column is not None:
            x[:, self._level_column] = np.log(levels) / self._log_levels
        if self.rate_column is not None:
            low, high = self._rates
            x[:, self.rate_column] = (np.asarray(rates) - low) / max(high - low, 1e-12)

    def numeric_columns(self, config: Config, but: frozenset[str]) -> list[int]:
        """Columns along which a configuration may be moved, keys in `but` left alone."""
        return [self._axes[p.name].column for p in self._free(config, but)]

    def moved(self, config: Config, row: np.ndarray, but: frozenset[str]) -> Config:
        """The nearest configuration whose numeric keys stand where `row` says."""
        fresh = dict(config)
        for parameter in self._free(config, but):
            axis = self._axes[parameter.name]
            fresh[parameter.name] = _nearest(parameter, axis, row[[axis.column]])[0]
        return fresh

    def _free(self, config: Config, but: frozenset[str]) -> list[Parameter]:
        """Numeric ones that can be moved alone: on them no other one's existence depends."""
        return [
            p
            for p in self.space.active(config)
            if self._axes[p.name].numeric and p.name not in but and p.name not in self._asked
        ]

    @property
    def labels(self) -> int:
        """Coordinates of the cube that `at` reads: one for each parameter of the space."""
        return len(self.space.parameters)

    def at(self, cube: np.ndarray) -> Config:
        """The configuration at a point of [0, 1]^labels, its coordinates read as quantiles."""
        return self.at_all(cube[None])[0]

    def completed(self, given: Config, cube: np.ndarray) -> Config:
        """A configuration with some values given, the others as `at` reads them."""
        columns = [
            [given[p.name]]
            if p.name in given and p.contains(given[p.name])
            else self._quantiles(p, cube[[i]])
            for i, p in enumerate(self.space.parameters)
        ]
        return self._joined(columns, 1)[0]

    def at_all(self, cubes: np.ndarray) -> list[Config]:
        """The configurations at points (n, labels)."""
        columns = [self._quantiles(p, cubes[:, i]) for i, p in enumerate(self.space.parameters)]
        return self._joined(columns, len(cubes))

    def _joined(self, columns: Sequence[Sequence[Value]], count: int) -> list[Config]:
        """Configurations from a value of each parameter, those that do not exist left out."""
        start = self.space.start()
        found = []
        for values in zip(*columns, strict=True) if columns else [()] * count:
            gates = tuple([values[i] for i in self._gates])
            if gates not in self._existing:
                self._existing[gates] = self._existing_under(values)
            found.append({**start, **{name: values[i] for name, i in self._existing[gates]}})
        return found

    def _existing_under(self, values: Sequence[Value]) -> list[tuple[str, int]]:
        """Names and numbers of the parameters that exist, which hangs on gating ones alone."""
        config = self.space.start()
        existing = []
        for number, parameter in enumerate(self.space.parameters):
            if parameter.active(config):
                config[parameter.name] = values[number]
                existing.append((parameter.name, number))
        if len(self._existing) > REMEMBERED:
            self._existing.clear()
        return existing

    def _quantiles(self, parameter: Parameter, units: np.ndarray) -> list[Value]:
        """A parameter's values at shares of its range; choices are equally likely."""
        if parameter.choices is None:
            return _nearest(parameter, self._own[id(parameter)], units)
        choices = self._ordered[id(parameter)]
        places = np.minimum((units * len(choices)).astype(int), len(choices) - 1)
        return [choices[i] for i in places.tolist()]

    def perturbed(
        self, config: Config, rng: np.random.Generator, spread: float, count: int
    ) -> list[Config]:
        """Neighbours: about a third of the keys of each redrawn near where they stand."""
        share = max(0.35, 1.0 / max(len(config), 1))
        columns = []
        for parameter in self.space.parameters:
            name = parameter.name
            if not (name in config and parameter.contains(config[name])):
                columns.append(self._quantiles(parameter, rng.random(count)))
                continue
            redrawn = rng.random(count) < share
            if self._axes[name].numeric:
                own = self._own[id(parameter)]
                units = own.unit(config[name]) + spread * rng.standard_normal(count)
                fresh = _nearest(parameter, own, units)
            else:
                fresh = self._quantiles(parameter, rng.random(count))
            kept = config[name]
            columns.append([f if r else kept for f, r in zip(fresh, redrawn.tolist(), strict=True)])
        return self._joined(columns, count)


def sobol(dimensions: int, count: int, seed: int) -> np.ndarray:
    """(count, dimensions) points of a scrambled Sobol sequence."""
    power = max(0, math.ceil(math.log2(max(count, 1))))
    return np.asarray(qmc.Sobol(dimensions, seed=seed).random_base2(power)[:count])


def _sorted(choices: tuple[Value, ...]) -> tuple[Value, ...]:
    return tuple(sorted(choices)) if all(_number(c) for c in choices) else choices


def _axis(name: str, column: int, variants: Sequence[Parameter]) -> _Axis:
    listed = distinct([c for p in variants for c in p.choices or ()])
    if not all(_number(c) for c in listed):
        ends = [v for p in variants if p.choices is None for v in (p.low or 0.0, p.high or 0.0)]
        return _Axis(name, column, values=(*listed, *ends))
    numbers = sorted({float(c) for c in listed})
    numbers += [float(v or 0.0) for p in variants if p.choices is None for v in (p.low, p.high)]
    low, high = min(numbers), max(numbers)
    ranged = [p for p in variants if p.choices is None]
    log = any(p.log for p in ranged) or (not ranged and low > 0 and high >= 8 * low)
    if not ranged and not log and len(numbers) > 2:
        return _Axis(name, column, places=tuple(numbers), low=low, high=high)
    return _Axis(name, column, low=low, high=high, log=log and low > 0)


def _nearest(parameter: Parameter, axis: _Axis, units: np.ndarray) -> list[Value]:
    """Values of a parameter that stand nearest to places on its axis."""
    if parameter.choices is not None:
        places = np.array([axis.at(c) for c in parameter.choices])
        nearest = np.abs(places[None] - units[:, None]).argmin(axis=1)
        return [parameter.choices[i] for i in nearest.tolist()]
    low, high = float(parameter.low or 0), float(parameter.high or 0)
    numbers = np.clip(axis.numbers(np.clip(units, 0.0, 1.0)), low, high)
    if not parameter.integer:
        found: list[Value] = numbers.tolist()
        return found
    step = parameter.step or 1
    whole = np.minimum(low + step * np.round((numbers - low) / step), high - (high - low) % step)
    return [int(v) for v in whole.tolist()]
