"""Configurations that people believe in, which a search tries before its own.

They stand in the space (`points:`) or on the command line (`--point codec=rqvae,latent_dim=16`).
A key that is left out takes the codec's default where the space holds it, else what stands in the
middle of its range; so a point is the same whoever searches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from search_spaces.errors import BadInput
from search_spaces.families import family_of, there_are
from search_spaces.space import Config, Parameter, Space, Value, canonical


def believed_points(space: Space) -> list[Config]:
    """The points of a space as proposals, in order, each once.

    Raises:
        BadInput: one lies outside of the space.
    """
    found = [_proposal(space, point) for point in space.points]
    return list({canonical(proposal): proposal for proposal in found}.values())


def _proposal(space: Space, point: Mapping[str, Value]) -> Config:
    said = ",".join(f"{key}={_shown(value)}" for key, value in point.items())
    config = space.start()
    for parameter in space.parameters:
        if not parameter.active(config):
            continue
        if parameter.name not in point:
            config[parameter.name] = _left_open(parameter, {**space.fixed, **config})
            continue
        value = point[parameter.name]
        if not parameter.contains(value):
            raise BadInput(
                f"point {said}: {parameter.name}={_shown(value)} lies outside of the space, which "
                f"holds {_range(parameter)}; take one of these, or widen the space with --set"
            )
        spelt = parameter.choice(value)
        whole = parameter.integer and parameter.choices is None
        config[parameter.name] = (int(value) if whole else value) if spelt is None else spelt
    for key, value in point.items():
        if key in config and key not in space.fixed:
            continue
        if key not in space.fixed:
            raise BadInput(
                f"point {said}: the space has no {key} there; {there_are(key, sorted(config))}"
            )
        if canonical({key: value}) != canonical({key: space.fixed[key]}):
            raise BadInput(
                f"point {said}: {key} is fixed at {_shown(space.fixed[key])} in this space; leave "
                "it out, or open the space with --set"
            )
    return config


def _left_open(parameter: Parameter, config: Config) -> Value:
    known = family_of(config).key_of(parameter.name) if "codec" in config else None
    if known is not None and known.default is not None and parameter.contains(known.default):
        return known.default
    if parameter.choices is not None:
        return parameter.choices[(len(parameter.choices) - 1) // 2]
    low, high = float(parameter.low or 0), float(parameter.high or 0)
    middle = math.sqrt(low * high) if parameter.log else (low + high) / 2
    if not parameter.integer:
        return middle
    step = parameter.step or 1
    return int(low + step * ((middle - low) // step))


def _range(parameter: Parameter) -> str:
    if parameter.choices is not None:
        return ", ".join(map(_shown, parameter.choices))
    step = f" in steps of {parameter.step}" if (parameter.step or 1) > 1 else ""
    whole = "whole numbers " if parameter.integer else ""
    return f"{whole}{parameter.low:g} to {parameter.high:g}{step}"


def _shown(value: Value) -> str:
    """As it is written on the command line."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
