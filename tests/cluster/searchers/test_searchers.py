"""Every searcher through the contract, and what is Optuna's own."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from cluster.searchers.contract import SearcherContract, conditional_space, invented_values
from cluster.searchers.optuna_searcher import SAMPLERS, OptunaSearcher, make_sampler
from cluster.searchers.rate_aware.searcher import RateAwareSearcher, Settings
from cluster.searchers.searcher import ListSearcher, Searcher
from search_spaces.space import Config, Parameter, Space, canonical


class TestListSearcher(SearcherContract):
    finite = True

    def make(self, space: Space, seed: int) -> Searcher:
        return ListSearcher(space)


class OptunaContract(SearcherContract):
    sampler = ""

    def make(self, space: Space, seed: int) -> Searcher:
        return OptunaSearcher(space, self.sampler, seed=seed, startup=4, objectives=2)

    def test_no_trial_is_left_running(self) -> None:
        searcher = self.make(self.space(), 0)
        assert isinstance(searcher, OptunaSearcher)
        self.play(searcher, self.sequential())
        states = {t.state for t in searcher.study.trials}
        assert states == {TrialState.COMPLETE, TrialState.FAIL}


class TestTPE(OptunaContract):
    sampler = "tpe"


class TestNSGA2(OptunaContract):
    sampler = "nsga2"


class TestNSGA3(OptunaContract):
    sampler = "nsga3"


class TestRandom(OptunaContract):
    sampler = "random"


class TestGP(OptunaContract):
    sampler = "gp"
    asks = 7  # each of its proposals takes a tenth of a second or more


class InventedRate:
    """The contract's rate, as a known objective."""

    names = frozenset({"codec", "codebook_size", "quantizer_depth", "compression"})

    def __call__(self, config: Config) -> np.ndarray:
        return np.log([invented_values(config)[0]])


class InventedSearcher:
    """The rate-aware searcher told the contract's values."""

    def __init__(self, space: Space, seed: int) -> None:
        corner = (math.log(600.0), math.log(40.0))
        settings = Settings(startup=4)
        self.inner = RateAwareSearcher(space, InventedRate(), corner, seed=seed, settings=settings)

    def ask(self) -> Config | None:
        return self.inner.ask()

    def tell(
        self,
        ask: int,
        values: Sequence[float] | None,
        *,
        points: Sequence[Sequence[float]] = (),
        refused: bool = False,
    ) -> None:
        whole = values is not None and np.isfinite(values).all()
        self.inner.tell(ask, [math.log(values[1])] if whole and values is not None else None)


class TestRateAware(SearcherContract):
    ends = True

    def make(self, space: Space, seed: int) -> Searcher:
        return InventedSearcher(space, seed)


def test_every_sampler_has_a_contract() -> None:
    assert {c.sampler for c in OptunaContract.__subclasses__()} == set(SAMPLERS)


def test_an_unknown_sampler_is_named() -> None:
    with pytest.raises(ValueError, match=r"'tpe', 'nsga2'.*'cmaes'"):
        make_sampler("cmaes", 0, 4, 2)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_is_made_without_a_warning(sampler: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_sampler(sampler, 0, 4, 2)


def test_values_are_told_as_they_are_and_minimised() -> None:
    searcher = OptunaSearcher(
        conditional_space(finite=False), "tpe", seed=0, startup=2, objectives=2
    )
    config = searcher.ask()
    assert config is not None
    values = invented_values(config)
    searcher.tell(0, values)
    searcher.ask()
    searcher.tell(1, None)
    assert searcher.study.trials[0].values == values
    assert searcher.study.trials[1].state is TrialState.FAIL
    assert set(searcher.study.directions) == {optuna.study.StudyDirection.MINIMIZE}


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_a_model_that_repeats_itself_gives_way_to_chance(sampler: str) -> None:
    """Eight configurations, one of which is by far the best: every one is proposed soon."""
    sizes = [8, 16, 32, 64, 128, 256, 512, 1024]
    space = Space(
        parameters=(Parameter(name="codebook_size", choices=tuple(sizes)),),
        fixed={"codec": "kmeans"},
    )
    searcher = OptunaSearcher(space, sampler, seed=0, startup=2, objectives=2)
    seen = set()
    for number in range(60):
        config = searcher.ask()
        assert config is not None
        seen.add(canonical(config))
        good = config["codebook_size"] == 64
        searcher.tell(number, [0.0, 0.0] if good else [9.0, 9.0])
    assert len(seen) == len(sizes)
