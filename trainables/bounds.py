"""Scores of the bounds on a data set (mean pose, nearest training frame) and of its baselines.

Baselines have measured rates alone: floats under a general compressor, and the trivial codecs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.data_facts import DataFacts
from search_spaces.rate import NominalRate, bits, nearest_frame_rate
from search_spaces.record import MEAN_POSE
from trainables.bitstream.token_model import TokenModel
from trainables.codecs.bounds import MeanPose, NearestFrame
from trainables.codecs.codec import Codec
from trainables.evaluate import score_split
from trainables.motion.dataset import MotionData
from trainables.token_rates import Codecs, encode_split, fit_token_models, split_sizes
from trainables.trivial import trivial_rows


def bound_rows(data: MotionData) -> list[dict[str, Any]]:
    """One row per bound, and per operating point of the baselines, with the columns of a point.

    Rates that a row has no table for are left out: the nearest training frame is never written to
    a file.
    """
    bounds = [_mean_pose(data), _bound(NearestFrame.family, data, _each(data, NearestFrame))]
    return [*bounds, *trivial_rows(data)]


def _each(data: MotionData, bound: type[MeanPose] | type[NearestFrame]) -> dict[str, Codec]:
    return {name: bound(part) for name, part in data.parts.items()}


def _bound(
    name: str, data: MotionData, codecs: Codecs, models: Mapping[str, TokenModel] | None = None
) -> dict[str, Any]:
    nominal = _rate(name, data.facts)
    row: dict[str, Any] = {"codec": name, "depth": 1, "levels": 1}
    row["rate_nominal_bps"] = nominal.total
    row.update({f"rate_nominal_{p}_bps": bps for p, bps in nominal.per_part.items()})
    for split in ("val", "test"):
        encoded = encode_split(codecs, data, split)
        sizes = split_sizes(codecs, data, encoded, models) if models else ()
        row.update(score_split(codecs, data, encoded, 1, models, sizes).row)
    return row


def _mean_pose(data: MotionData) -> dict[str, Any]:
    """Its files are headers alone: the least that any recording costs."""
    codecs = _each(data, MeanPose)
    return _bound(MeanPose.family, data, codecs, fit_token_models(codecs, data))


def _rate(bound: str, facts: DataFacts) -> NominalRate:
    if bound != MEAN_POSE:
        return nearest_frame_rate(facts)
    per_part = dict.fromkeys(facts.part_names, 0.0)
    if facts.root == "coded":
        per_part["root"] = bits(facts.root_alphabet) * facts.fps
    return NominalRate(per_part)
