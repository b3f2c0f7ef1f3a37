"""A conditional space as ConfigSpace has it, conditions and all: for SMAC and DeepHyper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ConfigSpace import (
    AndConjunction,
    CategoricalHyperparameter,
    ConfigurationSpace,
    InCondition,
    OrConjunction,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)

from benchmarks.search.arms.flat import Axis, Flat
from search_spaces.space import Config


def to_config_space(flat: Flat, space: ConfigurationSpace) -> dict[str, Any]:
    """Adds all parameters and conditions to an empty space; returns its hyperparameters."""
    made = {axis.name: _hyperparameter(axis) for axis in flat.axes}
    space.add(*made.values())
    conditions = [c for axis in flat.axes for c in _conditions(axis, flat, made)]
    if conditions:
        space.add(*conditions)
    return made


def active_values(flat: Flat, config: Config) -> dict[str, Any]:
    """What is on in a configuration, by the names of its axes."""
    on = {p.label for p in flat.space.active(config)}
    return {a.name: config[a.parameter.name] for a in flat.axes if a.parameter.label in on}


def config_of(flat: Flat, values: Mapping[str, Any]) -> Config:
    """The configuration of what is on."""
    return flat.config({a.name: values.get(a.name) for a in flat.axes})


def _hyperparameter(axis: Axis) -> Any:
    if axis.choices:
        kind = OrdinalHyperparameter if axis.ordered else CategoricalHyperparameter
        return kind(axis.name, list(axis.choices))
    if axis.integer:
        return UniformIntegerHyperparameter(axis.name, int(axis.low), int(axis.high), log=axis.log)
    return UniformFloatHyperparameter(axis.name, axis.low, axis.high, log=axis.log)


def _conditions(axis: Axis, flat: Flat, made: Mapping[str, Any]) -> list[Any]:
    each = []
    for name, values in axis.parameter.when.items():
        parents = [a for a in flat.axes if a.parameter.name == name]
        ways = [
            InCondition(made[axis.name], made[parent.name], held)
            for parent in parents
            if (held := [v for v in values if parent.parameter.contains(v)])
        ]
        each.append(OrConjunction(*ways) if ways[1:] else ways[0])
    return [AndConjunction(*each)] if each[1:] else each
