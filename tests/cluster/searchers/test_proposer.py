"""From proposals to trials: refusals, repeats, seeds, what is told, and replay of the log."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from cluster.searchers.optuna_searcher import SAMPLERS, OptunaSearcher
from cluster.searchers.proposer import MAX_IDLE, Proposal, ReplayMismatch
from search_spaces.objectives import Objective
from search_spaces.space import Parameter, Space, trial_id
from tests.cluster.searchers.sweeping import (
    Bench,
    Event,
    invented_row,
    some_facts,
    some_spec,
    spec_of,
)

CODECS = {"kmeans", "rqvae", "temporal_rvq"}


def kmeans_space(*sizes: int) -> Space:
    return Space(
        parameters=(Parameter(name="codebook_size", choices=sizes),), fixed={"codec": "kmeans"}
    )


def states(bench: Bench) -> Counter[TrialState]:
    assert isinstance(bench.searcher.inner, OptunaSearcher)
    return Counter(t.state for t in bench.searcher.inner.study.trials)


def kinds(bench: Bench) -> Counter[str]:
    return Counter(e["event"] for e in bench.log)


def through_json(events: list[Event]) -> list[Event]:
    """What a reader of the log sees: numbers that are not finite are null."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return [json.loads(json.dumps(plain(e), allow_nan=False)) for e in events]


# ---- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [1, 3])
def test_refusals_cost_nothing_and_are_counted(seeds: int) -> None:
    """60 training frames: larger codebooks cannot work, and take no place of the budget."""
    bench = Bench(some_spec(trials=9, seeds=seeds), some_facts(60))
    ran = bench.run()
    assert len(ran) == 9 * seeds
    assert {p.config["codec"] for p in ran} == CODECS
    assert all(int(p.config["codebook_size"]) <= 60 for p in ran)
    refused = [e for e in bench.log if e["event"] == "refused"]
    assert refused and all("training" in e["reason"] for e in refused)
    assert bench.proposer.refused == len({e["config_hash"] for e in refused})
    assert bench.proposer.exhausted
    asked = [number for number, _, was_refused in bench.searcher.told if was_refused]
    assert len(asked) == len(refused), "the searcher heard of every refusal"


def test_a_long_list_of_refusals_does_not_end_a_grid() -> None:
    sizes = (*range(1000, 1000 + MAX_IDLE + 50), 8)
    bench = Bench(spec_of(kmeans_space(*sizes), sampler="grid"), some_facts(100))
    assert [p.config["codebook_size"] for p in bench.run()] == [8]
    assert bench.proposer.refused == len(sizes) - 1


def test_a_space_that_is_refused_whole_ends() -> None:
    bench = Bench(spec_of(kmeans_space(2048, 4096), sampler="tpe"), some_facts(100))
    assert bench.run() == []
    assert bench.proposer.exhausted and bench.proposer.refused == 2


def test_cautions_are_written_down() -> None:
    bench = Bench(spec_of(kmeans_space(64), sampler="grid"), some_facts(100))
    (proposal,) = bench.run()
    assert "per code" in bench.proposer.cautions[proposal.trial][0]
    assert bench.log[0]["warnings"] == bench.proposer.cautions[proposal.trial]


# ---- repeats and seeds ---------------------------------------------------------------------


def test_a_repeated_configuration_is_answered_not_run() -> None:
    bench = Bench(spec_of(kmeans_space(8, 16, 32), sampler="random", trials=50))
    ran = bench.run()
    assert sorted(int(p.config["codebook_size"]) for p in ran) == [8, 16, 32]
    assert bench.proposer.exhausted, "a space whose every configuration was tried ends"
    assert kinds(bench)["repeated"] > MAX_IDLE
    first: dict[int, Any] = {}
    for number, values, _ in bench.searcher.told:
        size = int(bench.searcher.asked[number]["codebook_size"])
        assert values is not None and first.setdefault(size, values) == values


def test_a_repeat_of_a_running_trial_waits_for_its_answer() -> None:
    bench = Bench(spec_of(kmeans_space(8, 16), sampler="random", trials=50))
    running = [p for p in (bench.proposer.next() for _ in range(3)) if p]
    assert len(running) == 2 and bench.searcher.told == []
    bench.finish(running[0])
    told = {number for number, values, _ in bench.searcher.told if values is not None}
    size = running[0].config["codebook_size"]
    assert told == {i for i, c in enumerate(bench.searcher.asked) if c["codebook_size"] == size}
    assert len(told) > 1
    bench.fail(running[1])
    assert states(bench)[TrialState.RUNNING] == 0


