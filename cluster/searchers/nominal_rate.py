"""The searcher that knows the nominal rate, over a sweep's space.

Volume is taken in the logarithms of rate and distortion: a front reaches over two powers of ten of
rate, and it is ratios that a codec is chosen by, as BD-rate measures them too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from cluster.searchers.rate_aware.searcher import RateAwareSearcher, Settings
from search_spaces.constraints import refusal
from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.families import codecs_of, family_of
from search_spaces.objectives import Objective, Scope
from search_spaces.rate import nominal_rate
from search_spaces.space import Config, base_key
from search_spaces.spec import SweepSpec

SAMPLER = "rate_aware"
LOWEST = 1e-12
"""Values at or below zero count as this."""


class NominalRate:
    """The logarithm of the nominal rate of each prefix, as a known objective."""

    def __init__(self, spec: SweepSpec, facts: DataFacts) -> None:
        """For configurations of a sweep on some data."""
        self._spec = spec
        self._facts = facts
        keys = set().union(*(family_of({"codec": c}).rate_keys for c in codecs_of(spec.space)))
        named = {p.name for p in spec.space.parameters}
        self._names = frozenset(n for n in named if base_key(n, keys) in keys)

    @property
    def names(self) -> frozenset[str]:
        """Keys of the space that a rate follows from."""
        return self._names

    def __call__(self, config: Config) -> np.ndarray:
        """(depths,) ascending."""
        whole = self._spec.configuration(config)
        family = family_of(whole)
        levels = max(len(family.alphabet(whole, part)) for part in self._facts.part_names)
        depths: list[int | None] = list(range(1, levels + 1)) if family.residual else [None]
        return np.log([nominal_rate(whole, self._facts, depth).total for depth in depths])

    @property
    def most_levels(self) -> int:
        """Points at most of one trial."""
        proposals = self._spec.space.projected(set(self._names) | {"codec"})
        return max((len(self(p)) for p in proposals if self._complete(p)), default=1)

    def _complete(self, proposal: Config) -> bool:
        try:
            self(proposal)
        except (BadInput, KeyError):
            return False
        return True


class NominalRateSearcher:
    """Ask and tell of a sweep, whose objectives come as they are measured."""

    def __init__(
        self, spec: SweepSpec, facts: DataFacts, place: tuple[int, int], reference: Sequence[float]
    ) -> None:
        """Starts with nothing known.

        Args:
            spec: of the sweep.
            facts: of its data.
            place: where rate and distortion stand among the objectives.
            reference: highest rate and distortion that count.
        """
        known = NominalRate(spec, facts)
        self._rate, self._measured = place
        highest = _log(reference[0])
        self.inner = RateAwareSearcher(
            spec.space,
            known,
            (float(np.nextafter(highest, math.inf)), _log(reference[1])),
            seed=spec.search.seed,
            works=lambda config: refusal(spec.configuration(config), facts) is None,
            most_levels=known.most_levels,
            settings=Settings(startup=spec.search.startup),
        )

    def ask(self) -> Config | None:
        """The next proposal; None where the space is exhausted."""
        return self.inner.ask()

    def tell(
        self,
        ask: int,
        values: Sequence[float] | None,
        *,
        points: Sequence[Sequence[float]] = (),
        refused: bool = False,
    ) -> None:
        """Every prefix is told."""
        if values is None or not np.isfinite(values).all():
            self.inner.tell(ask, None)
            return
        every = points or [values]
        self.inner.tell(ask, [_log(point[self._measured]) for point in every])


def rate_aware_searcher(
    spec: SweepSpec,
    goals: Sequence[Objective],
    facts: DataFacts,
    reference: Mapping[str, float],
) -> NominalRateSearcher:
    """The searcher of a sweep.

    Raises:
        BadInput: the objectives are not the total nominal rate and one measured, minimised one, or
            the space lists cells.
    """
    known = [i for i, o in enumerate(goals) if o.metric.known and o.metric.scope is Scope.RATE]
    rest = [i for i, o in enumerate(goals) if i not in known]
    total = [i for i in known if not goals[i].scope]
    if len(total) != 1 or len(known) != 1 or len(rest) != 1 or goals[rest[0]].sign < 0:
        raise BadInput(
            f"sampler {SAMPLER} searches the total nominal rate against one distortion, not "
            f"{', '.join(o.name for o in goals)}: --set objectives=rate_nominal_bps,rmse_full_cm, "
            "or --set sampler=tpe"
        )
    place = (total[0], rest[0])
    corner = [reference[goals[i].name] for i in place]
    return NominalRateSearcher(spec, facts, place, corner)


def _log(value: float) -> float:
    if math.isinf(value):
        return math.inf
    return math.log(max(value, LOWEST))
