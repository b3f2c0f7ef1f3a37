"""What a real trial would have said, without one: columns of real points, numbers drawn anew.

A trial of each codec is run for real once; their rows are the forms. Log and memory thus have the
size of real ones, and fronts and rungs move as they do in a search.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.record import LOG_FILE

FRAMES, PARTS = 30.0, 3
Row = dict[str, Any]


@dataclass(frozen=True)
class Forms:
    """Rows of a real trial of each codec.

    Attributes:
        point: codec -> row of its deepest point.
        rung: codec -> (progress, row of a point) at a rung; only of codecs that train in steps.
    """

    point: Mapping[str, Row]
    rung: Mapping[str, tuple[Row, Row]]

    @classmethod
    def of_sweep(cls, folder: Path) -> Forms:
        """Of a sweep with a finished trial of each codec."""
        codecs: dict[str, str] = {}
        point: dict[str, Row] = {}
        rung: dict[str, tuple[Row, Row]] = {}
        for line in (folder / LOG_FILE).read_text().splitlines():
            event = json.loads(line)
            if event["event"] == "proposed":
                codecs[event["trial"]] = event["codec"]
            elif event["event"] == "point":
                point[codecs[event["trial"]]] = event["row"]
            elif event["event"] == "progress" and "points" in event:
                rung[codecs[event["trial"]]] = (event["row"], event["points"][-1])
        return cls(point, rung)

    def reports(
        self, trial: str, config: Mapping[str, Any], rungs: Sequence[float]
    ) -> list[dict[str, Any]]:
        """What a trial reports from its first rung to its points; the same for the same name."""
        codec, depth = str(config["codec"]), int(config.get("quantizer_depth", 1))
        rng = np.random.default_rng([ord(letter) for letter in trial])
        skill = float(rng.lognormal(0, 0.15))
        said: list[dict[str, Any]] = []
        if codec in self.rung:
            progress, form = self.rung[codec]
            for share in rungs:
                # A curve that falls with training, each trial's at a pace of its own.
                late = 1 + 0.5 * (1 - share) * float(rng.uniform(0.5, 1.5))
                points = [
                    {**form, **_scores(config, d, skill * late, rng), "depth": d, "levels": depth}
                    for d in range(1, depth + 1)
                ]
                said.append({**progress, **points[-1], "share": share, "rung": points})
        named = {**self.point[codec], **config, "trial": trial, "levels": depth}
        named["config_hash"] = trial.split("-")[1]
        rows = [
            {**named, **_scores(config, d, skill, rng), "depth": d, "point": f"{trial}-d{d}",
             "is_prefix": d < depth}
            for d in range(1, depth + 1)
        ]  # fmt: skip
        return [*said, {"points": rows}]


def _scores(
    config: Mapping[str, Any], depth: int, skill: float, rng: np.random.Generator
) -> dict[str, float]:
    bits = depth * math.log2(int(config["codebook_size"]))
    rate = PARTS * FRAMES * bits / float(config.get("compression", 1))
    error = skill * (3 + 16 * math.exp(-rate / 900)) * float(rng.normal(1, 0.03))
    scores = {"rate_nominal_bps": rate}
    for name, share in (("model", 0.6), ("entropy", 0.55), ("stream", 0.7)):
        scores[f"val_rate_{name}_bps"] = share * rate
    for part, share in (("full", 1.0), ("body", 0.5), ("right_hand", 0.3), ("left_hand", 0.3)):
        scores[f"val_rmse_{part}_cm"] = share * error * float(rng.normal(1, 0.02))
        if part != "full":
            scores[f"rate_nominal_{part}_bps"] = rate / PARTS
    return scores
