"""What Ray Tune's own bridge to Optuna gets wrong, one test per defect, which our searcher passes.

Each test first shows the defect in `ray.tune.search.optuna.OptunaSearch` (or in Tune itself), in
this process and without a Ray session; that half is left out for another version of Ray than the
one it was seen in. Then it asks the same of ours.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from analysis.fronts import front
from cluster import tune_adapter
from cluster.books import Books
from cluster.jobs import Job
from cluster.searchers.optuna_searcher import OptunaSearcher
from cluster.searchers.proposer import Proposal, Proposer
from cluster.store import Store
from cluster.tune_scheduler import BookedStopping
from search_spaces.errors import BadInput
from search_spaces.objectives import objectives
from search_spaces.presets import load_spec
from search_spaces.space import Parameter, Space, canonical
from search_spaces.spec import parse_spec
from tests.cluster.searchers.sweeping import (
    Bench,
    Told,
    invented_row,
    some_facts,
    some_spec,
    spec_of,
)
from tests.cluster.searchers.test_proposer import states

ray = pytest.importorskip("ray")
SEEN_IN = "2.60."
STOCK = ray.__version__.startswith(SEEN_IN)
METRICS, MODES = ["rate", "error"], ["min", "min"]
BOX = {"x": optuna.distributions.FloatDistribution(0, 1)}


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def stock(space: Any = BOX, **options: Any) -> Any:
    """Tune's bridge for two objectives, its study in `_ot_study`."""
    from ray.tune.search.optuna import OptunaSearch

    asked = {"metric": METRICS, "mode": MODES, "seed": 1, **options}
    return OptunaSearch(space, **asked)


def stock_states(bridge: Any) -> list[str]:
    return [t.state.name for t in bridge._ot_study.trials]


def ours(**search: Any) -> Bench:
    """A conditional space of three codecs, rate and error, samplers as asked."""
    return Bench(some_spec(**{"trials": 6, **search}))


def complete_values(bench: Bench) -> list[list[float]]:
    assert isinstance(bench.searcher.inner, OptunaSearcher)
    trials = bench.searcher.inner.study.get_trials(deepcopy=False)
    return [t.values for t in trials if t.state == TrialState.COMPLETE]


class Desk:
    """Books, as Tune's callbacks keep them, over a store in a folder."""

    def __init__(self, folder: Path, **search: Any) -> None:
        spec = some_spec(**{"trials": 4, **search})
        self.store = Store.create(folder, "")
        self.store.append("sweep", name="x")
        inner = OptunaSearcher(
            spec.space, spec.search.sampler, seed=0, startup=spec.search.startup, objectives=2
        )
        self.searcher = Told(inner)
        goals = objectives(spec.objectives)
        self.books = Books(
            self.store, Proposer(spec, some_facts(), goals, self.searcher, self.store.append)
        )

    def begin(self) -> Proposal:
        proposal = self.books.next()
        assert proposal is not None
        self.books.started(proposal.trial)
        return proposal


def test_r01_evaluated_points_of_several_objectives_are_taken_up() -> None:
    if STOCK:
        with pytest.raises(TypeError):
            stock(points_to_evaluate=[{"x": 0.5}], evaluated_rewards=[[1.0, 2.0]])
    first = ours()
    first.run()
    second = ours()
    assert second.proposer.replay(first.log) == []
    assert complete_values(second) == complete_values(first) != []
    assert all(len(values) == 2 for values in complete_values(second))


