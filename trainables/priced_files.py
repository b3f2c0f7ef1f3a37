"""What recordings would cost as .rft files, by the codes' lengths: the coder itself is not run.

For codecs of a hundred streams a recording, whose symbols would take minutes to code one by one.
The header is the one that would be written; a stream has its code length under the `TokenModel`
fitted on train, or uniform where that is shorter, and each chunk is rounded up to the coder's whole
words. The coder's own bytes differ by a word or two a chunk. A part of more levels than the
container has is sent as several parts of the header.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from search_spaces.objectives import RATE_HEADER, RATE_MODEL, RATE_STREAM, column_of
from trainables.bitstream.container import Header, PartStream, write_container
from trainables.bitstream.entropy_coder import WORD_BYTES
from trainables.bitstream.header import MAX_LEVELS
from trainables.bitstream.recording import ROOT, Size
from trainables.bitstream.token_model import TokenModel
from trainables.metrics.rate import FLAG_BITS, model_bits
from trainables.motion.dataset import MotionData
from trainables.motion.preparation import SplitClip
from trainables.streams import recording_header
from trainables.token_rates import Codecs, EncodedSplit, encode_split

Streams = Mapping[str, list[np.ndarray]]
"""Part of a header -> (tokens, levels) of every recording."""


def fit_models(codecs: Codecs, data: MotionData) -> dict[str, TokenModel]:
    """Model of the tokens of each part of a header, from training tokens alone."""
    streams, alphabets = header_parts(codecs, data, encode_split(codecs, data, "train"))
    return {part: TokenModel.fit(each, alphabets[part]) for part, each in streams.items()}


def header_parts(
    codecs: Codecs, data: MotionData, encoded: EncodedSplit
) -> tuple[Streams, dict[str, tuple[int, ...]]]:
    """Tokens as a header's parts take them, at most `MAX_LEVELS` levels each, and alphabets."""
    streams: dict[str, list[np.ndarray]] = {}
    alphabets: dict[str, tuple[int, ...]] = {}
    for part, codec in codecs.items():
        for first in range(0, codec.levels, MAX_LEVELS):
            name = f"{part}/{first // MAX_LEVELS}" if first else part
            within = slice(first, first + MAX_LEVELS)
            streams[name] = [tokens.indices[:, within] for tokens in encoded.tokens[part]]
            alphabets[name] = codec.alphabet[within]
    if data.root_quantizer is not None:
        streams[ROOT], alphabets[ROOT] = list(encoded.root), data.root_quantizer.alphabets
    return streams, alphabets


def measured_rates(
    codecs: Codecs, data: MotionData, encoded: EncodedSplit, models: Mapping[str, TokenModel]
) -> dict[str, float]:
    """Model, stream and header rate of a split in bits per second, by column.

    Args:
        codecs: part -> codec.
        data: the prepared data.
        encoded: the split's tokens.
        models: as `fit_models` gives them.
    """
    split, clips = encoded.split, data.splits[encoded.split]
    streams, _ = header_parts(codecs, data, encoded)
    bits = {name: model_bits(each, models[name]) for name, each in streams.items()}
    seconds = sum(clip.frames for clip in clips) / data.fps
    of_part = dict.fromkeys((name.split("/")[0] for name in bits), 0.0)
    for name, each in bits.items():
        of_part[name.split("/")[0]] += float(each.sum()) / seconds
    row = {column_of(RATE_MODEL.objective(p), split, known=False): v for p, v in of_part.items()}
    row[RATE_MODEL.column(split)] = sum(of_part.values())
    sizes = [
        file_size(codecs, data, clip, models, {name: each[i] for name, each in bits.items()})
        for i, clip in enumerate(clips)
    ]
    row[RATE_STREAM.column(split)] = 8 * sum(size.total for size in sizes) / seconds
    row[RATE_HEADER.column(split)] = 8 * sum(size.header for size in sizes) / seconds
    return row


def file_size(
    codecs: Codecs,
    data: MotionData,
    clip: SplitClip,
    models: Mapping[str, TokenModel],
    bits: Mapping[str, np.ndarray],
) -> Size:
    """Size of one recording's file, but for the coder's own rounding.

    Args:
        codecs: part -> codec.
        data: that the recording is of.
        clip: the recording.
        models: part of the header -> model.
        bits: part of the header -> (levels,) bits of the recording's streams, a flag in each.
    """
    header = _header(codecs, data, clip, models)
    levels = sum(len(each) for each in bits.values())
    payload = sum(float(each.sum()) for each in bits.values()) - FLAG_BITS * levels
    words = math.ceil(payload / header.chunks / (8 * WORD_BYTES))
    chunk = bytes(WORD_BYTES * words)
    total = len(write_container(header, [chunk] * header.chunks))
    return Size(total, total - header.chunks * len(chunk))


def _header(
    codecs: Codecs, data: MotionData, clip: SplitClip, models: Mapping[str, TokenModel]
) -> Header:
    """As long as the real one: which streams are fitted takes a flag each, whatever it says."""
    nothing = TokenModel.fit([np.zeros((1, 1), np.int64)], (1,), order=0)
    tokens = {next(iter(codecs)): np.zeros((1, 1), np.int64)}
    if clip.root_tokens is not None:
        tokens[ROOT] = clip.root_tokens[:1]
    bare = recording_header(
        data.preparation,
        clip,
        tokens,
        {name: models[ROOT] if name == ROOT else nothing for name in tokens},
        dict.fromkeys(tokens, 1),
    )
    parts = tuple(
        PartStream(
            name,
            model.alphabet,
            1 if name == ROOT else codecs[name.split("/")[0]].compression,
            (True,) * len(model.alphabet),
        )
        for name, model in models.items()
    )
    return replace(bare, parts=parts)
