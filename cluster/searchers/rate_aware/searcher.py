"""The searcher that knows the rate: asks, is told, and says what is worth finishing.

Objectives are known before launch or measured, all minimised and handed over in the coordinates in
which volume counts. Each trial gives a set of points (prefixes of a codec). Every proposal follows
from the seed and from what was asked, reported and told before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import moocore
import numpy as np

from cluster.searchers.rate_aware.acquisition import Acquisition, Front, Known
from cluster.searchers.rate_aware.boxes import boxes
from cluster.searchers.rate_aware.earlier import EarlierSweeps, EarlierTrial
from cluster.searchers.rate_aware.encoding import Encoding, sobol
from cluster.searchers.rate_aware.family_turns import Family, below_floor
from cluster.searchers.rate_aware.known import KnownObjective, known_values
from cluster.searchers.rate_aware.maximum import maximised
from cluster.searchers.rate_aware.observations import Seen, State, chosen_levels
from cluster.searchers.rate_aware.one_thread import one_thread
from cluster.searchers.rate_aware.posterior import Model, Posterior
from cluster.searchers.rate_aware.staircase import staircase
from cluster.searchers.rate_aware.start import Start, startup_of
from cluster.searchers.rate_aware.targets import Target, Targets
from search_spaces.space import Config, Space, canonical

RATE_AND_VALUE = Targets((Target(known=0), Target()))
BEST = 4
MOST_ANCHORS = 40
MOST_SETTLED = 100
"""Stopped trials, the latest ones, whose ends count as expected."""


@dataclass(frozen=True)
class Settings:
    """What may be switched off to see what it is worth.

    Attributes:
        startup: proposals of the Sobol start; None: `startup_of` the space.
        low_rate_start: each rate-determining key of the start is the smaller of two draws; it costs
            time on recorded codecs, and changes little on LCBench.
        gradients: enumerate rates and climb, beside drawing candidates.
        fantasies: running trials count as if they had ended as expected.
        share_input: curves enter with their share of the budget; off, only ends do.
        stopped_inform: stopped trials enter the model.
        stopped_settled: the ends of stopped trials count as expected, so that nothing beside them
            is proposed again in the hope that those were misjudged.
        short_start: trials of the start end at their first report; on LCBench this halves the share
            of the budget that random search's front costs.
        rate_input: the model sees each point's rate, and values have a linear trend along it.
        certain: a trial goes on where its end would count, were it so many standard deviations
            better than expected.
        finished_front: the front holds ends of trials alone; off, any report counts.
        cost_share: power of the expected seconds that the expected volume is divided by; 0, as
            dividing lost where it was tried (LCBench 3945: final volume 0.99 of random's front
            against 1.05).
    """

    startup: int | None = None
    low_rate_start: bool = False
    gradients: bool = True
    fantasies: bool = True
    share_input: bool = True
    stopped_inform: bool = True
    stopped_settled: bool = True
    short_start: bool = True
    rate_input: bool = True
    certain: float = 1.0
    finished_front: bool = False
    cost_share: float = 0.0


class RateAwareSearcher:
    """Expected volume that a trial adds to a front, exact in what is known."""

    def __init__(
        self,
        space: Space,
        known: KnownObjective,
        reference: Sequence[float],
        *,
        seed: int,
        targets: Targets = RATE_AND_VALUE,
        window: tuple[float, float] = (-math.inf, math.inf),
        works: Callable[[Config], bool] = lambda config: True,
        most_levels: int = 1,
        settings: Settings = Settings(),
        earlier: Sequence[Sequence[EarlierTrial]] = (),
        points: Sequence[Config] = (),
    ) -> None:
        """Starts with nothing known but what earlier sweeps measured.

        Args:
            space: what may be proposed.
            known: what is known of a configuration, per point of its trial.
            reference: highest value of each objective that counts.
            seed: of the searcher.
            targets: the objectives, and the limits on what is measured.
            window: values of the first objective that count; for one rate, twice that rate.
            works: False where a trial could not run; such a configuration is not proposed.
            most_levels: points at most of one trial.
            settings: what to switch off.
            earlier: finished trials of other sweeps, each a data set of its own.
            points: proposals that come first, as they stand.
        """
        self._space = space
        self._known = known
        self._seed = seed
        self._works = works
        self._settings = settings
        self._targets = targets
        self._encoding = Encoding(space, most_levels, self._range_of_rates(), len(earlier))
        self._start_rate = window[0]
        self._reference = np.array(reference, float)
        self._reference[0] = min(reference[0], _open_above(window[1]))
        self._seen: list[Seen] = []
        self._proposed: set[str] = set()
        self._spent: set[Family] = set()
        self._remembered: dict[tuple[object, ...], Known] = {}
        # The window says which rates count, not which ones the model may learn from.
        ceilings = [reference[i] for i in targets.measured] + list(targets.limits)
        before = EarlierSweeps(earlier, self._encoding) if earlier else None
        self._model = Model(self._encoding, targets.models, ceilings, before)
        self._cost = Model(self._encoding, (Target(),), (math.inf,))
        self._given = list(points)
        unsaid = startup_of(space, short=settings.short_start)
        self._startup: int = unsaid if settings.startup is None else settings.startup
        self._start = Start(
            self._encoding, known.names, self._startup, seed, self._allowed,
            low_rates=settings.low_rate_start,
        )  # fmt: skip

    @one_thread()
    def ask(self) -> Config | None:
        """The next proposal; None where the space is exhausted."""
        number = len(self._seen)
        rng = np.random.default_rng([self._seed, number])
        config = self._given[number] if number < len(self._given) else None
        if config is None and self._starts(number):
            config = self._start.proposal(number - len(self._given), rng)
        if config is None:
            config = self._promising(rng) or self._start.anywhere(rng)
        if config is not None:
            self._seen.append(self._begun(config))
        return config

    def _starts(self, number: int) -> bool:
        """Whether a proposal is of the start, which points that were given come before."""
        return 0 <= number - len(self._given) < self._startup

    def moved(self, config: Config) -> None:
        """The last proposal runs as another configuration (a table's nearest one)."""
        self._seen[-1] = self._begun(config)

    def _begun(self, config: Config) -> Seen:
        known = known_values(self._known, config)
        picked = chosen_levels(len(known))
        x = self._encoding.encode(config, [i + 1 for i in picked], known[picked, 0])
        self._proposed.add(canonical(config))
        return Seen(config, known, x, picked)

    def known_of(self, ask: int) -> np.ndarray:
        """(points, columns) known values of the `ask`-th proposal's points."""
        return self._seen[ask].known

    def report(self, ask: int, share: float, values: Sequence[float] | np.ndarray) -> None:
        """Values on the way, at a share of the trial's own budget.

        Args:
            ask: number of the proposal.
            share: of the trial's own budget.
            values: (points,), or (points, measured values), of as many points as `known` has.
                Infinite is what diverged; NaN, and what is missing before the last ones, was not
                measured. At share 1 they are its end as earlier shares were scored, perhaps on
                less motion; `tell` brings the end itself.
        """
        one = self._seen[ask]
        if share >= 1.0:
            one.seen_end = self._aligned(values, len(one.known))
            return
        one.curve.append((share, self._aligned(values, len(one.known))))

    def tell(
        self,
        ask: int,
        values: Sequence[float] | np.ndarray | None,
        *,
        stopped: bool = False,
        seconds: float | None = None,
    ) -> None:
        """The end of a trial.

        Args:
            ask: number of the proposal.
            values: as in `report`; None where it failed, was refused or was stopped.
            stopped: True where it was stopped.
            seconds: how long it took to its end.
        """
        one = self._seen[ask]
        if values is not None and np.isfinite(values).any():
            one.curve.append((1.0, self._aligned(values, len(one.known))))
            one.state = State.DONE
            one.seconds = seconds
        else:
            one.state = State.STOPPED if stopped else State.FAILED

    @one_thread()
    def worth_finishing(self, ask: int) -> bool:
        """Whether a running trial's end may still add to the front.

        A trial that adds to it already, its ends scored as this one's report, is never given up.
        """
        one = self._seen[ask]
        if self._settings.short_start and self._starts(ask):
            return False
        reached = self._points(one.known, one.curve[-1][1])
        if self._front(without=ask, as_seen=True).gain(reached) > 0:
            return True
        posterior = self._posterior()
        if posterior is None:
            return True
        known = one.known[one.picked]
        mean, sd = posterior.predict(one.x, known)
        hoped = self._points(known, mean - self._settings.certain * sd)
        return self._front(without=ask).gain(hoped) > 0

    def front(self) -> Front:
        """What the trials so far have reached."""
        return self._front()

    def _points(self, known: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(n, objectives) of those that keep the limits and are finite."""
        found = self._targets.placed(known, values)[self._targets.feasible(values)]
        return found[np.isfinite(found).all(axis=1)]

    def _front(
        self,
        without: int | None = None,
        posterior: Posterior | None = None,
        *,
        as_seen: bool = False,
    ) -> Front:
        finished = self._settings.finished_front
        points = [
            s.best(self._targets, finished_only=finished, as_seen=as_seen)
            for i, s in enumerate(self._seen)
            if i != without
        ]
        for i, s in enumerate(self._seen):
            if posterior is not None and s.state is State.RUNNING and i != without:
                known = s.known[s.picked]
                points.append(self._points(known, posterior.predict(s.x, known)[0]))
        found = np.concatenate(points) if points else np.zeros((0, len(self._reference)))
        found = found[np.isfinite(found).all(axis=1)]
        if self._targets.staircase:
            highest, value = self._reference.tolist()
            return staircase(found, (highest, value), self._start_rate)
        return boxes(found, self._reference, self._start_rate)

    def _range_of_rates(self) -> tuple[float, float] | None:
        if not self._settings.rate_input:
            return None
        plain = Encoding(self._space)
        drawn = [
            known_values(self._known, plain.at(cube))[:, 0] for cube in sobol(plain.labels, 256, 0)
        ]
        return min(r[0] for r in drawn), max(r[-1] for r in drawn)

    def _usable(self) -> list[Seen]:
        kept = []
        for s in self._seen:
            if s.state is State.FAILED and not s.curve:
                continue
            if s.state is State.STOPPED and not self._settings.stopped_inform:
                continue
            if not self._settings.share_input and s.state is not State.DONE:
                continue
            if not self._settings.share_input:
                s = replace(s, curve=s.curve[-1:])
            kept.append(s)
        return kept

    def _posterior(self) -> Posterior | None:
        return self._model.posterior(self._usable())

    def _promising(self, rng: np.random.Generator) -> Config | None:
        posterior = self._posterior()
        if posterior is None:
            return None
        front = self._front(posterior=posterior if self._settings.fantasies else None)
        if self._settings.fantasies:
            posterior = self._with_running(posterior)
        acquisition = Acquisition(
            posterior, front, self._encoding, self._known, self._targets, self._remembered,
            self._expected_cost(), self._settings.cost_share,
        )  # fmt: skip
        anchors = self._anchors(posterior)
        gradients = self._settings.gradients
        turn = below_floor(self._space, [s.config for s in self._seen], self._spent)
        if turn is not None:
            found = maximised(acquisition, anchors, rng, self._allowed, gradients, turn)
            if found is not None:
                return found
            self._spent.add(turn)
        return maximised(acquisition, anchors, rng, self._allowed, gradients)

    def _expected_cost(self) -> Posterior | None:
        """Of the logarithm of the seconds of a whole trial."""
        if not self._settings.cost_share:
            return None
        timed = [
            replace(s, x=s.x[-1:], known=s.known[-1:], picked=[0],
                    curve=[(1.0, np.array([[math.log(s.seconds)]]))])
            for s in self._seen if s.seconds
        ]  # fmt: skip
        return self._cost.posterior(timed)

    def _with_running(self, posterior: Posterior) -> Posterior:
        running = [s for s in self._seen if s.state is State.RUNNING]
        if self._settings.stopped_settled:
            running += [s for s in self._seen if s.state is State.STOPPED][-MOST_SETTLED:]
        if not running:
            return posterior
        return posterior.conditioned(np.vstack([s.x for s in running]))

    def _anchors(self, posterior: Posterior) -> list[Config]:
        """The best expected ends, four in all, and every trial with a point on the front."""
        live = [s for s in self._seen if s.curve]
        if not live:
            return []
        x, known = np.vstack([s.x[-1:] for s in live]), np.vstack([s.known[-1:] for s in live])
        mean, _ = posterior.predict(x, known)
        count = len(self._targets.measured)
        chosen: set[int] = set()
        for column in range(count):
            best = np.argsort(mean[:, column], kind="stable")
            chosen |= {int(i) for i in best[: max(1, BEST // count)]}
        points = [s.best(self._targets, finished_only=True) for s in live]
        owner = np.repeat(np.arange(len(live)), [len(p) for p in points])
        every = np.concatenate(points)
        finite = np.isfinite(every).all(axis=1)
        if finite.any():
            lowest = moocore.is_nondominated(every[finite])
            on_front, counts = np.unique(owner[finite][lowest], return_counts=True)
            # Of a large front in many dimensions those with most points on it.
            most = np.argsort(-counts, kind="stable")[:MOST_ANCHORS]
            chosen |= {int(i) for i in on_front[most]}
        return [live[i].config for i in sorted(chosen)]

    def _aligned(self, values: Sequence[float] | np.ndarray, count: int) -> np.ndarray:
        """(points, measured values): the last points are known, the others were not measured."""
        width = len(self._targets.models)
        found = np.full((count, width), np.nan)
        kept = np.asarray(values, float).reshape(-1, width)[-count:]
        found[count - len(kept) :] = kept
        return found

    def _allowed(self, config: Config) -> bool:
        return canonical(config) not in self._proposed and self._works(config)


def _open_above(stop: float) -> float:
    """A window's upper end as the edge of an open interval."""
    return math.inf if math.isinf(stop) else float(np.nextafter(stop, math.inf))
