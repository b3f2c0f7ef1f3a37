"""Invents a sweep directory in the record's form, to test analysis without running one.

The numbers are made up (smooth curves with seeded noise) and mean nothing beyond their form.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.rates import QUANTISED_FLOATS
from search_spaces.record import (
    BOUNDS,
    CLIP_COLUMNS,
    EVALUATIONS_FOLDER,
    LOG_FILE,
    MEASURED,
    POINTS_TABLE,
    RATE_KIND,
    SETTING,
    TRIALS_FOLDER,
    TRIVIAL_CODECS,
    point_id,
)
from tests.analysis.make_motion import write_motion

PARTS = ("body", "right_hand", "left_hand")
SCALE = {"full": 1.0, "body": 0.8, "right_hand": 0.22, "left_hand": 0.2, "hands": 0.21}
SKILL = {"kmeans": 1.0, "rqvae": 0.86, "temporal_rvq": 1.25}
HEADER_BYTES = 96
FLOAT_BITS = (4, 6, 8)
RECORDINGS = 4
"""Of validation, and of test."""


@dataclass
class FakeSweep:
    """Settings of an invented sweep."""

    trials: int = 24
    seeds: int = 1
    split: str = "recording"
    synthetic: bool = True
    parts: tuple[str, ...] = PARTS
    dropped: tuple[str, ...] = ()
    fps: float = 30.0
    frames: int = 12000
    name: str = "an invented sweep"
    clips: bool = True
    codecs: tuple[str, ...] = ("kmeans", "rqvae", "temporal_rvq")
    failures: bool = True
    objectives: tuple[str, ...] = ("rate_nominal_bps", "rmse_full_cm")
    constraints: tuple[str, ...] = ()
    motion: bool = False
    """Whether trials left learning curves, clips, errors and tokens to look at."""
    streams: bool = True
    """Whether files were measured; sweeps of the first record version have none."""
    evaluations: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    clock: float = 1_795_000_000.0

    def write(self, folder: Path, rng: np.random.Generator) -> Path:
        """Writes the directory and gives it back."""
        folder.mkdir(parents=True, exist_ok=True)
        self.events.clear()
        self._open()
        for index in range(self.trials):
            config = self._config(index, rng)
            digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]
            if self.failures and index % 9 == 7:
                self._refuse(f"t{index:03d}", config, digest)
                continue
            quality = float(rng.normal(1.0, 0.06))
            for seed in range(self.seeds):
                trial = f"t{index:03d}" + (f"s{seed}" if self.seeds > 1 else "")
                share = self.frames / config["codebook_size"]
                said = [f"{share:.1f} training tokens per code for body (fewer than 4)"]
                self._say("proposed", trial=trial, config=config, seed=seed, config_hash=digest,
                          codec=config["codec"], warnings=said if share < 4 else [])  # fmt: skip
                self._say("started", trial=trial)
                if self.failures and index % 13 == 11:
                    reason = "loss is not finite at step 120; lower learning_rate"
                    self._say("failed", 6.0, trial=trial, reason=reason, seconds=5.9)
                    continue
                rows = self._rows(trial, config, digest, seed, quality, rng)
                trained = self.motion and config["codec"] != "kmeans"
                for share in (0.25, 0.5) if trained else ():
                    on_way = {
                        "share": share,
                        "train_seconds": 4 * share,
                        "val_rmse_full_cm": rows[-1]["val_rmse_full_cm"] / share**0.3,
                    }
                    self._say("progress", 0.1, trial=trial, row=on_way)
                for row in rows:
                    self._say("point", 0.4, trial=trial, row=row)
                stopped = self.failures and index % 10 == 4
                reason = "dominated at every rung" if stopped else ""
                self._say("stopped" if stopped else "done", 5.0, trial=trial, reason=reason,
                          seconds=5.0)  # fmt: skip
                if self.clips:
                    self._write_clips(folder, trial, rows, rng)
                if self.motion:
                    levels, size = len(rows), config["codebook_size"]
                    write_motion(folder, trial, self.parts, levels, size, rng)
        self._say("finished")
        lines = "".join(json.dumps(e) + "\n" for e in self.events)
        (folder / LOG_FILE).write_text(lines, encoding="utf-8")
        for number in range(self.evaluations):
            self._write_evaluation(folder, f"e{number:03d}", rng)
        return folder

    def _say(self, event: str, after: float = 0.05, **fields: Any) -> None:
        self.clock += after
        self.events.append({"event": event, "time": self.clock, **fields})

    def _open(self) -> None:
        nominal = 3 * 12 * self.fps * len(self.parts)
        point = {"rate_nominal_bps": nominal, "rate_stream_bps": nominal, "rmse_full_cm": 9.0,
                 "rmse_body_cm": 7.2, "rmse_hands_cm": 2.0, "hull_error_pct": 100.0,
                 "jerk_error_mps3": 2000.0}  # fmt: skip
        self._say("sweep", sweep="s-0001", name=self.name, preset="rate_distortion",
                  title="Rate against distortion", size="debug",
                  versions={"record": 2 if self.streams else 1, "ratefront": "0.1.0",
                            "torch": "2.13.0", "ray": "2.60.0"},
                  objectives=list(self.objectives),
                  reference_point={k: point[k] for k in self.objectives}, seed=0,
                  spec={"preset": "rate_distortion", "data": "embedded", "size": "debug",
                        "trials": self.trials, "seeds": self.seeds,
                        "constraints": list(self.constraints)})  # fmt: skip
        self._say("data", facts=self._facts())
        bits = math.log2(self.frames) * self.fps
        rows = []
        for bound, rate, level in zip(BOUNDS, (0.0, bits * len(self.parts)), (9.0, 3.1),
                                      strict=True):  # fmt: skip
            rows.append({"codec": bound, "rate_nominal_bps": rate, "val_rate_model_bps": rate,
                         "val_rate_entropy_bps": rate, "test_rate_model_bps": rate,
                         "test_rate_entropy_bps": rate,
                         **self._scores(level, {}, np.random.default_rng(3))})  # fmt: skip
        for bits_each in FLOAT_BITS if self.streams else ():
            bps = 0.55 * bits_each * 63 * 3 * self.fps
            rows.append({"codec": f"{QUANTISED_FLOATS}, {bits_each} bits + lzma",
                         "val_rate_stream_bps": bps, "test_rate_stream_bps": 1.02 * bps,
                         **self._scores(40 * 2.0**-bits_each, {},
                                        np.random.default_rng(bits_each))})  # fmt: skip
        for curve, codec in enumerate(TRIVIAL_CODECS if self.streams else ()):
            for point in range(4):
                bps = (2 + curve) * 150 * 2.5**point
                rates = {
                    f"{split}_rate_{kind}_bps": bps * share
                    for split in ("val", "test")
                    for kind, share in (("model", 0.9), ("stream", 1.0), ("header", 0.1))
                }
                rows.append({"codec": codec, SETTING: f"setting {point}", RATE_KIND: MEASURED,
                             **rates, **self._scores(12 * 2.0**-point, {},
                                                     np.random.default_rng(point))})  # fmt: skip
        self._say("bounds", rows=rows)

    def _facts(self) -> dict[str, Any]:
        def split(name: str, share: float, count: int) -> dict[str, Any]:
            frames = int(self.frames * share)
            return {"frames": frames, "seconds": frames / self.fps,
                    "recordings": [f"{name}-{i:02d}" for i in range(count)],
                    "lengths": [frames // count] * count}  # fmt: skip

        size = {"body": 23, "right_hand": 20, "left_hand": 20}
        return {"name": "embedded signer", "fps": self.fps, "source_fps": [60.0],
                "parts": [{"name": p, "joints": size[p], "dimensions": 3 * size[p],
                           "scored_joints": size[p]} for p in self.parts],
                "dropped_parts": [{"name": p, "reason": "the skeleton has no finger joints"}
                                  for p in self.dropped],
                "split": self.split, "synthetic": self.synthetic, "joints": 63,
                "train": split("train", 1.0, 12), "val": split("val", 0.2, RECORDINGS),
                "test": split("test", 0.2, RECORDINGS), "signers": ["ada", "ben"],
                "data_hash": "sha256:1234", "split_hash": "sha256:5678",
                "warnings": ["left_hand: 2 of 60 features never move on train"]}  # fmt: skip

    def _config(self, index: int, rng: np.random.Generator) -> dict[str, Any]:
        codec = self.codecs[index % len(self.codecs)]
        if codec == "kmeans":
            return {"codec": codec, "codebook_size": int(2 ** rng.integers(4, 13))}
        config: dict[str, Any] = {
            "codec": codec,
            "codebook_size": int(2 ** rng.integers(3, 9)),
            "quantizer_depth": int(rng.integers(1, 5)),
            "latent_dim": int(rng.choice([16, 32, 64])),
            "learning_rate": float(10 ** rng.uniform(-4, -2.3)),
            "loss.angle": 1.0,
            "loss.position": float(rng.choice([0.0, 0.5, 1.0])),
            "commitment": 0.25,
        }
        if codec == "temporal_rvq":
            config["compression"] = int(rng.choice([1, 2, 4, 8]))
        return config

    def _refuse(self, trial: str, config: dict[str, Any], digest: str) -> None:
        config = {**config, "codebook_size": 16384}
        self._say("proposed", trial=trial, config=config, seed=0, config_hash=digest,
                  codec=config["codec"])  # fmt: skip
        reason = f"codebook_size 16384 is above the {self.frames} training frames"
        self._say("refused", trial=trial, reason=reason, seconds=0.0)

    def _rows(
        self, trial: str, config: dict[str, Any], digest: str, seed: int, quality: float,
        rng: np.random.Generator,
    ) -> list[dict[str, Any]]:  # fmt: skip
        levels = config.get("quantizer_depth", 1)
        rows = []
        for depth in range(1, levels + 1):
            bits = depth * math.log2(config["codebook_size"])
            bps = bits * self.fps / config.get("compression", 1)
            skill = SKILL.get(config["codec"], 1.1)
            spent = bits / config.get("compression", 1) ** 0.7
            level = quality * skill * float(rng.normal(1, 0.02)) * (8.5 * 2 ** (-spent / 6) + 1.2)
            level *= 1 + 0.25 * (config.get("compression", 1) > 2)
            row = {"sweep": "s-0001", "trial": trial, "point": point_id(trial, depth), **config,
                   "seed": seed, "depth": depth, "levels": levels, "is_prefix": depth < levels,
                   "share": 1.0, "config_hash": digest, "root": "removed", "split": self.split,
                   "features": "expmap", "fps": self.fps, "size": "debug",
                   "rate_nominal_bps": bps * len(self.parts)}  # fmt: skip
            row |= {f"rate_nominal_{p}_bps": bps for p in self.parts}
            row |= self._rates(bits, depth, config.get("compression", 1), rng)
            row |= self._scores(level, config, rng)
            each = self._tokens(config.get("compression", 1))
            row |= {"val_tokens": each * depth * len(self.parts), "train_seconds": 4.2,
                    "test_tokens": each * depth * len(self.parts), "evaluate_seconds": 0.6,
                    "parameters": 40_000 * depth, "codec_bytes": 160_000 * depth}  # fmt: skip
            rows.append(row)
        return rows

    def _tokens(self, compression: int) -> int:
        """Of one level of one part, on validation or test."""
        length = int(self.frames * 0.2) // RECORDINGS
        return RECORDINGS * -(-length // compression)

    def _rates(
        self, bits: float, depth: int, compression: int, rng: np.random.Generator
    ) -> dict[str, float]:
        """Rates as codecs have them: where tokens are few for the codes, entropy is too low, and
        the fitted tables no better than uniform ones."""
        rates: dict[str, float] = {}
        tokens, seconds = self._tokens(compression), self.frames * 0.2 / self.fps
        level = bits / depth  # of one token
        uniform = tokens * depth * level
        streams = len(self.parts) * RECORDINGS * depth
        whole = 2 if level > 8 else 1  # bytes of a token in its smallest integer type
        for split in ("val", "test"):
            sharp, used = 0.82 + float(rng.uniform(0, 0.05)), 0.88 + float(rng.uniform(0, 0.05))
            entropy = tokens * depth * min(sharp * level, 0.97 * math.log2(tokens))
            learned = 1.6 - 0.6 * math.tanh(tokens / 2.0**level)
            model = min(used * learned, 1.0) * uniform + RECORDINGS * depth
            for part in self.parts:
                rates[f"{split}_rate_entropy_{part}_bps"] = entropy / seconds
                rates[f"{split}_rate_model_{part}_bps"] = model / seconds
            total = model * len(self.parts)
            rates[f"{split}_rate_entropy_bps"] = entropy * len(self.parts) / seconds
            rates[f"{split}_rate_model_bps"] = total / seconds
            if not self.streams:
                continue
            header = 8 * HEADER_BYTES * RECORDINGS
            raw = min(1.0, 1.1 * level / (8 * whole)) * 8 * whole * tokens * depth * len(self.parts)
            counted = {"stream": total + 5 * streams + header, "header": header,
                       "zlib": 0.95 * used * raw + 88 * RECORDINGS,
                       "lzma": 0.92 * used * raw + 160 * RECORDINGS}  # fmt: skip
            rates |= {f"{split}_rate_{k}_bps": v / seconds for k, v in counted.items()}
        return rates

    def _write_evaluation(self, folder: Path, name: str, rng: np.random.Generator) -> None:
        """Each trial's last point on harder motion, scored on test."""
        last = {e["trial"]: e["row"] for e in self.events if e["event"] == "point"}
        harder = 1.3 + float(rng.uniform(0, 0.2))
        rows = []
        for row in last.values():
            kept = {k: v for k, v in row.items() if not k.startswith(("val_", "test_"))}
            scores = {k: v * (harder if "_cm" in k else 1.04) for k, v in row.items()
                      if k.startswith("test_") and isinstance(v, float)}  # fmt: skip
            rows.append({**kept, **scores, "evaluation": name, "data_hash": "sha256:9abc"})
        metrics = ["rmse_full_cm", "rmse_body_cm", "hull_error_pct", "mpjpe_full_cm"]
        facts = {"id": name, "data": "motion/other", "data_hash": "sha256:9abc", "split": "test",
                 "recordings": 3, "frames": 5400, "seconds": 5400 / self.fps, "metrics": metrics,
                 "made": f"2026-11-2{name[-1]}T10:00:00Z", "points": len(rows)}  # fmt: skip
        place = folder / EVALUATIONS_FOLDER / name
        place.mkdir(parents=True)
        (place / "evaluation.json").write_text(json.dumps(facts), encoding="utf-8")
        pd.DataFrame(rows).to_parquet(place / POINTS_TABLE)

    def _scores(
        self, level: float, config: dict[str, Any], rng: np.random.Generator
    ) -> dict[str, float]:
        scores: dict[str, float] = {}
        scopes = ["full", *self.parts] + ["hands"] * ("right_hand" in self.parts)
        for split, harder in (("val", 1.0), ("test", 1.06)):
            for scope in scopes:
                value = level * SCALE[scope] * harder * float(rng.normal(1, 0.02))
                scores[f"{split}_rmse_{scope}_cm"] = value
                scores[f"{split}_mpjpe_{scope}_cm"] = value * 0.8
            if "right_hand" in self.parts:
                hull = 100 * math.exp(-level / 12) + float(rng.normal(0, 2))
                scores[f"{split}_hull_pct"] = hull
                scores[f"{split}_hull_error_pct"] = abs(100 - hull) + 1
            scores[f"{split}_jerk_original_mps3"] = 190.0
            scores[f"{split}_jerk_mps3"] = 190.0 + 900 / level * float(rng.normal(1, 0.05))
            scores[f"{split}_jerk_error_mps3"] = scores[f"{split}_jerk_mps3"] - 189.0
            for part in self.parts if config else ():
                share = min(100.0, 90 + float(rng.normal(0, 6)))
                scores[f"{split}_utilisation_{part}_pct"] = share
                scores[f"{split}_perplexity_{part}_codes"] = config["codebook_size"] * share / 160
        return scores

    def _write_clips(
        self, folder: Path, trial: str, rows: list[dict[str, Any]], rng: np.random.Generator
    ) -> None:
        records = []
        for row in rows:
            for split in ("val", "test"):
                for scope in ("full", *self.parts):
                    spread = rng.normal(1, 0.1, 4)
                    spread /= spread.mean()  # values of recordings pool to the point's score
                    for i in range(4):
                        value = row[f"{split}_rmse_{scope}_cm"] * float(spread[i])
                        records.append((trial, row["point"], f"{split}-{i:02d}", "ada", split,
                                        scope, f"rmse_{scope}_cm", value, 600))  # fmt: skip
        place = folder / TRIALS_FOLDER / trial
        place.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(records, columns=list(CLIP_COLUMNS)).to_parquet(place / "clips.parquet")
