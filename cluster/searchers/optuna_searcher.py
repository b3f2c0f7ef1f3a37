"""Optuna's samplers behind our own ask and tell.

Not Ray's OptunaSearch, which tells truncated values as complete, leaves a diverged trial running
for ever and cannot take up several objectives again. The sampler is made anew for every proposal
from (seed, number of the proposal), so a proposal follows from the history alone: replaying a log
of asks and tells gives every proposal again.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np
import optuna

from cluster.searchers.earlier import Earlier
from search_spaces.distributions import suggest, to_trial
from search_spaces.limits import Limit
from search_spaces.space import Config, Space, Value, canonical

SAMPLERS = ("tpe", "nsga2", "nsga3", "gp", "random")
RECENT, PATIENCE = 6, 3
"""With `PATIENCE` of the `RECENT` last proposals fruitless (refused, or made before), the next is
drawn at random: a model learns nothing from those, so it would make them again for ever."""
CURVE = "curve"
"""User attribute: [share of the budget, signed values] of each report."""
CODEC_TRIES = 20
"""Proposals that name a codec outright before it counts as impossible on this data."""


STARTUP = 8
"""Proposals before a model is asked, of samplers with one."""


def make_sampler(
    name: str, seed: int, startup: int | None, objectives: int
) -> optuna.samplers.BaseSampler:
    """A sampler by name. Where conditions leave it no model, it samples independently."""
    startup = STARTUP if startup is None else startup
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "tpe":
            return optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=startup, multivariate=True, group=True,
                constant_liar=True,
            )  # fmt: skip
        if name == "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=max(8, startup))
        if name == "nsga3":
            return optuna.samplers.NSGAIIISampler(seed=seed, population_size=max(8, startup))
        if name == "gp":
            return optuna.samplers.GPSampler(
                seed=seed, n_startup_trials=startup, warn_independent_sampling=False
            )
        if name == "random":
            return optuna.samplers.RandomSampler(seed=seed)
    raise ValueError(f"sampler must be one of {SAMPLERS}, got {name!r}")


class OptunaSearcher:
    """Any of Optuna's multi-objective samplers; proposes each codec at least once."""

    def __init__(
        self,
        space: Space,
        sampler: str,
        *,
        seed: int,
        startup: int | None,
        objectives: int,
        limits: Sequence[Limit] = (),
        points: Sequence[Config] = (),
    ) -> None:
        """Starts with an empty history.

        Args:
            space: what may be proposed.
            sampler: one of `SAMPLERS`.
            seed: of the searcher.
            startup: proposals before a model is asked; None: `STARTUP`.
            objectives: how many.
            limits: on metrics that are told after the objectives.
            points: proposals that come first, as they stand.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = space
        self._sampler = sampler
        self._seed = seed
        self._startup = startup
        self._study = optuna.create_study(
            directions=["minimize"] * objectives,
            sampler=make_sampler(sampler, seed, startup, objectives),
        )
        self._objectives = objectives
        self._limits = tuple(limits)
        self._trials: list[optuna.Trial] = []
        codecs = next((p for p in space.parameters if p.name == "codec"), None)
        self._points = list(points)
        tried = {point.get("codec") for point in points}
        named = codecs.choices or () if codecs else ()
        self._wanted: list[Value] = [codec for codec in named if codec not in tried]
        self._label = codecs.label if codecs else ""
        self._forced: dict[int, Value] = {}
        self._tries: Counter[Value] = Counter()
        self._seen: set[str] = set()
        self._fruitless: list[bool] = []

    def add(self, trial: Earlier) -> None:
        """An earlier sweep's trial, where the space holds it and it keeps the limits."""
        space, values = self._space, trial.points[-1]
        active = space.active({**space.start(), **trial.config})
        if not all(p.name in trial.config and p.contains(trial.config[p.name]) for p in active):
            return
        limited = zip(self._limits, values[self._objectives :], strict=True)
        if not all(limit.kept(value) for limit, value in limited):
            return
        config = {p.name: trial.config[p.name] for p in active}
        params, distributions = to_trial(space, config)
        self._study.add_trial(
            optuna.trial.create_trial(
                params=params, distributions=distributions, values=list(values[: self._objectives])
            )
        )

    def ask(self) -> Config | None:
        """The sampler's next proposal; the first ones name each codec in turn."""
        number = len(self._trials)
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        stuck = sum(self._fruitless[-RECENT:]) >= PATIENCE
        sampler = "random" if stuck else self._sampler
        self._study.sampler = make_sampler(sampler, seed, self._startup, self._objectives)
        if number < len(self._points):
            point = self._points[number]
            self._study.enqueue_trial(to_trial(self._space, point)[0])
            self._forced |= {number: point["codec"]} if self._label else {}
        elif self._wanted:
            codec = self._wanted.pop(0)
            self._forced[number] = codec
            self._tries[codec] += 1
            self._study.enqueue_trial({self._label: codec})
        trial = self._study.ask()
        self._trials.append(trial)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = suggest(self._space, trial)
        key = canonical(config)
        self._fruitless.append(key in self._seen)
        self._seen.add(key)
        return config

    def tell(
        self,
        ask: int,
        values: Sequence[float] | None,
        *,
        points: Sequence[Sequence[float]] = (),
        refused: bool = False,
    ) -> None:
        """Complete only with finite values of every objective, failed otherwise.

        Optuna knows one point for each trial: that of the whole codec.
        """
        finite = values is not None and bool(np.isfinite(values).all())
        if finite and values is not None:
            for limit, value in zip(self._limits, values[self._objectives :], strict=True):
                over = value - limit.value if limit.most else limit.value - value
                self._trials[ask].set_constraint(str(limit), over)
            self._study.tell(self._trials[ask], list(values[: self._objectives]))
        else:
            self._study.tell(self._trials[ask], state=optuna.trial.TrialState.FAIL)
        if not refused:
            return
        self._fruitless[ask] = True
        codec = self._forced.pop(ask, None)
        if codec is not None and self._tries[codec] < CODEC_TRIES:
            self._wanted.append(codec)

    def report(self, ask: int, share: float, points: Sequence[Sequence[float]]) -> None:
        """Kept beside the trial: Optuna takes no reports of several objectives."""
        if share >= 1.0:
            return  # `tell` brings the end.
        curve = self._trials[ask].user_attrs.get(CURVE, [])
        self._trials[ask].set_user_attr(CURVE, [*curve, [share, *points[-1]]])

    def stopped(self, ask: int) -> None:
        """Pruned, so that a sampler that can learns that it was no good, and never complete."""
        self._study.tell(self._trials[ask], state=optuna.trial.TrialState.PRUNED)

    def moved(self, config: Config) -> None:
        """The proposal asked for last runs as this one: a trial of its own takes its place."""
        asked = self._trials[-1]
        params, distributions = to_trial(self._space, config)
        self._study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING, params=params, distributions=distributions
            )
        )
        self._study.tell(asked, state=optuna.trial.TrialState.FAIL)
        last = self._study.get_trials(deepcopy=False)[-1]
        self._trials[-1] = optuna.Trial(self._study, last._trial_id)

    @property
    def study(self) -> optuna.Study:
        """The study as it stands, for dashboards."""
        return self._study
