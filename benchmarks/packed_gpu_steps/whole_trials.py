"""Trials from their first codes to their artefacts: one by one, and packed on a device.

Rungs, scores of every prefix, checkpoints and files are those of a sweep; Ray is not there. What is
scored elsewhere is scored by processes that hold the data, as `cluster.packed.scorers` does.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from search_spaces.families import complete
from search_spaces.space import Config
from search_spaces.spec import DataSpec
from trainables.motion.dataset import MotionData, prepare
from trainables.packed.trials import run_packed
from trainables.runtime import PlainRuntime
from trainables.scoring import Scoring
from trainables.trial import TrialTask, limit_threads, run_trial

_held: list[MotionData] = []


def task_of(shape: Config, number: int, steps: int, backend: str, folder: Path) -> TrialTask:
    """The paper's RQ-VAE at one of several rates and seeds."""
    config: Config = {
        "codec": "rqvae", "epochs": 1_000_000, "max_steps": steps, "quantizer_backend": backend,
        "learning_rate": 1e-3 * (1 + number % 5), **shape,
    }  # fmt: skip
    return TrialTask(
        "packed_gpu", complete(config), number, folder / str(number), objectives=("rmse_full_cm",)
    )


def alone(
    data: MotionData, shape: Config, trials: int, steps: int, device: str, place: Path
) -> float:
    """Seconds of a trial with the library's quantizer, one after the other; the first is not
    counted, since a device takes a while to wake."""
    began = 0.0
    for number in range(trials + 1):
        if number == 1:
            began = time.perf_counter()
        task = task_of(shape, number, steps, "library", place / "alone")
        assert task.folder is not None
        run_trial(task, data, PlainRuntime(device, task.folder / "state"))
    return (time.perf_counter() - began) / trials


def packed(
    data: MotionData, size: str, shape: Config, members: int, steps: int, device: str,
    scorers: int, place: Path,
) -> float:  # fmt: skip
    """Seconds of a trial with so many side by side.

    Args:
        data: embedded motion of a size.
        size: that size, which processes that score prepare by themselves.
        shape: of the codecs.
        members: trials at a time, and in all.
        steps: of each.
        device: torch's name.
        scorers: processes that score; 0: the one that trains does.
        place: for their folders.
    """
    folder = place / f"packed-{scorers}"
    tasks = {}
    for number in range(members):
        task = task_of(shape, number, steps, "fused", folder)
        assert task.folder is not None
        tasks[str(number)] = task, data, PlainRuntime(device, task.folder / "state")
    if not scorers:
        return _timed(lambda: run_packed(tasks), members)
    with ProcessPoolExecutor(
        scorers, multiprocessing.get_context("spawn"), _hold, (size,)
    ) as pool:  # fmt: skip
        list(pool.map(_nap, range(4 * scorers)))  # all of them are up
        return _timed(
            lambda: run_packed(tasks, elsewhere=lambda s: pool.submit(_score, s)), members
        )


def _timed(run: Callable[[], dict[str, Exception]], members: int) -> float:
    began = time.perf_counter()
    raised = run()
    if raised:
        raise next(iter(raised.values()))
    return (time.perf_counter() - began) / members


def _hold(size: str) -> None:
    limit_threads(1)
    _held.append(prepare(DataSpec(path="embedded", embedded_size=size)))


def _nap(_: int) -> None:
    time.sleep(0.5)


def _score(scoring: Scoring) -> Any:
    return scoring.run(_held[0])
