"""A trial whose process Ray ended is a failed trial, and no end of the sweep."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from ray._private.utils import get_system_memory, get_used_memory
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import ActorDiedError, NodeDiedError, OutOfMemoryError, RayActorError

from cluster.lost_actors import as_dead_actor, survive_lost_actors
from tests.cluster.motion import write_motion
from tests.cluster.sweeping import points, ratefront, trap

LOW = OutOfMemoryError(
    "1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: "
    "10.0.0.2, ID: 80ee) was 4.74GB used / 23.54GB limit (0.201545)\nOOM kill reason: ..."
)
STEP = 1 << 28
HUNGRY = f"""
import time
from dataclasses import replace

import numpy as np
import torch

from search_spaces.families import family_of
from trainables.codecs.kmeans import KMeansCodec
from trainables.codecs.registry import register_codec

class Hungry(KMeansCodec):
    family = "hungry"

    def fit(self, data, runtime, until=1.0):
        codes = self.config["codebook_size"]
        if codes == 8:
            np.empty(1 << 50)
        if codes == 16:
            torch.empty(1 << 50)
        if codes == 4 and until == 1.0:
            held = []
            for _ in range(24):
                held.append(np.ones({STEP} // 8))
                time.sleep(0.2)
            time.sleep(20)
        return super().fit(data, runtime, until)

register_codec(replace(family_of({{"codec": "kmeans"}}), name="hungry", title="hungry"), Hungry)
"""
CELLS = """
title: hungry
objectives: [rate_nominal_bps, rmse_full_cm]
search: {sampler: cells}
space:
  cells:
    - {codec: hungry, codebook_size: 4}
    - {codec: hungry, codebook_size: 8}
    - {codec: hungry, codebook_size: 16}
    - {codec: hungry, codebook_size: 32}
  fixed: {iterations: 5}
"""


class Manager:
    """What Tune's actor manager needs to take note of a fault."""

    def __init__(self, starts: bool = False) -> None:
        self._starts = starts
        self._failed_actor_ids: set[str] = set()
        self.told: list[Exception] = []

    def _cleanup_actor(self, tracked_actor: Any) -> None:
        """Nothing is held."""

    def fail(self, fault: Exception) -> None:
        def tell(_: Any, exception: Exception) -> None:
            self.told.append(exception)

        actor = SimpleNamespace(actor_id="a", _on_error=tell)
        task: Any = SimpleNamespace(_tracked_actor=actor, _on_error=None)
        manager: Any = self
        # As Ray calls both of them: by name.
        if self._starts:
            RayActorManager._actor_start_failed(manager, tracked_actor=actor, exception=fault)
        else:
            RayActorManager._actor_task_failed(manager, tracked_actor_task=task, exception=fault)


def test_every_loss_of_a_process_reaches_tune_as_a_dead_actor() -> None:
    survive_lost_actors()
    survive_lost_actors()  # a second sweep in one process changes nothing
    died = ActorDiedError()
    gone = NodeDiedError("the node is gone\nand more")
    for fault, starts in ((LOW, False), (gone, False), (died, False), (gone, True), (died, True)):
        manager = Manager(starts)
        manager.fail(fault)
        assert isinstance(manager.told[0], RayActorError) and manager._failed_actor_ids == {"a"}
    assert isinstance(manager.told[0], ActorDiedError) and manager.told[0] is died
    with pytest.raises(RuntimeError, match="unexpected"):
        Manager().fail(ValueError("a fault of Tune itself"))


def test_the_cause_is_one_line() -> None:
    low = str(as_dead_actor(LOW))
    assert "out of memory" in low and "4.74GB used / 23.54GB" in low and "\n" not in low
    lost = str(as_dead_actor(NodeDiedError("the node is gone\nand more")))
    assert lost == "the trial's process died: its node was lost"


@pytest.mark.long
@pytest.mark.ray
def test_trials_out_of_memory_fail_and_the_sweep_goes_on(tmp_path: Path) -> None:
    """For real: numpy and torch get none, and Ray's monitor ends a process that takes too much."""
    place = trap(tmp_path)
    write_motion(place / "motion", recordings=6)
    (place / "hungry.py").write_text(HUNGRY)
    (place / "cells.yaml").write_text(CELLS)
    total, used = get_system_memory(), get_used_memory()
    if total - used < 32 * STEP:
        pytest.skip("needs 8 GiB of free memory")
    share = (used + 14 * STEP) / total
    ended = ratefront(
        "sweep", "cells.yaml", "--size", "debug", "--data", "motion", "--out", "hungry",
        "--plugin", "hungry.py", "--concurrency", "1", cwd=place,
        RAY_memory_usage_threshold=f"{share:.3f}",
    )  # fmt: skip
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "3 trial(s) failed" in ended.stdout and "Traceback" not in ended.stderr
    trials = pd.read_csv(place / "hungry" / "trials.csv").set_index("codebook_size")
    assert dict(trials["status"]) == {4: "failed", 8: "failed", 16: "failed", 32: "done"}
    assert "died out of memory" in trials.loc[4, "reason"]
    assert "Unable to allocate 8.00 PiB" in trials.loc[8, "reason"]
    assert "can't allocate memory" in trials.loc[16, "reason"]
    assert list(points(place / "hungry")["codebook_size"]) == [32]
    page = (place / "hungry" / "report.html").read_text()
    assert "out of memory" in page and "Unable to allocate" in page
