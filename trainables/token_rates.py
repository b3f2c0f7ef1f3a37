"""Tokens of a split and what they cost: every rate but the nominal one, which needs no tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search_spaces.objectives import (
    CODE_ENTROPY,
    PERPLEXITY,
    RATE_ENTROPY,
    RATE_HEADER,
    RATE_LZMA,
    RATE_MODEL,
    RATE_STREAM,
    RATE_ZLIB,
    UTILISATION,
    column_of,
)
from trainables.bitstream.baselines import lzma_bytes, zlib_bytes
from trainables.bitstream.recording import ROOT, Size
from trainables.bitstream.token_model import TokenModel
from trainables.codecs.codec import Codec, Tokens
from trainables.metrics.codebook import codebook_use
from trainables.metrics.rate import entropy_rate_bps, model_rate_bps
from trainables.motion.dataset import MotionData
from trainables.streams import at_depth, stream_sizes

Codecs = Mapping[str, Codec]


@dataclass(frozen=True, eq=False)
class EncodedSplit:
    """Tokens of every recording of a split: part -> one `Tokens` per recording."""

    split: str
    tokens: Mapping[str, Sequence[Tokens]]
    root: Sequence[np.ndarray]
    """(frames, 4) root tokens per recording; empty where the root is removed."""


def encode_split(codecs: Codecs, data: MotionData, split: str) -> EncodedSplit:
    """Tokens of a split under fitted codecs."""
    clips = data.splits[split]
    tokens = {p: [codec.encode(c.features[p]) for c in clips] for p, codec in codecs.items()}
    root = [c.root_tokens for c in clips if c.root_tokens is not None]
    return EncodedSplit(split, tokens, root)


def fit_token_models(
    codecs: Codecs, data: MotionData, train: EncodedSplit | None = None
) -> dict[str, TokenModel]:
    """Model of each part's tokens, from training tokens alone. `root` where it is coded.

    `train` are those tokens, where they are known already.
    """
    encoded = train or encode_split(codecs, data, "train")
    models = {
        part: TokenModel.fit([t.indices for t in each], codecs[part].alphabet)
        for part, each in encoded.tokens.items()
    }
    if data.root_quantizer is not None:
        models["root"] = TokenModel.fit(encoded.root, data.root_quantizer.alphabets)
    return models


def split_sizes(
    codecs: Codecs, data: MotionData, encoded: EncodedSplit, models: Mapping[str, TokenModel]
) -> list[list[Size]]:
    """Size of every recording's file at every depth: really coded, by the coder that files use."""
    compression = {part: codec.compression for part, codec in codecs.items()} | {ROOT: 1}
    sizes = []
    for i, clip in enumerate(data.splits[encoded.split]):
        tokens = {part: each[i].indices for part, each in encoded.tokens.items()}
        if encoded.root:
            tokens[ROOT] = encoded.root[i]
        sizes.append(stream_sizes(data.preparation, clip, tokens, models, compression))
    return sizes


def token_metrics(
    codecs: Codecs,
    data: MotionData,
    encoded: EncodedSplit,
    depth: int,
    models: Mapping[str, TokenModel] | None,
    sizes: Sequence[Sequence[Size]] = (),
) -> dict[str, float]:
    """Rates in bits per second, per part and in total; use of the codebooks per part.

    Args:
        codecs: one fitted codec per part.
        data: the prepared data.
        encoded: the split's tokens.
        depth: levels that are sent; parts with fewer use theirs.
        models: of train's tokens; the model rate is left out without them.
        sizes: as `split_sizes` gives them; the stream rate is left out without them.
    """
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
            row[CODE_ENTROPY.column(split, part)] = use.mean_entropy_bits
    row[RATE_ENTROPY.column(split)] = entropy
    if models is not None:
        row[RATE_MODEL.column(split)] = model
    row[f"{split}_tokens"] = count
    if sizes:
        at = [at_depth(each, depth) for each in sizes]
        row[RATE_STREAM.column(split)] = 8 * sum(size.total for size in at) / seconds
        row[RATE_HEADER.column(split)] = 8 * sum(size.header for size in at) / seconds
        streams_of = [
            {part: tokens[i] for part, (tokens, _) in streams.items()} for i in range(len(sizes))
        ]
        alphabets = {part: alphabet for part, (_, alphabet) in streams.items()}
        for metric, compressed in ((RATE_ZLIB, zlib_bytes), (RATE_LZMA, lzma_bytes)):
            total = sum(compressed(tokens, alphabets) for tokens in streams_of)
            row[metric.column(split)] = 8 * total / seconds
    return row
