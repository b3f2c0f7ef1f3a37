"""Why RQ-VAE does or does not beat K-Means at equal bits: training against validation error.

For one part of a data set, fits K-Means with k codes and RQ-VAE with D codes and Q levels, D^Q = k,
at several training lengths and weightings of features, and prints root mean squared joint errors
(cm, raw and Kabsch-aligned) on training and on validation frames. A frame-wise RQ-VAE has at most
D^Q distinct outputs, so on the training angles that it is fitted to, K-Means with as many codes is
the bound; it can win on unseen frames, or by what its loss weighs.

Usage: python benchmarks/generalisation_gap.py [--quick] [--data embedded] [--size reduced|full]
The last line is one JSON object: `rqvae_over_kmeans_train` and `rqvae_over_kmeans_val` are ratios
of raw errors at the best RQ-VAE row with the same weighting as K-Means (`none`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence

import numpy as np

from search_spaces.families import complete
from search_spaces.space import Config
from search_spaces.spec import DataSpec
from trainables.codecs.registry import codec_class
from trainables.losses.position import PositionLoss
from trainables.metrics.pose import kabsch_rmse, rmse
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.part_data import PartData
from trainables.runtime import PlainRuntime
from trainables.trial import limit_threads

FRAMES_SCORED = 4000


class PartPositions:
    """Joint positions of a part from its features, metres."""

    def __init__(self, part: PartData) -> None:
        """For one part."""
        ones = np.ones(part.dimensions)
        self._loss = PositionLoss(part.geometry, np.zeros(part.dimensions), ones, 1.0)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(frames, dimensions) -> (frames, points, 3)."""
        import torch

        with torch.no_grad():
            rows = torch.from_numpy(np.ascontiguousarray(features, np.float32))
            return np.asarray(self._loss.positions(rows).numpy(), np.float64)


def row(data: MotionData, part: PartData, config: Config, label: str) -> dict[str, float | str]:
    """One codec fitted and scored on both sides."""
    codec = codec_class(str(config["codec"]))(config, part.name, part.dimensions, data.fps, 1)
    began = time.perf_counter()
    codec.fit(part, PlainRuntime())
    seconds = time.perf_counter() - began
    place = PartPositions(part)
    train = part.features[:: max(1, len(part.features) // FRAMES_SCORED)]
    val = np.concatenate([c.features[part.name] for c in data.splits["val"]])
    found: dict[str, float | str] = {"label": label, "seconds": seconds}
    for split, features in (("train", train), ("val", val)):
        original, rebuilt = place(features), place(codec.decode(codec.encode(features)))
        found[f"{split}_cm"] = 100 * rmse(original, rebuilt)
        found[f"{split}_kabsch_cm"] = 100 * kabsch_rmse(original, rebuilt)
    print(
        f"{label:34s} train {found['train_cm']:5.2f} (aligned {found['train_kabsch_cm']:5.2f})  "
        f"val {found['val_cm']:5.2f} (aligned {found['val_kabsch_cm']:5.2f})  {seconds:5.1f} s",
        flush=True,
    )
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Fits and prints all rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one training length, reduced size")
    parser.add_argument("--data", default="embedded", help="folder of motion, or embedded")
    parser.add_argument("--size", default="", choices=("", "debug", "reduced", "full"))
    parser.add_argument("--part", default="body")
    options = parser.parse_args(argv)
    limit_threads(1)
    size = options.size or ("reduced" if options.quick else "full")
    data = prepare(DataSpec(path=options.data, embedded_size=size))  # type: ignore[arg-type]
    part = data.parts[options.part]
    print(f"{options.data} {size}: {len(part.features)} training frames of the {part.name}")
    fitted: dict[str, list[dict[str, float | str]]] = {"kmeans": [], "rqvae": []}
    for scaling in ("none", "fk_jacobian"):
        config = complete(
            {"codec": "kmeans", "codebook_size": 512, "feature_scaling": scaling, "iterations": 40}
        )
        fitted["kmeans"].append(row(data, part, config, f"K-Means 512, {scaling}"))
    lengths = (300,) if options.quick else (1000, 4000)
    for depth, codes in ((1, 512), (3, 8)):
        for scaling in ("none", "zscore", "fk_jacobian"):
            for steps in lengths:
                config = complete(
                    {
                        "codec": "rqvae", "codebook_size": codes, "quantizer_depth": depth,
                        "feature_scaling": scaling, "max_steps": steps, "epochs": 100_000,
                    }
                )  # fmt: skip
                label = f"RQ-VAE {codes}x{depth}, {scaling}, {steps} steps"
                fitted["rqvae"].append(row(data, part, config, label))
    best = min(
        (r for r in fitted["rqvae"] if ", none," in str(r["label"]) and "8x3" in str(r["label"])),
        key=lambda r: float(r["val_cm"]),
    )
    plain = fitted["kmeans"][0]
    print(
        json.dumps(
            {
                "benchmark": "generalisation_gap",
                "rqvae_over_kmeans_train": round(
                    float(best["train_cm"]) / float(plain["train_cm"]), 3
                ),
                "rqvae_over_kmeans_val": round(float(best["val_cm"]) / float(plain["val_cm"]), 3),
                "training_frames": len(part.features),
                "data": options.data,
                "cores": os.cpu_count(),
                "machine": platform.platform(),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
