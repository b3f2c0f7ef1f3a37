"""Invents a sweep of motion VQ-VAEs on disk, whose use of codes we know."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from search_spaces.record import LOG_FILE, RECORD_VERSION, TOKENS_FILE, TRIALS_FOLDER
from tests.search_spaces.example_facts import facts

TOKENS = 4000
"""Of each part, over validation and test together."""
PARTS = ("body", "right_hand")

InUse = Callable[[int, float], int]
"""(size, weight) -> how many codes are used, all alike."""


def write_codebooks(
    folder: Path,
    in_use: InUse,
    *,
    sizes: tuple[int, ...] = (128, 512, 2048),
    weights: tuple[float, ...] = (0.0, 0.1),
    seeds: int = 3,
    size: str = "reduced",
    mean_pose: float = 12.0,
) -> Path:
    """Writes log and tokens; a seed above 0 uses two codes more each, RMSE falls with use."""
    events: list[dict[str, object]] = [
        {"event": "sweep", "record_version": RECORD_VERSION, "name": "codes", "size": size,
         "preset": "eggesture/codebook_size", "objectives": ["rate_nominal_bps", "rmse_full_cm"],
         "spec": {"space": {"fixed": {"codec": "eg_vqvae", "compression": 4}}}},
        {"event": "data", "facts": facts().model_dump(mode="json")},
        {"event": "bounds", "rows": [{"codec": "mean pose", "test_rmse_full_cm": mean_pose}]},
    ]  # fmt: skip
    for codes in sizes:
        for weight in weights:
            for seed in range(seeds):
                used = min(codes, in_use(codes, weight) + 2 * seed)
                trial = f"eg_vqvae-{codes}-{weight:g}-s{seed}"
                events += _events(trial, codes, weight, seed, used)
                place = folder / TRIALS_FOLDER / trial
                place.mkdir(parents=True)
                np.savez(place / TOKENS_FILE, **_tokens(used))  # type: ignore[arg-type]
    refused = {"event": "refused", "trial": "eg_vqvae-none", "codec": "eg_vqvae", "seed": 0,
               "reason": "99999 codes are more than training tokens"}  # fmt: skip
    lines = "".join(json.dumps({"time": 0.0, **e}) + "\n" for e in (*events, refused))
    (folder / LOG_FILE).write_text(lines, encoding="utf-8")
    return folder


def _events(trial: str, codes: int, weight: float, seed: int, used: int) -> list[dict[str, object]]:
    config = {"codec": "eg_vqvae", "codebook_size": codes, "guidance.weight": weight}
    use = {f"val_utilisation_{p}_pct": 100 * used / codes for p in PARTS}
    half = {name: value / 2 for name, value in use.items()}
    row = {"trial": trial, "point": f"{trial}-d1", **config, "seed": seed, "depth": 1, "levels": 1,
           "is_prefix": False, "config_hash": f"{codes}-{weight:g}", "rate_nominal_bps": 100.0,
           "val_rmse_full_cm": 5.0, "test_rmse_full_cm": 6.0 - used / 1000 + 0.1 * seed,
           "test_rate_model_bps": 50.0 + used / 10, **use}  # fmt: skip
    return [
        {"event": "proposed", "trial": trial, "config": config, "seed": seed, "codec": "eg_vqvae"},
        {"event": "progress", "trial": trial, "row": {"share": 1 / 3, **half}},
        {"event": "point", "trial": trial, "row": row},
        {"event": "done", "trial": trial, "reason": "", "seconds": 1.0},
    ]


def _tokens(used: int) -> dict[str, np.ndarray]:
    codes = (np.arange(TOKENS) % used).astype(np.int32)[:, None]
    split = {"val": codes[: TOKENS // 2], "test": codes[TOKENS // 2 :]}
    found = {f"{s}/{p}/take": rows for s, rows in split.items() for p in PARTS}
    # What trained a codec, and the root's stream, say nothing of its use on other motion.
    found["train/body/take"] = np.zeros((9, 1), np.int32)
    found["test/root/take"] = np.zeros((9, 4), np.int32)
    return found
