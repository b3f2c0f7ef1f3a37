"""Run by a test: stops a trial of a worker group through Tune, then wants all cores free again.

`stop_a_group.py FOLDER yes|no yes|no`: with a dashboard, with our release of placement groups.
Prints one line of JSON.
"""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune

from cluster.jobs import Job, run_job, tune_resources
from cluster.session import ray_session
from cluster.tune_adapter import WorkerRelease
from search_spaces.families import complete
from search_spaces.record import CURVE_FILE, TRIALS_FOLDER
from search_spaces.space import trial_id
from tests.trainables.tiny import make_clips, spec
from trainables.motion.dataset import prepare

PATIENCE = 30.0


class Clock(tune.Callback):
    """When the trial was stopped, and when all cores were free after that."""

    def __init__(self) -> None:
        self.stopped = self.freed = math.nan

    def on_trial_complete(self, **_: Any) -> None:
        self.stopped = time.monotonic()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while time.monotonic() < self.stopped + PATIENCE:
            if ray.available_resources().get("CPU", 0) >= 2:
                self.freed = time.monotonic()
                return
            time.sleep(0.2)

    def __getstate__(self) -> dict[str, Any]:
        return {"stopped": self.stopped, "freed": self.freed}


def main(folder: Path, dashboard: bool, release: bool) -> None:
    config = complete(
        {
            "codec": "rqvae", "codebook_size": 8, "quantizer_depth": 2, "latent_dim": 8,
            "hidden_dim": 16, "max_steps": 1_200, "epochs": 1_200, "batch_frames": 96,
        }
    )  # fmt: skip
    with ray_session(dashboard=dashboard, cpus=2) as scratch:
        job = Job(
            data=ray.put(prepare(spec(), make_clips(6, 45))), sweep="stopped", folder=str(folder),
            size="debug", placement="group", workers=2, threads=1, gpus=0.0, plugins=(),
            scratch=str(scratch),
        )  # fmt: skip
        request = {"trial": trial_id(config, 0), "config": config, "seed": 0}
        began, clock = time.monotonic(), Clock()
        callbacks = [*([WorkerRelease(folder)] if release else []), clock]
        tune.Tuner(
            tune.with_resources(tune.with_parameters(run_job, shared=job), tune_resources(job)),
            param_space=request,
            run_config=tune.RunConfig(
                storage_path=f"{scratch}/tune",
                # The first rung, a quarter of the way, is the first report.
                stop={"training_iteration": 1},
                callbacks=callbacks,
                verbose=0,
            ),
        ).fit()
        ended = time.monotonic()
        while math.isnan(clock.freed) and time.monotonic() < clock.stopped + PATIENCE:
            time.sleep(0.2)
        groups = ray.util.placement_group_table().values()
        print(
            json.dumps(
                {
                    "trained": clock.stopped - began,
                    "closed": ended - clock.stopped,
                    "freed": clock.freed - clock.stopped,
                    "left": sum(g["state"] in ("CREATED", "PENDING") for g in groups),
                    "made": len(groups),
                    "points": (folder / TRIALS_FOLDER / request["trial"] / CURVE_FILE).exists(),
                }
            )
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "yes", sys.argv[3] == "yes")
