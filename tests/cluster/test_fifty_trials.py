"""Fifty trials in one process: the last is as the first to the bit, and the process stays small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from search_spaces.record import COST_COLUMNS
from tests.cluster import fifty_trials
from tests.cluster.motion import write_motion
from tests.cluster.sweeping import events, points, ratefront, trap

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]
MOST_MB = 50.0

SPEC = """
title: fifty codebooks
objectives: [rate_nominal_bps, rmse_full_cm]
search: {sampler: cells}
space:
  cells:
CELLS
  fixed: {max_steps: 12, hidden_dim: 16, latent_dim: 8}
"""

# A K-Means that leaves a note of its process and of the memory of it, by kind, in MB.
NOTES = """
import os
from collections.abc import Mapping
from dataclasses import replace
from search_spaces.families import family_of
from trainables.codecs.kmeans import KMeansCodec
from trainables.codecs.registry import register_codec

class Notes(KMeansCodec):
    family = "notes"

    def fit(self, data, runtime, until=1.0):
        with open("/proc/self/status") as status:
            said = dict(line.split(":", 1) for line in status if ":" in line)
        kinds = ("RssAnon", "RssFile", "RssShmem")
        sizes = [str(float(said[k].split()[0]) / 1024) for k in kinds]
        with open("PLACE", "a") as notes:
            print(os.getpid(), *sizes, sep=",", file=notes)
        return super().fit(data, runtime, until)

register_codec(replace(family_of({"codec": "kmeans"}), name="notes", title="notes"), Notes)
"""


def test_in_a_plain_process() -> None:
    program = [sys.executable, str(Path(fifty_trials.__file__))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        program, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    assert said["rows"] and said["weights"] and said["files"] >= 3
    assert len(said["memory"]) == 50
    assert said["grown"] < MOST_MB, said["memory"]


@pytest.mark.ray
def test_in_a_reused_actor(tmp_path: Path) -> None:
    """Fifty on Ray, the last of which is compared with the same one in an actor of its own."""
    write_motion(tmp_path / "motion", recordings=6)
    elsewhere, notes = trap(tmp_path / "elsewhere"), tmp_path / "notes.csv"
    (elsewhere / "notes.py").write_text(NOTES.replace("PLACE", str(notes)))
    last = "    - {codec: rqvae, codebook_size: 8, quantizer_depth: 2}"
    cells = [f"    - {{codec: notes, codebook_size: {n}}}" for n in range(8, 57)]
    tables = []
    for name, wanted in (("fifty", [*cells, last]), ("one", [last])):
        (elsewhere / f"{name}.yaml").write_text(SPEC.replace("CELLS", "\n".join(wanted)))
        ended = ratefront(
            "sweep", f"{name}.yaml", "--size", "debug", "--data", str(tmp_path / "motion"),
            "--out", name, "--plugin", "notes.py", "--concurrency", "1", cwd=elsewhere,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert len(events(elsewhere / name, "done")) == len(wanted)
        table = points(elsewhere / name)
        kept = [c for c in table.columns if c not in (*COST_COLUMNS, "sweep")]
        tables.append(table[table["codec"] == "rqvae"][kept].reset_index(drop=True))
    both = [c for c in tables[1].columns if not tables[1][c].isna().all()]
    assert len(tables[1]) == 2 and "test_rmse_full_cm" in both
    pd.testing.assert_frame_equal(
        tables[0][both], tables[1][both], check_dtype=False, check_exact=True
    )
    memory = pd.read_csv(notes, names=["process", "own", "files", "shared"])
    parts = len(memory) // 49
    assert memory["process"].nunique() == 1, "the actor is reused"
    own = memory["own"].to_numpy()
    print(memory.iloc[[0, 3 * parts, -1]].to_string())
    assert own[-1] - own[3 * parts] < MOST_MB, own.tolist()
