"""Stopping in a sweep's books: decided once, written down, the same after an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search_spaces.errors import BadInput
from search_spaces.presets import load_spec
from search_spaces.stopping import check_stopping
from tests.cluster.stopping import ENDS, Cut, Sweep

SEARCHES = [
    {"stopping": "halving", "sampler": "tpe"},
    {"stopping": "halving", "sampler": "rate_aware"},
    {"stopping": "model", "sampler": "rate_aware", "trials": 18},
]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda s: f"{s['stopping']}-{s['sampler']}")
def test_a_sweep_killed_anywhere_stops_what_an_uninterrupted_one_stops(
    tmp_path: Path, search: dict[str, Any]
) -> None:
    whole = Sweep(tmp_path / "whole", **search)
    whole.run()
    kinds = [e["event"] for e in whole.log()]
    assert kinds.count("stopped") >= 1 and kinds.count("done") >= 2, kinds
    whole.store.close()
    wanted = whole.log("proposed", "decided", *ENDS)
    # Between a report and its decision, between a decision and its end, and elsewhere.
    decided, ended = kinds.index("decided"), kinds.index("stopped")
    for cut in (decided, decided + 1, ended, ended + 1, len(kinds) - 4):
        folder = tmp_path / f"cut-{cut}"
        sweep = Sweep(folder, cut=cut, **search)
        with pytest.raises(Cut):
            sweep.run()
        sweep.store.close()
        again = Sweep(folder, **search)
        again.run()
        assert again.log("proposed", "decided", *ENDS) == wanted, cut
        again.store.close()


def test_a_decision_is_written_with_its_reason_and_what_stops_is_never_complete(
    tmp_path: Path,
) -> None:
    sweep = Sweep(tmp_path / "s", stopping="halving", sampler="tpe")
    sweep.run()
    stops = {e["trial"]: e for e in sweep.log("decided") if not e["go_on"]}
    ended = {e["trial"]: e["reason"] for e in sweep.log("stopped")}
    assert ended == {trial: e["reason"] for trial, e in stops.items()} and ended
    assert all("place" in reason for reason in ended.values())
    assert not {e["trial"] for e in sweep.log("point")} & set(ended)
    states = [t.state.name for t in sweep.searcher.study.trials]  # type: ignore[attr-defined]
    assert states.count("PRUNED") == len(ended) and "RUNNING" not in states
    pruned = [t for t in sweep.searcher.study.trials if t.state.name == "PRUNED"]  # type: ignore[attr-defined]
    assert all(t.user_attrs["curve"] and t.values is None for t in pruned)
    assert sweep.books.counts()["stopped"] == len(ended)
    one_shot = {e["trial"] for e in sweep.log("proposed") if e["codec"] == "kmeans"}
    assert not one_shot & {e["trial"] for e in sweep.log("decided")}
    sweep.store.close()


def test_a_recorded_decision_stands_whatever_would_be_decided_now(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "s", stopping="halving", sampler="random", cut=15)
    with pytest.raises(Cut):
        sweep.run()
    sweep.store.close()
    log = tmp_path / "s" / "log.jsonl"
    text = log.read_text()
    assert '"go_on":true' in text
    log.write_text(text.replace('"go_on":true', '"go_on":false'))
    again = Sweep(tmp_path / "s", stopping="halving", sampler="random")
    turned = {e["trial"] for e in again.log("decided")}
    assert turned <= {e["trial"] for e in again.log(*ENDS)}
    again.store.close()


def test_what_is_not_finite_at_a_rung_has_failed(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "s", stopping="halving", sampler="random")
    sweep.run(nan="rqvae")
    broken = {e["trial"] for e in sweep.log("proposed") if e["codec"] == "rqvae"}
    failed = {e["trial"]: e["reason"] for e in sweep.log("failed")}
    assert broken and set(failed) == broken
    assert all("not finite" in reason for reason in failed.values())
    sweep.store.close()


def test_a_stopped_trial_whose_process_breaks_as_it_ends_is_stopped(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "s", stopping="halving", sampler="random", trials=12)
    books, reported = sweep.books, sweep.books.reported
    late: list[str] = []

    def and_breaks(trial: str, result: Any) -> bool:
        goes_on = reported(trial, result)
        if not goes_on:
            late.append(trial)
            reported(trial, {"share": 1.0, "points": [{"depth": 1, "levels": 1}]})
            books.ended(trial, "ActorDiedError: killed")
        return goes_on

    books.reported = and_breaks  # type: ignore[method-assign]
    sweep.run()
    assert late and {e["trial"] for e in sweep.log("stopped")} == set(late)
    assert not sweep.log("failed") and not {e["trial"] for e in sweep.log("point")} & set(late)
    sweep.store.close()


def test_without_stopping_nothing_is_decided_and_curves_are_kept(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "s", stopping="none", sampler="tpe")
    sweep.run()
    assert not sweep.log("decided", "stopped")
    assert all(e["points"][-1]["val_rmse_full_cm"] > 0 for e in sweep.log("progress"))
    sweep.store.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["stopping=model", "sampler=tpe"], "rate_aware"),
        (["stopping=model", "sampler=rate_aware", "seeds=2"], "seeds=1"),
        (["stopping=halving", "objectives=rate_stream_bps,rmse_full_cm"], "rate_stream_bps"),
        (["stopping=sometimes"], "none"),
        (["stopping=halving", "rungs=0.5,2"], "between 0 and 1"),
    ],
)
def test_what_cannot_be_decided_is_refused(settings: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        load_spec("rate_distortion", size="debug", settings=settings)


def test_rungs_are_given_as_shares() -> None:
    spec = load_spec("rate_distortion", settings=["stopping=halving", "rungs=0.5,0.1"])
    assert spec.search.rungs == (0.1, 0.5)
    check_stopping("none", "tpe", 3, ["rate_stream_bps"])
