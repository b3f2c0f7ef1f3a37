"""The stack that a user would write today: Ray Tune, OptunaSearch, TorchTrainer with one worker.

As Ray's documentation has it: a Tune function that runs a TorchTrainer, whose reports a callback
forwards. Training is vector-quantize-pytorch's residual VQ within our RQ-VAE, on the same batches,
so that both sides differ in who runs a trial and in nothing that it is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search_spaces.space import Config

LISTED = "number"


@dataclass(frozen=True)
class PlainTrial:
    """One trial of the plain stack.

    Attributes:
        number: in the list.
        started: seconds from the trial's start to the first line of its training.
        whole: seconds of it all.
        rows: operating points.
    """

    number: int
    started: float
    whole: float
    rows: list[dict[str, Any]]


def train_loop(config: Mapping[str, Any]) -> None:
    """What runs on the worker."""
    began = time.time()
    import ray
    import ray.train
    import torch

    from trainables.runtime import PlainRuntime
    from trainables.trial import TrialTask, run_trial

    torch.set_num_threads(config["threads"])
    task = TrialTask("plain", config["config"], config["seed"], None, rungs=())
    rows = run_trial(task, ray.get(config["data"]), PlainRuntime())
    ray.train.report({"rows": rows, "began": began})


def plain_trial(config: Mapping[str, Any]) -> None:
    """The Tune function."""
    import ray.train
    from ray.train.torch import TorchTrainer
    from ray.tune.integration.ray_train import TuneReportCallback

    number = int(config[LISTED])
    given = {key: config[key] for key in ("seed", "data", "threads")}
    given["config"] = config["configs"][number]
    TorchTrainer(
        train_loop,
        train_loop_config=given,
        scaling_config=ray.train.ScalingConfig(num_workers=1),
        run_config=ray.train.RunConfig(
            name=f"trial-{number}",
            storage_path=f"{config['folder']}/train",
            callbacks=[TuneReportCallback()],
        ),
    ).fit()


def run_plain(
    configs: Sequence[Config], seed: int, data: Any, folder: str, at_a_time: int, threads: int
) -> tuple[float, list[PlainTrial]]:
    """Seconds of a sweep over a list of configurations, and its trials in the list's order.

    Args:
        configs: complete; Optuna is told to try each, in their order.
        seed: of every trial.
        data: prepared.
        folder: for Ray's files.
        at_a_time: trials.
        threads: of a trial's torch.
    """
    import optuna
    import ray
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    times: dict[str, list[float]] = {}

    class Clock(tune.Callback):  # type: ignore[misc]
        def on_trial_start(self, iteration: int, trials: list, trial: Any, **_: Any) -> None:
            times[trial.trial_id] = [time.time()]

        def on_trial_complete(self, iteration: int, trials: list, trial: Any, **_: Any) -> None:
            times[trial.trial_id].append(time.time())

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    numbers = list(range(len(configs)))
    search = OptunaSearch(
        {LISTED: optuna.distributions.CategoricalDistribution(numbers)},
        metric="began", mode="min", points_to_evaluate=[{LISTED: n} for n in numbers],
    )  # fmt: skip
    fixed = {"configs": list(configs), "seed": seed, "data": ray.put(data), "folder": folder,
             "threads": threads}  # fmt: skip
    began = time.time()
    results = tune.Tuner(
        tune.with_resources(_with(fixed), {"cpu": 0.01}),
        tune_config=tune.TuneConfig(
            search_alg=search, num_samples=len(configs), max_concurrent_trials=at_a_time
        ),
        run_config=tune.RunConfig(
            name="plain", storage_path=f"{folder}/tune", callbacks=[Clock()], verbose=0
        ),
    ).fit()
    seconds = time.time() - began
    trials = []
    for result in results:
        if result.error or "rows" not in (result.metrics or {}):
            raise SystemExit(f"a trial of the plain stack failed: {result.error}")
        first, last = times[result.metrics["trial_id"]]
        rows, started = result.metrics["rows"], result.metrics["began"] - first
        trials.append(PlainTrial(int(result.config[LISTED]), started, last - first, rows))
    return seconds, sorted(trials, key=lambda trial: trial.number)


def _with(fixed: Mapping[str, Any]) -> Any:
    def trial(config: Mapping[str, Any]) -> None:
        plain_trial({**fixed, **config})

    return trial
