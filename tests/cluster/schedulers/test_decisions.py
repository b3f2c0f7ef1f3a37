"""What holds for every stopping rule as a sweep asks it: through its objectives' directions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cluster.schedulers.decisions import Decisions, make_rule
from cluster.schedulers.rule import Decision
from cluster.searchers.rate_aware.searcher import RateAwareSearcher, Settings
from search_spaces.errors import BadInput
from search_spaces.space import Parameter, Space

RUNG = 1 / 9
mixed = st.sampled_from([(1, 1), (1, -1), (-1, 1), (-1, -1)])
natural = hnp.arrays(float, st.tuples(st.integers(4, 12), st.just(2)), elements=st.floats(1, 99))


def decisions(values: np.ndarray, signs: tuple[int, int], seed: int = 0) -> list[Decision]:
    """Of trials that report once each, in order; the fourth of them has finished."""
    made = Decisions(make_rule("halving", None, seed=seed, rungs=(RUNG,)), 2)
    found = []
    for number, row in enumerate(values * np.array(signs, float)):
        found.append(made.made(f"t{number}", number, RUNG, row[None], None, number))
        if number == 3:
            made.ended(number, [row.tolist()])
    return found


@given(natural, mixed, st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_a_trial_that_dominates_all_goes_on_whatever_is_minimised_or_maximised(
    values: np.ndarray, signs: tuple[int, int], seed: int
) -> None:
    best = np.array([0.5 if s > 0 else 99.5 for s in signs])
    assert decisions(np.vstack([values, best]), signs, seed)[-1].go_on


@given(natural, mixed, st.floats(1e-3, 1e3))
@settings(max_examples=40, deadline=None)
def test_direction_unit_and_order_of_objectives_decide_nothing(
    values: np.ndarray, signs: tuple[int, int], factor: float
) -> None:
    values = np.round(values, 3)
    plain = [d.go_on for d in decisions(values, (1, 1))]
    turned = values * np.array(signs, float)  # the same trials, told as what is maximised
    assert [d.go_on for d in decisions(turned, signs)] == plain
    assert [d.go_on for d in decisions(values * [factor, 1.0], (1, 1))] == plain
    assert [d.go_on for d in decisions(values[:, ::-1], (1, 1))] == plain


@given(natural, st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_the_same_seed_decides_alike(values: np.ndarray, seed: int) -> None:
    values = np.round(values / 30)  # many ties
    assert decisions(values, (1, 1), seed) == decisions(values, (1, 1), seed)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["halving", "none"])
def test_what_is_not_finite_has_failed_where_anything_is_asked(name: str, bad: float) -> None:
    made = Decisions(make_rule(name, None, seed=0, rungs=(RUNG,)), 2)
    found = made.made("t", 0, RUNG, np.array([[1.0, 2.0], [2.0, bad]]), None, 0)
    assert (found.go_on, found.failed) == ((False, True) if name == "halving" else (True, False))
    # A prefix that broke is no reason to end the whole codec.
    prefix = made.made("u", 1, RUNG, np.array([[1.0, bad], [2.0, 1.0]]), None, 1)
    assert prefix.go_on


def test_a_decision_is_made_once() -> None:
    made = Decisions(make_rule("halving", None, seed=0, rungs=(RUNG,)), 2)
    for number in range(6):
        made.made(f"t{number}", number, RUNG, np.array([[1.0, 1.0]]) * (number + 1), None, number)
    stopped = made.of("t5", RUNG)
    assert stopped is not None and not stopped.go_on
    better = np.array([[0.1, 0.1]])
    assert made.made("t5", 5, RUNG, better, None, 5) == stopped
    assert made.made("t5", 5, 0.5, better, None, 5) == Decision(True), "not one of its rungs"
    made.recall({"trial": "t5", "share": RUNG, "go_on": True, "reason": "x", "failed": False})
    assert made.made("t5", 5, RUNG, better, None, 5).go_on


def test_a_rung_is_compared_with_what_rungs_see_of_finished_trials() -> None:
    """Rungs see easier motion: 0.9 of it is worse than a trial that ended with 0.87 there."""

    def last_of(seen: float | None) -> Decision:
        made = Decisions(make_rule("halving", None, seed=0, rungs=(RUNG,)), 2)
        for number in range(9):
            values = np.array([[1.0, 0.5 + 0.01 * number]])
            made.made(f"t{number}", number, RUNG, values, None, number)
        if seen is not None:
            made.made("t0", 0, 1.0, np.array([[1.0, seen]]), None, 0)
        made.ended(0, [[1.0, 1.0]])
        return made.made("t9", 9, RUNG, np.array([[1.0, 0.9]]), None, 9)

    assert not last_of(0.87).go_on
    assert last_of(0.95).go_on and last_of(None).go_on, "it adds to the front as rungs see it"


@given(hnp.arrays(float, (5,), elements=st.floats(0.5, 3)), st.floats(0.01, 0.3))
@settings(max_examples=15, deadline=None)
def test_the_models_rule_goes_on_with_what_dominates_all(values: np.ndarray, share: float) -> None:
    space = Space(parameters=(Parameter(name="codebook_size", low=0.0, high=1.0),))

    class Rate:
        names = frozenset({"codebook_size"})

        def __call__(self, config: object) -> np.ndarray:
            return np.array([float(config["codebook_size"])])  # type: ignore[index]

    searcher = RateAwareSearcher(
        space, Rate(), (2.0, 4.0), seed=0,
        settings=Settings(startup=8, short_start=False, finished_front=True),
    )  # fmt: skip
    rule = make_rule("model", searcher, seed=0, rungs=(share,))
    for number, value in enumerate(values):
        searcher.ask()
        searcher.report(number, share, [value])
        searcher.tell(number, [value])
    searcher.ask()
    searcher.report(5, share, [0.1])
    assert rule.decide(5, share, np.array([[0.5, 0.1]])).go_on


def test_a_sampler_without_a_model_cannot_stop_by_one() -> None:
    with pytest.raises(BadInput, match="rate_aware"):
        make_rule("model", object(), seed=0, rungs=(RUNG,))
