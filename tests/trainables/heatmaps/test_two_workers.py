"""Two workers that share each batch train what one trains, and hold the same weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.long
def test_two_workers_train_what_one_trains(tmp_path: Path) -> None:
    """Codebook, discriminator and adaptive weight included; up to rounding, as sums differ."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    module = "tests.trainables.heatmaps.two_workers"
    for world_size in (1, 2):
        commands = [
            [sys.executable, "-m", module, str(rank), str(world_size), str(tmp_path)]
            for rank in range(world_size)
        ]
        running = [subprocess.Popen(c, cwd=ROOT, env=env) for c in commands]
        assert [worker.wait(timeout=280) for worker in running] == [0] * world_size
    alone, *shared = (np.load(tmp_path / f"weights-{w}.npz") for w in ("1-0", "2-0", "2-1"))
    for name in alone:
        assert np.array_equal(shared[0][name], shared[1][name]), name
        # Steps of Adam are 0.001 each, whatever rounding did to a gradient of nearly nothing.
        assert np.abs(alone[name] - shared[0][name]).mean() < 2e-4, name
    one, two = (json.loads((tmp_path / f"losses-{w}-0.json").read_text()) for w in (1, 2))
    for name, losses in one.items():
        # A ratio of gradients, one of them next to nothing, feels the rounding most.
        weights = [found.pop("adaptive_weight", 1.0) for found in (losses, two[name])]
        assert weights[1] == pytest.approx(weights[0], rel=0.05), name
        assert two[name] == pytest.approx(losses, rel=0.02, abs=1e-5), name