def test_r02_a_missing_metric_leaves_no_trial_running() -> None:
    if STOCK:
        bridge = stock()
        bridge.suggest("a")
        bridge.on_trial_complete("a", {"rate": 1.0})
        assert stock_states(bridge) == ["RUNNING"]
    bench = ours()
    proposal = bench.proposer.next()
    assert proposal is not None
    row = invented_row(proposal.config, 0)
    del row["val_rmse_full_cm"]
    bench.finish(proposal, [row])
    assert states(bench) == {TrialState.FAIL: 1}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_r03_a_diverged_trial_is_not_left_running(value: float) -> None:
    if STOCK and math.isnan(value):
        bridge = stock()
        bridge.suggest("a")
        bridge.on_trial_complete("a", {"rate": 1.0, "error": value})
        assert stock_states(bridge) == ["RUNNING"]
    bench = ours()
    proposal = bench.proposer.next()
    assert proposal is not None
    bench.finish(proposal, [{**invented_row(proposal.config, 0), "val_rmse_full_cm": value}])
    assert states(bench) == {TrialState.FAIL: 1}


def test_r04_values_of_a_stopped_trial_are_not_told_as_final(tmp_path: Path) -> None:
    """A trial that a scheduler stops has reported validation scores of a rung, and no points."""
    if STOCK:
        bridge = stock()
        bridge.suggest("a")
        bridge.on_trial_complete("a", {"rate": 1.0, "error": 9.0, "training_iteration": 1})
        assert stock_states(bridge) == ["COMPLETE"]
    desk = Desk(tmp_path / "sweep")
    proposal = desk.begin()
    rung = {**invented_row(proposal.config, 0), "share": 0.25}
    desk.books.reported(proposal.trial, rung)
    desk.books.ended(proposal.trial)
    assert desk.searcher.told == [(0, None, False)]
    assert desk.books.status[proposal.trial] == "stopped" and desk.books.rows == []
    desk.store.close()


def test_r05_a_crash_after_a_report_is_a_failure(tmp_path: Path) -> None:
    if STOCK:
        bridge = stock()
        bridge.suggest("a")
        bridge.on_trial_complete("a", {"rate": 1.0, "error": 9.0}, error=True)
        assert stock_states(bridge) == ["COMPLETE"]
    desk = Desk(tmp_path / "sweep")
    for number, report in enumerate(("a rung", "all points")):
        proposal = desk.begin()
        row = {**invented_row(proposal.config, 0), "share": 0.25}
        said = row if report == "a rung" else {"share": 1.0, "points": [row]}
        desk.books.reported(proposal.trial, said)
        desk.books.ended(proposal.trial, "the process died")
        assert desk.searcher.told[-1] == (number, None, False), report
        assert desk.books.status[proposal.trial] == "failed"
    desk.store.close()


@pytest.mark.filterwarnings("ignore:`constraints_func` has been deprecated")
def test_r06_constraints_see_the_whole_configuration_and_the_data() -> None:
    """Ours are checked before a trial costs anything; the reason is in the log."""
    if STOCK:
        seen: list[dict[str, Any]] = []

        def constraint(trial: optuna.trial.FrozenTrial) -> list[float]:
            seen.append(dict(trial.user_attrs))
            return [0.0]

        sampler = optuna.samplers.NSGAIISampler(seed=0, constraints_func=constraint)
        bridge = stock(sampler=sampler)
        bridge.suggest("a")
        bridge.on_trial_complete("a", {"rate": 1.0, "error": 2.0, "parameters": 10_000_000})
        assert seen == [{}], "nothing of the result reaches the constraint"
    sizes = Parameter(name="codebook_size", choices=(8, 512, 4096))
    space = Space(parameters=(sizes,), fixed={"codec": "kmeans"})
    bench = Bench(spec_of(space, sampler="tpe", trials=2), some_facts(600))
    ran = bench.run()
    assert {p.config["codebook_size"] for p in ran} <= {8, 512}
    refused = [e for e in bench.log if e["event"] == "refused"]
    assert refused and all("4096" in e["reason"] and "600" in e["reason"] for e in refused)
    assert {was_refused for _, values, was_refused in bench.searcher.told if values is None} == {
        True
    }


