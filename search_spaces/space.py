"""What may be tried: parameters with conditions, and the configurations they span.

A configuration is a flat mapping `{"codec": "rqvae", "codebook_size": 32, "loss.angle": 1.0}`. A
key may be given for one part alone by a suffix (`codebook_size.body`); `value_for` looks it up. One
name may stand several times in a space under conditions that exclude each other, so that a codec
can have its own range of a shared key.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from search_spaces.errors import BadInput

Value = str | int | float | bool
Config = dict[str, Value]


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
    step: int | None = Field(default=None, ge=1)
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
            if "value" in data and "choices" not in data:
                data["choices"] = (data.pop("value"),)
        return data

    @model_validator(mode="after")
    def _one_kind(self) -> Parameter:
        ranged = self.low is not None and self.high is not None
        limited = self.low is not None or self.high is not None
        if self.choices is not None and (limited or self.log or self.step or self.integer):
            raise ValueError(f"{self.name}: choices stand alone, without low, high, log or step")
        if self.choices is None and not ranged:
            raise ValueError(f"{self.name}: give either choices or both low and high")
        if ranged and not float(self.low or 0) <= float(self.high or 0):
            raise ValueError(f"{self.name}: low {self.low} is above high {self.high}")
        if ranged and self.log and float(self.low or 0) <= 0:
            raise ValueError(f"{self.name}: a log range needs low > 0, got {self.low}")
        if not all(math.isfinite(limit) for limit in (self.low or 0, self.high or 0)):
            raise ValueError(f"{self.name}: low and high must be finite")
        if self.integer and not all(float(n or 0).is_integer() for n in (self.low, self.high)):
            raise ValueError(f"{self.name}: low and high of whole numbers must be whole")
        if self.step is not None and (self.log or not self.integer):
            raise ValueError(f"{self.name}: step needs integer: true and no log scale")
        if self.choices is not None and not self.choices:
            raise ValueError(f"{self.name}: choices are empty")
        if self.choices is not None and len(distinct(self.choices)) < len(self.choices):
            raise ValueError(f"{self.name}: a choice stands twice in {list(self.choices)}")
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
            return self.choice(value) is not None
        if isinstance(value, str | bool):
            return False
        low = float(self.low or 0)
        inside = low <= value <= float(self.high or 0)
        if not inside or not self.integer:
            return inside
        return (value - low) % (self.step or 1) == 0

    def choice(self, value: Value) -> Value | None:
        """The choice that a value spells (1.0 spells 1, True does not), or None."""
        same = (c for c in self.choices or () if c == value and _is_switch(c) == _is_switch(value))
        return next(same, None)

    def excludes(self, other: Parameter) -> bool:
        """Whether its conditions and another's can never hold together."""
        shared = set(self.when) & set(other.when)
        return any(not set(self.when[k]) & set(other.when[k]) for k in shared)


class Space(BaseModel):
    """Parameters in order (a condition names parameters before it), or `cells`, listed outright.

    Cells are configurations chosen together (a *paired* set), run as they stand.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: tuple[Parameter, ...] = ()
    cells: tuple[Config, ...] = ()
    fixed: Config = {}
    """Values laid under every configuration whose codec knows the key."""
    points: tuple[Config, ...] = ()
    """Configurations that people believe in, as far as they say: proposed before any other."""

    @field_validator("cells")
    @classmethod
    def _each_cell_once(cls, cells: tuple[Config, ...]) -> tuple[Config, ...]:
        return tuple({canonical(cell): cell for cell in cells}.values())

    @model_validator(mode="after")
    def _conditions_look_back(self) -> Space:
        if self.cells and self.parameters:
            raise ValueError("cells are run as they stand: give either cells or parameters")
        seen: set[str] = set(self.start())
        for place, parameter in enumerate(self.parameters):
            unknown = set(parameter.when) - seen
            if unknown:
                raise ValueError(
                    f"{parameter.name}: condition on {', '.join(sorted(unknown))}, which does not "
                    "stand before it"
                )
            for other in self.parameters[:place]:
                if other.name == parameter.name and not parameter.excludes(other):
                    raise ValueError(
                        f"{parameter.name} stands twice; give both a condition ('when') on one "
                        "parameter, with different values"
                    )
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
        """Number of grid points, counted without listing them; infinite where continuous."""
        if not self.finite:
            return math.inf
        if self.cells:
            return len(self.cells)
        asked = {name for p in self.parameters for name in p.when}

        def count(config: Config, rest: tuple[Parameter, ...]) -> int:
            if not rest:
                return 1
            first, others = rest[0], rest[1:]
            if not first.active(config):
                return count(config, others)
            if first.name not in asked:
                return len(first.values()) * count(config, others)
            return sum(count({**config, first.name: v}, others) for v in first.values())

        return count(self.start(), self.parameters)

    def projected(self, names: set[str]) -> Iterator[Config]:
        """Distinct configurations over some parameters alone (those that a rate depends on).

        A parameter for one part counts with its key, and what a condition asks for counts too.
        """
        if self.cells:
            configs: Iterator[Config] = self.grid()
        else:
            needed = set(names)
            # Conditions look back, so one pass from the end finds what they ask for in turn.
            for parameter in reversed(self.parameters):
                if base_key(parameter.name, needed) in needed:
                    needed |= set(parameter.when)
            kept = tuple(p for p in self.parameters if base_key(p.name, needed) in needed)
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


def base_key(key: str, keys: Collection[str]) -> str:
    """The one of some keys that a name means: itself, or without a part's suffix.

    >>> base_key("codebook_size.body", {"codebook_size"}), base_key("loss.angle", {"loss.angle"})
    ('codebook_size', 'loss.angle')
    """
    head = key.rpartition(".")[0]
    return head if key not in keys and head in keys else key


def distinct(values: Sequence[Value]) -> tuple[Value, ...]:
    """Values in order, each once; 1 and 1.0 are one value, 1 and True are two."""
    seen: dict[tuple[bool, Value], Value] = {}
    for value in values:
        seen.setdefault((_is_switch(value), value), value)
    return tuple(seen.values())


def _is_switch(value: Value) -> bool:
    return isinstance(value, bool)


def canonical(config: Mapping[str, Value]) -> str:
    """One text per configuration: keys sorted, 1 and 1.0 alike."""

    def plain(value: Value) -> Value:
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return int(value)
        return value

    return json.dumps({k: plain(config[k]) for k in sorted(config)}, separators=(",", ":"))


_SOURCES: dict[str, str] = {}


def sign_codecs(names: Collection[str], source: str) -> None:
    """From now on the identity of configurations of these codecs holds the hash of their source.

    Args:
        names: of codecs that are not part of this release.
        source: hash of the program that they are; "" for none.
    """
    _SOURCES.update(dict.fromkeys(names, source))


def config_hash(config: Mapping[str, Value]) -> str:
    """Identity of a configuration, the seed left out: 12 hex digits of SHA-256.

    A codec of a plugin is another one when the plugin is: its source's hash goes in.
    """
    text = canonical(config) + _SOURCES.get(str(config.get("codec")), "")
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def trial_id(config: Mapping[str, Value], seed: int) -> str:
    """Identity of a trial: the same configuration and seed are the same trial, wherever run."""
    return f"{config['codec']}-{config_hash(config)}-s{seed}"
