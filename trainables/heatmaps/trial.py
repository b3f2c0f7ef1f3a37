"""A trial on heatmaps: train a codec and score its windows, floors beside each score.

As with any trial, validation is scored at rungs and at the end, test once at the end. Floors stand
in columns of their own, `val_floor_<floor>_<score>`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces import heatmap_metrics as names
from search_spaces.heatmap_families import PART
from search_spaces.heatmap_rate import heatmap_rate
from search_spaces.objectives import CODE_ENTROPY, PERPLEXITY, RATE_ENTROPY, UTILISATION
from search_spaces.rate import nominal_rate
from search_spaces.record import (
    CODEC_FOLDER,
    CURVE_FILE,
    SHOWN_HEATMAPS_FILE,
    TOKENS_FILE,
    TRIAL_CLIPS_FILE,
)
from trainables.half_trained import forget, keep, kept, spent_before
from trainables.heatmaps.codec import HeatmapCodec
from trainables.heatmaps.codec_files import heatmap_codec_class
from trainables.heatmaps.dataset import HeatmapData, drawn
from trainables.heatmaps.denoising import denoised
from trainables.heatmaps.drawing import drawing_of
from trainables.heatmaps.latents import q_error, q_loss
from trainables.heatmaps.motion import HeatmapMotion, drawing
from trainables.heatmaps.scores import known_floors, mean_scores, score_window
from trainables.heatmaps.shown import shown_heatmaps
from trainables.heatmaps.windows import Window
from trainables.metrics.codebook import codebook_use
from trainables.plain_rows import plain
from trainables.rungs import reported, scored
from trainables.runtime import Runtime, nothing
from trainables.trial_folder import bytes_under, whole

if TYPE_CHECKING:
    from trainables.trial import TrialTask

STATE_NAME = "heatmaps.pt"
RUNG_WINDOWS = 4
"""Windows of validation that are scored on the way, evenly among all."""


@dataclass(eq=False)
class WindowScores:
    """What was scored of a split.

    Attributes:
        row: score -> mean over windows, without the split's name.
        clips: rows of `clips.parquet` without trial and point, one per window and score.
        tokens: `<recording>@<start>` -> (T/F, H/F, W/F) int32.
    """

    row: dict[str, float]
    clips: list[dict[str, object]] = field(default_factory=list)
    tokens: dict[str, np.ndarray] = field(default_factory=dict)


def new_codec(task: TrialTask, data: HeatmapData) -> HeatmapCodec:
    """The untrained codec of a task."""
    make = heatmap_codec_class(str(task.config["codec"]))
    return make(task.config, data.input_channels, data.target_channels, task.seed)


def run_heatmaps(task: TrialTask, motion: HeatmapMotion, runtime: Runtime) -> list[dict[str, Any]]:
    """Trains, scores and saves; one operating point.

    Random intensities follow from the data's seed of splits, so that all trials see the same.
    """
    data = drawn(motion, drawing(motion.reading, task.config, motion.reading.split_seed))
    codec = new_codec(task, data)
    stated = codec.stated()  # weights that cannot be read are said before anything is trained
    curve: list[dict[str, float]] = []
    told: list[dict[str, Any]] = []
    if (state := kept(runtime, STATE_NAME)) is not None:
        codec.load_training_state(state["codec"])
        curve, told = state["curve"], state["told"]
    for each in told:
        runtime.report(each if runtime.rank == 0 else {})
    spent = spent_before(state, curve)
    began = time.perf_counter()

    def keep_half() -> None:
        seconds = spent + time.perf_counter() - began
        half = {"codec": codec.training_state(), "spent": seconds}
        keep(runtime, STATE_NAME, half, curve, told)

    runtime.at_notice = keep_half
    losses: dict[str, float] = {}
    steps = codec.whole("max_steps")
    rungs = tuple(r for r in scored(task.rungs, steps) if r * steps > codec.codes_from)
    for share in (*reported(rungs), 1.0):
        if share <= codec.trained_share:
            continue
        began = time.perf_counter()
        losses = codec.fit(data, runtime, share)
        spent += time.perf_counter() - began
        row = {"share": share, "train_seconds": spent}
        row |= {f"train_{name}": value for name, value in losses.items()}
        if runtime.rank == 0:
            curve.append(row)
        if share < 1.0:
            if runtime.rank == 0:
                rung: dict[str, Any] = {}
                if share in rungs:
                    rung = _rung(task, codec, motion, data, curve, runtime.device)
                    row["rung_seconds"] = rung["rung_seconds"]
                    row |= {k: v for k, v in rung["rung"][0].items() if k.startswith("val_")}
                told.append({**row, **rung})
                began = time.perf_counter()
                keep_half()
            runtime.report(told[-1] if runtime.rank == 0 else {})
    rows = []
    end: dict[str, Any] = {}
    if runtime.rank == 0:
        if task.rungs and len(data.windows["val"]) > RUNG_WINDOWS:
            # What rungs see of a finished trial, so that a stopping rule compares like with like.
            end = {"train_seconds": spent}
            end |= _rung(task, codec, motion, data, curve, runtime.device)
        rows = [{**_scored(task, codec, motion, data, curve, runtime.device), **stated}]
    runtime.report({"share": 1.0, "points": rows, **end})
    runtime.at_notice = nothing
    forget(runtime)
    return rows


def _rung(
    task: TrialTask,
    codec: HeatmapCodec,
    motion: HeatmapMotion,
    data: HeatmapData,
    curve: Sequence[Mapping[str, float]],
    device: str,
) -> dict[str, Any]:
    """`rung`: the operating point on some windows of validation; seconds of all scoring so far."""
    began = time.perf_counter()
    found = score_windows(codec, data, rung_windows(data.windows["val"]), device)
    rate = nominal_rate(task.config, motion.facts).total
    scores = {f"val_{name}": value for name, value in found.row.items()}
    before = max((row.get("rung_seconds", 0.0) for row in curve), default=0.0)
    point = {"depth": 1, "levels": 1, "rate_nominal_bps": rate, **scores}
    return {"rung_seconds": before + time.perf_counter() - began, "rung": [point]}


def rung_windows(windows: Sequence[Window]) -> list[Window]:
    """At most `RUNG_WINDOWS` of some windows, evenly among them, the same ones in every trial."""
    chosen = np.linspace(0, len(windows) - 1, min(len(windows), RUNG_WINDOWS))
    return [windows[int(i)] for i in np.unique(chosen.round().astype(int))]


def score_windows(
    codec: HeatmapCodec,
    data: HeatmapData,
    windows: Sequence[Window],
    device: str = "cpu",
    *,
    with_floors: bool = False,
) -> WindowScores:
    """Scores of a codec's windows, the use of its codes and, where asked for, the floors."""
    found = WindowScores(row={})
    each: list[dict[str, float]] = []
    beside: dict[str, list[dict[str, float]]] = {}
    for window in windows:
        pair = data.pair(window, device)
        coded = codec.coded(pair.input)
        values = score_window(data, pair.target, coded.reconstruction)
        values |= {names.QLOSS.objective(): math.nan, names.QERROR.objective(): math.nan}
        if coded.latents is not None and coded.codes is not None:
            values[names.QLOSS.objective()] = q_loss(coded.latents, coded.codes)
            values[names.QERROR.objective()] = q_error(coded.latents, coded.codes)
        each.append(values)
        name = f"{window.recording}@{window.start}"
        found.tokens[name] = coded.indices.cpu().numpy().astype(np.int32)
        found.clips += [_clip_row(name, m, v, window.frames) for m, v in values.items()]
        for floor, scores in (known_floors(data, window, device) if with_floors else {}).items():
            beside.setdefault(floor, []).append(scores)
    found.row = mean_scores(each)
    if found.tokens:
        found.row |= _use(codec, data, found.tokens)
    for floor, all_scores in beside.items():
        means = mean_scores(all_scores)
        found.row |= {f"floor_{floor}_{name}": value for name, value in means.items()}
    return found


