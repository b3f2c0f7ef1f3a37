"""Points and rows per window of codecs of heatmaps whose scores are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.vqgan.cells import HeatmapSweep

RECORDINGS, WINDOWS = 8, 3
FLOOR = {"iou_index": 0.4, "ssim_index": 0.8, "tstd_code_score": 0.22, "flicker_intensity": 0.01}
Score = Callable[[Mapping[str, Any], str, np.random.Generator], float]


def sweep(
    cells: Sequence[Mapping[str, Any]], score: Score, seeds: int = 3, noise: float = 0.0005
) -> HeatmapSweep:
    """A sweep.

    Args:
        cells: configurations: codec, pair, compression, codebook_size, and more.
        score: (configuration, metric) -> mean of a window's score.
        seeds: trainings of each.
        noise: of trainings, of recordings and of windows, alike for all metrics.
    """
    rng = np.random.default_rng(5)
    points, clips = [], []
    metrics = ["iou_index", "ssim_index", "tstd_code_score", "qloss_latent2", "qerror_share",
               "flicker_intensity", "l1_fg_intensity"]  # fmt: skip
    for k, cell in enumerate(cells):
        own = [*metrics, *cell.get("spoilt", ())]
        config = {n: v for n, v in cell.items() if n != "spoilt"}
        for seed in range(seeds):
            point = f"c{k}-s{seed}-d1"
            floors = {
                f"{split}_floor_{floor}_{name}": value
                for split in ("val", "test")
                for floor in ("all_zero", "repeat_frame", "noise_ceiling")
                for name, value in FLOOR.items()
            }
            points.append({
                "trial": f"c{k}-s{seed}", "point": point, "seed": seed, "config_hash": f"c{k}",
                "rate_nominal_bps": 100.0 * (k + 1), "bits_window": 64.0, "ratio_elements": 512.0,
                "ratio_bits": 1820.0, **config, **floors,
            })  # fmt: skip
            for name in own:
                mean = score(cell, name, rng) + noise * rng.normal()
                for r in range(RECORDINGS):
                    of_recording = mean + noise * rng.normal()
                    for w in range(WINDOWS):
                        clips.append({
                            "trial": f"c{k}-s{seed}", "point": point, "signer": "", "part": "",
                            "recording": f"r{r}@{w}", "split": "val" if r % 2 else "test",
                            "metric": name, "value": of_recording + noise * rng.normal(), "n": 16,
                        })  # fmt: skip
    return HeatmapSweep(pd.DataFrame(points), pd.DataFrame(clips), ("val", "test"))


def cell(codec: str, pair: str, factor: int, codes: int, **more: Any) -> dict[str, Any]:
    """A configuration."""
    return {"codec": codec, "pair": pair, "compression": factor, "codebook_size": codes, **more}
