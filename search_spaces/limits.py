"""What a person wants of results: a window of rates, limits on metrics, distance from a reference.

What follows from the configuration (the nominal rate, and below a window what it bounds from above)
is refused before launch at no cost. What is measured is declared after the result: it is told to
the searcher, which learns where it is kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.families import codecs_of, family_of
from search_spaces.objectives import (
    RATE_ENTROPY,
    RATE_MODEL,
    RATE_NOMINAL,
    SPLITS,
    Direction,
    Metric,
    Scope,
    column_of,
    find_metric,
    metrics,
)
from search_spaces.rate import nominal_rate
from search_spaces.space import Config, Space, Value
from search_spaces.units import YARDSTICKS

_TEXT = re.compile(r"\s*([A-Za-z0-9_.]+)\s*(<=|>=)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*")
BOUNDED = (RATE_MODEL, RATE_ENTROPY)
"""Rates that the nominal one is an upper bound of."""


def searched_as(name: str) -> str:
    """The objective that stands for a name: for what is best at a reference, its distance from it.

    >>> searched_as("hull_pct"), searched_as("jerk_mps3"), searched_as("rmse_full_cm")
    ('hull_error_pct', 'jerk_error_mps3', 'rmse_full_cm')

    Raises:
        BadInput: no metric has that name.
    """
    metric, scope = find_metric(name)
    if metric.direction is not Direction.REFERENCE:
        return name
    head, _, _ = name.partition("_")
    distances = [
        m.measured_in(yardstick)
        for m in metrics()
        for yardstick in YARDSTICKS
        if m.stem == f"{metric.stem}_error"
        and m.direction is Direction.MIN
        and m.measured_in(yardstick).unit == metric.unit
    ]
    split = f"{head}_" if head in SPLITS else ""
    return split + distances[0].objective(scope) if distances else name


@dataclass(frozen=True)
class Limit:
    """A metric that is to stay at or under a value, or at or over it.

    Attributes:
        name: of the metric with its part and unit, without a split (`rmse_hands_cm`).
        value: in that unit.
        most: True where it is the highest that is wanted, False where the lowest.
    """

    name: str
    value: float
    most: bool
    sign: ClassVar[int] = 1

    @property
    def metric(self) -> Metric:
        """Its definition."""
        return find_metric(self.name)[0]

    def column(self, split: str = "val") -> str:
        """Column of a record that it reads."""
        return column_of(self.name, split, known=self.metric.known)

    def kept(self, value: float) -> bool:
        """Whether a value is on the right side; NaN is not."""
        return value <= self.value if self.most else value >= self.value

    def __str__(self) -> str:
        return f"{self.name}{'<=' if self.most else '>='}{self.value:g}"


def parse_limit(text: str) -> Limit:
    """`rmse_hands_cm<=4` -> limit.

    >>> str(parse_limit("rmse_hands_cm <= 4"))
    'rmse_hands_cm<=4'

    Raises:
        BadInput: not of that form, no such metric, or a split is named.
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise BadInput(f"constraint {text!r} is none; write METRIC<=NUMBER or METRIC>=NUMBER")
    name, sign, number = found.groups()
    metric, scope = find_metric(name)
    if name != metric.objective(scope):
        raise BadInput(f"constraint {text!r} names a split; write {metric.objective(scope)}")
    if metric.scope in (Scope.POSE, Scope.PARTS) and not scope:
        raise BadInput(f"constraint {text!r} needs a part, as in {metric.objective('body')}")
    return Limit(name, float(number), sign == "<=")


def limits(texts: Iterable[str]) -> tuple[Limit, ...]:
    """Limits from their texts, in order."""
    return tuple(parse_limit(text) for text in texts)


