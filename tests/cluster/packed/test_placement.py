"""A packed sweep on Ray: the points of the local placement, through a host that dies on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cluster.trial_log import read_trial_logs
from search_spaces.record import COST_COLUMNS
from tests.cluster.motion import write_motion
from tests.cluster.sweeping import events, points, ratefront, trap

pytestmark = [pytest.mark.long, pytest.mark.ray]

CELLS = """
title: side by side
objectives: [rate_nominal_bps, rmse_full_cm]
search: {{sampler: cells{search}}}
space:
  cells:
    - {{codec: falls, codebook_size: 8}}
    - {{codec: rqvae, codebook_size: 8, quantizer_depth: 2}}
    - {{codec: rqvae, codebook_size: 16, quantizer_depth: 1, loss.position: 1.0}}
    - {{codec: rqvae, codebook_size: 4, quantizer_depth: 3, learning_rate: 0.003}}
  fixed: {{max_steps: 40, hidden_dim: 32, latent_dim: 16, iterations: 10, quantizer_backend: fused}}
"""
FALLS = """
import os
from dataclasses import replace
from pathlib import Path

from search_spaces.families import family_of
from trainables.codecs.kmeans import KMeansCodec
from trainables.codecs.registry import register_codec

class Falls(KMeansCodec):
    family = "falls"

    def fit(self, data, runtime, until=1.0):
        fallen = Path({folder!r}) / "fallen"
        if until == 1.0 and not fallen.exists():
            fallen.touch()
            os._exit(3)
        return super().fit(data, runtime, until)

register_codec(replace(family_of({{"codec": "kmeans"}}), name="falls", title="falls"), Falls)
"""


def _swept(place: Path, placement: str) -> pd.DataFrame:
    ended = ratefront(
        "sweep", "cells.yaml", "--size", "debug", "--data", "motion", "--out", placement,
        "--placement", placement, "--plugin", "falls.py", "--set", "members=4", cwd=place,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Actor with class name" not in ended.stderr, "one line of Ray's core"
    return points(place / placement)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_motion(tmp_path / "motion", recordings=6)
    (tmp_path / "falls.py").write_text(FALLS.format(folder=str(tmp_path)))
    return trap(tmp_path)


def test_points_are_those_of_the_local_placement(place: Path) -> None:
    """One trial takes its host down: those beside it go on elsewhere, and none of them failed."""
    (place / "cells.yaml").write_text(CELLS.format(search=""))
    packed = _swept(place, "packed")
    assert (place / "fallen").exists(), "a host died"
    assert not events(place / "packed", "failed")
    ends = events(place / "packed", "done")
    assert all(0 < e["held_seconds"] <= e["seconds"] for e in ends)
    for end in ends:
        said = read_trial_logs(place / "packed", end["trial"])
        assert "which trains several trials at once" in said
    local = _swept(place, "local")
    assert list(packed["point"]) == list(local["point"]) and len(local) == 7
    assert set(packed.columns) == set(local.columns)
    for column in set(local.columns) - set(COST_COLUMNS) - {"sweep"}:
        if local[column].dtype.kind in "fiu":
            found, wanted = packed[column], local[column]
            assert np.allclose(found, wanted, rtol=1e-4, atol=1e-4, equal_nan=True), column
        else:
            assert packed[column].equals(local[column]), column


def test_trials_are_stopped_one_by_one_and_their_places_taken(place: Path) -> None:
    (place / "fallen").touch()
    (place / "cells.yaml").write_text(CELLS.format(search=", stopping: halving, seeds: 3"))
    _swept(place, "packed")
    ends = [e["event"] for e in events(place / "packed", "done", "stopped", "failed")]
    assert len(ends) == 12 and set(ends) == {"done", "stopped"}
