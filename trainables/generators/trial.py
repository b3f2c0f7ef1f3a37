"""A generator's trial: learn motion from a codec's tokens, sample held-out recordings, score them.

No reconstruction objective is claimed: a sample is one of many motions that fit the tokens. What is
scored is whether it moves as the original does (jerk, the wrists' hull); how far it is from the
original and from what the tokens decode to is told beside, under names of its own.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.objectives import JERK, Scope, find_metric
from search_spaces.record import (
    CURVE_FILE,
    GENERATOR_FOLDER,
    RECONSTRUCTIONS_FILE,
    SHOWN_FILE,
    TRIAL_CLIPS_FILE,
)
from trainables.codecs.codec import Tokens
from trainables.diagnostics import shown_arrays, shown_recordings
from trainables.evaluate import pair_of
from trainables.generators.conditioning import decoded, joined, load_conditioning, parted
from trainables.generators.flow_matching import FlowMatching, TrainingMotion
from trainables.generators.folder import generator_class, save_generator
from trainables.half_trained import forget, keep, kept
from trainables.metrics.clip_pair import score_clip
from trainables.motion.dataset import MotionData
from trainables.motion.preparation import SplitClip
from trainables.plain_rows import plain
from trainables.runtime import Runtime, nothing
from trainables.token_rates import (
    Codecs,
    EncodedSplit,
    encode_split,
    fit_token_models,
    split_sizes,
    token_metrics,
)
from trainables.trial_folder import bytes_under, whole

if TYPE_CHECKING:
    from trainables.trial import TrialTask

RUNGS = (0.25, 0.5, 0.75)
STATE_NAME = "generator.pt"
RUNG_FRAMES = 2048
"""On the way, the first recordings of validation are sampled, until they have so many frames: what
is scored there steers nothing, and sampling all of them costs as much as the training between."""
_SAMPLES = 3  # stream of random numbers
_DISTANCE = "rmse_full_"


@dataclass(eq=False)
class Synthesis:
    """What was sampled of a split.

    Attributes:
        row: `<split>_<metric>` -> mean over recordings of means over samples.
        clips: rows of `clips.parquet` without trial and point, one per recording and sample.
        first: recording -> (frames, joints, 3) float32, its first sample.
    """

    row: dict[str, float]
    clips: list[dict[str, object]] = field(default_factory=list)
    first: dict[str, np.ndarray] = field(default_factory=dict)


def run_generator(task: TrialTask, data: MotionData, runtime: Runtime) -> list[dict[str, Any]]:
    """Trains, samples, scores and saves; one operating point, at the rate of its tokens.

    Raises:
        BadInput: no codec was handed over, or it is not the one that was named.
    """
    if task.input is None:
        raise BadInput(
            f"{task.trial}: a generator is given a codec's tokens, and no codec is there; run it "
            "in a sweep"
        )
    codecs = load_conditioning(task.input, data, task.config)
    encoded = {split: encode_split(codecs, data, split) for split in ("train", "val", "test")}
    motion = training_motion(codecs, data, encoded["train"])
    make = generator_class(str(task.config["codec"]))
    generator = make(task.config, motion.motion.shape[1], task.seed)
    curve: list[dict[str, float]] = []
    spent = 0.0
    state = kept(runtime, STATE_NAME)
    sha256 = task.input.sha256
    if state is not None and state["input"] == sha256:  # it saw the same codec
        generator.load_training_state(state["generator"])
        curve, spent = state["curve"], float(state["spent"])
    began = time.perf_counter()

    def keep_half() -> None:
        seconds = spent + time.perf_counter() - began
        half = {"generator": generator.training_state(), "spent": seconds, "input": sha256}
        keep(runtime, STATE_NAME, half, curve)

    runtime.at_notice = keep_half
    losses: dict[str, float] = {}
    for share in (*RUNGS, 1.0):
        if share <= generator.trained_share:
            continue
        began = time.perf_counter()
        losses = generator.fit(motion, runtime, share)
        spent += time.perf_counter() - began
        told = {f"train_{name}": value for name, value in losses.items()}
        if share < 1.0:
            if runtime.rank == 0:
                scores = synthesise(generator, codecs, data, encoded["val"], 1, RUNG_FRAMES)
                curve.append({"share": share, "train_seconds": spent, **scores.row, **told})
                began = time.perf_counter()
                keep_half()
            runtime.report(curve[-1] if runtime.rank == 0 else {})
        elif runtime.rank == 0:
            curve.append({"share": 1.0, "train_seconds": spent, **told})
    rows = []
    if runtime.rank == 0:
        rows = [_scored(task, generator, codecs, data, encoded, curve)]
    runtime.report({"share": 1.0, "points": rows})
    runtime.at_notice = nothing
    forget(runtime)
    return rows


def training_motion(codecs: Codecs, data: MotionData, encoded: EncodedSplit) -> TrainingMotion:
    """Training motion beside what its tokens decode to."""
    parts, clips = data.facts.part_names, data.splits["train"]
    motion = joined({p: data.parts[p].features for p in parts}, parts)
    told = [decoded(codecs, _tokens(encoded, i)) for i in range(len(clips))]
    return TrainingMotion(
        motion=motion,
        condition=np.concatenate(told),
        lengths=tuple(c.frames for c in clips),
        mean=np.concatenate([data.parts[p].mean for p in parts]),
        std=np.concatenate([data.parts[p].std for p in parts]),
    )


def synthesise(
    generator: FlowMatching,
    codecs: Codecs,
    data: MotionData,
    encoded: EncodedSplit,
    samples: int,
    most_frames: int | None = None,
) -> Synthesis:
    """Samples recordings of a split and scores the samples; all of them unless `most_frames` says.

    With `most_frames`, those that follow when so many frames have been sampled are left out.
    """
    found = Synthesis(row={})
    means: dict[str, list[float]] = {}
    sampled = 0
    for i, clip in enumerate(data.splits[encoded.split]):
        if most_frames is not None and sampled >= most_frames:
            break
        sampled += clip.frames
        condition = decoded(codecs, _tokens(encoded, i))
        root = encoded.root[i] if encoded.root else None
        straight = data.reconstruct(clip, parted(condition, data), root)
        references = _references(data, clip, straight)
        mine: dict[str, list[float]] = {}
        for sample in range(samples):
            rng = _noise(generator.seed, clip, sample)
            positions = data.reconstruct(clip, parted(generator.sample(condition, rng), data), root)
            if sample == 0:
                found.first[clip.recording] = positions.astype(np.float32)
            values = {**sample_scores(data, clip, straight, positions), **references}
            for name, value in values.items():
                mine.setdefault(name, []).append(value)
                found.clips.append(_clip_row(clip, encoded.split, name, value))
        for name, each in mine.items():
            means.setdefault(name, []).append(_mean(each))
    found.row = {f"{encoded.split}_{name}": _mean(each) for name, each in means.items()}
    return found


def sample_scores(
    data: MotionData, clip: SplitClip, straight: np.ndarray, sample: np.ndarray
) -> dict[str, float]:
    """Metrics of one sample, by their names in the data's unit.

    Args:
        data: the prepared data.
        clip: the recording.
        straight: (frames, joints, 3), what its tokens decode to.
        sample: the same shape.

    Returns:
        Every metric of the whole (jerk, hull, …), and the full-pose RMSE of the sample against the
        original and against `straight` as diagnostics: `to_original_cm`, `to_decoded_cm`.
    """
    pair = pair_of(data.preparation, clip, sample, data.fps)
    values = score_clip(pair)
    tokens = pair_of(data.preparation, clip, straight, data.fps)
    beside = score_clip(replace(pair, original=tokens.reconstruction))
    name = next(n for n in values if n.startswith(_DISTANCE))
    unit = name.removeprefix(_DISTANCE)
    return {
        **{n: v for n, v in values.items() if find_metric(n)[0].scope is Scope.TOTAL},
        f"to_original_{unit}": values[name],
        f"to_decoded_{unit}": beside[name],
    }


def _references(data: MotionData, clip: SplitClip, straight: np.ndarray) -> dict[str, float]:
    """Jerk of the original and of what the tokens decode to."""
    tokens = pair_of(data.preparation, clip, straight, data.fps)
    original = replace(tokens, reconstruction=tokens.original)
    found = {}
    for what, pair in (("original", original), ("decoded", tokens)):
        name, value = next((n, v) for n, v in score_clip(pair).items() if _is_jerk(n))
        found[name.replace("jerk_", f"jerk_{what}_", 1)] = value
    return found


def _is_jerk(name: str) -> bool:
    return find_metric(name)[0].stem == JERK.stem


def _tokens(encoded: EncodedSplit, recording: int) -> dict[str, Tokens]:
    return {part: each[recording] for part, each in encoded.tokens.items()}


def _noise(seed: int, clip: SplitClip, sample: int) -> np.random.Generator:
    """Follows from the trial, the recording and the sample alone, not from what else is sampled."""
    return np.random.default_rng([seed, _SAMPLES, sample, *clip.recording.encode()])


def _clip_row(clip: SplitClip, split: str, metric: str, value: float) -> dict[str, object]:
    return {
        "recording": clip.recording,
        "signer": clip.signer or "",
        "split": split,
        "part": "",
        "metric": metric,
        "value": value,
        "n": clip.frames,
    }


def _mean(values: Sequence[float]) -> float:
    defined = [v for v in values if math.isfinite(v)]
    return float(np.mean(defined)) if defined else math.nan


def _scored(
    task: TrialTask,
    generator: FlowMatching,
    codecs: Codecs,
    data: MotionData,
    encoded: Mapping[str, EncodedSplit],
    curve: list[dict[str, float]],
) -> dict[str, Any]:
    """The trial's row; writes its folder and completes the curve's last row."""
    from trainables.scoring import point_row

    began = time.perf_counter()
    depth = max(c.levels for c in codecs.values())
    row = point_row(task, data, depth, depth)
    models = fit_token_models(codecs, data)
    clips: list[dict[str, object]] = []
    rebuilt: dict[str, np.ndarray] = {}
    shown: dict[str, np.ndarray] = {}
    ids = {"trial": task.trial, "point": row["point"]}
    for split in ("val", "test"):
        found = synthesise(generator, codecs, data, encoded[split], generator.whole("samples"))
        row.update(found.row)
        sizes = split_sizes(codecs, data, encoded[split], models)
        row.update(token_metrics(codecs, data, encoded[split], depth, models, sizes))
        clips.extend({**ids, **clip} for clip in found.clips)
        if split == "val":
            shown = _shown(data, found, depth)
        else:
            rebuilt = {f"{r}/depth{depth}": a for r, a in found.first.items()}
    source = task.input
    curve[-1].update({k: v for k, v in row.items() if k.startswith("val_")})
    row.update(
        train_seconds=curve[-1]["train_seconds"],
        parameters=generator.parameters(),
        input_hash=source.sha256 if source else "",
        input_trial=source.trial if source else "",
        codec_bytes=_saved(task, generator, clips, rebuilt, shown, curve),
        evaluate_seconds=time.perf_counter() - began,
    )
    return row


def _shown(data: MotionData, found: Synthesis, depth: int) -> dict[str, np.ndarray]:
    """Clips to look at: first samples; best and worst by how far all samples are from the original.

    They stand where a codec leaves what it decodes at its full depth.
    """
    away: dict[str, list[float]] = {}
    for row in found.clips:
        if str(row["metric"]).startswith("to_original_"):
            away.setdefault(str(row["recording"]), []).append(float(str(row["value"])))
    errors = {recording: _mean(each) for recording, each in away.items()}
    split = data.splits["val"]
    return shown_arrays(data, split, shown_recordings(split, errors), {depth: found.first})


def _saved(
    task: TrialTask,
    generator: FlowMatching,
    clips: list[dict[str, object]],
    rebuilt: Mapping[str, np.ndarray],
    shown: Mapping[str, np.ndarray],
    curve: list[dict[str, float]],
) -> int:
    """Writes a trial's folder; returns the bytes of the generator (0 where nothing is kept)."""
    if task.folder is None or task.input is None:
        return 0
    import pandas as pd

    named = {"sha256": task.input.sha256, "trial": task.input.trial}
    with whole(task.folder) as folder:
        save_generator(generator, folder / GENERATOR_FOLDER, named)
        np.savez_compressed(folder / RECONSTRUCTIONS_FILE, **dict(rebuilt))  # type: ignore[arg-type]
        np.savez_compressed(folder / SHOWN_FILE, **dict(shown))  # type: ignore[arg-type]
        pd.DataFrame(clips).to_parquet(folder / TRIAL_CLIPS_FILE, index=False)
        (folder / CURVE_FILE).write_text(json.dumps(plain(curve), indent=1) + "\n")
    return bytes_under(task.folder / GENERATOR_FOLDER)
