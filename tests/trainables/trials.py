"""Small trials of each codec, and what makes two of them alike."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from search_spaces.families import complete
from search_spaces.space import Config
from trainables.rungs import RUNGS, reported, scored
from trainables.trial import TrialTask

_SMALL = {"latent_dim": 8, "hidden_dim": 16, "max_steps": 16, "epochs": 1000, "batch_frames": 96}
CONFIGS: dict[str, Config] = {
    "kmeans": {"codec": "kmeans", "codebook_size": 8},
    "rqvae": {"codec": "rqvae", "codebook_size": 8, "quantizer_depth": 3, **_SMALL},
    "temporal_rvq": {
        "codec": "temporal_rvq", "codebook_size": 4, "quantizer_depth": 2, "compression": 4,
        "window": 16, **_SMALL,
    },
}  # fmt: skip
TIMED = {"train_seconds", "evaluate_seconds", "rung_seconds"}
REPORTED = reported(scored(RUNGS, 16))


def task_of(name: str, folder: Path | None = None, seed: int = 0, **changes: Any) -> TrialTask:
    config = complete({**CONFIGS[name], **changes})
    return TrialTask("tests", config, seed, folder, 1, "debug", objectives=("rmse_full_cm",))


def same(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> bool:
    """Rows alike to the last bit, times apart."""
    if len(one) != len(two):
        return False
    for a, b in zip(one, two, strict=True):
        if a.keys() != b.keys():
            return False
        for key in a.keys() - TIMED:
            both_nan = all(isinstance(v, float) and math.isnan(v) for v in (a[key], b[key]))
            if a[key] != b[key] and not both_nan:
                return False
    return True
