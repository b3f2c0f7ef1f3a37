"""The searcher that knows the nominal rate, over a sweep's space and any of its objectives.

Volume is taken in the logarithms of what is minimised: a front reaches over two powers of ten of
rate, and it is ratios that a codec is chosen by, as BD-rate measures them too. What is maximised
(the use of codes, in percent) counts as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from cluster.searchers.earlier import EarlierSweep
from cluster.searchers.rate_aware.earlier import EarlierTrial
from cluster.searchers.rate_aware.searcher import RateAwareSearcher, Settings
from cluster.searchers.rate_aware.targets import Target, Targets
from cluster.wanted import Wanted
from search_spaces.believed_points import believed_points
from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.families import codecs_of, family_of
from search_spaces.limits import BOUNDED
from search_spaces.objectives import RATE_STREAM, Direction, Objective, Scope
from search_spaces.rate import nominal_rate
from search_spaces.space import Config, Space, base_key
from search_spaces.spec import SweepSpec

SAMPLER = "rate_aware"
LOWEST = 1e-12
"""Rates at or below zero count as this."""
FLOOR = 1e-3
"""Share of its reference below which nothing counts: a perfect score has no logarithm."""
SINGLE = 0.01
"""Width of the window of a single measured rate, in its logarithm."""
FEW_STARTS = 2
"""Proposals of the start where earlier sweeps were learnt from."""
Coordinate = Callable[[float], float]


class NominalRate:
    """The logarithm of the nominal rate of each prefix, as known values."""

    def __init__(self, spec: SweepSpec, facts: DataFacts, parts: Sequence[str] = ()) -> None:
        """For configurations of a sweep on some data; `parts` have columns of their own."""
        self._spec = spec
        self._facts = facts
        self._parts = tuple(parts)
        keys = set().union(*(family_of({"codec": c}).rate_keys for c in codecs_of(spec.space)))
        named = {p.name for p in spec.space.parameters}
        self._names = frozenset(n for n in named if base_key(n, keys) in keys)

    @property
    def names(self) -> frozenset[str]:
        """Keys of the space that a rate follows from."""
        return self._names

    def __call__(self, config: Config) -> np.ndarray:
        """(depths, 1 + parts) ascending: the total, then parts in order."""
        whole = self._spec.configuration(config)
        family = family_of(whole)
        levels = max(len(family.alphabet(whole, part)) for part in self._facts.part_names)
        depths: list[int | None] = list(range(1, levels + 1)) if family.residual else [None]
        rates = [nominal_rate(whole, self._facts, depth) for depth in depths]
        rows = [[r.total, *(r.per_part.get(p, 0.0) for p in self._parts)] for r in rates]
        return np.log(np.maximum(rows, LOWEST))

    @property
    def columns(self) -> list[str]:
        """Columns of a record that hold the same: the total, then parts."""
        return ["rate_nominal_bps", *(f"rate_nominal_{part}_bps" for part in self._parts)]

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
        self,
        spec: SweepSpec,
        goals: Sequence[Objective],
        facts: DataFacts,
        reference: Mapping[str, float],
        settings: Settings | None = None,
        earlier: Sequence[EarlierSweep] = (),
    ) -> None:
        """Starts with nothing known but what earlier sweeps measured.

        Args:
            spec: of the sweep.
            goals: its objectives, at least one of them measured.
            facts: of its data.
            reference: worst value of each that counts.
            settings: what to switch off.
            earlier: sweeps to learn from.
        """
        wanted = Wanted(spec, facts)
        order = _ordered(goals, wanted.window.rate)
        parts = list(dict.fromkeys(g.scope for g in goals if g.scope and _rate_like(g)))
        known = NominalRate(spec, facts, parts)
        column = {"": 0, **{part: i for i, part in enumerate(parts, 1)}}
        found = tuple(_target(goals[i], column) for i in order)
        self._places = [i for i, t in zip(order, found, strict=True) if t.known is None]
        self._coordinates = [_coordinate(goals[i], reference[goals[i].name]) for i in self._places]
        self._goals = len(goals)
        self._limits = wanted.measured
        self._bends = [_bend(limit.metric.direction, limit.value) for limit in self._limits]
        bounds = [
            (1 if limit.most else -1) * bend(limit.value)
            for limit, bend in zip(self._limits, self._bends, strict=True)
        ]
        corner = [_coordinate(goals[i], reference[goals[i].name])(reference[goals[i].name])
                  for i in order]  # fmt: skip
        if found[0].known is not None:
            corner[0] = float(np.nextafter(corner[0], math.inf))
        low, high = -math.inf, math.inf
        if wanted.windowed and _rate_like(goals[order[0]]):
            # Beyond what the space can reach nothing would count.
            high = min(_log(wanted.window.high), _log(reference[goals[order[0]].name]))
            low = high if not spec.search.between else min(_log(wanted.window.low), high)
            if low == high and found[0].known is None:
                low = high - SINGLE
        self.inner = RateAwareSearcher(
            spec.space,
            known,
            corner,
            seed=spec.search.seed,
            targets=Targets(found, tuple(bounds)),
            window=(low, high),
            works=lambda config: wanted.refusal(spec.configuration(config)) is None,
            most_levels=known.most_levels,
            settings=settings or _settings(spec, bool(earlier)),
            earlier=[self._taken(sweep, spec.space, known.columns) for sweep in earlier],
            points=believed_points(spec.space),
        )

    def _taken(
        self, sweep: EarlierSweep, space: Space, columns: Sequence[str]
    ) -> list[EarlierTrial]:
        """A sweep's trials in the coordinates of the model."""
        names = {p.name for p in space.parameters}
        found = []
        for trial in sweep.trials:
            config = {name: value for name, value in trial.config.items() if name in names}
            rates = np.array([[row.get(c) or 0.0 for c in columns] for row in trial.rates], float)
            known = np.log(np.maximum(rates, LOWEST))
            found.append(EarlierTrial(config, known, self.coordinates(trial.points)))
        return found

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
        """Every prefix is told: objectives as they are minimised, then limited metrics as read."""
        if values is None or not np.isfinite(values).all():
            self.inner.tell(ask, None)
            return
        self.inner.tell(ask, self.coordinates(points or [values]))

    def report(self, ask: int, share: float, points: Sequence[Sequence[float]]) -> None:
        """A curve informs the model with its share of the budget."""
        self.inner.report(ask, share, self.coordinates(points))

    def stopped(self, ask: int) -> None:
        """The curve is all there will be."""
        self.inner.tell(ask, None, stopped=True)

    def moved(self, config: Config) -> None:
        """The proposal asked for last runs as this one."""
        self.inner.moved(config)

    def worth_finishing(self, ask: int) -> bool:
        """Whether a trial's end may still add to the front of finished ones."""
        return self.inner.worth_finishing(ask)

    def coordinates(self, points: Sequence[Sequence[float]]) -> np.ndarray:
        """(points, measured values) of the model, from points as they are told.

        Infinite is what diverged; NaN a limited metric that was not measured, which keeps no limit.
        """
        rows = []
        for point in points:
            row = [bend(point[i]) for i, bend in zip(self._places, self._coordinates, strict=True)]
            for limit, bend, value in zip(
                self._limits, self._bends, point[self._goals :], strict=True
            ):
                finite = math.isfinite(value)
                row.append((1 if limit.most else -1) * bend(value) if finite else math.nan)
            rows.append(row)
        return np.array(rows, float)


