"""Actors that score a host's trials on Ray: the same numbers, also where one of them is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ray.util import get_node_ip_address

from cluster.packed import scorers as scorers_module
from cluster.packed.scorers import Scorers, scorers_of
from cluster.places.nodes import await_nodes
from cluster.places.symmetric import free_port, new_scratch, ray_node
from cluster.session import ray_session
from search_spaces.families import complete
from search_spaces.record import COST_COLUMNS
from tests.cluster.motion import write_motion
from tests.cluster.packed.made import job
from tests.cluster.processes import below
from tests.cluster.sweeping import events, points, ratefront, trap
from tests.trainables.packed.made import SMALL
from tests.trainables.tiny import make_clips, spec
from trainables.motion.dataset import MotionData, prepare
from trainables.runtime import PlainRuntime
from trainables.scoring import Scoring
from trainables.trial import TrialTask, make_codecs

CELLS = """
title: on a device
objectives: [rate_nominal_bps, rmse_full_cm]
search: {sampler: cells}
space:
  cells:
    - {quantizer_depth: 2}
    - {quantizer_depth: 1, loss.position: 1.0}
    - {quantizer_depth: 3, learning_rate: 0.003}
  fixed: {codec: rqvae, codebook_size: 16, max_steps: 60, hidden_dim: 32, latent_dim: 16,
          quantizer_backend: fused}
"""


def test_cores_beyond_a_devices_first_score() -> None:
    assert scorers_of(8, 1.0) == 7
    assert scorers_of(1, 0.5) == 0
    assert scorers_of(8, 0.0) == 0, "without a device they would only wait in turn"


def _scorer_processes() -> set[int]:
    """Those that this process brought about; a machine may have others."""
    return {p.pid for p in below(os.getpid()) if p.title.startswith("ray::Scorer")}


def _scorings(data: MotionData) -> list[Scoring]:
    """Of six trained trials."""
    found, config = [], complete({"codec": "rqvae", **SMALL})
    for seed in range(6):
        task = TrialTask("sweep", config, seed, None, objectives=("rmse_full_cm",))
        codecs = make_codecs(task, data)
        for part, codec in codecs.items():
            codec.fit(data.parts[part], PlainRuntime())
        found.append(Scoring.of_trial(task, codecs, data, [{"train_seconds": 0.0}]))
    return found


def _kill_scorers() -> set[int]:
    killed = _scorer_processes()
    for process in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return killed


@pytest.mark.long
@pytest.mark.ray
def test_scorers_are_killed_and_no_score_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started again as often as is allowed, then missed: the host scores by itself."""
    import ray

    monkeypatch.setattr(scorers_module, "RESTARTS", 1)
    data = prepare(spec(), make_clips(5, 200))
    scorings, rows = _scorings(data), []
    done = threading.Semaphore(0)
    with ray_session(threads=1, cpus=1):
        scorers = Scorers(job(data=ray.put(data)), 2, lambda: done.release())
        assert scorers(scorings[0]).result(timeout=120)
        seen = set[int]()
        for _ in range(3):
            answers = [scorers(each) for each in scorings]
            seen |= _kill_scorers()
            rows.append([answer.result(timeout=120) for answer in answers])
        assert len(seen) == 4 and not _scorer_processes(), "two, and again two"
        for _ in range(1 + 3 * len(scorings)):
            assert done.acquire(timeout=10)
    for found, scoring in zip(zip(*rows, strict=True), scorings, strict=True):
        wanted = scoring.run(data)
        for each in found:
            for one, other in zip(each, wanted, strict=True):
                for name in other.keys() - set(COST_COLUMNS):
                    np.testing.assert_equal(one[name], other[name], name)


@pytest.fixture
def with_a_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a node with four cores and a GPU that Ray is only told of."""
    for name in [n for n in os.environ if n.startswith("RAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    port = free_port()
    address = f"{get_node_ip_address()}:{port}"
    options = ["--head", f"--port={port}", "--num-cpus=4", "--num-gpus=1",
               "--include-dashboard=false"]  # fmt: skip
    with (
        new_scratch() as scratch,
        ray_node([*options, f"--temp-dir={scratch / 'ray'}"], scratch) as node,
    ):
        await_nodes(address, 1, 90, lambda: node.poll() is None)
        yield address


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.timeout(600)
def test_a_packed_sweep_on_a_device_is_scored_beside_it(with_a_device: str, tmp_path: Path) -> None:
    """Points are those of the local placement on a core."""
    place = trap(tmp_path)
    write_motion(place / "motion", recordings=6)
    (place / "cells.yaml").write_text(CELLS)
    seen, over = set[int](), threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            seen.update(_scorer_processes())

    watching = threading.Thread(target=watch)
    watching.start()
    swept = ["sweep", "cells.yaml", "--size", "debug", "--data", "motion"]
    try:
        ended = ratefront(
            *swept, "--out", "packed", "--placement", "packed", "--set", "gpus_per_trial=1",
            "--set", "threads=3", "--address", with_a_device, cwd=place,
        )  # fmt: skip
    finally:
        over.set()
        watching.join()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(seen) == 2 and not events(place / "packed", "failed")
    ended = ratefront(*swept, "--out", "local", "--concurrency", "1", cwd=place)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    packed, local = points(place / "packed"), points(place / "local")
    assert list(packed["point"]) == list(local["point"]) and len(local) == 6
    for column in set(local.columns) - set(COST_COLUMNS) - {"sweep"}:
        if local[column].dtype.kind in "fiu":
            assert np.allclose(packed[column], local[column], rtol=1e-4, atol=1e-4, equal_nan=True)
        else:
            assert packed[column].equals(local[column]), column
