"""The benchmark of fronts on a sweep that is made in a moment."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("bench_fronts", ROOT / "benchmarks/fronts.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.long
def test_peers_agree_and_a_sweep_goes_from_log_to_statistics(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "PEERS", tmp_path / "none")
    rng = np.random.default_rng(0)
    made = benchmark.cloud_rows(2000, rng)
    assert set(made) == {"front", "hypervolume", "attainment", "indicators"}
    peers = benchmark.peer_rows(300, rng, tmp_path)
    assert set(peers) == {"points", "ours", "optuna"}
    assert benchmark.write_sweep(tmp_path / "sweep", 24, 3, 4, rng) == 72
    rows = benchmark.sweep_stage(tmp_path / "sweep")
    assert rows["total"] > 0 and rows["peak_mib"] > 0
    report = benchmark.report_stage(tmp_path / "sweep")
    page = (tmp_path / "sweep" / "report.html").stat().st_size
    assert report["page_mib"] == page / 2**20 and report["total"] > 0
