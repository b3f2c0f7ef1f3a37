"""One trial: fit a codec for every part, score every prefix depth, leave the artefacts.

Runs in any place that gives it a `Runtime`. Selection data (validation) is scored at every rung and
at the end; test is scored once, at the end, into `test_` columns.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from search_spaces.families import family_of, is_generator
from search_spaces.heatmap_families import is_heatmaps
from search_spaces.inputs import Resolved
from search_spaces.objectives import RMSE, in_unit
from search_spaces.rate import nominal_rate
from search_spaces.record import (
    CODEC_FOLDER,
    CURVE_FILE,
    ERRORS_FILE,
    RECONSTRUCTIONS_FILE,
    SHOWN_FILE,
    TOKEN_MODELS_FILE,
    TOKENS_FILE,
    TRIAL_CLIPS_FILE,
    point_id,
)
from search_spaces.space import Config, Value, config_hash, trial_id
from search_spaces.speech_families import is_speech
from trainables.bitstream.token_model import TokenModel
from trainables.codecs.codec import Codec
from trainables.codecs.registry import codec_class
from trainables.diagnostics import error_arrays, shown_arrays, shown_recordings
from trainables.evaluate import score_split
from trainables.half_trained import forget, keep, kept, spent_before
from trainables.motion.dataset import MotionData
from trainables.plain_rows import plain
from trainables.rungs import RUNGS, reported, rung_data, rung_scores, scored
from trainables.runtime import Runtime, nothing
from trainables.token_rates import (
    Codecs,
    EncodedSplit,
    encode_split,
    fit_token_models,
    split_sizes,
)
from trainables.trial_folder import bytes_under, sole_writer, whole

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


Trained = tuple[list[dict[str, float]], float]
"""Losses of each part's codec as its `fit` gives them, and seconds of the device."""
Course = Generator[Stretch, Trained, list[dict[str, Any]]]
"""A trial but for its training, which whoever runs it does; returns its rows."""


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
    trained: Trained | None = None
    while True:
        try:
            # A generator is begun by sending it nothing.
            stretch = course.send(cast(Trained, trained))
        except StopIteration as ended:
            return cast(list[dict[str, Any]], ended.value)
        began = time.perf_counter()
        losses = [c.fit(data.parts[p], runtime, stretch.share) for p, c in stretch.codecs.items()]
        trained = losses, time.perf_counter() - began


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
        spent += seconds
        if share < 1.0:
            if runtime.rank == 0:
                row = {"share": share, "train_seconds": spent, **_mean_losses(losses)}
                rung: dict[str, Any] = {}
                if share in rungs:
                    rung = _rung(task, codecs, data, curve)
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
            found = _rung(task, codecs, data, curve)
            # What rungs see of a finished trial; its validation scores are those of the whole.
            end = {"train_seconds": spent} | {k: found[k] for k in ("rung_seconds", "rung")}
        curve.append({"share": 1.0, "train_seconds": spent, **_mean_losses(losses)})
        rows = _score(task, codecs, data, curve)
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


def _rung(
    task: TrialTask,
    codecs: Codecs,
    data: MotionData,
    curve: list[dict[str, float]],
) -> dict[str, Any]:
    """Scores of the whole codec, `rung`: points of every prefix, seconds of all scoring so far."""
    began = time.perf_counter()
    scores, points = rung_scores(codecs, task.config, rung_data(data), task.objectives)
    before = max((row.get("rung_seconds", 0.0) for row in curve), default=0.0)
    return {"rung_seconds": before + time.perf_counter() - began, **scores, "rung": points}


def _mean_losses(losses: list[dict[str, float]]) -> dict[str, float]:
    """Means over parts, which may differ in what they train on and in how long."""
    return {
        f"train_{name}": float(np.mean([loss[name] for loss in losses if name in loss]))
        for name in dict.fromkeys(name for loss in losses for name in loss)
    }