def _settings(spec: SweepSpec, earlier: bool) -> Settings:
    """A stopped trial leaves no codec, so the front that counts is that of finished ones."""
    startup = spec.search.startup
    if earlier:
        startup = FEW_STARTS if startup is None else min(startup, FEW_STARTS)
    return Settings(startup=startup, short_start=False, finished_front=True)


def rate_aware_searcher(
    spec: SweepSpec,
    goals: Sequence[Objective],
    facts: DataFacts,
    reference: Mapping[str, float],
    earlier: Sequence[EarlierSweep] = (),
) -> NominalRateSearcher:
    """The searcher of a sweep, which learns from `earlier` ones.

    Raises:
        BadInput: none of the objectives is measured.
    """
    if all(o.metric.known for o in goals):
        raise BadInput(
            f"sampler {SAMPLER} has nothing to measure: {', '.join(o.name for o in goals)} are "
            "known before launch; add a distortion, as in --set "
            "objectives=rate_nominal_bps,rmse_full_cm"
        )
    return NominalRateSearcher(spec, goals, facts, reference, earlier=earlier)


def _rate_like(goal: Objective) -> bool:
    return goal.metric.scope is Scope.RATE or goal.metric is RATE_STREAM


def _ordered(goals: Sequence[Objective], first: str) -> list[int]:
    """The rate that windows and slabs are of, then what else is known, then what is measured."""

    def rank(i: int) -> int:
        goal = goals[i]
        if goal.name == first:
            return 0
        return 1 if goal.metric.known else 2 if _rate_like(goal) else 3

    return sorted(range(len(goals)), key=lambda i: (rank(i), i))


def _target(goal: Objective, column: Mapping[str, int]) -> Target:
    if goal.metric.known:
        return Target(known=column[goal.scope])
    if not _rate_like(goal):
        return Target()
    # Files have headers, so their rate may lie above the nominal one.
    return Target(bound=column[goal.scope], capped=goal.metric in BOUNDED)


def _coordinate(goal: Objective, worst: float) -> Coordinate:
    """From a value as it is told (minimised) to the scale that volume is taken in."""
    if goal.sign < 0:
        return lambda value: value if math.isfinite(value) else math.inf
    floor = LOWEST if _rate_like(goal) or not 0 < worst < math.inf else FLOOR * worst
    return lambda value: _log(value, floor)


def _bend(direction: Direction, bound: float) -> Coordinate:
    """The scale that a limited metric is modelled in: logarithms where it is positive."""
    if direction is Direction.MAX or bound <= 0:
        return lambda value: value
    return lambda value: _log(value, FLOOR * bound)


def _log(value: float, floor: float = LOWEST) -> float:
    if math.isinf(value):
        return math.inf
    return math.log(max(value, floor))
