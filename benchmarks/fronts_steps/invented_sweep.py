"""A sweep directory of many trials in the record's form, made without running one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from search_spaces.record import CLIP_COLUMNS, LOG_FILE, TRIAL_CLIPS_FILE, TRIALS_FOLDER

CODECS = ("kmeans", "rqvae", "temporal_rvq")
SCOPES = ("full", "body", "right_hand", "left_hand", "hands")
FPS = 30.0


def write_sweep(
    folder: Path, trials: int, prefixes: int, recordings: int, rng: np.random.Generator
) -> int:
    """Writes a log and each trial's clips; returns the number of operating points.

    Args:
        folder: new directory.
        trials: each of a configuration of its own.
        prefixes: depths of each trial, each an operating point.
        recordings: of validation, and of test; 0 for no clips.
        rng: where chance comes from.
    """
    folder.mkdir(parents=True)
    clock = 1_795_000_000.0
    hard = rng.normal(1, 0.2, recordings)
    with (folder / LOG_FILE).open("w", encoding="utf-8") as log:

        def say(event: str, **fields: object) -> None:
            nonlocal clock
            clock += 0.1
            log.write(json.dumps({"event": event, "time": clock, **fields}) + "\n")

        say("sweep", sweep="bench", name="bench", objectives=["rate_nominal_bps", "rmse_full_cm"],
            reference_point={"rate_nominal_bps": 9000.0, "rmse_full_cm": 25.0}, seed=0, size="full",
            versions={"record": 2}, spec={})  # fmt: skip
        say("data", facts=_facts(recordings))
        for number in range(trials):
            trial = f"t{number:05d}"
            config = _config(number, rng)
            say("proposed", trial=trial, config=config, seed=0, config_hash=trial,
                codec=config["codec"])  # fmt: skip
            say("started", trial=trial)
            skill = float(rng.lognormal(0, 0.15))
            rows = [_row(trial, config, d, prefixes, skill, rng) for d in range(1, prefixes + 1)]
            for row in rows:
                say("point", trial=trial, row=row)
            say("done", trial=trial, seconds=3.0)
            if recordings:
                _clips(folder, trial, rows, hard, rng)
        say("finished")
    return trials * prefixes


def _config(number: int, rng: np.random.Generator) -> dict[str, object]:
    codec = CODECS[number % len(CODECS)]
    config: dict[str, object] = {
        "codec": codec,
        "codebook_size": int(2 ** rng.integers(3, 10)),
        "feature_scaling": str(rng.choice(["none", "fk_jacobian"])),
    }
    if codec != "kmeans":
        config |= {
            "quantizer_depth": 8,
            "latent_dim": int(rng.choice([16, 32, 64])),
            "learning_rate": float(10 ** rng.uniform(-3.5, -2.3)),
            "loss.position": float(rng.choice([0.0, 0.3, 1.0, 3.0])),
            "commitment": float(rng.uniform(0.02, 1.0)),
        }
    if codec == "temporal_rvq":
        config["compression"] = int(rng.choice([1, 2, 4, 8]))
    return config


def _row(
    trial: str,
    config: dict[str, object],
    depth: int,
    prefixes: int,
    skill: float,
    rng: np.random.Generator,
) -> dict[str, object]:
    bits = depth * np.log2(float(str(config["codebook_size"])))
    rate = 3 * FPS * bits / float(str(config.get("compression", 1)))
    level = skill * (3 + 16 * np.exp(-rate / 900)) * float(rng.normal(1, 0.03))
    row: dict[str, object] = {
        "sweep": "bench", "trial": trial, "point": f"{trial}-d{depth}", **config, "seed": 0,
        "depth": depth, "levels": prefixes, "is_prefix": depth < prefixes, "share": 1.0,
        "config_hash": trial, "root": "removed", "split": "recording", "features": "expmap",
        "fps": FPS, "size": "full", "rate_nominal_bps": rate, "train_seconds": 3.0,
        "evaluate_seconds": 0.5, "parameters": 40_000, "codec_bytes": 160_000,
    }  # fmt: skip
    for split, harder in (("val", 1.0), ("test", 1.05)):
        for scope in SCOPES:
            share = 1.0 if scope == "full" else 0.5
            row[f"{split}_rmse_{scope}_cm"] = level * harder * share
            row[f"{split}_mpjpe_{scope}_cm"] = 0.8 * level * harder * share
        row |= {f"{split}_rate_model_bps": 0.6 * rate, f"{split}_rate_entropy_bps": 0.55 * rate,
                f"{split}_rate_stream_bps": 0.62 * rate + 80, f"{split}_rate_header_bps": 80.0,
                f"{split}_hull_pct": 90.0, f"{split}_hull_error_pct": 10 + level,
                f"{split}_jerk_mps3": 300.0, f"{split}_jerk_error_mps3": 20 + level,
                f"{split}_jerk_original_mps3": 280.0, f"{split}_tokens": 9000}  # fmt: skip
    return row


def _clips(
    folder: Path, trial: str, rows: list[dict], hard: np.ndarray, rng: np.random.Generator
) -> None:
    parts = []
    for row in rows:
        for split in ("val", "test"):
            for scope in SCOPES:
                spread = hard * rng.normal(1, 0.05, len(hard))
                values = row[f"{split}_rmse_{scope}_cm"] * spread / spread.mean()
                parts.append((row["point"], split, scope, values))
    count = len(hard)
    frame = pd.DataFrame({
        "trial": trial,
        "point": np.repeat([p[0] for p in parts], count),
        "recording": np.concatenate([[f"{p[1]}-{i:02d}" for i in range(count)] for p in parts]),
        "signer": "",
        "split": np.repeat([p[1] for p in parts], count),
        "part": np.repeat([p[2] for p in parts], count),
        "metric": np.repeat([f"rmse_{p[2]}_cm" for p in parts], count),
        "value": np.concatenate([p[3] for p in parts]),
        "n": 600,
    })  # fmt: skip
    place = folder / TRIALS_FOLDER / trial
    place.mkdir(parents=True)
    frame[list(CLIP_COLUMNS)].to_parquet(place / TRIAL_CLIPS_FILE)


def _facts(recordings: int) -> dict[str, object]:
    def split(name: str, count: int) -> dict[str, object]:
        return {"frames": 600 * count, "seconds": 20.0 * count, "lengths": [600] * count,
                "recordings": [f"{name}-{i:02d}" for i in range(count)]}  # fmt: skip

    parts = [{"name": n, "joints": 20, "dimensions": 60, "scored_joints": 20}
             for n in ("body", "right_hand", "left_hand")]  # fmt: skip
    count = max(recordings, 1)
    return {"name": "bench", "fps": FPS, "source_fps": [60.0], "parts": parts, "joints": 60,
            "train": split("train", 40), "val": split("val", count), "test": split("test", count),
            "data_hash": "sha256:bench", "split_hash": "sha256:bench"}  # fmt: skip
