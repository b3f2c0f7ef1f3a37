"""Short trials fill a cluster: what starts is not ended because something else has become free."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster.tune_scheduler import BookedStopping

PLACES, TRIALS = 8, 200
_SCRIPT = f"""
import sys
from types import SimpleNamespace

import cluster.tune_scheduler
from cluster.session import ray_session

with ray_session(cpus={PLACES}) as scratch:
    import ray
    from ray import tune

    def body(config):
        tune.report({{"a": 1}})

    books = SimpleNamespace(reported=lambda trial, result: True)
    tune.Tuner(
        tune.with_resources(body, {{"cpu": 1}}),
        param_space={{"trial": tune.randint(0, 9)}},
        tune_config=tune.TuneConfig(
            scheduler=cluster.tune_scheduler.BookedStopping(books), num_samples={TRIALS},
            max_concurrent_trials={PLACES}, reuse_actors=True,
        ),
        run_config=tune.RunConfig(name="a", storage_path=f"{{scratch}}/tune", verbose=0),
    ).fit()
    print("ACTORS", len(ray._private.state.actors()))
"""


@pytest.mark.long
@pytest.mark.ray
def test_processes_are_started_once(tmp_path: Path) -> None:
    """One for each place; first in, first out they were 22."""
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=200, cwd=tmp_path,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    (said,) = (line for line in ran.stdout.splitlines() if line.startswith("ACTORS"))
    assert PLACES <= int(said.split()[1]) <= PLACES + 2


def test_no_event_looks_at_every_trial() -> None:
    """Tune asks at each; the controller here has no trials to show."""
    rule = BookedStopping(SimpleNamespace())  # type: ignore[arg-type]
    assert rule.choose_trial_to_run(SimpleNamespace()) is None  # type: ignore[arg-type]
