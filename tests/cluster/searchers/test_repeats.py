"""What stands on the front is run with further seeds, last in the budget."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest

from cluster.searchers.asks import Proposal
from search_spaces.space import canonical
from tests.cluster.searchers.sweeping import Bench, invented_row, some_facts, some_spec


def bench(**search: Any) -> Bench:
    return Bench(
        some_spec(**{"trials": 18, "sampler": "random", "repeat_front": 3, **search}), some_facts()
    )


def seeds_of(ran: list[Proposal]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for proposal in ran:
        found.setdefault(canonical(proposal.config), []).append(proposal.seed)
    return found


def front_of(ran: list[Proposal]) -> set[str]:
    """Configurations that none beats on means over their seeds."""
    means = {}
    for proposal in ran:
        rows = [invented_row(p.config, p.seed) for p in ran if p.config == proposal.config]
        means[canonical(proposal.config)] = (
            rows[0]["rate_nominal_bps"], sum(r["val_rmse_full_cm"] for r in rows) / len(rows)
        )  # fmt: skip
    return {
        name
        for name, (r, d) in means.items()
        if not any(a <= r and b <= d and (a, b) != (r, d) for a, b in means.values())
    }


@pytest.mark.parametrize("at_a_time", [1, 3])
def test_repeats_are_of_the_front_last_and_inside_the_budget(at_a_time: int) -> None:
    one = bench()
    ran = one.run(at_a_time)
    assert len(ran) == 18 and one.proposer.exhausted
    seeds = seeds_of(ran)
    repeated = {name: found for name, found in seeds.items() if len(found) > 1}
    assert repeated and sum(len(found) - 1 for found in repeated.values()) <= 18 // 3
    assert all(found == list(range(len(found))) for found in seeds.values())
    assert max(map(len, seeds.values())) == 3
    if at_a_time == 1:
        first = next(i for i, p in enumerate(ran) if p.seed > 0)
        assert all(p.seed > 0 for p in ran[first:]), "nothing new is proposed between repeats"
        assert set(repeated) <= front_of(ran[:first])


def test_a_front_of_one_configuration_gets_its_seeds_and_the_search_the_rest() -> None:
    one = bench(trials=9)

    def flat(self: Bench, proposal: Proposal) -> None:
        best = canonical(proposal.config) == canonical(self.log[0]["config"])
        rmse = 1.0 if best else 5.0
        rate = 10.0 if best else 100.0
        row = {**invented_row(proposal.config, 0), "rate_nominal_bps": rate}
        self.finish(proposal, [{**row, "val_rmse_full_cm": rmse}])

    ran = one.run(end=flat)
    assert Counter(len(s) for s in seeds_of(ran).values()) == {1: 6, 3: 1}


def test_an_ended_search_repeats_its_front_without_a_third_of_the_budget() -> None:
    one = bench(trials=60)
    ran = one.run(most=10)
    one.proposer.enough()
    later = one.run()
    assert later and all(p.seed > 0 for p in later)
    seeds = seeds_of(ran + later)
    assert all(len(seeds[name]) == 3 for name in front_of(ran + later))


def test_the_searcher_hears_of_a_configuration_once() -> None:
    one = bench()
    one.run(2)
    told = Counter(number for number, _, _ in one.searcher.told)
    assert max(told.values()) == 1


def test_failed_repeats_are_not_tried_for_ever() -> None:
    one = bench()

    def end(self: Bench, proposal: Proposal) -> None:
        (self.fail if proposal.seed else self.finish)(proposal)

    assert len(one.run(end=end)) == 18


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_sweep_cut_anywhere_repeats_what_an_uninterrupted_one_does(cut: int) -> None:
    whole = bench()
    ran = [p.trial for p in whole.run()]
    again = bench()
    again.log = [dict(e) for e in whole.log[:cut]]
    again.proposer.replay(again.log)
    again.run()
    assert [e["trial"] for e in again.log if e["event"] == "proposed"] == ran
    repeats = [e["trial"] for e in again.log if e.get("repeat")]
    assert repeats == [e["trial"] for e in whole.log if e.get("repeat")] and repeats


def test_a_repeat_is_asked_about_by_no_stopping_rule() -> None:
    one = bench()
    ran = one.run()
    repeat = next(p for p in ran if p.seed > 0)
    assert one.proposer.reported(repeat.trial, 1 / 3, [{"depth": 1}]).go_on
    first = next(p for p in ran if p.seed == 0)
    assert math.isfinite(one.proposer.rows[first.trial][0]["val_rmse_full_cm"])
