"""A conditional space as a row of independent parameters, for searchers that know no conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.space import Config, Parameter, Space, Value


@dataclass(frozen=True)
class Axis:
    """One parameter under a name that any library takes.

    Attributes:
        name: a plain identifier.
        parameter: what it stands for.
        choices: its values, sorted where they are numbers; empty for a range.
        ordered: whether the choices are numbers, three or more.
    """

    name: str
    parameter: Parameter
    choices: tuple[Value, ...]
    ordered: bool

    @property
    def integer(self) -> bool:
        """Of a range: whole numbers."""
        return self.parameter.integer

    @property
    def log(self) -> bool:
        """Of a range: whether it is logarithmic."""
        return self.parameter.log

    @property
    def low(self) -> float:
        """Of a range."""
        return float(self.parameter.low or 0)

    @property
    def high(self) -> float:
        """Of a range."""
        return float(self.parameter.high or 0)

    def value(self, raw: Any) -> Value:
        """What a library proposes, as the space's own value."""
        if self.choices:
            return next(c for c in self.choices if c == raw or str(c) == str(raw))
        return int(raw) if self.integer else float(raw)


class Flat:
    """Between configurations and values of all parameters, those that are off as well."""

    def __init__(self, space: Space) -> None:
        """In the space's order."""
        self.space = space
        self.axes = tuple(_axis(i, p) for i, p in enumerate(space.parameters))

    def config(self, values: Mapping[str, Any]) -> Config:
        """The configuration of a proposal; what is off in it is passed over."""
        config = self.space.start()
        for axis in self.axes:
            if axis.parameter.active(config):
                config[axis.parameter.name] = axis.value(values[axis.name])
        return config

    def values(self, config: Config, rest: Mapping[str, Any]) -> dict[str, Any]:
        """A proposal that gives a configuration; what is off in it as in `rest`."""
        on = {p.label for p in self.space.active(config)}
        return {
            a.name: config[a.parameter.name] if a.parameter.label in on else rest[a.name]
            for a in self.axes
        }


def _axis(place: int, parameter: Parameter) -> Axis:
    choices = parameter.choices or ()
    numbers = all(isinstance(c, int | float) and not isinstance(c, bool) for c in choices)
    name = f"p{place:02d}_{parameter.name.replace('.', '_')}"
    return Axis(
        name, parameter, tuple(sorted(choices)) if choices and numbers else choices,
        len(choices) >= 3 and numbers,
    )  # fmt: skip
