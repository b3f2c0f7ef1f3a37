"""The benchmark of RQ-VAE against K-Means: its rows and its headline, on the smallest motion."""

from __future__ import annotations

import json
from types import ModuleType

import numpy as np
import pytest

from tests.conftest import ROOT
from trainables.codecs.contract import chain_geometry, part_data, structured_recordings


@pytest.fixture
def gap(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import rqvae_gap as module

    return module


def test_cell_means_are_means_of_frames_with_one_code(gap: ModuleType) -> None:
    rng = np.random.default_rng(0)
    part = part_data("body", structured_recordings((40,), 9, rng), chain_geometry(3, rng))
    codes = rng.integers(0, 2, (40, 2))
    means = gap.cell_means(part, codes)
    same = (codes == codes[7]).all(1)
    assert 1 < same.sum() < 40
    assert np.allclose(means[same], part.features[same].mean(0), atol=1e-6)


def test_rows_are_trained_as_they_say(gap: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "^as it was|LayerNorm|principal"
    argv = ["--size", "debug", "--steps", "3", "--seeds", "1", "--rows", rows]
    assert gap.main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    said = json.loads(lines[-1])
    assert said["now_over_kmeans_train"] < said["before_over_kmeans_train"]
    errors = {line[:38].strip(): line.split("train")[1].split("±")[0] for line in lines[1:-1]}
    assert errors["as it was"] == errors["RQ-VAE 64x1, was"]
    assert len({errors[r] for r in ("as it was", "LayerNorm", "principal start")}) == 3
