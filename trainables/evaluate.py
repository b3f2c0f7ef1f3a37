"""Scores codecs on a split: one row of metrics per depth, rows per recording, errors per joint.

The one place where reconstructions meet originals. Which split's numbers may steer anything is not
decided here; columns carry the split's name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

import trainables.metrics  # noqa: F401  (registers the clip metrics)
from search_spaces.objectives import JERK, find_metric
from search_spaces.units import Yardstick
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
        joint_error: (joints,) mean distance per joint over all frames that show it, in the unit of
            columns; NaN for joints of no coded part, and those never seen.
        reconstructions: recording -> (frames, joints, 3) float32 in the data's unit.
    """

    row: dict[str, float]
    clips: list[dict[str, object]] = field(default_factory=list)
    joint_error: np.ndarray = field(default_factory=lambda: np.zeros(0))
    reconstructions: dict[str, np.ndarray] = field(default_factory=dict)


def score_split(
    codecs: Codecs,
    data: MotionData,
    encoded: EncodedSplit,
    depth: int,
    models: Mapping[str, TokenModel] | None = None,
    sizes: Sequence[Sequence[Size]] = (),
    wanted: Collection[str] | None = None,
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
        wanted: objectives whose metrics alone are measured on clips; all where None.
    """
    split, clips = encoded.split, data.splits[encoded.split]
    scores = SplitScores(row={})
    per_clip: list[dict[str, float]] = []
    originals: list[float] = []
    errors, shown = np.zeros(len(data.names)), np.zeros(len(data.names), np.int64)
    yardstick = data.facts.yardstick
    for i, clip in enumerate(clips):
        features = {
            p: codec.decode(encoded.tokens[p][i], min(depth, codec.levels))
            for p, codec in codecs.items()
        }
        root = encoded.root[i] if encoded.root else None
        decoded = data.reconstruct(clip, features, root)
        pair = whole_pair(data.preparation, clip, decoded, data.fps, yardstick)
        scored = _restricted(pair, data.scored["full"])
        values = score_clip(scored, wanted)
        per_clip.append(values)
        originals.append(jerk(scored.original, data.fps, scored.seen))
        apart = joint_distances(pair.original, pair.reconstruction)
        errors += (apart if clip.seen is None else np.where(clip.seen, apart, 0.0)).sum(axis=0)
        shown += clip.frames if clip.seen is None else clip.seen.sum(axis=0)
        scores.reconstructions[clip.recording] = decoded.astype(np.float32)
        scores.clips.extend(
            {
                "recording": clip.recording,
                "signer": clip.signer or "",
                "split": split,
                "part": find_metric(name)[1],
                "metric": name,
                "value": value,
                "n": _frames_scored(scored, find_metric(name)[1]),
            }
            for name, value in values.items()
        )
    for name in per_clip[0]:
        scores.row[f"{split}_{name}"] = _mean_defined([v[name] for v in per_clip])
    jerk_unit = JERK.measured_in(yardstick).unit
    scores.row[f"{split}_jerk_original_{jerk_unit}"] = _mean_defined(originals)
    scores.joint_error = np.full(len(data.names), np.nan)
    counted = data.scored["full"][shown[data.scored["full"]] > 0]
    factor = 100.0 * yardstick.factor("cm")
    scores.joint_error[counted] = factor * errors[counted] / shown[counted]
    scores.row.update(token_metrics(codecs, data, encoded, depth, models, sizes))
    return scores


def _frames_scored(pair: ClipPair, scope: str) -> int:
    """Frames in which anything of a scope was seen."""
    if pair.seen is None:
        return pair.frames
    if scope == "hands":
        each = [pair.seen_of(part) for part in pair.parts if part.endswith("hand")]
    else:
        each = [pair.seen_of(scope if scope in pair.parts else "full")]
    return int(np.any([seen.any(axis=1) for seen in each if seen is not None], axis=0).sum())


def whole_pair(
    preparation: Preparation,
    clip: SplitClip,
    decoded: np.ndarray,
    fps: float,
    yardstick: Yardstick | None = None,
) -> ClipPair:
    """A recording beside what was decoded of it, (frames, joints, 3), all joints.

    What was not seen is NaN in both, so that no metric can count it. The yardstick is that of the
    preparation and the recording where it is left out.
    """
    original = clip.original.astype(np.float64)
    if clip.seen is not None:
        original = np.where(clip.seen[..., None], original, np.nan)
        decoded = np.where(clip.seen[..., None], decoded, np.nan)
    return ClipPair(
        recording=clip.recording,
        original=original,
        reconstruction=decoded,
        fps=fps,
        parts={p: preparation.scored[p] for p in preparation.part_names},
        wrists=preparation.wrists,
        names=preparation.skeleton.names,
        seen=clip.seen,
        dimensions=preparation.dimensions,
        yardstick=yardstick or Yardstick(preparation.unit, clip.approx_skeleton),
    )


def pair_of(
    preparation: Preparation,
    clip: SplitClip,
    decoded: np.ndarray,
    fps: float,
    yardstick: Yardstick | None = None,
) -> ClipPair:
    """The pair that metrics are computed on: joints of coded parts alone."""
    pair = whole_pair(preparation, clip, decoded, fps, yardstick)
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
    return replace(
        pair,
        original=pair.original[:, joints],
        reconstruction=pair.reconstruction[:, joints],
        parts={p: np.array([place[int(j)] for j in idx]) for p, idx in pair.parts.items()},
        wrists=tuple(place[w] for w in pair.wrists if w in place),
        names=tuple(pair.names[int(j)] for j in joints),
        seen=None if pair.seen is None else pair.seen[:, joints],
    )
