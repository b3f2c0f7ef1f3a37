"""A plugin that takes the time of a sweep's steps in every process that loads it.

A step's seconds are its own, without those of steps within it. What a process has measured lies in
the folder that `RATEFRONT_PROFILE` names, one file a process, written anew after every trial.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TRIAL = (
    ("ray", "get", "data mapped"),
    ("trainables.trial", "make_codecs", "codec initialisation"),
    ("trainables.codecs.neural", "NeuralCodec._prepare", "codec initialisation"),
    ("trainables.codecs.neural", "NeuralCodec._step_losses", "training: targets of the losses"),
    ("trainables.codecs.neural", "NeuralCodec.fit", "training: the loop itself"),
    ("trainables.codecs.kmeans", "KMeansCodec.fit", "training: K-Means"),
    ("trainables.codecs.training_step", "StepLosses.of", "training: encoder, decoder, sums"),
    ("trainables.codecs.training_step", "StepLosses._quantized", "training: quantizer"),
    ("trainables.losses.reconstruction", "ReconstructionLoss.errors", "training: losses"),
    ("torch", "Tensor.backward", "training: gradients"),
    ("trainables.codecs.weight_update", "WeightUpdate.apply", "training: optimiser"),
    ("trainables.scoring", "_rung", "evaluation: rungs"),
    ("trainables.scoring", "score_split", "evaluation: the rest of it"),
    ("trainables.scoring", "_score", "evaluation: the rest of it"),
    ("trainables.evaluate", "jerk", "evaluation: metric jerk of the original"),
    ("trainables.evaluate", "token_metrics", "evaluation: rates"),
    ("trainables.scoring", "fit_token_models", "evaluation: rates"),
    ("trainables.scoring", "encode_split", "evaluation: encoding"),
    ("trainables.scoring", "split_sizes", "evaluation: streams"),
    ("trainables.scoring", "error_arrays", "evaluation: error arrays"),
    ("trainables.scoring", "_shown", "evaluation: clips to look at"),
    ("trainables.codecs.neural", "NeuralCodec.decode", "evaluation: decoding"),
    ("trainables.codecs.kmeans", "KMeansCodec.decode", "evaluation: decoding"),
    ("trainables.motion.dataset", "MotionData.reconstruct", "evaluation: kinematics"),
    ("trainables.trial", "keep", "checkpoint"),
    ("trainables.trial", "forget", "checkpoint"),
    ("trainables.scoring", "save_artefacts", "artefacts"),
    ("cluster.jobs", "LocalRuntime.report", "report to Tune"),
    ("cluster.jobs", "GroupRuntime.report", "report to Tune"),
    ("trainables.trial", "_run_alone", "trial: the rest of it"),
)
DRIVER = (
    ("cluster.sweep", "prepared", "data prepared"),
    ("cluster.sweep", "_bounds", "bounds and trivial rows"),
    ("ray", "init", "start of Ray"),
    ("ray", "shutdown", "end of Ray"),
    ("ray", "put", "data mapped"),
    ("cluster.tune_adapter", "run_trials", "driver while trials run"),
    ("cluster.store", "Store.append", "store"),
    ("cluster.retention", "Retention.apply", "retention"),
    ("cluster.sweep", "publish", "page: the rest of it"),
    ("analysis.points", "write_tables", "page: tables"),
    ("analysis.figures", "write_figures", "page: figures"),
    ("analysis.report.report", "render", "page: HTML"),
)


class Stopwatch:
    """Own wall and processor seconds of steps, and how often each ran."""

    def __init__(self, file: Path) -> None:
        """Keeps what is measured in a file."""
        self.file, self.steps = file, dict[str, list[float]]()
        self._within = threading.local()

    def around(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed as part of a step."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            stack = self._within.__dict__.setdefault("stack", [])
            inner = [0.0, 0.0]
            stack.append(inner)
            wall, processor = time.perf_counter(), time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                wall, processor = time.perf_counter() - wall, time.thread_time() - processor
                stack.pop()
                self.add(step, wall - inner[0], processor - inner[1])
                if stack:
                    stack[-1][0] += wall
                    stack[-1][1] += processor

        return timed

    def add(self, step: str, wall: float, processor: float) -> None:
        """Seconds of a step."""
        sums = self.steps.setdefault(step, [0.0, 0.0, 0.0])
        for place, more in enumerate((wall, processor, 1.0)):
            sums[place] += more

    def write(self) -> None:
        """What was measured so far, whole at any time."""
        part = self.file.with_suffix(f".part-{os.getpid()}")
        total = {"steps": self.steps, "processor": time.process_time()}
        part.write_text(json.dumps(total))
        part.replace(self.file)


def age() -> float:
    """Wall seconds since this process began."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    up = float(Path("/proc/uptime").read_text().split()[0])
    return up - ticks / os.sysconf("SC_CLK_TCK")


def patch(watch: Stopwatch, module: str, name: str, step: str) -> None:
    """Times a function or method where it is looked up; what is not there is no part of a sweep."""
    try:
        owner: Any = importlib.import_module(module)
    except ImportError:
        return
    *path, last = name.split(".")
    for each in path:
        owner = getattr(owner, each)
    if hasattr(owner, last):
        setattr(owner, last, watch.around(step, getattr(owner, last)))


def install(folder: Path) -> None:
    """Times this process's steps, those of a driver or those of trials."""
    driver = "cluster.sweep" in sys.modules
    watch = Stopwatch(folder / f"{'driver' if driver else 'trials'}-{os.getpid()}.json")
    watch.add("start of the driver" if driver else "start of a trial's process",
              age(), time.process_time())  # fmt: skip
    for module, name, step in DRIVER if driver else TRIAL:
        patch(watch, module, name, step)
    from trainables.metrics import clip_pair

    for name, (metric, function) in list(clip_pair._REGISTRY.items()):
        step = f"evaluation: metric {name}" if not driver else "bounds and trivial rows"
        clip_pair._REGISTRY[name] = (metric, watch.around(step, function))
    if driver:
        atexit.register(watch.write)
        return
    from trainables import trial

    # Not `run_trial`, which the train loop has taken by the time that it loads plugins.
    run, last = trial._run_alone, [0.0, 0.0]

    @functools.wraps(run)
    def run_and_write(*args: Any, **kwargs: Any) -> Any:
        if last[0]:
            between = time.perf_counter() - last[0], time.process_time() - last[1]
            watch.add("between trials: Tune and Train", *between)
        try:
            return run(*args, **kwargs)
        finally:
            watch.write()
            last[:] = time.perf_counter(), time.process_time()

    trial._run_alone = run_and_write


if "RATEFRONT_PROFILE" in os.environ:
    install(Path(os.environ["RATEFRONT_PROFILE"]))