def _use(
    codec: HeatmapCodec, data: HeatmapData, tokens: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Use of codes over a split, entropy rate, and how many tokens there were."""
    rows = np.concatenate([t.reshape(-1, 1) for t in tokens.values()])
    use = codebook_use(rows, codec.alphabet)
    pace = len(rows) / len(tokens) * data.fps / data.spec.window
    return {
        UTILISATION.objective(PART): 100 * use.mean_utilisation,
        PERPLEXITY.objective(PART): use.mean_perplexity,
        CODE_ENTROPY.objective(PART): use.mean_entropy_bits,
        RATE_ENTROPY.objective(): use.mean_entropy_bits * pace,
        "tokens": float(len(rows)),
    }


def _clip_row(window: str, metric: str, value: float, frames: int) -> dict[str, object]:
    return {
        "recording": window, "signer": "", "part": "", "metric": metric, "value": value,
        "n": frames,
    }  # fmt: skip


def _scored(
    task: TrialTask,
    codec: HeatmapCodec,
    motion: HeatmapMotion,
    data: HeatmapData,
    curve: list[dict[str, float]],
    device: str,
) -> dict[str, Any]:
    """The trial's row; writes its folder and completes the curve's last row."""
    from trainables.scoring import point_row

    began = time.perf_counter()
    row = point_row(task, motion, 1, 1)
    spec = data.spec
    rate = heatmap_rate(
        codec.whole("compression"), codec.alphabet[0], window=spec.window, size=spec.size,
        fps=data.fps, channels=data.target_channels,
    )  # fmt: skip
    row |= {"bits_window": rate.bits, "ratio_elements": rate.element_ratio,
            "ratio_bits": rate.bit_ratio}  # fmt: skip
    clips: list[dict[str, object]] = []
    tokens: dict[str, np.ndarray] = {}
    for split in ("val", "test"):
        found = score_windows(codec, data, data.windows[split], device, with_floors=True)
        row |= {f"{split}_{name}": value for name, value in found.row.items()}
        ids = {"trial": task.trial, "point": row["point"], "split": split}
        clips += [{**ids, **clip} for clip in found.clips]
        tokens |= {f"{split}/{PART}/{name}": t for name, t in found.tokens.items()}
        if task.config["denoise"]:
            spoilt = denoised(codec, data, data.windows[split], device)
            row |= {f"{split}_{n}": v for n, v in mean_scores([*spoilt.values()]).items()}
            rows = [
                _clip_row(w, n, v, spec.window) for w, vs in spoilt.items() for n, v in vs.items()
            ]
            clips += [{**ids, **clip} for clip in rows]
    curve[-1].update({k: v for k, v in row.items() if k.startswith("val_")})
    shown = _shown(task, codec, data, clips, device)
    row.update(
        train_seconds=curve[-1]["train_seconds"],
        parameters=codec.parameters(),
        codec_bytes=_saved(task, codec, data, clips, tokens, shown, curve),
        evaluate_seconds=time.perf_counter() - began,
    )
    return row


def _shown(
    task: TrialTask,
    codec: HeatmapCodec,
    data: HeatmapData,
    clips: list[dict[str, object]],
    device: str,
) -> dict[str, np.ndarray]:
    """Windows of validation to look at; nothing where nothing is kept."""
    if task.folder is None:
        return {}
    iou = names.IOU.objective()
    scores = {
        str(clip["recording"]): float(str(clip["value"]))
        for clip in clips
        if clip["split"] == "val" and clip["metric"] == iou
    }
    return shown_heatmaps(codec, data, data.windows["val"], scores, device)


def _saved(
    task: TrialTask,
    codec: HeatmapCodec,
    data: HeatmapData,
    clips: list[dict[str, object]],
    tokens: Mapping[str, np.ndarray],
    shown: Mapping[str, np.ndarray],
    curve: list[dict[str, float]],
) -> int:
    """Writes a trial's folder; returns the bytes of the codec (0 where nothing is kept)."""
    if task.folder is None:
        return 0
    import pandas as pd

    with whole(task.folder) as folder:
        codec.save(folder / CODEC_FOLDER / PART)
        drawing_of(data).save(folder / CODEC_FOLDER / PART)
        np.savez_compressed(folder / TOKENS_FILE, **dict(tokens))  # type: ignore[arg-type]
        np.savez_compressed(folder / SHOWN_HEATMAPS_FILE, **dict(shown))  # type: ignore[arg-type]
        pd.DataFrame(clips).to_parquet(folder / TRIAL_CLIPS_FILE, index=False)
        (folder / CURVE_FILE).write_text(json.dumps(plain(curve), indent=1) + "\n")
    return bytes_under(task.folder / CODEC_FOLDER)
