"""One trial: fit a codec for every part, score every prefix depth, leave the artefacts.

Runs in any place that gives it a `Runtime`. Selection data (validation) is scored at every rung and
at the end; test is scored once, at the end, into `test_` columns.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from search_spaces.families import family_of, is_generator
from search_spaces.heatmap_families import is_heatmaps
from search_spaces.inputs import Resolved
from search_spaces.space import Config, Value, trial_id
from search_spaces.speech_families import is_speech
from trainables.codecs.codec import Codec
from trainables.codecs.registry import codec_class
from trainables.half_trained import forget, keep, kept, spent_before
from trainables.motion.dataset import MotionData
from trainables.rungs import RUNGS, reported, rung_data, scored
from trainables.runtime import Runtime, nothing
from trainables.scoring import Scoring
from trainables.trial_folder import sole_writer

if TYPE_CHECKING:
    from trainables.heatmaps.motion import HeatmapMotion

STATE_NAME = "trial.pt"


@dataclass(frozen=True)
class TrialTask:
    """What one trial is asked to do.

    Attributes:
        sweep: name of the sweep.
        config: complete configuration.
        seed: of the trial.
        folder: where artefacts go; nothing is written where None.
        threads: torch threads.
        size: debug, reduced or full, for the record.
        input: the codec whose tokens a generator is given; None for a codec's own trial.
        rungs: shares of its budget at which it reports points and may be stopped.
        objectives: by which prefixes are scored there.
    """

    sweep: str
    config: Config
    seed: int
    folder: Path | None
    threads: int = 1
    size: str = ""
    input: Resolved | None = None
    rungs: tuple[float, ...] = RUNGS
    objectives: tuple[str, ...] = ()

    @property
    def trial(self) -> str:
        """Identity of the trial."""
        return trial_id(self.config, self.seed)


@dataclass(frozen=True, eq=False)
class Stretch:
    """What a trial wants trained before it goes on: every part's codec, to a share of its budget.

    Attributes:
        codecs: by part.
        share: of the budget.
    """

    codecs: Mapping[str, Codec]
    share: float


Course = Generator[Stretch | Scoring, Any, list[dict[str, Any]]]
"""A trial but for its training and scoring, which whoever runs it does; returns its rows.

The answer to a `Stretch` are losses of each part's codec as its `fit` gives them, and seconds of
the device; to a `Scoring` what its `run` returns."""


def part_seeds(config: Mapping[str, Value], seed: int, parts: tuple[str, ...]) -> dict[str, int]:
    """A seed for each part's codec, from the trial's seed and the part's name alone."""
    return {
        part: int(np.random.SeedSequence([seed, *part.encode()]).generate_state(1)[0])
        for part in parts
    }


def make_codecs(task: TrialTask, data: MotionData) -> dict[str, Codec]:
    """Untrained codecs, one per part."""
    make = codec_class(str(task.config["codec"]))
    seeds = part_seeds(task.config, task.seed, data.facts.part_names)
    return {
        part: make(task.config, part, data.parts[part].dimensions, data.fps, seeds[part])
        for part in data.facts.part_names
    }


def run_trial(
    task: TrialTask, data: MotionData | HeatmapMotion, runtime: Runtime
) -> list[dict[str, Any]]:
    """Trains, scores and saves; `data` are as `prepare_data` gives them for the task's codec.

    Returns:
        One row per operating point (prefix depth) on rank 0, in order of depth; [] elsewhere.
        Each row is reported through `runtime` as `{"points": rows}` before it is returned.
    """
    limit_threads(task.threads)
    with sole_writer(task.folder if runtime.rank == 0 else None):
        if is_speech(task.config):
            from trainables.generators.speech_trial import run_speech

            return run_speech(task, cast(MotionData, data), runtime)
        if is_generator(task.config):
            from trainables.generators.trial import run_generator

            return run_generator(task, cast(MotionData, data), runtime)
        if is_heatmaps(task.config):
            from trainables.heatmaps.trial import run_heatmaps

            return run_heatmaps(task, cast("HeatmapMotion", data), runtime)
        return _run_alone(task, cast(MotionData, data), runtime)


