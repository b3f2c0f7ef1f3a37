"""What may be tried: parameters with conditions, and the configurations they span.

A configuration is a flat mapping `{"codec": "rqvae", "codebook_size": 32, "loss.angle": 1.0}`. A
key may be given for one part alone by a suffix (`codebook_size.body`); `value_for` looks it up. One
name may stand several times in a space under conditions that exclude each other, so that a codec
can have its own range of a shared key.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from search_spaces.errors import BadInput

Value = str | int | float | bool
Config = dict[str, Value]
PARTS = ("body", "right_hand", "left_hand")


class Parameter(BaseModel):
    """One parameter: either `choices`, or `low`..`high` (ints or floats, `log`, `step`).

    `when` maps another parameter's name to the values under which this one exists.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    choices: tuple[Value, ...] | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False
    integer: bool = False
    step: int | None = None
    when: dict[str, tuple[Value, ...]] = {}

    @model_validator(mode="before")
    @classmethod
    def _scalars_are_lists(cls, data: Any) -> Any:
        if isinstance(data, dict):
            data = dict(data)
            if isinstance(data.get("when"), Mapping):
                data["when"] = {
                    k: tuple(v) if isinstance(v, list | tuple) else (v,)
                    for k, v in data["when"].items()
                }
            if "value" in data:
                data["choices"] = (data.pop("value"),)
        return data

    @model_validator(mode="after")
    def _one_kind(self) -> Parameter:
        ranged = self.low is not None and self.high is not None
        if (self.choices is not None) == ranged:
            raise ValueError(f"{self.name}: give either choices or both low and high")
        if ranged and not float(self.low or 0) <= float(self.high or 0):
            raise ValueError(f"{self.name}: low {self.low} is above high {self.high}")
        if ranged and self.log and float(self.low or 0) <= 0:
            raise ValueError(f"{self.name}: a log range needs low > 0, got {self.low}")
        if self.choices is not None and not self.choices:
            raise ValueError(f"{self.name}: choices are empty")
        return self

    def active(self, config: Mapping[str, Value]) -> bool:
        """Whether its conditions hold in a configuration made so far."""
        return all(config.get(name) in values for name, values in self.when.items())

    @property
    def label(self) -> str:
        """Name with its conditions: unique within a space."""
        if not self.when:
            return self.name
        said = ",".join(f"{k}={'/'.join(map(str, v))}" for k, v in sorted(self.when.items()))
        return f"{self.name}|{said}"

    def values(self) -> tuple[Value, ...]:
        """Its finite values; BadInput where it is continuous."""
        if self.choices is not None:
            return self.choices
        if self.integer:
            low, high = int(self.low or 0), int(self.high or 0)
            return tuple(range(low, high + 1, self.step or 1))
        raise BadInput(f"{self.name} is continuous, so it spans no grid; give it choices")

    def contains(self, value: Value) -> bool:
        """Whether a value is one that it may take."""
        if self.choices is not None:
            return value in self.choices
        if isinstance(value, str | bool):
            return False
        inside = float(self.low or 0) <= value <= float(self.high or 0)
        return inside and (not self.integer or float(value).is_integer())


class Space(BaseModel):
    """Parameters in order (a condition names parameters before it), or `cells`, listed outright.

    Cells are configurations chosen together (a *paired* set), run as they stand.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: tuple[Parameter, ...] = ()
    cells: tuple[Config, ...] = ()
    fixed: Config = {}
    """Values laid under every configuration whose codec knows the key."""

    @model_validator(mode="after")
    def _conditions_look_back(self) -> Space:
        seen: set[str] = set()
        labels: set[str] = set()
        for parameter in self.parameters:
            unknown = set(parameter.when) - seen
            if unknown:
                raise ValueError(
                    f"{parameter.name}: condition on {', '.join(sorted(unknown))}, which does not "
                    "stand before it"
                )
            if parameter.label in labels:
                raise ValueError(f"{parameter.label} stands twice")
            labels.add(parameter.label)
            seen.add(parameter.name)
        return self

    def active(self, config: Mapping[str, Value]) -> list[Parameter]:
        """Parameters that exist under a configuration."""
        return [p for p in self.parameters if p.active(config)]

    def grid(self) -> Iterator[Config]:
        """Every configuration of a finite space (conditions honoured), or the cells."""
        if self.cells:
            yield from (dict(cell) for cell in self.cells)
            return

        def extend(config: Config, rest: tuple[Parameter, ...]) -> Iterator[Config]:
            if not rest:
                yield config
            elif not rest[0].active(config):
                yield from extend(config, rest[1:])
            else:
                for value in rest[0].values():
                    yield from extend({**config, rest[0].name: value}, rest[1:])

        yield from extend(self.start(), self.parameters)

    def start(self) -> Config:
        """What a configuration holds before any parameter is chosen: a fixed codec."""
        return {"codec": self.fixed["codec"]} if "codec" in self.fixed else {}

    @property
    def finite(self) -> bool:
        """Whether it has a grid."""
        return bool(self.cells) or all(p.choices is not None or p.integer for p in self.parameters)

    def size(self) -> float:
        """Number of grid points; infinite where a parameter is continuous."""
        return sum(1 for _ in self.grid()) if self.finite else math.inf

    def projected(self, names: set[str]) -> Iterator[Config]:
        """Distinct configurations over some parameters alone (those that a rate depends on)."""
        if self.cells:
            configs: Iterator[Config] = self.grid()
        else:
            needed = names | {k for p in self.parameters if p.name in names for k in p.when}
            kept = tuple(p for p in self.parameters if p.name.split(".")[0] in needed)
            configs = Space(parameters=kept, fixed=self.fixed).grid()
        seen: set[str] = set()
        for config in configs:
            key = canonical(config)
            if key not in seen:
                seen.add(key)
                yield config


def value_for(config: Mapping[str, Value], key: str, part: str = "") -> Value:
    """A key's value for a part: `key.part` where given, else `key`. KeyError where neither is."""
    if part and f"{key}.{part}" in config:
        return config[f"{key}.{part}"]
    return config[key]


def int_for(config: Mapping[str, Value], key: str, part: str = "") -> int:
    """`value_for` as an int."""
    return int(value_for(config, key, part))


def float_for(config: Mapping[str, Value], key: str, part: str = "") -> float:
    """`value_for` as a float."""
    return float(value_for(config, key, part))


def base_key(key: str) -> str:
    """The key without a part's suffix: `codebook_size.body` -> `codebook_size`."""
    head, _, tail = key.rpartition(".")
    return head if head and tail in PARTS else key


def canonical(config: Mapping[str, Value]) -> str:
    """One text per configuration: keys sorted, 1 and 1.0 alike."""

    def plain(value: Value) -> Value:
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return int(value)
        return value

    return json.dumps({k: plain(config[k]) for k in sorted(config)}, separators=(",", ":"))


def config_hash(config: Mapping[str, Value]) -> str:
    """Identity of a configuration, the seed left out: 12 hex digits of SHA-256."""
    return hashlib.sha256(canonical(config).encode()).hexdigest()[:12]


def trial_id(config: Mapping[str, Value], seed: int) -> str:
    """Identity of a trial: the same configuration and seed are the same trial, wherever run."""
    return f"{config['codec']}-{config_hash(config)}-s{seed}"


def product(options: Mapping[str, tuple[Value, ...]]) -> Iterator[Config]:
    """Every combination of some keys' values."""
    for values in itertools.product(*options.values()):
        yield dict(zip(options, values, strict=True))
