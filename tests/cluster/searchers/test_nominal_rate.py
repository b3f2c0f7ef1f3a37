"""The rate-aware sampler over a sweep's own objectives: which, in which direction, within what."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from cluster.searchers.nominal_rate import NominalRateSearcher
from cluster.searchers.proposer import Proposal, make_searcher
from cluster.wanted import Wanted
from search_spaces.errors import BadInput
from search_spaces.objectives import objectives
from search_spaces.presets import load_spec
from search_spaces.spec import SweepSpec
from tests.cluster.searchers.sweeping import Bench, Event, some_facts

CORNER = {
    "rate_nominal_bps": 2000.0, "rate_nominal_body_bps": 2000.0, "rate_model_bps": 2000.0,
    "rate_stream_bps": 2400.0, "rate_entropy_bps": 2000.0, "rmse_full_cm": 25.0,
    "rmse_body_cm": 25.0, "jerk_error_mps3": 100.0, "utilisation_body_pct": 0.0,
}  # fmt: skip


def spec_for(*names: str, settings: tuple[str, ...] = (), **search: Any) -> SweepSpec:
    search = {"sampler": "rate_aware", "trials": 12, "startup": 4, **search}
    given = [f"objectives={','.join(names)}", *settings] if names else list(settings)
    return load_spec("rate_distortion", size="debug", settings=given, overrides={"search": search})


def rows_of(proposal: Proposal) -> list[Event]:
    """Every prefix of an invented codec: more codes are used less, more levels jerk more."""
    config = proposal.config
    levels = int(config.get("quantizer_depth", 1))
    size, stride = float(config["codebook_size"]), float(config.get("compression", 1))
    miss = abs(math.log10(float(config.get("learning_rate", 1e-3))) + 3)
    found = []
    for depth in range(1, levels + 1):
        rate = 30 * math.log2(size) * depth / stride
        found.append(
            {
                "depth": depth,
                "levels": levels,
                "rate_nominal_bps": rate,
                "rate_nominal_body_bps": rate,
                "val_rate_model_bps": rate * (0.4 + 0.02 * math.log2(size)),
                "val_rate_entropy_bps": rate * 0.8,
                "val_rate_stream_bps": rate + 60,
                "val_rmse_full_cm": (1 + miss) * 20 / (1 + rate / 100),
                "val_rmse_body_cm": (1 + miss) * 10 / (1 + rate / 100),
                "val_jerk_error_mps3": 5 + 10 * depth / stride,
                "val_utilisation_body_pct": 100 / (1 + size / 64),
            }
        )
    return found


def bench_of(spec: SweepSpec, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("tests.cluster.searchers.sweeping.REFERENCE", CORNER)
    return Bench(spec)


def run(bench: Bench, trials: int) -> list[Proposal]:
    return bench.run(1, lambda b, p: b.finish(p, rows_of(p)), most=trials)


def searcher_of(bench: Bench) -> NominalRateSearcher:
    assert isinstance(bench.searcher.inner, NominalRateSearcher)
    return bench.searcher.inner


@pytest.mark.parametrize(
    "names",
    [
        ("rate_nominal_bps", "rmse_full_cm", "jerk_error_mps3"),
        ("rmse_full_cm", "utilisation_body_pct", "rate_nominal_bps"),
        ("rmse_full_cm", "jerk_error_mps3"),
        ("rate_model_bps", "rmse_full_cm"),
        ("rate_stream_bps", "rmse_full_cm", "rate_nominal_body_bps"),
        ("rate_entropy_bps", "utilisation_body_pct", "rmse_body_cm", "jerk_error_mps3"),
    ],
)
def test_any_objectives_are_searched_and_replayed(
    names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_of(spec_for(*names), monkeypatch)
    ran = run(bench, 8)
    assert len({p.trial for p in ran}) == 8
    assert searcher_of(bench).inner._posterior() is not None
    again = bench_of(spec_for(*names), monkeypatch)
    again.proposer.replay(bench.log)
    assert [c for c in again.searcher.asked] == bench.searcher.asked


def test_nothing_measured_is_refused_in_one_line() -> None:
    spec = spec_for("rate_nominal_bps", "rate_nominal_body_bps")
    with pytest.raises(BadInput, match=r"nothing to measure: .* add a distortion") as caught:
        make_searcher(spec, objectives(spec.objectives), some_facts(), CORNER)
    assert "\n" not in str(caught.value)


def test_a_third_objective_changes_what_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """With jerk, which falls with stride, temporal codecs are proposed more often."""

    def strides(*names: str) -> float:
        ran = run(bench_of(spec_for(*names, trials=14), monkeypatch), 14)[6:]
        return float(np.mean([p.config.get("compression", 1) for p in ran]))

    both = strides("rate_nominal_bps", "rmse_full_cm", "jerk_error_mps3")
    assert both > strides("rate_nominal_bps", "rmse_full_cm")


def test_what_is_maximised_is_wanted_high(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run(bench_of(spec_for("rmse_full_cm", "utilisation_body_pct"), monkeypatch), 14)
    bench = bench_of(spec_for("rmse_full_cm", "utilisation_body_pct"), monkeypatch)
    inner = searcher_of(bench)
    (row,) = inner.coordinates([[math.e, -80.0]])
    assert row.tolist() == [1.0, -80.0]
    sizes = [float(p.config["codebook_size"]) for p in ran[5:]]
    assert np.median(sizes) <= 64, "few codes are all used"


# ---- a rate that is unknown but bounded --------------------------------------------------------


def test_the_nominal_rate_is_the_mean_and_the_bound_of_the_model_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = bench_of(spec_for("rate_model_bps", "rmse_full_cm", trials=14), monkeypatch)
    run(bench, 14)
    inner = searcher_of(bench).inner
    posterior = inner._posterior()
    assert posterior is not None
    fresh = inner._space.start() | {
        "codec": "kmeans", "codebook_size": 1024, "feature_scaling": "none",
    }  # fmt: skip
    known = np.log([[300.0]])
    x = inner._encoding.encode(fresh, (1,), known[:, 0])
    mean, _ = posterior.predict(x, known)
    assert mean[0, 0] == pytest.approx(math.log(300 * 0.6), abs=0.15), "extrapolated from nominal"
    far = np.linspace(0, 1, 200)[:, None] * np.ones((1, x.shape[1]))
    bound = np.full((200, 1), 3.0)
    assert (posterior.predict(far, bound)[0][:, 0] <= 3.0).all()


def test_the_bound_makes_the_first_models_better() -> None:
    """The ratio to the nominal rate varies less than the rate does."""
    from cluster.searchers.rate_aware.observations import rows
    from cluster.searchers.rate_aware.targets import Target

    spec = spec_for("rate_model_bps", "rmse_full_cm")
    searcher = make_searcher(spec, objectives(spec.objectives), some_facts(), CORNER)
    assert isinstance(searcher, NominalRateSearcher)
    inner = searcher.inner
    assert inner._targets.objectives == (Target(bound=0, capped=True), Target())
    for number in range(6):
        config = searcher.ask()
        assert config is not None
        rate = np.exp(inner._seen[number].known[:, 0])
        searcher.tell(number, [0.5 * rate[-1], 5.0], points=[[0.5 * r, 5.0] for r in rate])
    relative = rows(inner._seen, inner._encoding, 9.0, column=0, bound=0)[1]
    assert relative == pytest.approx(np.full(len(relative), math.log(0.5)))


# ---- one rate, and limits ----------------------------------------------------------------------


def rates(proposal: Proposal) -> list[float]:
    return [float(row["rate_nominal_bps"]) for row in rows_of(proposal)]


@pytest.mark.parametrize("sampler", ["rate_aware", "tpe", "random"])
def test_nothing_outside_the_window_is_run(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for settings, low, high in (("at=300", 0.0, 300.0), ("between=200,400", 200.0, 400.0)):
        spec = spec_for(settings=(settings,), sampler=sampler)
        bench = bench_of(spec, monkeypatch)
        ran = run(bench, 12)
        assert len(ran) == 12
        for proposal in ran:
            assert any(low <= rate <= high for rate in rates(proposal)), proposal.config
        refused = [e for e in bench.log if e["event"] == "refused"]
        assert all("bits/s" in e["reason"] for e in refused)
        if sampler == "random" and low:
            assert refused, "a refusal costs nothing and is written down"


def test_a_window_is_searched_for_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 300 bits/s the lowest distortion of this codec is 5 cm; 14 trials come close."""
    ran = run(bench_of(spec_for(settings=("at=300",), trials=14), monkeypatch), 14)
    values = [
        row["val_rmse_full_cm"]
        for p in ran for row in rows_of(p) if row["rate_nominal_bps"] <= 300
    ]  # fmt: skip
    assert min(values) < 5.3