def test_each_configuration_is_run_with_every_seed_and_told_as_the_mean() -> None:
    bench = Bench(some_spec(trials=5, seeds=3, seed=7))
    ran = bench.run(at_a_time=4)
    assert bench.proposer.budget == len(ran) == len({p.trial for p in ran}) == 15
    for number in {p.ask for p in ran}:
        mine = [p for p in ran if p.ask == number]
        assert sorted(p.seed for p in mine) == [7, 8, 9]
        assert {p.trial for p in mine} == {trial_id(mine[0].config, s) for s in (7, 8, 9)}
        rows = [invented_row(p.config, p.seed) for p in mine]
        want = [np.mean([r[k] for r in rows]) for k in ("rate_nominal_bps", "val_rmse_full_cm")]
        (values,) = [v for n, v, _ in bench.searcher.told if n == number]
        assert values == pytest.approx(want, rel=1e-12)


def test_every_depth_is_told_as_the_mean_over_seeds() -> None:
    """A residual codec's prefixes go to the searcher with the whole."""
    bench = Bench(spec_of(kmeans_space(8), sampler="grid", seeds=2))

    def end(bench: Bench, proposal: Proposal) -> None:
        whole = {**invented_row(proposal.config, proposal.seed), "depth": 2, "levels": 2}
        first = {**whole, "depth": 1, "rate_nominal_bps": 10.0, "val_rmse_full_cm": math.nan}
        bench.finish(proposal, [whole, first])

    bench.run(1, end)
    ((number, values, _),) = bench.searcher.told
    (points,) = bench.searcher.points
    assert number == 0 and len(points) == 2
    assert points[0] == [10.0, math.inf], "a prefix that diverged keeps its place"
    assert points[1] == values


def test_a_seed_that_failed_leaves_the_mean_of_the_others() -> None:
    bench = Bench(spec_of(kmeans_space(8, 16), sampler="grid", seeds=3))

    def end(bench: Bench, proposal: Proposal) -> None:
        if proposal.config["codebook_size"] == 16 or proposal.seed == 1:
            bench.fail(proposal, "failed" if proposal.seed else "stopped")
        else:
            bench.finish(proposal)

    ran = bench.run(end=end)
    kept = [invented_row(p.config, p.seed)["val_rmse_full_cm"] for p in ran if p.seed in (0, 2)]
    (number, values, _), (_, failed, _) = bench.searcher.told
    assert number == 0 and values is not None
    assert values[1] == pytest.approx(np.mean(kept[:2]), rel=1e-12)
    assert failed is None, "a configuration of which every seed failed has no values"


# ---- what the searcher hears ---------------------------------------------------------------


@pytest.mark.parametrize("fault", ["failed", "stopped", "nan", "infinite", "missing", "no rows"])
def test_what_is_no_result_is_never_told_as_complete(fault: str) -> None:
    """Ray's bridge tells a truncated trial as complete and leaves a NaN running (R2 to R5)."""
    bench = Bench(some_spec(trials=6))

    def end(bench: Bench, proposal: Proposal) -> None:
        row = invented_row(proposal.config, 0)
        if fault in ("failed", "stopped"):
            bench.proposer.rows[proposal.trial] = [row]
            bench.fail(proposal, fault)
        elif fault == "no rows":
            bench.proposer.done(proposal.trial, [])
        else:
            row["val_rmse_full_cm"] = {"nan": math.nan, "infinite": math.inf}.get(fault)
            if fault == "missing":
                del row["val_rmse_full_cm"]
            bench.finish(proposal, [row])

    bench.run(at_a_time=2, end=end)
    assert states(bench) == {TrialState.FAIL: len(bench.searcher.asked)}
    assert all(values is None for _, values, _ in bench.searcher.told)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_trial_is_left_running_in_the_study(sampler: str) -> None:
    bench = Bench(some_spec(trials=8, sampler=sampler), some_facts(200))
    bench.run(at_a_time=3)
    assert states(bench)[TrialState.COMPLETE] >= 8
    assert set(states(bench)) <= {TrialState.COMPLETE, TrialState.FAIL}


