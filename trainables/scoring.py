"""Scores of a trial where its codecs stand, and the artefacts of one that has ended.

A trial says what it wants scored (`Scoring`), and whoever runs it does so: in its own process, or
in another one, so that a device goes on training meanwhile. Either way the numbers are the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces.families import family_of
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
from search_spaces.space import config_hash
from trainables.bitstream.token_model import TokenModel
from trainables.codecs.codec import codec_from
from trainables.diagnostics import error_arrays, shown_arrays, shown_recordings
from trainables.evaluate import score_split
from trainables.motion.dataset import MotionData
from trainables.plain_rows import plain
from trainables.rungs import rung_data, rung_scores
from trainables.token_rates import (
    Codecs,
    EncodedSplit,
    encode_split,
    fit_token_models,
    split_sizes,
)
from trainables.trial_folder import bytes_under, whole

if TYPE_CHECKING:
    from trainables.heatmaps.motion import HeatmapMotion
    from trainables.trial import TrialTask


@dataclass(frozen=True, eq=False)
class Scoring:
    """What is to be scored of a trial: its codecs and their tokens.

    Tokens are made where the codecs were trained, since the look-up of codes is what a device is
    good at. Pickled, codecs travel as files carry them: they can encode and decode, not train on.

    Attributes:
        task: of the trial.
        codecs: part -> codec, where it stands.
        encoded: split -> its tokens; validation as rungs see it, or every split at the end.
        curve: rows of the trial so far.
        last: whether the trial has ended, and leaves its artefacts.
        seconds: that the tokens took.
    """

    task: TrialTask
    codecs: Codecs
    encoded: Mapping[str, EncodedSplit]
    curve: Sequence[Mapping[str, float]]
    last: bool
    seconds: float

    @classmethod
    def of_rung(
        cls, task: TrialTask, codecs: Codecs, data: MotionData, curve: Sequence[dict[str, float]]
    ) -> Scoring:
        """Of a trial on its way."""
        return cls._of(task, codecs, rung_data(data), ("val",), curve, False)

    @classmethod
    def of_trial(
        cls, task: TrialTask, codecs: Codecs, data: MotionData, curve: Sequence[dict[str, float]]
    ) -> Scoring:
        """Of a trained one."""
        return cls._of(task, codecs, data, ("train", "val", "test"), curve, True)

    @classmethod
    def _of(
        cls, task: TrialTask, codecs: Codecs, data: MotionData, splits: Sequence[str],
        curve: Sequence[dict[str, float]], last: bool,
    ) -> Scoring:  # fmt: skip
        began = time.perf_counter()
        encoded = {split: encode_split(codecs, data, split) for split in splits}
        return cls(task, codecs, encoded, curve, last, time.perf_counter() - began)

    def run(self, data: MotionData) -> Any:
        """Scores.

        Args:
            data: that the trial was trained on, all of it.

        Returns:
            Of a rung what a report says of it (`rung`: points of every prefix; `rung_seconds`: of
            all scoring so far); at the end the trial's rows, whose artefacts are written.
        """
        return _score(self, data) if self.last else _rung(self, data)

    def __getstate__(self) -> dict[str, Any]:
        """Without what only the process that trains can use."""
        carried = {part: (c.described(), c.arrays()) for part, c in self.codecs.items()}
        return {**self.__dict__, "codecs": carried}

    def __setstate__(self, state: dict[str, Any]) -> None:
        codecs = {part: codec_from(*each) for part, each in state["codecs"].items()}
        self.__dict__.update(state, codecs=codecs)


def _rung(scoring: Scoring, data: MotionData) -> dict[str, Any]:
    began = time.perf_counter() - scoring.seconds
    task = scoring.task
    scores, points = rung_scores(
        scoring.codecs, task.config, rung_data(data), task.objectives, scoring.encoded["val"]
    )
    before = max((row.get("rung_seconds", 0.0) for row in scoring.curve), default=0.0)
    return {"rung_seconds": before + time.perf_counter() - began, **scores, "rung": points}


def _score(scoring: Scoring, data: MotionData) -> list[dict[str, Any]]:
    """Rows of a trained trial."""
    began = time.perf_counter() - scoring.seconds
    task, codecs = scoring.task, scoring.codecs
    family = family_of(task.config)
    levels = max(c.levels for c in codecs.values())
    depths = range(1, levels + 1) if family.residual else (levels,)
    models = fit_token_models(codecs, data, scoring.encoded["train"])
    encoded = {split: scoring.encoded[split] for split in ("val", "test")}
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
        row.update(train_seconds=scoring.curve[-1]["train_seconds"], parameters=parameters)
        rows.append(row)
    end = {k: v for k, v in rows[-1].items() if k.startswith("val_")}
    curve = [*scoring.curve[:-1], {**scoring.curve[-1], **end}]
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
    curve: Sequence[Mapping[str, float]],
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
