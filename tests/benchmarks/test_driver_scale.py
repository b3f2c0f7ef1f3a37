"""The benchmark of the driver: its executor runs nothing, and its exponents are slopes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_exponents_are_slopes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from driver_scale import exponent

    sizes = [250, 1000, 4000]
    assert exponent(sizes, [s**2 for s in sizes]) == 2.0
    assert exponent(sizes, [3.0 * s for s in sizes]) == 1.0
    assert exponent(sizes, [7.0] * 3) == 0.0


def test_a_fake_sweep_is_whole_but_for_the_trial_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from driver_scale_steps.fake_executor import fake_sweep
    from driver_scale_steps.invented_points import Forms

    codecs = ("kmeans", "rqvae", "temporal_rvq")
    form = {"codec": "x", "train_seconds": 1.0, "val_jerk_mps3": 3.0}
    forms = Forms({c: form for c in codecs}, {c: (form, form) for c in codecs[1:]})
    found = fake_sweep(tmp_path / "sweep", forms, 24, 8, (12, 24))
    events = [json.loads(line) for line in (tmp_path / "sweep" / "log.jsonl").open()]
    ended = [e for e in events if e["event"] in ("done", "stopped")]
    assert len(ended) == 24 == found["counts"]["done"] + found["counts"]["stopped"]
    assert found["counts"]["running"] == 1 and list(found["curve"]) == [12, 24]
    begun = {e["trial"] for e in events if e["event"] == "started"}
    assert len(begun - {e["trial"] for e in ended}) == 1
    assert found["calls"]["report"] > 24 and any(e["event"] == "decided" for e in events)
