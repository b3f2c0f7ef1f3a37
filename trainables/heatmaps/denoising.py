"""Whether a codec takes spoilt input nearer to what was there, or further from it.

For each corruption the error of the input itself (drawn as the target is) and of what the codec
makes of it, both against the clean target: a codec that denoises has the smaller of the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from search_spaces import heatmap_metrics as names
from trainables.heatmaps.codec import HeatmapCodec
from trainables.heatmaps.corruption import CORRUPTIONS
from trainables.heatmaps.dataset import HeatmapData
from trainables.heatmaps.foreground import iou, masked_l1
from trainables.heatmaps.keypoints import keypoint_error
from trainables.heatmaps.similarity import clipped
from trainables.heatmaps.windows import Window

MOST_WINDOWS = 8
"""Windows of a split that are spoilt, evenly among all."""
PREFIX = "denoise_"


@torch.no_grad()
def denoised(
    codec: HeatmapCodec, data: HeatmapData, windows: Sequence[Window], device: str = "cpu"
) -> dict[str, dict[str, float]]:
    """Errors of spoilt windows.

    Returns:
        `<recording>@<start>` -> `denoise_<kind><level>_<input or output>_<objective>` -> value, for
        foreground L1, foreground IoU and, of maps that name keypoints, keypoint error.
    """
    chosen = np.linspace(0, len(windows) - 1, min(len(windows), MOST_WINDOWS)).round().astype(int)
    found = {}
    for window in (windows[int(i)] for i in np.unique(chosen)):
        values: dict[str, float] = {}
        for corruption in CORRUPTIONS:
            spoilt = data.corrupted(window, corruption, device)
            made = codec.coded(spoilt.input).reconstruction
            head = f"{PREFIX}{corruption.kind}{corruption.level}"
            for which, maps in (("input", spoilt.seen), ("output", made)):
                scores = _errors(spoilt.target, maps, data.names_keypoints)
                values |= {f"{head}_{which}_{name}": value for name, value in scores.items()}
        found[f"{window.recording}@{window.start}"] = values
    return found


def _errors(target: torch.Tensor, made: torch.Tensor, keypoints: bool) -> dict[str, float]:
    x, y = clipped(target, made)
    found = {names.L1_FG.objective(): masked_l1(x, y), names.IOU.objective(): iou(x, y)}
    if keypoints:
        found[names.KEYPOINT.objective()] = keypoint_error(x, y)[0]
    return {name: value if not math.isinf(value) else math.nan for name, value in found.items()}
