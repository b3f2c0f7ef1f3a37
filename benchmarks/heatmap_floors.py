"""What needs no codec scores on heatmaps: black, the first frame repeated, the true pose without
its noise.

For each data set, windows of all splits are drawn with the authors' random intensities and scored
against the floors that stand beside every score; the table is Markdown. Nothing is trained, so
nothing is held out.

Usage: python benchmarks/heatmap_floors.py [--quick] [--data PLACE ...] [--windows N] [--size N]
       [--pair NAME] [--png FOLDER]
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from search_spaces.heatmaps import heatmap_spec
from search_spaces.objectives import SPLITS
from trainables.heatmaps.dataset import HeatmapData, prepare_heatmaps
from trainables.heatmaps.scores import FLOORS, floors, lit_share, mean_scores
from trainables.heatmaps.windows import Window

SHOWN = ("ssim_index", "psnr_db", "l1_intensity", "ssim_fg_index", "l1_fg_intensity", "iou_index",
         "chamfer_px", "keypoint_px", "flicker_intensity", "temporal_std_err_intensity",
         "tstd_code_score")  # fmt: skip
HEADS = ("SSIM", "PSNR", "L1", "SSIM fg", "L1 fg", "IoU", "chamfer px", "keypoint px", "flicker",
         "t-std err", "T-Std (code)")  # fmt: skip


def chosen(data: HeatmapData, count: int) -> list[Window]:
    """Windows spread evenly over all of a data set."""
    every = [w for split in SPLITS for w in data.windows[split]]
    at = np.unique(np.linspace(0, len(every) - 1, min(count, len(every))).round().astype(int))
    return [every[i] for i in at]


def row(name: str, scores: Mapping[str, float]) -> str:
    """One line of the table."""
    cells = []
    for key in SHOWN:
        value = scores[key]
        digits = 2 if key in ("psnr_db", "chamfer_px", "keypoint_px") else 4
        cells.append("n/a" if math.isnan(value) else f"{value:.{digits}f}")
    return f"| {name} | " + " | ".join(cells) + " |"


def picture(data: HeatmapData, window: Window, file: Path) -> None:
    """Six frames of a window's target, channels one under another, as a PNG."""
    from matplotlib import image

    maps = data.pair(window).target[:4]
    at = np.linspace(0, maps.shape[1] - 1, 6).astype(int)
    rows = [torch.cat([channel[i] for i in at], dim=1) for channel in maps]
    file.parent.mkdir(parents=True, exist_ok=True)
    image.imsave(file, torch.cat(rows).clamp(0, 1).numpy(), cmap="gray", vmin=0, vmax=1)


def main(argv: Sequence[str] | None = None) -> int:
    """Scores, and prints tables and one JSON object."""
    parser = argparse.ArgumentParser(description="Floors beside scores of heatmaps.")
    parser.add_argument("--quick", action="store_true", help="three windows at 64 pixels")
    parser.add_argument("--data", nargs="+", default=["embedded"], help="places of motion")
    parser.add_argument("--windows", type=int, default=24, help="of each data set")
    parser.add_argument("--frames", type=int, default=64, help="of a window")
    parser.add_argument("--size", type=int, default=128, help="pixels")
    parser.add_argument("--fps", type=float, default=0.0, help="0 keeps the files' own")
    parser.add_argument("--pair", default="2d_2d")
    parser.add_argument("--keypoints", action="store_true", help="one channel per keypoint")
    parser.add_argument("--png", type=Path, help="a folder for pictures of what is drawn")
    given = parser.parse_args(argv)
    torch.set_num_threads(1)
    size, count = (64, 3) if given.quick else (given.size, given.windows)
    kind = {"heatmap": "keypoints", "channels": "each"} if given.keypoints else {}
    results: dict[str, Any] = {}
    for place in given.data:
        small = {"embedded_size": "debug"} if given.quick else {}
        settings = {"path": place, "size": size, "window": given.frames, "pair": given.pair,
                    "stride": given.frames, "intensity": "random", "fps": given.fps}  # fmt: skip
        data = prepare_heatmaps(heatmap_spec({**settings, **small, **kind}))
        name = Path(place).name
        windows = chosen(data, count)
        scored = [floors(data, window) for window in windows]
        lit = float(np.mean([lit_share(data.pair(w).target) for w in windows]))
        drawn = data.layout.drawn(data.spec.heatmap)
        print(f"\n{name}: {len(windows)} windows of {given.frames} frames at {size} x {size}, "
              f"{data.fps:g} fps, {drawn} {data.spec.heatmap}, {100 * lit:.1f} % lit, split by "
              f"{data.provenance.split}\n")  # fmt: skip
        print(f"| floor | {' | '.join(HEADS)} |\n|{'---|' * (1 + len(HEADS))}")
        results[name] = {f: mean_scores([s[f] for s in scored]) for f in FLOORS}
        for floor, scores in results[name].items():
            print(row(floor.replace("_", " "), scores), flush=True)
        if given.png:
            picture(data, windows[0], given.png / f"{name}_{given.pair}.png")
    rounded = {n: {f: {k: round(v, 4) for k, v in s.items() if not math.isnan(v)}
                   for f, s in t.items()} for n, t in results.items()}  # fmt: skip
    print(json.dumps(rounded))
    return 0


if __name__ == "__main__":
    sys.exit(main())