def keeps_all(row: Mapping[str, Any], wanted: Iterable[Limit]) -> bool:
    """Whether an operating point keeps every limit on validation; what is missing keeps none.

    >>> keeps_all({"val_rmse_full_cm": 3.0}, limits(["rmse_full_cm<=4"]))
    True
    >>> keeps_all({}, limits(["rmse_full_cm<=4"]))
    False
    """
    found = [(limit, row.get(limit.column())) for limit in wanted]
    return all(value is not None and limit.kept(float(value)) for limit, value in found)


@dataclass(frozen=True)
class RateWindow:
    """Total rates that are wanted, in bits/s.

    Attributes:
        low: lowest; 0 for "at most `high`".
        high: highest.
        rate: the objective that it speaks of.
    """

    low: float
    high: float
    rate: str = RATE_NOMINAL.objective()

    def refusal(self, config: Mapping[str, Value], facts: DataFacts) -> str | None:
        """Why no point of a configuration can lie in it, or None."""
        rates = _nominal_rates(config, facts)
        if find_metric(self.rate)[0] in BOUNDED:
            # A measured rate lies anywhere below its nominal one.
            if max(rates) < self.low:
                return f"its rates end at {max(rates):.5g} bits/s, under {self.low:g}"
            return None
        if find_metric(self.rate)[0] is not RATE_NOMINAL:
            return None
        if min(rates) > self.high:
            return f"its lowest rate is {min(rates):.5g} bits/s, over {self.high:g}"
        if not any(self.low <= rate <= self.high for rate in rates):
            return (
                f"none of its rates ({min(rates):.5g} to {max(rates):.5g} bits/s) lies between "
                f"{self.low:g} and {self.high:g}"
            )
        return None


def _nominal_rates(config: Mapping[str, Value], facts: DataFacts) -> list[float]:
    """Of every prefix of a residual codec, or of the whole."""
    family = family_of(config)
    levels = max(len(family.alphabet(config, part)) for part in facts.part_names)
    depths: list[int | None] = list(range(1, levels + 1)) if family.residual else [None]
    return [nominal_rate(config, facts, depth).total for depth in depths]


def rate_window(at: float, between: tuple[float, float] | None, names: Iterable[str]) -> RateWindow:
    """The window that a search speaks of; everything where neither is given.

    Its rate is the nominal one where that is an objective or no total rate is, else the first total
    rate among the objectives.
    """
    named = [find_metric(n) for n in names]
    totals = [m for m, part in named if not part and m.unit == "bps"]
    rate = RATE_NOMINAL if RATE_NOMINAL in totals or not totals else totals[0]
    low, high = between or (0.0, at or math.inf)
    return RateWindow(low, high, rate.objective())


def known_refusal(
    config: Mapping[str, Value], facts: DataFacts, wanted: Iterable[Limit]
) -> str | None:
    """Which limit on the nominal rate no point of a configuration can keep, or None."""
    for limit in wanted:
        if not limit.metric.known:
            continue
        part = find_metric(limit.name)[1]
        family = family_of(config)
        levels = max(len(family.alphabet(config, p)) for p in facts.part_names)
        depths: list[int | None] = list(range(1, levels + 1)) if family.residual else [None]
        found = [nominal_rate(config, facts, depth) for depth in depths]
        rates = [r.per_part.get(part, 0.0) if part else r.total for r in found]
        if not any(limit.kept(rate) for rate in rates):
            return f"{limit} is kept by none of its rates, {min(rates):.5g} to {max(rates):.5g}"
    return None


def rate_keys_of(space: Space) -> set[str]:
    """Keys that the nominal rate of a space's configurations follows from."""
    found = {"codec"}
    for name in codecs_of(space):
        found |= family_of({"codec": name}).rate_keys
    return found


def nominal_span(configs: Iterable[Config], facts: DataFacts) -> tuple[float, float]:
    """Lowest and highest nominal rate that some configurations give; (inf, -inf) of none."""
    low, high = math.inf, -math.inf
    for config in configs:
        rates = _nominal_rates(config, facts)
        low, high = min(low, *rates), max(high, *rates)
    return low, high
