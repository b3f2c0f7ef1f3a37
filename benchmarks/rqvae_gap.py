"""Why a one-level RQ-VAE stays above K-Means on training frames: one factor at a time.

An RQ-VAE of one level of D codes has D outputs, so on the training frames K-Means with D clusters
is its bound, and a decoder as free as this one could reach it. `factors` changes one thing of how
it was trained before (gradients turned by the rotation trick, networks that start at random), and
then one thing of how it is trained by default; `levels` compares the two at several alphabets and
depths (with `rotated` also with turned gradients); `temporal` does so for temporal RVQ.

Each row prints mean and standard error over seeds of joint errors (cm, RMSE of one part) on
training and validation frames; the training error when every decoded frame is replaced by the mean
of the training frames that have its code (what remains above K-Means is the codes', not the
decoder's); how many codes of the first level are in use; and seconds of training.

Usage: python benchmarks/rqvae_gap.py [--quick] [--data embedded] [--what factors,levels,temporal]
The last line is one JSON object: `before_over_kmeans_train` and `now_over_kmeans_train` are
training errors of RQ-VAE 64x1 over that of K-Means 64, and the same for validation.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from unittest import mock

import numpy as np
from generalisation_gap import FRAMES_SCORED, PartPositions
from torch import nn

from search_spaces.families import complete
from search_spaces.space import Config
from search_spaces.spec import DataSpec
from trainables.codecs.registry import codec_class
from trainables.metrics.pose import rmse
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.part_data import PartData
from trainables.runtime import PlainRuntime
from trainables.trial import limit_threads

BEFORE: Config = {
    "rotation_trick": True, "network_start": "random", "decoder_share": 0.0, "learning_rate": 2e-3,
}  # fmt: skip
"""What the defaults were when the gap was found."""

COMMON: Config = {"feature_scaling": "none", "hidden_dim": 128, "epochs": 1_000_000}
"""Angles alike, as K-Means sees them; the width of presets of size reduced."""

LEVELS = ((64, 1), (8, 2), (8, 3), (32, 2), (8, 4), (64, 3))


@contextlib.contextmanager
def layers(activation: Callable[[], nn.Module], norm: bool) -> Iterator[None]:
    """Frame networks with another activation, or with LayerNorm before each."""

    def three(first: int, second: int, third: int, last: int) -> nn.Sequential:
        between = [[nn.LayerNorm(n)] if norm else [] for n in (second, third)]
        return nn.Sequential(
            nn.Linear(first, second), *between[0], activation(),
            nn.Linear(second, third), *between[1], activation(), nn.Linear(third, last),
        )  # fmt: skip

    with mock.patch("trainables.networks.frame_mlp._three_layers", three):
        yield


def rates(schedule: Callable[[float], float]) -> contextlib.AbstractContextManager[object]:
    """Another schedule of the learning rate, from the share of the steps done."""
    return mock.patch("trainables.codecs.neural.cosine", schedule)


def to_nothing(share: float) -> float:
    """Cosine decay to 0."""
    return 0.5 * (1 + float(np.cos(np.pi * share)))


def warmed_up(share: float) -> float:
    """The default schedule after a tenth of the steps from 0."""
    return min(1.0, 10 * share + 0.01) * (0.05 + 0.95 * to_nothing(share))


@dataclass(frozen=True)
class Row:
    """One way to train."""

    label: str
    changes: Config = field(default_factory=dict)
    around: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext


ONE_AT_A_TIME = (
    Row("as it was"),
    Row("steps x4", {"steps": 4}),
    Row("rotation trick off", {"rotation_trick": False}),
    Row("rotation trick off, steps x4", {"rotation_trick": False, "steps": 4}),
    Row("commitment 0.02", {"commitment": 0.02}),
    Row("commitment 1", {"commitment": 1.0}),
    Row("codes' decay 0.8", {"decay": 0.8}),
    Row("codes' decay 0.99", {"decay": 0.99}),
    Row("codes start at random", {"codebook_init": "random"}),
    Row("learning rate / 3", {"learning_rate": 7e-4}),
    Row("learning rate x2.5", {"learning_rate": 5e-3}),
    Row("learning rate to 0", {}, lambda: rates(to_nothing)),
    Row("learning rate warmed up", {}, lambda: rates(warmed_up)),
    Row("batches x4", {"batch_frames": 1024}),
    Row("latent 16", {"latent_dim": 16}),
    Row("hidden 256", {"hidden_dim": 256}),
    Row("GELU", {}, lambda: layers(nn.GELU, False)),
    Row("LayerNorm", {}, lambda: layers(nn.ReLU, True)),
    Row("linear path, random", {"linear_path": True}),
    Row("principal start", {"network_start": "principal"}),
    Row("decoder alone at the end", {"decoder_share": 0.3}),
    Row("position loss beside it", {"loss.position": 1.0}),
)
QUICK = "^as it was|trick off$|^principal|^decoder alone"
FROM_NOW = (
    Row("as it is now"),
    Row("now, codes' decay 0.8", {"decay": 0.8}),
    Row("now, commitment 1", {"commitment": 1.0}),
    Row("now, steps x4", {"steps": 4}),
    Row("now, rotation trick", {"rotation_trick": True}),
    Row("now, random start", {"network_start": "random"}),
    Row("now, decoder never alone", {"decoder_share": 0.0}),
    Row("now, learning rate x2", {"learning_rate": 2e-3}),
    Row("now, linear path", {"linear_path": True}),
)


class Bench:
    """Codecs of one part of one data set, fitted and scored."""

    def __init__(self, data: MotionData, part: str, seeds: int, steps: int) -> None:
        """On prepared data."""
        self.data, self.part = data, data.parts[part]
        self.seeds, self.steps = seeds, steps
        self._known: dict[str, list[dict[str, float]]] = {}
        self._place = PartPositions(self.part)
        self._every = max(1, len(self.part.features) // FRAMES_SCORED)

    def config(self, codec: str, codes: int, changes: Config) -> Config:
        """A complete configuration; `steps` among the changes multiplies training."""
        given: Config = {"codec": codec, "codebook_size": codes, "feature_scaling": "none"}
        if codec != "kmeans":
            given |= {**COMMON, "max_steps": self.steps * int(changes.get("steps", 1))}
        return complete({**given, **{k: v for k, v in changes.items() if k != "steps"}})

    def row(self, label: str, config: Config, reused: bool = True) -> dict[str, float]:
        """Means over seeds, printed with their standard errors."""
        key = json.dumps(config, sort_keys=True) if reused else label
        if key not in self._known:
            self._known[key] = [self._once(config, seed) for seed in range(1, self.seeds + 1)]
        each = self._known[key]
        mean = {k: float(np.mean([e[k] for e in each])) for k in each[0]}
        error = {k: _standard_error([e[k] for e in each]) for k in each[0]}
        cells = f"  cell means {mean['cells']:5.2f}" if "cells" in mean else ""
        print(
            f"{label:38s} train {mean['train']:5.2f} ±{error['train']:.2f}  "
            f"val {mean['val']:5.2f} ±{error['val']:.2f}{cells}  "
            f"codes {mean['used']:4.0f}  {mean['seconds']:5.1f} s",
            flush=True,
        )
        return mean

    def _once(self, config: Config, seed: int) -> dict[str, float]:
        part = self.part
        codec = codec_class(str(config["codec"]))(
            config, part.name, part.dimensions, self.data.fps, seed
        )
        began = time.thread_time()
        codec.fit(part, PlainRuntime())
        found = {"seconds": time.thread_time() - began}
        ends = np.cumsum(part.lengths)
        recordings = np.split(part.features, ends[:-1])
        tokens = [codec.encode(r) for r in recordings]
        decoded = np.concatenate([codec.decode(t) for t in tokens])
        found["train"] = self._error(part.features, decoded)
        found["used"] = float(len(np.unique(np.concatenate([t.indices[:, 0] for t in tokens]))))
        if codec.compression == 1:
            codes = np.concatenate([t.indices for t in tokens])
            found["cells"] = self._error(part.features, cell_means(part, codes))
        val = [c.features[part.name] for c in self.data.splits["val"]]
        again = [codec.decode(codec.encode(v)) for v in val]
        found["val"] = self._error(np.concatenate(val), np.concatenate(again), 1)
        return found

    def _error(self, wanted: np.ndarray, decoded: np.ndarray, every: int = 0) -> float:
        every = every or self._every
        return 100 * rmse(self._place(wanted[::every]), self._place(decoded[::every]))


def cell_means(part: PartData, codes: np.ndarray) -> np.ndarray:
    """Every training frame replaced by the mean of those with its code (frames, levels)."""
    cell = np.unique(codes, axis=0, return_inverse=True)[1].ravel()
    sums = np.zeros((int(cell.max()) + 1, part.dimensions))
    np.add.at(sums, cell, part.features)
    return np.asarray((sums / np.bincount(cell)[:, None])[cell], np.float32)


def _standard_error(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def factors(bench: Bench, wanted: re.Pattern[str]) -> None:
    """RQ-VAE 64x1, one change at a time from what was and from what is."""
    for before, rows in ((BEFORE, ONE_AT_A_TIME), ({}, FROM_NOW)):
        for row in rows:
            if not wanted.search(row.label):
                continue
            with row.around():
                changes: Config = {"quantizer_depth": 1, **before, **row.changes}
                plain = row.around is contextlib.nullcontext
                bench.row(row.label, bench.config("rqvae", 64, changes), reused=plain)


def levels(bench: Bench, rotated: bool) -> None:
    """Several alphabets and depths: as trained before, as now, perhaps with turned gradients."""
    for codes, depth in LEVELS:
        ways: dict[str, Config] = {"was": BEFORE, "now": {}}
        if rotated:
            ways["now, rotated"] = {"rotation_trick": True}
        for when, before in ways.items():
            config = bench.config("rqvae", codes, {"quantizer_depth": depth, **before})
            bench.row(f"RQ-VAE {codes}x{depth}, {when}", config)


def temporal(bench: Bench) -> None:
    """Temporal RVQ, what the defaults change of it."""
    changes: tuple[Config, ...] = (
        {}, {"rotation_trick": False}, {"decoder_share": 0.3},
        {"rotation_trick": False, "decoder_share": 0.3},
    )  # fmt: skip
    for codes, depth in ((64, 1), (64, 3)):
        for change in changes:
            before: Config = {"rotation_trick": True, "decoder_share": 0.0, **change}
            config = bench.config("temporal_rvq", codes, {"quantizer_depth": depth, **before})
            said = ", ".join(f"{k} {v}" for k, v in change.items()) or "as it was"
            bench.row(f"temporal {codes}x{depth}, {said}", config)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the tables asked for, and the headline."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="factors that matter, two seeds")
    parser.add_argument("--data", default="embedded", help="folder of motion, or embedded")
    parser.add_argument("--size", default="reduced", choices=("debug", "reduced", "full"))
    parser.add_argument("--part", default="body")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--rows", default="", help="pattern of the labels of factors")
    parser.add_argument("--what", default="factors", help="of factors, levels, rotated, temporal")
    options = parser.parse_args(argv)
    limit_threads(1)
    data = prepare(DataSpec(path=options.data, embedded_size=options.size))
    seeds = options.seeds or (2 if options.quick else 3)
    bench = Bench(data, options.part, seeds, options.steps)
    print(
        f"{options.data} {options.size}: {len(bench.part.features)} training frames of the "
        f"{options.part}, {options.steps} steps, {seeds} seeds"
    )
    kmeans = bench.row("K-Means 64", bench.config("kmeans", 64, {"iterations": 50}))
    depth: Config = {"quantizer_depth": 1}
    was = bench.row("RQ-VAE 64x1, was", bench.config("rqvae", 64, {**depth, **BEFORE}))
    now = bench.row("RQ-VAE 64x1, now", bench.config("rqvae", 64, depth))
    wanted = options.what.split(",")
    if "factors" in wanted:
        factors(bench, re.compile(options.rows or (QUICK if options.quick else "")))
    if "levels" in wanted:
        levels(bench, "rotated" in wanted)
    if "temporal" in wanted:
        temporal(bench)
    ratios = {
        f"{name}_over_kmeans_{split}": round(row[split] / kmeans[split], 3)
        for name, row in (("before", was), ("now", now))
        for split in ("train", "val")
    }
    machine = {"cores": os.cpu_count(), "machine": platform.platform()}
    facts = {"data": options.data, "training_frames": len(bench.part.features), **machine}
    print(json.dumps({"benchmark": "rqvae_gap", **ratios, **facts}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
