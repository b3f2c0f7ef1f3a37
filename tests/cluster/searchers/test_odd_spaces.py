"""Spaces and windows that are legal and unusual: nothing outside them runs, and none ends early."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cluster.searchers.asks import signed
from cluster.searchers.nominal_rate import NominalRateSearcher
from cluster.searchers.rate_aware.encoding import Encoding
from search_spaces.data_facts import DataFacts, PartFacts
from search_spaces.objectives import objectives
from search_spaces.space import Parameter, Space
from tests.cluster.searchers.sweeping import Bench, invented_row, some_facts, spec_of

LEARNING_RATE = Parameter(name="learning_rate", low=1e-4, high=1e-2, log=True)
RQVAE = Parameter(name="codec", choices=("rqvae",))
DEPTH = Parameter(name="quantizer_depth", low=1, high=3, integer=True)
SIZE = Parameter(name="codebook_size", choices=(8, 16, 32))


def rate_aware(space: Space, facts: DataFacts | None = None, **search: Any) -> Bench:
    search = {"sampler": "rate_aware", "startup": None, **search}
    return Bench(spec_of(space, **search), facts or some_facts(100_000))


def three_parts() -> DataFacts:
    parts = tuple(
        PartFacts(name=name, joints=4, dimensions=12, scored_joints=4)
        for name in ("body", "right_hand", "left_hand")
    )
    return some_facts(100_000).model_copy(update={"parts": parts})


@pytest.mark.parametrize("seed", range(4))
def test_a_narrow_window_is_found_though_chance_misses_it(seed: int) -> None:
    """40 of 2,048 combinations fit, each with any learning rate."""
    sizes = tuple(2**k for k in range(3, 11))
    space = Space(
        parameters=(
            RQVAE,
            Parameter(name="codebook_size", choices=(8,)),
            Parameter(name="quantizer_depth", choices=(1, 2, 3, 4)),
            LEARNING_RATE,
            *(
                Parameter(name=f"codebook_size.{p.name}", choices=sizes)
                for p in three_parts().parts
            ),
        )
    )
    bench = rate_aware(space, three_parts(), trials=12, between=(355.0, 365.0), seed=seed)
    assert len({p.trial for p in bench.run()}) == 12


def test_a_window_above_all_rates_still_asks_for_low_distortion() -> None:
    space = Space(parameters=(RQVAE, SIZE, DEPTH, LEARNING_RATE))
    bench = rate_aware(space, trials=20, at=6000.0)  # the reference is 5,000
    searcher = bench.searcher.inner
    assert isinstance(searcher, NominalRateSearcher)
    goals = objectives(["rate_nominal_bps", "rmse_full_cm"])
    for ask in range(10):
        config = searcher.ask()
        assert config is not None
        rows = [
            invented_row({**config, "quantizer_depth": depth}, ask, depth)
            for depth in range(1, int(config["quantizer_depth"]) + 1)
        ]
        points = signed(rows, goals)
        searcher.tell(ask, points[-1], points=points)
    for rmse, finishing in ((0.5, True), (24.0, False)):
        config = searcher.ask()
        assert config is not None
        asked = len(searcher.inner._seen) - 1
        levels = len(searcher.inner._seen[asked].known)
        searcher.inner.report(asked, 1 / 3, np.log(np.full((levels, 1), rmse)))
        assert searcher.inner.worth_finishing(asked) == finishing


def test_a_range_whose_end_is_on_no_step_is_not_left() -> None:
    deep = Parameter(name="quantizer_depth", low=1, high=32, integer=True, step=4)
    ran = rate_aware(Space(parameters=(RQVAE, SIZE, deep, LEARNING_RATE)), trials=25).run()
    found = {p.config["quantizer_depth"] for p in ran}
    assert len(ran) == 25 and found <= set(range(1, 33, 4)) and len(found) > 3


@pytest.mark.parametrize("seed", range(2))
def test_a_number_that_others_depend_on_takes_them_along(seed: int) -> None:
    low = tuple(range(16, 30))
    space = Space(
        parameters=(
            RQVAE,
            Parameter(name="hidden_dim", low=16, high=64, integer=True),
            SIZE,
            DEPTH,
            Parameter(
                name="learning_rate", low=1e-5, high=1e-4, log=True, when={"hidden_dim": low}
            ),
        )
    )
    ran = rate_aware(space, trials=30, seed=seed).run()
    assert len(ran) == 30
    for proposal in ran:
        there = proposal.config["learning_rate"] != 1e-3  # the default, where it is not asked for
        assert there == (proposal.config["hidden_dim"] in low)


def test_nothing_of_an_earlier_sweep_lies_at_the_low_end_of_a_logarithm() -> None:
    decay = Parameter(name="weight_decay", low=1e-6, high=1e-2, log=True)
    encoding = Encoding(Space(parameters=(SIZE, decay)))
    rows = [encoding.encode({"codebook_size": 8, "weight_decay": v})[0] for v in (0.0, 1e-6, 1e-2)]
    assert np.isfinite(rows).all() and np.array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[1], rows[2])
