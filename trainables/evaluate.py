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
    PERPLEXITY,
    RATE_ENTROPY,
    RATE_MODEL,
    UTILISATION,
    column_of,
    find_metric,
)
from trainables.bitstream.token_model import TokenModel
from trainables.codecs.codec import Codec, Tokens
from trainables.metrics.clip_pair import ClipPair, score_clip
from trainables.metrics.codebook import codebook_use
from trainables.metrics.dynamics import jerk
from trainables.metrics.pose import joint_distances
from trainables.metrics.rate import entropy_rate_bps, model_rate_bps
from trainables.motion.dataset import MotionData

Codecs = Mapping[str, Codec]


@dataclass(frozen=True, eq=False)
class EncodedSplit:
    """Tokens of every recording of a split: part -> one `Tokens` per recording."""

    split: str
    tokens: Mapping[str, Sequence[Tokens]]
    root: Sequence[np.ndarray]
    """(frames, 4) root tokens per recording; empty where the root is removed."""


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


def encode_split(codecs: Codecs, data: MotionData, split: str) -> EncodedSplit:
    """Tokens of a split under fitted codecs."""
    clips = data.splits[split]
    tokens = {p: [codec.encode(c.features[p]) for c in clips] for p, codec in codecs.items()}
    root = [c.root_tokens for c in clips if c.root_tokens is not None]
    return EncodedSplit(split, tokens, root)


def fit_token_models(codecs: Codecs, data: MotionData) -> dict[str, TokenModel]:
    """Model of each part's tokens, from training tokens alone. `root` where it is coded."""
    encoded = encode_split(codecs, data, "train")
    models = {
        part: TokenModel.fit([t.indices for t in each], codecs[part].alphabet)
        for part, each in encoded.tokens.items()
    }
    if data.root_quantizer is not None:
        models["root"] = TokenModel.fit(encoded.root, data.root_quantizer.alphabets)
    return models


def score_split(
    codecs: Codecs,
    data: MotionData,
    encoded: EncodedSplit,
    depth: int,
    models: Mapping[str, TokenModel] | None = None,
) -> SplitScores:
    """Metrics of a split when the first `depth` levels are decoded.

    Args:
        codecs: one fitted codec per part.
        data: the prepared data.
        encoded: the split's tokens.
        depth: levels decoded; parts with fewer use theirs.
        models: of train's tokens; the model rate is left out without them.
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
        pair = ClipPair(
            recording=clip.recording,
            original=clip.original.astype(np.float64),
            reconstruction=data.reconstruct(clip, features, root),
            fps=data.fps,
            parts={p: data.scored[p] for p in codecs},
            wrists=data.wrists,
            names=data.names,
        )
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
    scores.row.update(_token_metrics(codecs, data, encoded, depth, models))
    return scores


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


def _token_metrics(
    codecs: Codecs,
    data: MotionData,
    encoded: EncodedSplit,
    depth: int,
    models: Mapping[str, TokenModel] | None,
) -> dict[str, float]:
    """Rates in bits per second, per part and in total; use of the codebooks per part."""
    split = encoded.split
    seconds = sum(c.frames for c in data.splits[split]) / data.fps
    row: dict[str, float] = {}
    streams: dict[str, tuple[list[np.ndarray], tuple[int, ...]]] = {}
    for part, codec in codecs.items():
        kept = codec.alphabet[:depth]
        streams[part] = ([t.indices[:, : len(kept)] for t in encoded.tokens[part]], kept)
    if encoded.root and data.root_quantizer is not None:
        streams["root"] = (list(encoded.root), data.root_quantizer.alphabets)
    entropy, model, count = 0.0, 0.0, 0
    for part, (tokens, alphabet) in streams.items():
        bps = entropy_rate_bps(tokens, alphabet, seconds)
        entropy += bps
        row[column_of(RATE_ENTROPY.objective(part), split, known=False)] = bps
        if models is not None:
            bps = model_rate_bps(tokens, models[part], seconds)
            model += bps
            row[column_of(RATE_MODEL.objective(part), split, known=False)] = bps
        joined = np.concatenate(tokens)
        count += joined.size
        if part != "root":
            use = codebook_use(joined, alphabet)
            row[UTILISATION.column(split, part)] = 100.0 * use.mean_utilisation
            row[PERPLEXITY.column(split, part)] = use.mean_perplexity
    row[RATE_ENTROPY.column(split)] = entropy
    if models is not None:
        row[RATE_MODEL.column(split)] = model
    row[f"{split}_tokens"] = count
    return row
