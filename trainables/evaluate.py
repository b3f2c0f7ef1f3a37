"""Scores codecs on a split: one row of metrics per depth, rows per recording, errors per joint.

The one place where reconstructions meet originals. Which split's numbers may steer anything is not
decided here; columns carry the split's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

import trainables.metrics  # noqa: F401  (registers the clip metrics)
from search_spaces.objectives import (
    find_metric,
)
from trainables.bitstream.recording import Size
from trainables.bitstream.token_model import TokenModel
from trainables.metrics.clip_pair import ClipPair, score_clip
from trainables.metrics.dynamics import jerk
from trainables.metrics.pose import joint_distances
from trainables.motion.dataset import MotionData
from trainables.motion.preparation import Preparation, SplitClip
from trainables.token_rates import Codecs, EncodedSplit, token_metrics


@dataclass(eq=False)
class SplitScores:
    """What `score_split` found at one depth.

    Attributes:
        row: column -> value, the split's name in front.
        clips: rows of `clips.parquet` without trial and point.
        joint_error_cm: (joints,) mean distance per joint over all frames; NaN for joints of no
            coded part.
        reconstructions: recording -> (frames, joints, 3) float32 metres.
    """

    row: dict[str, float]
    clips: list[dict[str, object]] = field(default_factory=list)
    joint_error_cm: np.ndarray = field(default_factory=lambda: np.zeros(0))
    reconstructions: dict[str, np.ndarray] = field(default_factory=dict)


def score_split(
    codecs: Codecs,
    data: MotionData,
    encoded: EncodedSplit,
    depth: int,
    models: Mapping[str, TokenModel] | None = None,
    sizes: Sequence[Sequence[Size]] = (),
) -> SplitScores:
    """Metrics of a split when the first `depth` levels are decoded.

    Args:
        codecs: one fitted codec per part.
        data: the prepared data.
        encoded: the split's tokens.
        depth: levels decoded; parts with fewer use theirs.
        models: of train's tokens; the model rate is left out without them.
        sizes: of every recording's file at every depth (`split_sizes`); the stream rate is left
            out without them.
    """
    split, clips = encoded.split, data.splits[encoded.split]
    scores = SplitScores(row={})
    per_clip: list[dict[str, float]] = []
    originals: list[float] = []
    errors = np.zeros(len(data.names))
    for i, clip in enumerate(clips):
        features = {
            p: codec.decode(encoded.tokens[p][i], min(depth, codec.levels))
            for p, codec in codecs.items()
        }
        root = encoded.root[i] if encoded.root else None
        pair = whole_pair(data.preparation, clip, data.reconstruct(clip, features, root), data.fps)
        scored = _restricted(pair, data.scored["full"])
        values = score_clip(scored)
        per_clip.append(values)
        originals.append(jerk(scored.original, data.fps))
        errors += joint_distances(pair.original, pair.reconstruction).sum(axis=0)
        scores.reconstructions[clip.recording] = pair.reconstruction.astype(np.float32)
        scores.clips.extend(
            {
                "recording": clip.recording,
                "signer": clip.signer or "",
                "split": split,
                "part": find_metric(name)[1],
                "metric": name,
                "value": value,
                "n": clip.frames,
            }
            for name, value in values.items()
        )
    for name in per_clip[0]:
        scores.row[f"{split}_{name}"] = _mean_defined([v[name] for v in per_clip])
    scores.row[f"{split}_jerk_original_mps3"] = _mean_defined(originals)
    scores.joint_error_cm = np.full(len(data.names), np.nan)
    counted = data.scored["full"]
    scores.joint_error_cm[counted] = 100.0 * errors[counted] / sum(c.frames for c in clips)
    scores.row.update(token_metrics(codecs, data, encoded, depth, models, sizes))
    return scores


def whole_pair(
    preparation: Preparation, clip: SplitClip, decoded: np.ndarray, fps: float
) -> ClipPair:
    """A recording beside what was decoded of it, (frames, joints, 3) m, all joints."""
    return ClipPair(
        recording=clip.recording,
        original=clip.original.astype(np.float64),
        reconstruction=decoded,
        fps=fps,
        parts={p: preparation.scored[p] for p in preparation.part_names},
        wrists=preparation.wrists,
        names=preparation.skeleton.names,
    )


def pair_of(preparation: Preparation, clip: SplitClip, decoded: np.ndarray, fps: float) -> ClipPair:
    """The pair that metrics are computed on: joints of coded parts alone."""
    pair = whole_pair(preparation, clip, decoded, fps)
    return _restricted(pair, preparation.scored["full"])


def _mean_defined(values: Sequence[float]) -> float:
    """Mean over recordings in which a metric is defined; NaN where it is in none."""
    defined = [v for v in values if np.isfinite(v)]
    return float(np.mean(defined)) if defined else float("nan")


def _restricted(pair: ClipPair, joints: np.ndarray) -> ClipPair:
    """The pair on scored joints alone: joints of dropped parts count in no metric."""
    if len(joints) == len(pair.names):
        return pair
    place = {int(j): i for i, j in enumerate(joints)}
    return ClipPair(
        recording=pair.recording,
        original=pair.original[:, joints],
        reconstruction=pair.reconstruction[:, joints],
        fps=pair.fps,
        parts={p: np.array([place[int(j)] for j in idx]) for p, idx in pair.parts.items()},
        wrists=tuple(place[w] for w in pair.wrists if w in place),
        names=tuple(pair.names[int(j)] for j in joints),
    )
