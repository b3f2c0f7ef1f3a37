"""One part's codec beside another's: full-pose operating points made of parts of several trials.

A trial codes every part with one configuration, yet parts are coded apart and their rates add. What
a part's codec alone does to the whole pose is measured by decoding it while every other part stays
original; errors of different parts are nearly independent, so the squared errors add up to what a
composition does. That prediction finds compositions worth decoding; what is told of them is then
measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trainables.codecs.codec import Codec, Tokens
from trainables.evaluate import pair_of
from trainables.metrics.clip_pair import ClipPair, score_clip
from trainables.metrics.pose import joint_distances
from trainables.motion.dataset import MotionData
from trainables.motion.preparation import SplitClip


@dataclass(frozen=True, eq=False)
class PartDecoded:
    """One part as a codec gives it back, at one depth.

    Attributes:
        features: per recording (frames, dimensions) float32.
        squared: (recordings,) mean squared joint distance of the whole pose, in the square of the
            data's unit, all other parts being original.
    """

    features: tuple[np.ndarray, ...]
    squared: np.ndarray


def part_alone(
    data: MotionData, split: str, part: str, codec: Codec, tokens: Sequence[np.ndarray], depth: int
) -> PartDecoded:
    """What coding one part does to the whole pose.

    Args:
        data: prepared as the codec's was.
        split: val or test.
        part: which.
        codec: of the part.
        tokens: per recording of the split (tokens, levels).
        depth: levels to decode; the codec's own where it has fewer.
    """
    decoded, squared = [], []
    for clip, indices in zip(data.splits[split], tokens, strict=True):
        rate = codec.fps / codec.compression
        whole = Tokens(np.asarray(indices, np.int32), codec.alphabet, rate, clip.frames)
        features = codec.decode(whole, min(depth, codec.levels))
        decoded.append(features)
        squared.append(_squared_error(data, clip, {**clip.features, part: features}))
    return PartDecoded(tuple(decoded), np.array(squared))


def unavoidable(data: MotionData, split: str) -> np.ndarray:
    """(recordings,) mean squared distance when no part is coded at all: features and bones only."""
    return np.array([_squared_error(data, clip, clip.features) for clip in data.splits[split]])


def predicted_rmse(parts: Sequence[np.ndarray], base: np.ndarray) -> float:
    """Full-pose RMSE of a composition in the data's unit, if errors of parts are independent.

    Args:
        parts: `PartDecoded.squared` of every part.
        base: `unavoidable`, which each of them holds too.
    """
    total = np.sum(parts, axis=0) - (len(parts) - 1) * base
    return float(np.mean(np.sqrt(np.maximum(total, 0.0))))


def composed_scores(
    data: MotionData, split: str, parts: Mapping[str, PartDecoded]
) -> dict[str, float]:
    """Metrics of a composition, decoded together: `<split>_<objective>`, means over recordings."""
    rows = []
    for i, clip in enumerate(data.splits[split]):
        features = {**clip.features, **{part: p.features[i] for part, p in parts.items()}}
        decoded = data.reconstruct(clip, features, clip.root_tokens)
        rows.append(score_clip(_pair(data, clip, decoded)))
    return {
        f"{split}_{name}": float(np.nanmean([row[name] for row in rows]))
        for name in rows[0]
        if not all(np.isnan(row[name]) for row in rows)
    }


def _squared_error(data: MotionData, clip: SplitClip, features: Mapping[str, np.ndarray]) -> float:
    decoded = data.reconstruct(clip, features, clip.root_tokens)
    pair = _pair(data, clip, decoded)
    squared = joint_distances(pair.original, pair.reconstruction) ** 2
    return float((squared if pair.seen is None else squared[pair.seen]).mean())


def _pair(data: MotionData, clip: SplitClip, decoded: np.ndarray) -> ClipPair:
    return pair_of(data.preparation, clip, decoded, data.fps, data.facts.yardstick)
