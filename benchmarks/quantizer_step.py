"""A whole training step of an RQ-VAE: our fused residual quantizer beside the library's.

Both train the same codec on the same batches of embedded motion with the same random numbers, in
turns, through `fit` as a trial calls it: encoder, quantizer, decoder, loss, gradients, clipping,
Adam. Milliseconds are processor time of this thread, the median of the turns. Rows are shapes and
options; the first codebooks (k-means) are timed apart. Rounding takes the two trainings apart after
some steps, so what they come to is compared too: the mean loss of the last half of the turns.

Usage: python benchmarks/quantizer_step.py [--quick] [--rows PATTERN] [--shapes PATTERN]
The last line is one JSON object: `ratio_plain` and `ratio_all`, the library's step over ours with
the plain options and with every option on, the least of the shapes; `ratio_start` that of
k-means, the median; `loss_ratio` our loss over the library's, the farthest from 1.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Sequence

import numpy as np

from search_spaces.families import complete
from search_spaces.quantizers import QUANTIZER_BACKENDS
from search_spaces.space import Config
from search_spaces.spec import DataSpec
from trainables.codecs.rqvae import RQVAECodec
from trainables.motion.dataset import prepare
from trainables.motion.part_data import PartData
from trainables.runtime import PlainRuntime
from trainables.trial import limit_threads

SHAPES: dict[str, Config] = {
    "h64 d16 K64 Q4 B64": {
        "hidden_dim": 64, "latent_dim": 16, "codebook_size": 64, "quantizer_depth": 4,
        "batch_frames": 64,
    },
    "h128 d32 K256 Q4 B256": {
        "hidden_dim": 128, "latent_dim": 32, "codebook_size": 256, "quantizer_depth": 4,
        "batch_frames": 256,
    },
    "h256 d32 K1024 Q8 B256": {
        "hidden_dim": 256, "latent_dim": 32, "codebook_size": 1024, "quantizer_depth": 8,
        "batch_frames": 256,
    },
}  # fmt: skip

PLAIN: Config = {"rotation_trick": False, "dead_codes": "none", "decoder_share": 0.0}
ROWS: dict[str, Config] = {
    "plain: averages, straight through": {},
    "dead codes redrawn": {"dead_codes": "redraw"},
    "rotation trick": {"rotation_trick": True},
    "quantizer dropout 0.5": {"quantizer_dropout": 0.5},
    "cosine": {"codebook_distance": "cosine"},
    "codes by gradient": {"codebook_update": "gradient"},
    "unused codes to closest anchors": {"dead_codes": "cvq_closest"},
    "every option": {
        "dead_codes": "redraw", "dead_code_share": 0.25, "rotation_trick": True,
        "quantizer_dropout": 0.5, "codebook_distance": "cosine",
    },
}  # fmt: skip
QUICK = "^plain|^every"


class Turns:
    """One codec that trains some steps at a time."""

    def __init__(self, config: Config, part: PartData, steps: int) -> None:
        """Codebooks are made at once, and their seconds kept."""
        self.codec = RQVAECodec(config, part.name, part.dimensions, 30.0, 1)
        self.part, self.steps, self.done = part, steps, 0
        self.total = int(config["max_steps"])
        self.milliseconds: list[float] = []
        self.losses: list[float] = []
        began = time.thread_time()
        self._fit(1)
        self.start = time.thread_time() - began

    def turn(self) -> None:
        """Trains on; keeps milliseconds per step."""
        began = time.thread_time()
        self._fit(self.steps)
        self.milliseconds.append(1000 * (time.thread_time() - began) / self.steps)

    def _fit(self, steps: int) -> None:
        self.done += steps
        found = self.codec.fit(self.part, PlainRuntime(), self.done / self.total)
        self.losses.append(found["loss"])

    @property
    def loss(self) -> float:
        """Mean over the last half of the turns."""
        return statistics.fmean(self.losses[len(self.losses) // 2 :])


def measure(
    shape: Config, options: Config, part: PartData, turns: int, steps: int
) -> dict[str, dict[str, float]]:
    """Milliseconds per step and seconds of the first codebooks, by backend."""
    config: Config = {"codec": "rqvae", "epochs": 1_000_000, "max_steps": steps * (turns + 1)}
    given = {**config, **shape, **PLAIN, **options}
    sides = {
        name: Turns(complete({**given, "quantizer_backend": name}), part, steps)
        for name in QUANTIZER_BACKENDS
    }
    for _ in range(turns):
        for side in sides.values():
            side.turn()
    return {
        name: {"step": statistics.median(side.milliseconds), "start": side.start, "loss": side.loss}
        for name, side in sides.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table and the headline."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="plain and every option, few turns")
    parser.add_argument("--rows", default="", help="pattern of the rows")
    parser.add_argument("--shapes", default="", help="pattern of the shapes")
    options = parser.parse_args(argv)
    limit_threads(1)
    part = prepare(DataSpec(path="embedded", embedded_size="reduced")).parts["body"]
    turns, steps = (5, 40) if options.quick else (11, 40)
    wanted = re.compile(options.rows or (QUICK if options.quick else ""))
    shapes = {n: s for n, s in SHAPES.items() if re.search(options.shapes, n)}
    print(
        f"{len(part.features)} training frames of the body, {part.dimensions} features; medians of "
        f"{turns} turns of {steps} steps, one thread"
    )
    ratios: dict[str, dict[str, float]] = {}
    for shape, sizes in shapes.items():
        for row, changes in ROWS.items():
            if not wanted.search(row):
                continue
            found = measure(sizes, changes, part, turns, steps)
            library, fused = found["library"], found["fused"]
            ratio = {k: library[k] / fused[k] for k in library}
            ratios[f"{shape}: {row}"] = ratio
            print(
                f"{shape:24s} {row:34s} library {library['step']:6.2f} ms  "
                f"fused {fused['step']:6.2f} ms  {ratio['step']:5.2f}x   "
                f"start {library['start']:5.2f} s, {fused['start']:5.2f} s {ratio['start']:5.2f}x  "
                f"loss {library['loss']:.4g}, {fused['loss']:.4g}",
                flush=True,
            )
    head = {
        f"ratio_{name}": round(min(r["step"] for k, r in ratios.items() if key in k), 2)
        for name, key in (("plain", ": plain"), ("all", ": every"))
        if any(key in k for k in ratios)
    }
    starts = [r["start"] for r in ratios.values()]
    head["ratio_start"] = round(float(np.median(starts)), 2)
    losses = [1 / r["loss"] for r in ratios.values()]
    head["loss_ratio"] = round(max(losses, key=lambda r: abs(r - 1)), 3)
    machine = {"cores": os.cpu_count(), "machine": platform.platform()}
    every = {k: round(r["step"], 2) for k, r in ratios.items()}
    print(json.dumps({"benchmark": "quantizer_step", **head, "ratios": every, **machine}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
