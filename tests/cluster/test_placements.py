"""What takes longer: the same numbers from a Train worker group, and trials that fail or die."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from search_spaces.record import COST_COLUMNS
from tests.cluster.motion import write_motion
from tests.cluster.sweeping import events, points, ratefront, trap

pytestmark = [pytest.mark.long, pytest.mark.ray]

CELLS = """
title: one of each
objectives: [rate_nominal_bps, rmse_full_cm]
search: {sampler: cells}
space:
  cells:
    - {codec: kmeans, codebook_size: 16}
    - {codec: rqvae, codebook_size: 8, quantizer_depth: 2}
  fixed: {max_steps: 20, hidden_dim: 32, latent_dim: 16, iterations: 10}
"""

BREAKS = """
import os
from collections.abc import Mapping
from dataclasses import replace
from search_spaces.families import family_of
from trainables.codecs.kmeans import KMeansCodec
from trainables.codecs.registry import register_codec

class Breaks(KMeansCodec):
    family = "breaks"

    def fit(self, data, runtime, until=1.0):
        if until == 1.0 and self.config["codebook_size"] == 8:
            raise ValueError("loss is not finite at step 7")
        if until == 1.0 and self.config["codebook_size"] == 16:
            os._exit(3)
        return super().fit(data, runtime, until)

register_codec(replace(family_of({"codec": "kmeans"}), name="breaks", title="breaks"), Breaks)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with motion, a spec and packages that must not be imported."""
    write_motion(tmp_path / "motion", recordings=6)
    (tmp_path / "cells.yaml").write_text(CELLS)
    return trap(tmp_path)


def test_a_worker_group_gives_the_points_of_the_local_placement(place: Path) -> None:
    tables: list[pd.DataFrame] = []
    for name, more in (("local", ()), ("group", ("--workers", "1"))):
        ended = ratefront(
            "sweep", "cells.yaml", "--size", "debug", "--data", "motion", "--out", name,
            "--placement", name, *more, cwd=place,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert {e["event"] for e in events(place / name)} >= {"progress", "point", "done"}
        tables.append(points(place / name))
    local, group = tables
    assert list(local["point"]) == list(group["point"]) and len(local) == 3
    assert set(local.columns) == set(group.columns)
    for column in set(local.columns) - set(COST_COLUMNS) - {"sweep"}:
        if local[column].dtype.kind in "fiu":
            assert np.allclose(local[column], group[column], rtol=0, atol=1e-6, equal_nan=True), (
                column
            )
        else:
            assert local[column].equals(group[column]), column


def test_trials_that_raise_or_die_are_failed_with_the_reason(place: Path) -> None:
    """Neither takes the sweep with it, and the one that works is a point."""
    (place / "breaks.py").write_text(BREAKS)
    cells = "".join(f"    - {{codec: breaks, codebook_size: {n}}}\n" for n in (8, 16, 32))
    head, _, tail = CELLS.partition("    - {codec: kmeans")
    (place / "broken.yaml").write_text(head + cells + "  fixed: {iterations: 5}\n")
    assert tail
    ended = ratefront(
        "sweep", "broken.yaml", "--size", "debug", "--data", "motion", "--out", "broken",
        "--plugin", "breaks.py", cwd=place,
    )  # fmt: skip
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "2 trial(s) failed" in ended.stdout
    trials = pd.read_csv(place / "broken" / "trials.csv").set_index("codebook_size")
    assert dict(trials["status"]) == {8: "failed", 16: "failed", 32: "done"}
    assert "loss is not finite at step 7" in trials.loc[8, "reason"]
    assert "died" in str(trials.loc[16, "reason"])
    assert "\n" not in "".join(trials["reason"].dropna())
    assert list(points(place / "broken")["codebook_size"]) == [32]
    again = ratefront("resume", "broken", cwd=place)
    assert again.returncode == 0 and "is finished" in again.stdout


def test_a_sweep_that_is_interrupted_says_how_to_go_on(place: Path) -> None:
    long = ("--set", "max_steps=4000", "--set", "epochs=4000", "--set", "codec=rqvae")
    script = Path(sys.executable).with_name("ratefront")
    process = subprocess.Popen(
        [script, "sweep", "cells.yaml", "--data", "motion", "--out", "cut", *long],
        cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        # What a shell starts behind itself has it ignored, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    log = place / "cut" / "log.jsonl"
    until = time.monotonic() + 90
    while not (log.exists() and '"started"' in log.read_text()) and time.monotonic() < until:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=90)
    assert process.returncode == 130, printed
    assert "ratefront resume" in printed and "Traceback" not in printed
    kinds = [e["event"] for e in events(place / "cut")]
    assert "finished" not in kinds and "done" not in kinds and "stopped" not in kinds
    assert kinds[-1] == "interrupted"


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
        fallen = Path({folder!r}) / str(self.config["codebook_size"])
        if until == 1.0 and self.config["codebook_size"] == 8 and not fallen.exists():
            fallen.touch()
            os._exit(3)
        return super().fit(data, runtime, until)

register_codec(replace(family_of({{"codec": "kmeans"}}), name="falls", title="falls"), Falls)
"""


def test_a_worker_group_that_dies_is_tried_again(place: Path) -> None:
    """The dead group's cores are free for the second try, though two workers take both cores."""
    (place / "falls.py").write_text(FALLS.format(folder=str(place)))
    head, _, _ = CELLS.partition("    - {codec: kmeans")
    cells = "".join(f"    - {{codec: falls, codebook_size: {n}}}\n" for n in (8, 16))
    (place / "falls.yaml").write_text(head + cells + "  fixed: {iterations: 5}\n")
    ended = ratefront(
        "sweep", "falls.yaml", "--size", "debug", "--data", "motion", "--out", "falls",
        "--plugin", "falls.py", "--placement", "group", "--workers", "2", "--retries", "1",
        cwd=place,
    )  # fmt: skip
    assert (place / "8").exists(), "it died once"
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert list(points(place / "falls")["codebook_size"].sort_values()) == [8, 16]
    assert [e["trial"] for e in events(place / "falls", "failed")] == []
