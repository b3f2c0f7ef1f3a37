"""What may not matter to the rate-aware searcher, and what may never be left behind."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.searchers.rate_aware.observations import State
from cluster.searchers.rate_aware.searcher import RateAwareSearcher, Settings
from cluster.searchers.rate_aware.targets import Target, Targets, targets
from search_spaces.space import Config, Parameter, Space

SPACE = Space(
    parameters=(
        Parameter(name="size", choices=(8, 16, 32, 64)),
        Parameter(name="loss", low=0.0, high=1.0),
    )
)


class Rate:
    """log of 30 log2(size)."""

    names = frozenset({"size"})

    def __call__(self, config: Config) -> np.ndarray:
        return np.log([30 * math.log2(float(config["size"]))])


def values(config: Config) -> list[float]:
    """Two measured values."""
    size, loss = float(config["size"]), float(config["loss"])
    return [math.log(200 / size) + (loss - 0.3) ** 2, math.log(5 + 10 * loss)]


def searcher(order: tuple[int, ...] = (0, 1, 2), **off: object) -> RateAwareSearcher:
    """Rate and two measured values, in some order of the objectives."""
    goals = [Target(known=0), Target(), Target()]
    corner = [math.log(200.0), math.log(40.0), math.log(16.0)]
    return RateAwareSearcher(
        SPACE, Rate(), [corner[i] for i in order], seed=0,
        targets=targets([goals[i] for i in order]), settings=Settings(startup=4, **off),  # type: ignore[arg-type]
    )  # fmt: skip


def told(one: RateAwareSearcher, order: tuple[int, ...], asks: int = 7) -> list[Config]:
    configs = []
    for number in range(asks):
        config = one.ask()
        assert config is not None
        configs.append(config)
        found = values(config)
        one.tell(number, np.array([[found[i - 1] for i in order if i]]))
    return configs


@pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2), (2, 1, 0)])
def test_the_order_of_objectives_changes_no_proposal(order: tuple[int, ...]) -> None:
    plain, other = told(searcher(), (0, 1, 2)), told(searcher(order), order)
    for a, b in zip(plain, other, strict=True):
        assert a["size"] == b["size"]
        assert a["loss"] == pytest.approx(b["loss"], abs=2e-2)


@given(st.permutations(range(6)))
@settings(max_examples=8, deadline=None)
def test_the_order_in_which_trials_end_changes_no_model(order: list[int]) -> None:
    """All six run at once; whichever ends first, the same is expected afterwards."""

    def ended(these: list[int]) -> tuple[np.ndarray, float]:
        one = searcher()
        asked = [one.ask() for _ in range(6)]
        for number in these:
            config = asked[number]
            assert config is not None
            one.tell(number, np.array([values(config)]))
        posterior = one._posterior()
        assert posterior is not None
        known = np.log([[90.0]])
        x = one._encoding.encode({"size": 8, "loss": 0.6}, (1,), known[:, 0])
        return posterior.predict(x, known)[0], one.front().gain(np.array([[4.0, 0.1, 0.1]]))

    mean, gain = ended(order)
    want_mean, want_gain = ended(list(range(6)))
    assert mean == pytest.approx(want_mean, abs=1e-4)
    assert gain == pytest.approx(want_gain, rel=1e-12)


@given(st.lists(st.sampled_from(["done", "failed", "stopped", "nan"]), min_size=6, max_size=6))
@settings(max_examples=8, deadline=None)
def test_no_trial_is_waited_for_that_will_never_report(ends: list[str]) -> None:
    one = searcher()
    for number, end in enumerate(ends):
        config = one.ask()
        assert config is not None
        one.report(number, 0.3, np.array([values(config)]))
        if end == "done":
            one.tell(number, np.array([values(config)]))
        elif end == "nan":
            one.tell(number, np.array([[math.nan, math.nan]]))
        else:
            one.tell(number, None, stopped=end == "stopped")
    assert State.RUNNING not in {s.state for s in one._seen}
    assert [s.state is State.DONE for s in one._seen] == [e == "done" for e in ends]
    assert one.ask() is not None


def test_cost_division_prefers_what_is_cheap() -> None:
    """Trials with a high loss weight last a thousand times as long."""

    def mean_loss(share: float) -> float:
        one = searcher(cost_share=share)
        found = []
        for number in range(14):
            config = one.ask()
            assert config is not None
            found.append(float(config["loss"]))
            seconds = math.exp(7 * float(config["loss"]))
            # Both ends of the range are equally good.
            good = math.log(20 - 10 * abs(2 * float(config["loss"]) - 1))
            one.tell(number, np.array([[good, 1.0]]), seconds=seconds)
        return float(np.mean(found[6:]))

    assert mean_loss(1.0) < mean_loss(0.0) - 0.1


def test_a_limit_keeps_what_breaks_it_off_the_front() -> None:
    limited = Targets((Target(known=0), Target()), (math.log(8.0),))
    one = RateAwareSearcher(
        SPACE, Rate(), (math.log(200.0), math.log(40.0)), seed=0, targets=limited,
        settings=Settings(startup=4),
    )  # fmt: skip
    assert one.ask() is not None and one.ask() is not None
    one.tell(0, np.array([[0.5, math.log(9.0)]]))
    assert one.front().gain(np.array([[4.0, 1.0]])) > 0
    before = one.front().gain(np.array([[4.0, 1.0]]))
    one.tell(1, np.array([[0.9, math.log(7.0)]]))
    assert one.front().gain(np.array([[4.0, 1.0]])) < before
