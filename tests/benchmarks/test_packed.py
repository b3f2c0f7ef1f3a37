"""The benchmarks of packed trials: what they count and compare, tried out on a core."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from search_spaces.families import complete

ROOT = Path(__file__).resolve().parents[2]


def _loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location(f"bench_{name}", ROOT / f"benchmarks/{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_packs_are_measured_on_any_device(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = _loaded("packed_gpu", monkeypatch)
    monkeypatch.setattr(module, "together", lambda *_: 100.0)
    assert module.main(["--quick", "--device", "cpu"]) == 0
    head = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert head["rates"].keys() == {"as it is", "TF32", "bfloat16 networks", "no redrawing"}
    assert all(set(of_way) == {"1", "4"} for of_way in head["rates"].values())
    assert head["best"]["members"] == 4 and head["ratio_processes"] > 0
    # Both are rounded: the ratio is of the rate as measured, not as printed.
    expected = head["best"]["steps_per_second"] / 100
    assert head["ratio_fractions"] == pytest.approx(expected, abs=0.006)
    assert head["ratio_trials"] >= head["ratio_trials_in_turn"] > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _loaded("packed_gpu", monkeypatch).main([]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "--device cpu" in said.err


def test_steps_of_packs_are_timed_beside_those_of_trials_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _loaded("packed_step", monkeypatch).main(["--quick"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["milliseconds"]
    assert set(found) == {"fit, library", "fit, fused", "1 in packs of 1", "4 in packs of 4"}
    assert all(each > 0 for each in found.values())


def test_both_sides_run_one_list(monkeypatch: pytest.MonkeyPatch) -> None:
    module = _loaded("sweep_throughput", monkeypatch)
    configs = module.listed(30, 100)
    assert configs == module.listed(30, 100)
    assert len({str(c) for c in configs}) == 30
    assert all(complete(c)["quantizer_backend"] == "library" for c in configs)
    assert all(module._fused(c)["quantizer_backend"] == "fused" for c in configs)


def test_fronts_are_compared_over_the_same_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    module = _loaded("sweep_throughput", monkeypatch)
    rng = np.random.default_rng(0)
    rows = [
        [{"rate_nominal_bps": 100.0 * 2**i, "val_rmse_full_cm": 10.0 / (1 + i) + rng.uniform()}]
        for i in range(8)
    ]
    same, interval = module.paired_ratio(rows, rows, rng)
    assert same == 1.0 and interval == (1.0, 1.0)
    worse = [
        [{**row, "val_rmse_full_cm": row["val_rmse_full_cm"] + 2.0} for row in r] for r in rows
    ]
    ratio, (_, high) = module.paired_ratio(worse, rows, rng)
    assert ratio < 1.0 and high < 1.0