def test_a_window_of_a_measured_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_for("rate_model_bps", "rmse_full_cm", settings=("at=150",), trials=14)
    ran = run(bench_of(spec, monkeypatch), 14)
    near = [
        row["val_rate_model_bps"] for p in ran[6:] for row in rows_of(p)
        if row["val_rate_model_bps"] <= 150
    ]  # fmt: skip
    assert near and max(near) > 100


def test_a_window_that_the_space_lacks_is_said_before_anything_runs() -> None:
    with pytest.raises(BadInput, match=r"at 1 bits/s on this data: they reach from"):
        Wanted(spec_for(settings=("at=1",)), some_facts()).check()
    with pytest.raises(BadInput, match="these data have no hands; leave it out"):
        Wanted(spec_for(settings=("constraints=rmse_hands_cm<=4",)), some_facts()).check()
    Wanted(spec_for(settings=("at=300", "constraints=jerk_mps3<=9")), some_facts()).check()


def test_a_limit_declared_after_the_result_leads_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Jerk at most 16 m/s3 means one level, or more at a stride: most later points keep it."""
    limit = ("constraints=jerk_error_mps3<=16",)

    def kept(settings: tuple[str, ...]) -> float:
        ran = run(bench_of(spec_for(settings=settings, trials=15), monkeypatch), 15)[7:]
        return float(np.mean([rows_of(p)[-1]["val_jerk_error_mps3"] <= 16 for p in ran]))

    assert kept(limit) > kept(()) + 0.2


def test_limits_are_told_to_optuna_as_constraints(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_for(settings=("constraints=jerk_error_mps3<=16",), sampler="tpe", trials=6)
    bench = bench_of(spec, monkeypatch)
    run(bench, 6)
    from cluster.searchers.optuna_searcher import OptunaSearcher

    assert isinstance(bench.searcher.inner, OptunaSearcher)
    told = bench.searcher.told
    for trial, (_, values, _) in zip(bench.searcher.inner.study.trials, told, strict=True):
        assert values is not None and len(trial.values) == 2 and len(values) == 3
        assert trial.constraints == {"jerk_error_mps3<=16": values[2] - 16}
