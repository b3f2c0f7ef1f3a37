"""The searcher that knows the rate: asks, is told, and says what is worth finishing.

Two objectives: one known before launch, one measured, both minimised and handed over in the
coordinates in which volume counts. Each trial gives a set of points (prefixes of a codec). Every
proposal follows from the seed and from what was asked, reported and told before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cluster.searchers.rate_aware.acquisition import Acquisition, maximised
from cluster.searchers.rate_aware.encoding import Encoding, sobol
from cluster.searchers.rate_aware.gaussian_process import (
    GaussianProcess,
    Inputs,
    fit,
    refitted,
)
from cluster.searchers.rate_aware.known import KnownObjective
from cluster.searchers.rate_aware.observations import Seen, State, chosen_levels, rows
from cluster.searchers.rate_aware.staircase import Staircase, lower_hull, staircase
from search_spaces.space import Config, Space, canonical

FEWEST_ROWS = 3
"""Rows below which there is no model."""
TRIES = 50
LISTED = 5000
"""Points of a finite space up to which its last ones are looked for one by one."""
MOST_SETTLED = 100
"""Stopped trials, the latest ones, whose ends count as expected."""


@dataclass(frozen=True)
class Settings:
    """What may be switched off to see what it is worth.

    Attributes:
        startup: proposals of the Sobol start.
        low_rate_start: each rate-determining key of the start is the smaller of two draws.
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
    """

    startup: int = 8
    low_rate_start: bool = True
    gradients: bool = True
    fantasies: bool = True
    share_input: bool = True
    stopped_inform: bool = True
    stopped_settled: bool = True
    short_start: bool = True
    rate_input: bool = True
    certain: float = 1.0
    finished_front: bool = False


class RateAwareSearcher:
    """Expected volume under a staircase, exact in the rate."""

    def __init__(
        self,
        space: Space,
        known: KnownObjective,
        reference: tuple[float, float],
        *,
        seed: int,
        window: tuple[float, float] = (-math.inf, math.inf),
        works: Callable[[Config], bool] = lambda config: True,
        most_levels: int = 1,
        settings: Settings = Settings(),
    ) -> None:
        """Starts with nothing known.

        Args:
            space: what may be proposed.
            known: the exact objective of a configuration, per point of its trial.
            reference: highest rate and value that count.
            seed: of the searcher.
            window: rates that count; for one rate, twice that rate.
            works: False where a trial could not run; such a configuration is not proposed.
            most_levels: points at most of one trial.
            settings: what to switch off.
        """
        self._space = space
        self._known = known
        self._seed = seed
        self._works = works
        self._settings = settings
        self._encoding = Encoding(space, most_levels, self._range_of_rates())
        self._start_rate = window[0]
        self._reference = (min(reference[0], _open_above(window[1])), reference[1])
        self._seen: list[Seen] = []
        self._proposed: set[str] = set()
        self._rates: dict[tuple[object, ...], tuple[np.ndarray, np.ndarray, list[int]]] = {}
        self._process: GaussianProcess | None = None
        self._fitted_rows = 0
        start = sobol(self._encoding.labels, 4 * settings.startup, seed)
        self._start, self._second = np.split(start, [2 * settings.startup])

    def ask(self) -> Config | None:
        """The next proposal; None where the space is exhausted."""
        number = len(self._seen)
        rng = np.random.default_rng([self._seed, number])
        config = self._from_start(number, rng) if number < self._settings.startup else None
        if config is None:
            config = self._promising(rng) or self._any(rng)
        if config is None:
            return None
        rates = np.asarray(self._known(config), float)
        picked = chosen_levels(len(rates))
        x = self._encoding.encode(config, [i + 1 for i in picked], rates[picked])
        self._seen.append(Seen(config, rates, x, picked))
        self._proposed.add(canonical(config))
        return config

    def report(self, ask: int, share: float, values: Sequence[float]) -> None:
        """Values on the way, at a share of the trial's own budget: (points,) as `known` has.

        Infinite is what diverged; NaN, and what is missing before the last ones, was not measured.
        """
        if share >= 1.0:
            return  # `tell` brings the end.
        one = self._seen[ask]
        one.curve.append((share, _aligned(values, len(one.rates))))

    def tell(self, ask: int, values: Sequence[float] | None, *, stopped: bool = False) -> None:
        """The end of a trial: its values; None where it failed, was refused or was stopped."""
        one = self._seen[ask]
        if values is not None and np.isfinite(values).any():
            one.curve.append((1.0, _aligned(values, len(one.rates))))
            one.state = State.DONE
        else:
            one.state = State.STOPPED if stopped else State.FAILED

    def worth_finishing(self, ask: int) -> bool:
        """Whether a running trial's end may still add to the front.

        A trial that adds to it already is never given up.
        """
        one = self._seen[ask]
        if self._settings.short_start and ask < self._settings.startup:
            return False
        front = self._front(without=ask)
        reached = np.column_stack([one.rates, one.curve[-1][1]])
        if front.gain(reached[np.isfinite(reached).all(axis=1)]) > 0:
            return True
        process = self._model()
        if process is None:
            return True
        mean, sd = process.predict(Inputs(one.x, np.ones(len(one.x))))
        best = np.column_stack([one.rates[one.picked], mean - self._settings.certain * sd])
        return front.gain(best) > 0

    def front(self) -> Staircase:
        """What the trials so far have reached."""
        return self._front()

    def _front(
        self, without: int | None = None, process: GaussianProcess | None = None
    ) -> Staircase:
        finished = self._settings.finished_front
        points = [s.best(finished_only=finished) for i, s in enumerate(self._seen) if i != without]
        for i, s in enumerate(self._seen):
            if process is not None and s.state is State.RUNNING and i != without:
                mean, _ = process.predict(Inputs(s.x, np.ones(len(s.x))))
                points.append(np.column_stack([s.rates[s.picked], mean]))
        found = np.concatenate(points) if points else np.zeros((0, 2))
        found = found[np.isfinite(found).all(axis=1)]
        return staircase(found, self._reference, self._start_rate)

    def _range_of_rates(self) -> tuple[float, float] | None:
        if not self._settings.rate_input:
            return None
        plain = Encoding(self._space)
        drawn = [self._known(plain.at(cube)) for cube in sobol(plain.labels, 256, 0)]
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

    def _model(self) -> GaussianProcess | None:
        inputs, values, total = rows(self._usable(), self._encoding, self._reference[1])
        if len(values) < FEWEST_ROWS:
            return None
        step = 1 if total < 40 else 0.06 * total if total < 120 else 0.15 * total
        if self._process is None or total - self._fitted_rows >= step:
            iterations = 25 if total < 40 else 12 if total < 120 else 7
            start = None if self._process is None else self._process.theta
            along = self._encoding.rate_column
            self._process = fit(inputs, values, self._encoding.groups, start, iterations, along)
            self._fitted_rows = total
        else:
            along = self._encoding.rate_column
            self._process = refitted(self._process, inputs, values, along)
        return self._process

    def _promising(self, rng: np.random.Generator) -> Config | None:
        process = self._model()
        if process is None:
            return None
        front = self._front(process=process if self._settings.fantasies else None)
        if self._settings.fantasies:
            process = self._with_running(process)
        acquisition = Acquisition(process, front, self._encoding, self._known, self._rates)
        anchors = self._anchors(process)
        return maximised(acquisition, anchors, rng, self._allowed, self._settings.gradients)

    def _with_running(self, process: GaussianProcess) -> GaussianProcess:
        running = [s for s in self._seen if s.state is State.RUNNING]
        if self._settings.stopped_settled:
            running += [s for s in self._seen if s.state is State.STOPPED][-MOST_SETTLED:]
        if not running:
            return process
        x = np.vstack([s.x for s in running])
        at = Inputs(x, np.ones(len(x)))
        return process.conditioned(at, process.predict(at)[0])

    def _anchors(self, process: GaussianProcess) -> list[Config]:
        """The four best expected ends, and every trial whose points stand on the front."""
        live = [s for s in self._seen if s.curve]
        if not live:
            return []
        x = np.vstack([s.x[-1:] for s in live])
        mean, _ = process.predict(Inputs(x, np.ones(len(x))))
        chosen = {int(i) for i in np.argsort(mean, kind="stable")[:4]}
        points = [s.best(finished_only=True) for s in live]
        every = np.concatenate(points)
        if len(every):
            rates, values = lower_hull(every)
            front = set(zip(rates.tolist(), values.tolist(), strict=True))
            for i, found in enumerate(points):
                if any((r, v) in front for r, v in found.tolist()):
                    chosen.add(i)
        return [live[i].config for i in sorted(chosen)]

    def _allowed(self, config: Config) -> bool:
        return canonical(config) not in self._proposed and self._works(config)

    def _from_start(self, number: int, rng: np.random.Generator) -> Config | None:
        """A point of the start; a codec that was not seen yet comes first."""
        for place in range(number, len(self._start), self._settings.startup):
            cube = self._start[place].copy()
            if self._settings.low_rate_start:
                for i, parameter in enumerate(self._space.parameters):
                    if parameter.name in self._known.names and not _asked_for(
                        self._space, parameter.name
                    ):
                        cube[i] = min(cube[i], self._second[place][i])
            self._turn(cube, number)
            config = self._encoding.at(cube)
            if self._allowed(config):
                return config
        return None

    def _turn(self, cube: np.ndarray, number: int) -> None:
        """Each value of a key that others depend on (the codec) has its turn in the start."""
        for i, parameter in enumerate(self._space.parameters):
            if parameter.choices is not None and _asked_for(self._space, parameter.name):
                count = len(parameter.choices)
                cube[i] = (number % count + 0.5) / count

    def _any(self, rng: np.random.Generator) -> Config | None:
        for _ in range(TRIES):
            config = self._encoding.at(rng.random(self._encoding.labels))
            if self._allowed(config):
                return config
        if self._space.finite and self._space.size() <= LISTED:
            return next((c for c in self._space.grid() if self._allowed(c)), None)
        return None


def _aligned(values: Sequence[float], count: int) -> np.ndarray:
    """As many values as there are points: the last ones are known, the others were not measured."""
    found = np.full(count, np.nan)
    kept = np.asarray(values, float)[-count:]
    found[count - len(kept) :] = kept
    return found


def _asked_for(space: Space, name: str) -> bool:
    return any(name in p.when for p in space.parameters)


def _open_above(stop: float) -> float:
    """A window's upper end as the edge of an open interval."""
    return math.inf if math.isinf(stop) else float(np.nextafter(stop, math.inf))