def test_a_trial_that_ends_twice_is_told_once() -> None:
    bench = Bench(some_spec(trials=3))
    proposal = bench.proposer.next()
    assert proposal is not None
    bench.finish(proposal)
    bench.proposer.done(proposal.trial, [invented_row(proposal.config, 5)])
    bench.proposer.ended(proposal.trial)
    assert len(bench.searcher.told) == 1


def test_the_deepest_point_speaks_for_a_residual_codec() -> None:
    bench = Bench(some_spec(trials=3))
    proposal = bench.proposer.next()
    assert proposal is not None
    rows = [invented_row(proposal.config, 0, depth) for depth in (2, 1)]
    rows[0]["val_rmse_full_cm"], rows[1]["val_rmse_full_cm"] = 1.5, 0.5
    bench.finish(proposal, rows)
    (told,) = bench.searcher.told
    assert told[1] is not None and told[1][1] == 1.5


def test_an_objective_that_is_maximised_is_told_with_its_sign_turned() -> None:
    names = ("rate_nominal_bps", "utilisation_body_pct")
    spec = some_spec(trials=3).model_copy(update={"objectives": names})
    bench = Bench(spec)
    proposal = bench.proposer.next()
    assert proposal is not None and Objective(names[1]).sign == -1
    bench.finish(
        proposal, [{"depth": 1, "rate_nominal_bps": 90.0, "val_utilisation_body_pct": 75.0}]
    )
    assert bench.searcher.told == [(0, [90.0, -75.0], False)]


def test_test_scores_never_reach_the_searcher() -> None:
    def run(test_score: float) -> Bench:
        bench = Bench(some_spec(trials=14), some_facts(300))

        def end(bench: Bench, proposal: Proposal) -> None:
            row = invented_row(proposal.config, 0)
            row |= {k: test_score for k in ("test_rmse_full_cm", "test_rate_nominal_bps")}
            bench.finish(proposal, [row])

        bench.run(at_a_time=2, end=end)
        return bench

    first, second = run(3.0), run(-1e6)
    assert first.searcher.asked == second.searcher.asked
    assert first.searcher.told == second.searcher.told


def test_the_searcher_learns_from_validation() -> None:
    """The other side of the test above: proposals do depend on what is told."""
    spec = some_spec(trials=14, startup=4)
    first, second = Bench(spec), Bench(spec)
    first.run()

    def worse(bench: Bench, proposal: Proposal) -> None:
        row = invented_row(proposal.config, 0)
        bench.finish(proposal, [{**row, "val_rmse_full_cm": 100 - row["val_rmse_full_cm"]}])

    second.run(end=worse)
    assert first.searcher.asked != second.searcher.asked


def test_each_codec_is_proposed_and_accepted() -> None:
    for seed in range(5):
        bench = Bench(some_spec(trials=6, seed=seed), some_facts(100))
        ran = bench.run(at_a_time=2)
        assert {p.config["codec"] for p in ran} == CODECS and len(ran) == 6


# ---- replay --------------------------------------------------------------------------------


class MixedEnds:
    """Most trials end well; of every seven one fails, one is stopped and one diverges.

    A trial meets the same end whenever it is run.
    """

    def __init__(self) -> None:
        self.cases: dict[str, int] = {}

    def __call__(self, bench: Bench, proposal: Proposal) -> None:
        case = self.cases.setdefault(proposal.trial, len(self.cases)) % 7
        if case in (1, 3):
            bench.fail(proposal, "failed" if case == 1 else "stopped")
        elif case == 5:
            row = invented_row(proposal.config, proposal.seed)
            bench.finish(proposal, [{**row, "val_rmse_full_cm": math.nan}])
        else:
            bench.finish(proposal)


@pytest.mark.parametrize("sampler", [*SAMPLERS, "rate_aware", "grid"])
@pytest.mark.parametrize("at_a_time", [1, 3])
def test_a_replayed_log_reproduces_every_proposal(sampler: str, at_a_time: int) -> None:
    if sampler == "grid":
        spec = spec_of(kmeans_space(8, 16, 32, 64, 128, 256), sampler="grid", seeds=2)
    else:
        spec = some_spec(
            sampler=sampler, trials=8 if sampler in ("gp", "rate_aware") else 15, startup=4
        )
    facts = some_facts(250)
    whole = Bench(spec, facts)
    whole.run(at_a_time, MixedEnds())
    again = Bench(spec, facts)
    assert again.proposer.replay(through_json(whole.log)) == []
    assert again.searcher.asked == whole.searcher.asked
    assert again.searcher.told == whole.searcher.told
    assert again.proposer.closed == whole.proposer.closed
    assert again.proposer.refused == whole.proposer.refused
    assert again.log == [], "replaying writes nothing"
    assert again.run(at_a_time) == []