def _run_alone(task: TrialTask, data: MotionData, runtime: Runtime) -> list[dict[str, Any]]:
    """A course with nobody beside it."""
    course = trial_course(task, data, runtime)
    answer: Any = None
    while True:
        try:
            # A generator is begun by sending it nothing.
            wanted = course.send(answer)
        except StopIteration as ended:
            return cast(list[dict[str, Any]], ended.value)
        if isinstance(wanted, Scoring):
            answer = wanted.run(data)
            continue
        began = time.perf_counter()
        losses = [c.fit(data.parts[p], runtime, wanted.share) for p, c in wanted.codecs.items()]
        answer = losses, time.perf_counter() - began


def trial_course(task: TrialTask, data: MotionData, runtime: Runtime) -> Course:
    """A trial of a codec of motion, from its last checkpoint on; `run_trial` says what it does."""
    codecs = make_codecs(task, data)
    family = family_of(task.config)
    curve: list[dict[str, float]] = []
    # What a process that died may have had no time to say is said again; the books count it once.
    told: list[dict[str, Any]] = []
    if (state := kept(runtime, STATE_NAME)) is not None:
        for part, codec in codecs.items():
            codec.load_training_state(state["codecs"][part])
        curve, told = state["curve"], state["told"]
    for each in told:
        runtime.report(each if runtime.rank == 0 else {})
    spent = spent_before(state, curve)
    began = time.perf_counter()

    def keep_half() -> None:
        states = {p: c.training_state() for p, c in codecs.items()}
        seconds = spent + time.perf_counter() - began
        keep(runtime, STATE_NAME, {"codecs": states, "spent": seconds}, curve, told)

    runtime.at_notice = keep_half
    steps = [c.training_steps(data.parts[p], runtime.world_size) for p, c in codecs.items()]
    known = [s for s in steps if s is not None]
    rungs = scored(task.rungs, max(known)) if known else task.rungs
    shares = (*(reported(rungs) if family.trained else ()), 1.0)
    losses: list[dict[str, float]] = []
    for share in shares:
        if share <= min(c.trained_share for c in codecs.values()):
            continue
        began = time.perf_counter()
        losses, seconds = yield Stretch(codecs, share)
        spent, began = spent + seconds, time.perf_counter()
        if share < 1.0:
            if runtime.rank == 0:
                row = {"share": share, "train_seconds": spent, **_mean_losses(losses)}
                rung: dict[str, Any] = {}
                if share in rungs:
                    rung = yield Scoring.of_rung(task, codecs, data, curve)
                    row |= {k: v for k, v in rung.items() if k != "rung"}
                curve.append(row)
                told.append({**row, **rung})
                began = time.perf_counter()
                keep_half()
            # Every worker reports: a worker group waits for all of them.
            runtime.report(told[-1] if runtime.rank == 0 else {})
    rows = []
    end: dict[str, Any] = {}
    if runtime.rank == 0:
        if task.rungs and rung_data(data) is not data:
            found = yield Scoring.of_rung(task, codecs, data, curve)
            # What rungs see of a finished trial; its validation scores are those of the whole.
            end = {"train_seconds": spent} | {k: found[k] for k in ("rung_seconds", "rung")}
        curve.append({"share": 1.0, "train_seconds": spent, **_mean_losses(losses)})
        rows = yield Scoring.of_trial(task, codecs, data, curve)
    runtime.report({"share": 1.0, "points": rows, **end})
    runtime.at_notice = nothing
    forget(runtime)
    return rows


def limit_threads(threads: int) -> None:
    """As many threads as the trial was given, so that trials side by side do not fight.

    Holds for the rest of the process: the limits are those of the libraries loaded so far, and are
    not taken back.
    """
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)


def _mean_losses(losses: list[dict[str, float]]) -> dict[str, float]:
    """Means over parts, which may differ in what they train on and in how long."""
    return {
        f"train_{name}": float(np.mean([loss[name] for loss in losses if name in loss]))
        for name in dict.fromkeys(name for loss in losses for name in loss)
    }
