"""Spaces as Optuna distributions: the one module of this package that imports Optuna.

Proposals are define-by-run, so conditions hold in every one. Ordered choices (all numbers, three or
more) are suggested by their place, so that a model sees that 32 lies between 16 and 64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from search_spaces.space import Config, Parameter, Space, Value


def _ordered(parameter: Parameter) -> bool:
    choices = parameter.choices or ()
    numbers = all(isinstance(c, int | float) and not isinstance(c, bool) for c in choices)
    return len(choices) >= 3 and numbers


def distribution(parameter: Parameter) -> BaseDistribution:
    """The Optuna distribution of one parameter (places of ordered choices)."""
    if parameter.choices is not None:
        if _ordered(parameter):
            return IntDistribution(0, len(parameter.choices) - 1)
        return CategoricalDistribution(parameter.choices)
    low, high = float(parameter.low or 0), float(parameter.high or 0)
    if parameter.integer:
        step = 1 if parameter.log else parameter.step or 1
        return IntDistribution(int(low), int(high), log=parameter.log, step=step)
    return FloatDistribution(low, high, log=parameter.log)


def suggest(space: Space, trial: optuna.trial.BaseTrial) -> Config:
    """A configuration (without fixed values) that a sampler proposes."""
    config = space.start()
    for parameter in space.parameters:
        if parameter.active(config):
            raw = trial._suggest(parameter.label, distribution(parameter))  # type: ignore[attr-defined]
            config[parameter.name] = _value(parameter, raw)
    return config


def _value(parameter: Parameter, raw: Any) -> Value:
    if parameter.choices is not None and _ordered(parameter):
        return sorted(parameter.choices)[int(raw)]
    return raw


def to_trial(
    space: Space, config: Mapping[str, Value]
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Optuna's parameters and distributions of a configuration: the inverse of `suggest`."""
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    for parameter in space.active(config):
        value = config[parameter.name]
        if parameter.choices is not None and _ordered(parameter):
            value = sorted(parameter.choices).index(value)
        params[parameter.label] = value
        distributions[parameter.label] = distribution(parameter)
    return params, distributions
