"""What starting one trial costs: our `local` placement beside the documented recipe, in one run.

Both run the same Train loop, which reports once and returns, two trials at a time on a private Ray:

* ours: a Tune function that runs `TorchTrainer` with no workers, in a reused actor, as
  `cluster.jobs` does;
* the recipe of Ray's documentation: a Tune function that runs `TorchTrainer` with one CPU worker,
  Tune's `max_concurrent_trials`, Train's `TuneReportCallback`.

Seconds per trial are measured at steady state: from the end of the first trials, which pay for
starting processes, to the end of the last, over the trials in between, times the trials at a time.
The documented recipe starts its processes for every trial, so its steady state holds them all.

Usage: python benchmarks/trial_overhead.py [--quick] [--trials N] [--recipe-trials N]
The last line is one JSON object with `ratio`, the recipe's seconds per trial over ours.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

AT_A_TIME = 2


def empty_loop(config: dict[str, Any]) -> None:
    """A Train loop that has nothing to do but report, in either mode."""
    if config["placement"] == "local":
        from cluster.jobs import LocalRuntime

        LocalRuntime("cpu", config["folder"]).report({"value": 1.0})
    else:
        import ray.train

        ray.train.report({"value": 1.0})


def local_trial(config: dict[str, Any]) -> None:
    """Our recipe."""
    _fit(config, workers=0, callbacks=[])


def documented_trial(config: dict[str, Any]) -> None:
    """The documented recipe."""
    from ray.tune.integration.ray_train import TuneReportCallback

    _fit(config, workers=1, callbacks=[TuneReportCallback()])


def _fit(config: dict[str, Any], workers: int, callbacks: list[Any]) -> None:
    import ray.train
    from ray.train.torch import TorchTrainer

    TorchTrainer(
        empty_loop,
        train_loop_config=config,
        scaling_config=ray.train.ScalingConfig(num_workers=workers),
        run_config=ray.train.RunConfig(
            name=f"{config['placement']}-{config['number']}",
            storage_path=f"{config['folder']}/train",
            callbacks=callbacks,
        ),
    ).fit()


def seconds_per_trial(
    trainable: Callable[[dict[str, Any]], None], placement: str, trials: int, folder: str
) -> tuple[float, list[float]]:
    """Seconds a trial costs at steady state, and when each ended (seconds after the start)."""
    from ray import tune

    class Clock(tune.Callback):  # type: ignore[misc]
        ends: list[float] = []  # noqa: RUF012  (read after the run)

        def on_trial_complete(self, *_: Any, **__: Any) -> None:
            self.ends.append(time.perf_counter())

    Clock.ends = []
    ours = placement == "local"
    began = time.perf_counter()
    results = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1.0 if ours else 0.01}),
        param_space={
            "number": tune.grid_search(list(range(trials))),
            "placement": placement,
            "folder": folder,
        },
        tune_config=tune.TuneConfig(max_concurrent_trials=AT_A_TIME, reuse_actors=ours),
        run_config=tune.RunConfig(
            name=placement, storage_path=f"{folder}/tune", callbacks=[Clock()], verbose=0
        ),
    ).fit()
    failed = [r.error for r in results if r.error]
    reported = [r for r in results if r.metrics and r.metrics.get("value") == 1.0]
    if failed or len(Clock.ends) != trials or len(reported) != trials:
        raise SystemExit(f"{placement}: {len(failed)} of {trials} trials failed: {failed[:1]}")
    ends = sorted(e - began for e in Clock.ends)
    # The first round pays for starting Ray's processes (and importing torch) once.
    skip = AT_A_TIME
    return (ends[-1] - ends[skip - 1]) / (trials - skip) * AT_A_TIME, ends


def main(argv: Sequence[str] | None = None) -> int:
    """Measures both and prints the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer trials; under ten minutes")
    parser.add_argument("--trials", type=int, default=0, help="trials in our placement")
    parser.add_argument("--recipe-trials", type=int, default=0, help="trials of the recipe")
    options = parser.parse_args(argv)
    trials = options.trials or (60 if options.quick else 200)
    recipe_trials = options.recipe_trials or (6 if options.quick else 12)

    from cluster.session import ray_session

    with ray_session(threads=1, dashboard=True) as scratch:
        ours, ends = seconds_per_trial(local_trial, "local", trials, str(scratch))
        first = f"first after {ends[0]:.1f} s"
        print(f"local placement, {trials} trials: {ours:.3f} s a trial; {first}")
        theirs, ends = seconds_per_trial(documented_trial, "group", recipe_trials, str(scratch))
        print(f"documented recipe, {recipe_trials} trials: {theirs:.1f} s a trial")
        print("  its trials ended after " + ", ".join(f"{e:.0f}" for e in ends) + " s")
    print(
        json.dumps(
            {
                "benchmark": "trial_overhead",
                "ratio": round(theirs / ours, 1),
                "local_seconds": round(ours, 4),
                "recipe_seconds": round(theirs, 2),
                "local_trials": trials,
                "recipe_trials": recipe_trials,
                "at_a_time": AT_A_TIME,
                "cores": os.cpu_count(),
                "machine": platform.platform(),
                "python": platform.python_version(),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