def test_r07_a_restored_search_has_no_orphans(tmp_path: Path) -> None:
    if STOCK:
        where = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
        points = [{"x": 0.25}]
        bridge = stock(points_to_evaluate=points, storage=where)
        bridge.suggest("a")
        bridge.on_trial_complete("a", {"rate": 1.0, "error": 2.0})
        bridge.save(str(tmp_path / "searcher"))
        bridge.suggest("b")  # after the snapshot, before the crash
        again = stock(points_to_evaluate=points, storage=where)
        again.restore(str(tmp_path / "searcher"))
        assert stock_states(again) == ["COMPLETE", "RUNNING", "WAITING"]
        again.suggest("b")
        assert stock_states(again) == ["COMPLETE", "RUNNING", "RUNNING"]
    first = ours()
    first.run(at_a_time=1, most=1)
    open_trial = first.proposer.next()
    assert open_trial is not None
    second = ours()
    second.log = list(first.log)
    assert second.proposer.replay(first.log) == [open_trial]
    assert states(second) == {TrialState.COMPLETE: 1, TrialState.RUNNING: 1}
    ran = second.run()
    assert ran[0] == open_trial and len(ran) == 5
    assert states(second)[TrialState.RUNNING] == 0
    assert Counter(e["trial"] for e in second.log if e["event"] == "done").most_common(1)[0][1] == 1


def test_r08_two_sweeps_share_nothing(tmp_path: Path) -> None:
    if STOCK:
        where = optuna.storages.InMemoryStorage()
        bridge = stock(storage=where)
        bridge.suggest("a")
        bridge.on_trial_complete("a", {"rate": 1.0, "error": 2.0})
        other = stock(metric=["jerk", "hull"], storage=where)
        assert stock_states(other) == ["COMPLETE"], "trials of another experiment"
    one = Store.create(tmp_path / "sweep", "")
    one.append("sweep", name="first")
    one.close()
    with pytest.raises(BadInput, match="resume"):
        Store.create(tmp_path / "sweep", "")
    first, second = ours(), ours()
    first.run()
    assert isinstance(second.searcher.inner, OptunaSearcher)
    assert second.searcher.inner.study.trials == []


def test_r09_a_configuration_is_trained_once() -> None:
    if STOCK:
        space = {
            "x": optuna.distributions.FloatDistribution(0, 1),
            "c": optuna.distributions.CategoricalDistribution(["a", "b", "c"]),
        }
        bridge = stock(space, sampler=optuna.samplers.NSGAIISampler(seed=1, population_size=5))
        trained = []
        for number in range(40):
            config = bridge.suggest(str(number))
            trained.append(canonical(config))
            result = {"rate": config["x"], "error": 1 - config["x"]}
            bridge.on_trial_complete(str(number), result)
        assert len(set(trained)) < len(trained)
    for sampler in ("nsga2", "tpe", "random"):
        sizes = Parameter(name="codebook_size", choices=(8, 16, 32, 64))
        space_ = Space(parameters=(sizes,), fixed={"codec": "kmeans"})
        bench = Bench(spec_of(space_, sampler=sampler, trials=40))
        ran = [canonical(p.config) for p in bench.run()]
        assert len(ran) == len(set(ran)) == 4
        assert any(e["event"] == "repeated" for e in bench.log), "it was proposed again"


def test_r10_an_unknown_key_is_named() -> None:
    if STOCK:
        bridge = stock(lambda trial: trial.suggest_float("x", 0, 1) and None,
                       points_to_evaluate=[{"y": 0.5}])  # fmt: skip
        assert set(bridge.suggest("a")) == {"x"}, "silently ignored"
    said = load_spec("rate_distortion", size="debug").model_dump(mode="json")
    said["space"]["fixed"] = {"codebok_size": 8}
    with pytest.raises(BadInput, match="codebok_size"):
        parse_spec(said, "a test")


