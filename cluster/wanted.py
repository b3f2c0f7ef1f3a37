"""Whether what a sweep wants of rates and results can be had, asked before anything is run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from search_spaces.constraints import refusal
from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.limits import (
    Limit,
    RateWindow,
    known_refusal,
    limits,
    nominal_span,
    rate_keys_of,
    rate_window,
)
from search_spaces.objectives import find_metric, in_unit
from search_spaces.space import Value
from search_spaces.spec import SweepSpec


class Wanted:
    """What a sweep wants, beyond that a configuration works."""

    def __init__(self, spec: SweepSpec, facts: DataFacts) -> None:
        """Of a spec on some data."""
        self._spec, self._facts = spec, facts
        search = spec.search
        self.window: RateWindow = rate_window(search.at, search.between, spec.objectives)
        self.limits: tuple[Limit, ...] = limits(spec.constraints)

    @property
    def windowed(self) -> bool:
        """Whether it is for some rates alone."""
        return bool(self._spec.search.at or self._spec.search.between)

    @property
    def measured(self) -> tuple[Limit, ...]:
        """Limits that only a result can keep or break."""
        return tuple(limit for limit in self.limits if not limit.metric.known)

    def refusal(self, config: Mapping[str, Value]) -> str | None:
        """Why a complete configuration is not run: it cannot work, or is not wanted."""
        reason = refusal(config, self._facts)
        if reason is None and self.windowed:
            reason = self.window.refusal(config, self._facts)
        return reason or known_refusal(config, self._facts, self.limits)

    def check(self) -> None:
        """Refuses what no configuration could give.

        Raises:
            BadInput: a window without a rate of the space, a limit on a part that is not there or
                in another unit than the data's.
        """
        parts = self._facts.part_names
        for limit in self.limits:
            named = in_unit(limit.name, self._facts.yardstick)
            if named != limit.name:
                raise BadInput(f"constraint {limit}: on these data it is {named}; name it so")
            part = find_metric(limit.name)[1]
            hands = any(p.endswith("hand") for p in parts)
            root = self._facts.root == "coded"
            if part in ("hands", "root") and not {"hands": hands, "root": root}[part]:
                raise BadInput(f"constraint {limit}: these data have no {part}; leave it out")
            if part not in ("", "full", "hands", "root", *parts):
                raise BadInput(f"constraint {limit}: these data have no {part}; leave it out")
        if not self.windowed or self._some_rate:
            return
        low, high = self._span
        asked = self._spec.search.between
        said = f"between {asked[0]:g} and {asked[1]:g}" if asked else f"at {self.window.high:g}"
        raise BadInput(
            f"no configuration of this space has a rate {said} bits/s on this data: they reach "
            f"from {low:.5g} to {high:.5g}; ask for another rate or widen the space with --set"
        )

    @cached_property
    def _some_rate(self) -> bool:
        return any(self.window.refusal(c, self._facts) is None for c in self._projected)

    @cached_property
    def _span(self) -> tuple[float, float]:
        return nominal_span(self._projected, self._facts)

    @cached_property
    def _projected(self) -> list[dict[str, Value]]:
        """Every configuration as far as its rate hangs on it, those that cannot work left out."""
        found = []
        for proposal in self._spec.space.projected(rate_keys_of(self._spec.space)):
            config = self._spec.configuration(proposal)
            if refusal(config, self._facts) is None:
                found.append(config)
        return found