def _score(
    task: TrialTask, codecs: Codecs, data: MotionData, curve: list[dict[str, float]]
) -> list[dict[str, Any]]:
    """Rows of a trained trial; completes the curve's last row."""
    began = time.perf_counter()
    family = family_of(task.config)
    levels = max(c.levels for c in codecs.values())
    depths = range(1, levels + 1) if family.residual else (levels,)
    models = fit_token_models(codecs, data)
    encoded = {split: encode_split(codecs, data, split) for split in ("val", "test")}
    sizes = {split: split_sizes(codecs, data, each, models) for split, each in encoded.items()}
    rows: list[dict[str, Any]] = []
    clips: list[dict[str, object]] = []
    errors: dict[str, np.ndarray] = {"joints": np.array(data.names)}
    rebuilt: dict[str, np.ndarray] = {}
    looked_at: dict[int, dict[str, np.ndarray]] = {}
    parameters = sum(c.parameters() for c in codecs.values())
    for depth in depths:
        row = point_row(task, data, depth, levels)
        for split, tokens in encoded.items():
            scores = score_split(codecs, data, tokens, depth, models, sizes[split])
            row.update(scores.row)
            ids = {"trial": task.trial, "point": row["point"]}
            clips.extend({**ids, **clip} for clip in scores.clips)
            unit = data.facts.yardstick.column_unit
            errors[f"{split}/depth{depth}/joint_error_{unit}"] = scores.joint_error.astype("f4")
            if split == "val" and task.folder is not None:
                looked_at[depth] = scores.reconstructions
            if split == "test" and depth == levels:
                rebuilt = {f"{r}/depth{depth}": a for r, a in scores.reconstructions.items()}
        row.update(train_seconds=curve[-1]["train_seconds"], parameters=parameters)
        rows.append(row)
    curve[-1].update({k: v for k, v in rows[-1].items() if k.startswith("val_")})
    if task.folder is not None:
        errors |= error_arrays(data, data.splits["val"], "val", looked_at)
    shown = _shown(data, clips, rows[-1]["point"], looked_at)
    size = save_artefacts(task, codecs, models, data, encoded, clips, errors, rebuilt, shown, curve)
    for row in rows:
        row.update(evaluate_seconds=time.perf_counter() - began, codec_bytes=size)
    return rows


def _shown(
    data: MotionData,
    clips: list[dict[str, object]],
    point: str,
    rebuilt: Mapping[int, Mapping[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Clips to look at: the best, median and worst are judged at full depth."""
    full = in_unit(RMSE.objective("full"), data.facts.yardstick)
    errors = {
        str(c["recording"]): float(str(c["value"]))
        for c in clips
        if c["point"] == point and c["split"] == "val" and c["metric"] == full
    }
    split = data.splits["val"]
    return shown_arrays(data, split, shown_recordings(split, errors), rebuilt) if rebuilt else {}


def point_row(
    task: TrialTask, data: MotionData | HeatmapMotion, depth: int, levels: int
) -> dict[str, Any]:
    """Identity, configuration and nominal rates of an operating point."""
    facts = data.facts
    nominal = nominal_rate(task.config, facts, depth)
    return {
        "sweep": task.sweep,
        "trial": task.trial,
        "point": point_id(task.trial, depth),
        "seed": task.seed,
        "depth": depth,
        "levels": levels,
        "is_prefix": depth < levels,
        "share": 1.0,
        "config_hash": config_hash(task.config),
        "root": facts.root,
        "split": facts.split,
        "features": facts.features,
        "fps": facts.fps,
        "size": task.size,
        **task.config,
        "rate_nominal_bps": nominal.total,
        **{f"rate_nominal_{p}_bps": bps for p, bps in nominal.per_part.items()},
    }


def save_artefacts(
    task: TrialTask,
    codecs: Codecs,
    models: Mapping[str, TokenModel],
    data: MotionData,
    encoded: Mapping[str, EncodedSplit],
    clips: list[dict[str, object]],
    errors: Mapping[str, np.ndarray],
    rebuilt: Mapping[str, np.ndarray],
    shown: Mapping[str, np.ndarray],
    curve: list[dict[str, float]],
) -> int:
    """Writes a trial's folder; returns the bytes of its codecs (0 where nothing is kept)."""
    if task.folder is None:
        return 0
    import pandas as pd
    from safetensors.numpy import save_file

    tokens = {
        f"{split}/{part}/{clip.recording}": each[i].indices
        for split, enc in encoded.items()
        for part, each in enc.tokens.items()
        for i, clip in enumerate(data.splits[split])
    }
    for split, enc in encoded.items():
        for clip, root in zip(data.splits[split], enc.root, strict=bool(enc.root)):
            tokens[f"{split}/root/{clip.recording}"] = root
    with whole(task.folder) as folder:
        for part, codec in codecs.items():
            codec.save(folder / CODEC_FOLDER / part)
        tables = {f"{p}/{n}": a for p, m in models.items() for n, a in m.arrays().items()}
        save_file(
            {k: np.ascontiguousarray(a) for k, a in tables.items()},
            folder / CODEC_FOLDER / TOKEN_MODELS_FILE,
        )
        _save_arrays(folder / TOKENS_FILE, tokens)
        _save_arrays(folder / RECONSTRUCTIONS_FILE, rebuilt)
        _save_arrays(folder / ERRORS_FILE, errors)
        _save_arrays(folder / SHOWN_FILE, shown)
        pd.DataFrame(clips).to_parquet(folder / TRIAL_CLIPS_FILE, index=False)
        (folder / CURVE_FILE).write_text(json.dumps(plain(curve), indent=1) + "\n")
    return bytes_under(task.folder / CODEC_FOLDER)


def _save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    np.savez_compressed(path, **dict(arrays))  # type: ignore[arg-type]
