"""What a trial of motion from speech leaves: the model, the codec that it trained, and clips."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces.record import (
    CODEC_FOLDER,
    CURVE_FILE,
    GENERATOR_FOLDER,
    RECONSTRUCTIONS_FILE,
    SHOWN_FILE,
    TRIAL_CLIPS_FILE,
)
from search_spaces.speech_families import JOINT
from search_spaces.speech_metrics import BEAT_ALIGNMENT_GESTURE
from trainables.diagnostics import shown_arrays, shown_recordings
from trainables.generators.folder import CONFIG_NAME, GENERATOR_VERSION, WEIGHTS_NAME
from trainables.generators.speech_scores import Made, SpeechScores
from trainables.generators.speech_to_codes import SpeechToCodes
from trainables.motion.dataset import MotionData
from trainables.plain_rows import plain
from trainables.token_rates import Codecs
from trainables.trial_folder import bytes_under, whole

if TYPE_CHECKING:
    from trainables.trial import TrialTask


def save_speech_trial(
    task: TrialTask,
    model: SpeechToCodes,
    codecs: Codecs,
    data: MotionData,
    scores: Mapping[str, SpeechScores],
    made: Mapping[str, Sequence[Made]],
    row: Mapping[str, Any],
    curve: list[dict[str, float]],
    *,
    trained: bool,
) -> int:
    """Writes a trial's folder; returns the bytes of the model (0 where nothing is kept).

    A jointly trained codec stands in the model's folder, part by part. `trained` is False where
    there is no network.
    """
    if task.folder is None:
        return 0
    import pandas as pd
    from safetensors.numpy import save_file

    depth = int(row["depth"])
    first = {
        split: {
            clip.recording: one.positions.astype(np.float32)
            for clip, one in zip(data.splits[split], each, strict=True)
        }
        for split, each in made.items()
    }
    # Worst and best are those whose beats go with the audio least and most.
    name = BEAT_ALIGNMENT_GESTURE.objective()
    away = {r: -values.get(name, 0.0) for r, values in scores["val"].clips.items()}
    chosen = shown_recordings(data.splits["val"], away)
    shown = shown_arrays(data, data.splits["val"], chosen, {depth: first["val"]})
    rebuilt = {f"{r}/depth{depth}": a for r, a in first["test"].items()}
    with whole(task.folder) as folder:
        place = folder / GENERATOR_FOLDER
        place.mkdir(parents=True, exist_ok=True)
        if trained:
            arrays = {k: np.ascontiguousarray(v) for k, v in model.arrays().items()}
            save_file(arrays, place / WEIGHTS_NAME)
        described = {
            "generator_version": GENERATOR_VERSION,
            "family": model.family,
            "config": model.config,
            "features": model.features,
            "alphabet": list(model.alphabet),
            "seed": model.seed,
            "words": list(model.reader.words),
            "text_features": model.reader.text_features,
            "conditioning": {"sha256": row["input_hash"], "trial": row["input_trial"]},
        }
        text = json.dumps(described, indent=1, sort_keys=True)
        (place / CONFIG_NAME).write_text(text + "\n", encoding="utf-8")
        for part, codec in codecs.items() if task.config[JOINT] else ():
            codec.save(place / CODEC_FOLDER / part)
        np.savez_compressed(folder / RECONSTRUCTIONS_FILE, **rebuilt)  # type: ignore[arg-type]
        np.savez_compressed(folder / SHOWN_FILE, **shown)  # type: ignore[arg-type]
        pd.DataFrame(_clip_rows(task, data, scores, row)).to_parquet(
            folder / TRIAL_CLIPS_FILE, index=False
        )
        (folder / CURVE_FILE).write_text(json.dumps(plain(curve), indent=1) + "\n")
    return bytes_under(task.folder / GENERATOR_FOLDER)


def _clip_rows(
    task: TrialTask,
    data: MotionData,
    scores: Mapping[str, SpeechScores],
    row: Mapping[str, Any],
) -> list[dict[str, object]]:
    return [
        {
            "trial": task.trial,
            "point": row["point"],
            "recording": clip.recording,
            "signer": clip.signer or "",
            "split": split,
            "part": "",
            "metric": metric,
            "value": value,
            "n": clip.frames,
        }
        for split, found in scores.items()
        for clip in data.splits[split]
        for metric, value in found.clips[clip.recording].items()
    ]