@pytest.mark.parametrize("at_a_time", [1, 3])
@pytest.mark.parametrize("seeds", [1, 2])
def test_a_sweep_cut_anywhere_goes_on_where_it_stood(at_a_time: int, seeds: int) -> None:
    spec, facts = some_spec(trials=7, seeds=seeds), some_facts(150)
    whole = Bench(spec, facts)
    ends = MixedEnds()
    ran = whole.run(at_a_time, ends)
    assert set(kinds(whole)) >= {"proposed", "refused", "point", "done", "failed", "stopped"}
    for cut in range(len(whole.log) + 1):
        log = whole.log[:cut]
        ended = {e["trial"] for e in log if e["event"] in ("done", "failed", "stopped")}
        proposed = [e["trial"] for e in log if e["event"] == "proposed"]
        rest = Bench(spec, facts)
        rest.log = list(log)
        missing = rest.proposer.replay(through_json(log))
        assert [p.trial for p in missing[: len(proposed) - len(ended)]] == [
            t for t in proposed if t not in ended
        ], "what was under way comes first, in its order"
        more = rest.run(at_a_time, ends)
        assert [p.trial for p in more[: len(missing)]] == [p.trial for p in missing]
        trials = [p.trial for p in more]
        assert not ended & set(trials), "what has an end is not run again"
        assert len(set(trials)) == len(trials) == len(ran) - len(ended)
        said = Counter(e["trial"] for e in rest.log if e["event"] == "proposed")
        assert set(said.values()) == {1} and len(said) == len(ran)
        assert not set(said) & {e["trial"] for e in rest.log if e["event"] == "refused"}
        if at_a_time == 1:
            # The order of ends is the same, so everything after is the same.
            assert rest.searcher.asked == whole.searcher.asked
            assert {p.trial for p in ran} == ended | set(trials)


def test_a_sweep_that_was_cut_twice_runs_nothing_twice() -> None:
    """Cut between the seeds of one configuration, so that the log lacks the second."""
    spec = some_spec(trials=2, seeds=2)
    first = Bench(spec)
    first.run(most=1)
    log = [e for e in first.log if e.get("seed") != 1]
    second = Bench(spec)
    second.log = log
    assert [p.seed for p in second.proposer.replay(log)] == [1]
    assert [p.seed for p in second.run(most=1)] == [1]
    third = Bench(spec)
    third.log = second.log
    assert third.proposer.replay(second.log) == []
    assert len(third.run()) == 2
    ends = Counter(e["trial"] for e in third.log if e["event"] == "done")
    assert set(ends.values()) == {1} and len(ends) == 4


def test_a_log_that_another_searcher_wrote_is_refused() -> None:
    bench = Bench(some_spec(trials=5))
    bench.run()
    with pytest.raises(ReplayMismatch, match=r"proposal \d+ in the log"):
        Bench(some_spec(trials=5, seed=1)).proposer.replay(bench.log)


def test_the_seed_decides() -> None:
    spec = some_spec(trials=10)
    first, same = Bench(spec), Bench(spec)
    other = Bench(some_spec(trials=10, seed=1))
    for bench in (first, same, other):
        bench.run()
    assert first.log == same.log
    assert [c for c in first.searcher.asked] != [c for c in other.searcher.asked]


# ---- lists ---------------------------------------------------------------------------------


def test_a_grid_ends_with_its_last_point() -> None:
    spec = spec_of(kmeans_space(8, 16, 32), sampler="grid", seeds=2, trials=1)
    bench = Bench(spec)
    assert bench.proposer.budget == 6
    ran = bench.run()
    assert [(p.config["codebook_size"], p.seed) for p in ran] == [
        (size, seed) for size in (8, 16, 32) for seed in (0, 1)
    ]
    assert bench.proposer.exhausted and bench.proposer.next() is None