def test_r11_repeats_over_seeds_work_with_several_objectives() -> None:
    if STOCK:
        from ray.tune.search import Repeater

        with pytest.raises(TypeError):
            repeated = Repeater(stock(), repeat=2)
            for trial in ("a", "b"):
                repeated.suggest(trial)
            for trial in ("a", "b"):
                repeated.on_trial_complete(trial, {"rate": 1.0, "error": 2.0})
    bench = ours(seeds=2, trials=2)
    ran = bench.run()
    assert [p.seed for p in ran] == [0, 1, 0, 1]
    for number, values, _ in bench.searcher.told:
        rows = [invented_row(p.config, p.seed) for p in ran if p.ask == number]
        want = [np.mean([r[k] for r in rows]) for k in ("rate_nominal_bps", "val_rmse_full_cm")]
        assert values == pytest.approx(want, rel=1e-12)


def test_r12_the_best_trials_are_a_set() -> None:
    """Tune has no result of several metrics; ours is the front of the points."""
    if STOCK:
        from ray.tune import ExperimentAnalysis, ResultGrid
        from ray.tune.schedulers import ASHAScheduler

        with pytest.raises((AssertionError, TypeError)):
            ASHAScheduler(metric=METRICS, mode=MODES)
        analysis = ExperimentAnalysis.__new__(ExperimentAnalysis)
        analysis.trials, analysis.default_metric, analysis.default_mode = [], None, None
        with pytest.raises(ValueError, match=r"one of \[min, max\]"):
            ResultGrid(analysis).get_best_result(METRICS, MODES)
    points = pd.DataFrame(
        {
            "trial": list("abcd"),
            "rate_nominal_bps": [100.0, 200.0, 300.0, 50.0],
            "val_rmse_full_cm": [3.0, 1.0, 2.0, math.nan],
            "test_rmse_full_cm": [1.0, 3.0, 0.1, 0.1],
        }
    )
    best = front(points, ["rate_nominal_bps", "rmse_full_cm"])
    assert list(best.rows["trial"]) == ["a", "b"] and best.dropped == 1


def test_r13_nothing_is_kept_by_the_score_of_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tune takes a list of metrics as a score and fails with it later; ours keeps every codec."""
    from ray import tune

    if STOCK:
        late = tune.CheckpointConfig(num_to_keep=1, checkpoint_score_attribute=METRICS)
        with pytest.raises(TypeError, match="unhashable"):
            {"rate": 1.0}[late.checkpoint_score_attribute]
    configs: list[Any] = []

    class Tuner:
        def __init__(self, trainable: object, *, tune_config: Any, run_config: Any) -> None:
            configs.extend((tune_config, run_config))

        def fit(self) -> None:
            """Nothing is run."""

    monkeypatch.setattr(tune, "Tuner", Tuner)
    monkeypatch.setattr(tune, "with_parameters", lambda function, **_: function)
    job = Job(None, "x", "/nowhere", "debug", "local", 1, 1, 0.0, (), "/tmp/nothing-is-written")
    bench = ours()
    books = Books(None, bench.proposer)  # type: ignore[arg-type]
    tune_adapter.run_trials(books, job, 1, {"CPU": 1})
    asked, run = configs
    kept = run.checkpoint_config or tune.CheckpointConfig()
    assert kept.checkpoint_score_attribute is None and kept.num_to_keep is None
    assert asked.metric is None and asked.mode is None
    assert isinstance(asked.scheduler, BookedStopping)  # asks our rule, which has every objective


def test_r14_a_conditional_space_is_warm_started() -> None:
    if STOCK:

        def space(trial: Any) -> None:
            if trial.suggest_categorical("codec", ["kmeans", "rqvae"]) == "rqvae":
                trial.suggest_int("depth", 1, 3)

        with pytest.raises(TypeError, match="Define-by-run"):
            stock(
                space,
                points_to_evaluate=[{"codec": "rqvae", "depth": 2}],
                evaluated_rewards=[[1.0, 2.0]],
            )
    first = ours(trials=12)
    ran = first.run()
    assert len({frozenset(p.config) for p in ran}) > 1, "the space is conditional"
    second = ours(trials=13)
    second.proposer.replay(first.log)
    third = ours(trials=13)
    assert third.run()[12:] == second.run(), "a search taken up goes on as one that was not cut"
