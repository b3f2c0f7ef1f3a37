"""Scores of the bounds on a data set (mean pose, nearest training frame) and of its baselines."""

from __future__ import annotations

from typing import Any

from search_spaces.data_facts import DataFacts
from search_spaces.objectives import RATE_STREAM
from search_spaces.rate import NominalRate, bits, nearest_frame_rate
from search_spaces.record import MEAN_POSE, QUANTISED_FLOATS
from trainables.bitstream.baselines import lzma_bytes, zlib_bytes
from trainables.codecs.bounds import MeanPose, NearestFrame, QuantisedFloats
from trainables.codecs.codec import Codec
from trainables.evaluate import score_split
from trainables.motion.dataset import MotionData
from trainables.token_rates import Codecs, encode_split, fit_token_models, split_sizes

BASELINE_BITS = (4, 6, 8)
"""Of each feature of the plainly quantised floats."""


def bound_rows(data: MotionData) -> list[dict[str, Any]]:
    """One row per bound and baseline, with the columns of an operating point.

    Rates that a row has no table for are left out: the nearest training frame is never written to
    a file, and quantised floats have the size that a general compressor gives them, no header.
    """
    rows = [_mean_pose(data), _bound(NearestFrame.family, data, _each(data, NearestFrame))]
    return [*rows, *(_quantised(data, bits) for bits in BASELINE_BITS)]


def _each(data: MotionData, bound: type[MeanPose] | type[NearestFrame]) -> dict[str, Codec]:
    return {name: bound(part) for name, part in data.parts.items()}


def _bound(name: str, data: MotionData, codecs: Codecs) -> dict[str, Any]:
    nominal = _rate(name, data.facts)
    row: dict[str, Any] = {"codec": name, "depth": 1, "levels": 1}
    row["rate_nominal_bps"] = nominal.total
    row.update({f"rate_nominal_{p}_bps": bps for p, bps in nominal.per_part.items()})
    for split in ("val", "test"):
        row.update(score_split(codecs, data, encode_split(codecs, data, split), 1).row)
    return row


def _mean_pose(data: MotionData) -> dict[str, Any]:
    """Its files are headers alone: the least that any recording costs."""
    codecs = _each(data, MeanPose)
    row = _bound(MeanPose.family, data, codecs)
    models = fit_token_models(codecs, data)
    for split in ("val", "test"):
        encoded = encode_split(codecs, data, split)
        sizes = split_sizes(codecs, data, encoded, models)
        row.update(score_split(codecs, data, encoded, 1, models, sizes).row)
    return row


def _quantised(data: MotionData, bits: int) -> dict[str, Any]:
    codecs: dict[str, Codec] = {p: QuantisedFloats(part, bits) for p, part in data.parts.items()}
    alphabets = {part: codec.alphabet for part, codec in codecs.items()}
    row: dict[str, Any] = {"codec": f"{QUANTISED_FLOATS}, {bits} bits", "depth": 1, "levels": 1}
    for split in ("val", "test"):
        encoded = encode_split(codecs, data, split)
        scores = score_split(codecs, data, encoded, max(map(len, alphabets.values())))
        clips = data.splits[split]
        total = 0
        for i in range(len(clips)):
            tokens = {part: each[i].indices for part, each in encoded.tokens.items()}
            total += min(lzma_bytes(tokens, alphabets), zlib_bytes(tokens, alphabets))
        row.update({k: v for k, v in scores.row.items() if "rate_" not in k})
        row[RATE_STREAM.column(split)] = 8 * total * data.fps / sum(c.frames for c in clips)
    return row


def _rate(bound: str, facts: DataFacts) -> NominalRate:
    if bound != MEAN_POSE:
        return nearest_frame_rate(facts)
    per_part = dict.fromkeys(facts.part_names, 0.0)
    if facts.root == "coded":
        per_part["root"] = bits(facts.root_alphabet) * facts.fps
    return NominalRate(per_part)
