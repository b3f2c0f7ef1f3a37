"""Scores of the two bounds on a data set: the mean pose and the nearest training frame."""

from __future__ import annotations

from typing import Any

from search_spaces.data_facts import DataFacts
from search_spaces.rate import NominalRate, bits, nearest_frame_rate
from search_spaces.record import MEAN_POSE
from trainables.codecs.bounds import MeanPose, NearestFrame
from trainables.codecs.codec import Codec
from trainables.evaluate import encode_split, score_split
from trainables.motion.dataset import MotionData


def bound_rows(data: MotionData) -> list[dict[str, Any]]:
    """One row per bound, with the columns of an operating point (rates that it has no table for
    are left out)."""
    rows = []
    for bound in (MeanPose, NearestFrame):
        codecs: dict[str, Codec] = {p: bound(part) for p, part in data.parts.items()}
        row: dict[str, Any] = {"codec": bound.family, "depth": 1, "levels": 1}
        nominal = _rate(bound.family, data.facts)
        row["rate_nominal_bps"] = nominal.total
        row.update({f"rate_nominal_{p}_bps": bps for p, bps in nominal.per_part.items()})
        for split in ("val", "test"):
            scores = score_split(codecs, data, encode_split(codecs, data, split), 1)
            row.update(scores.row)
        rows.append(row)
    return rows


def _rate(bound: str, facts: DataFacts) -> NominalRate:
    if bound != MEAN_POSE:
        return nearest_frame_rate(facts)
    per_part = dict.fromkeys(facts.part_names, 0.0)
    if facts.root == "coded":
        per_part["root"] = bits(facts.root_alphabet) * facts.fps
    return NominalRate(per_part)
