"""Scores of what is drawn, not of the black around it.

Foreground is every pixel of `FOREGROUND` or brighter. SSIM and L1 are averaged over the foreground
of either picture, so that what is missing counts as much as what was made up.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from trainables.heatmaps.similarity import ssim_map

FOREGROUND = 0.1
"""Brightness of the dimmest pixel that counts as drawn; the brightest is 1."""


def foreground(maps: torch.Tensor) -> torch.Tensor:
    """Bool of the same shape."""
    return maps >= FOREGROUND


def masked_mean(values: torch.Tensor, target: torch.Tensor, reconstruction: torch.Tensor) -> float:
    """Mean of values per pixel over the foreground of either picture; NaN where there is none.

    NaN anywhere in a reconstruction is no foreground and is not passed over: the result is NaN.
    """
    where = foreground(target) | foreground(reconstruction)
    if not bool(where.any()) or bool(reconstruction.isnan().any()):
        return math.nan
    return float(values[where].double().mean())


def masked_l1(target: torch.Tensor, reconstruction: torch.Tensor) -> float:
    """Mean absolute difference over the foreground of either; NaN where there is none.

    Args:
        target: (channels, frames, height, width), 0 to 1.
        reconstruction: the same.
    """
    return masked_mean((target - reconstruction).abs(), target, reconstruction)


def masked_ssim(target: torch.Tensor, reconstruction: torch.Tensor) -> float:
    """Mean of the SSIM map over the foreground of either; NaN where there is none."""
    scores = ssim_map(target, reconstruction, black_around=True)
    return masked_mean(scores, target, reconstruction)


def iou(target: torch.Tensor, reconstruction: torch.Tensor) -> float:
    """Foreground of both over foreground of either; NaN where there is none."""
    first, second = foreground(target), foreground(reconstruction)
    either = int((first | second).sum())
    if not either or bool(reconstruction.isnan().any()):
        return math.nan
    return int((first & second).sum()) / either


def chamfer(target: torch.Tensor, reconstruction: torch.Tensor) -> float:
    """Mean distance in pixels between foregrounds, both ways; the diagonal where one is empty.

    Pictures (a channel of a frame) without foreground in either count for nothing; NaN where all
    are such.
    """
    if bool(reconstruction.isnan().any()):
        return math.nan
    first = foreground(target).flatten(0, 1).cpu().numpy()
    second = foreground(reconstruction).flatten(0, 1).cpu().numpy()
    found = [_between(a, b) for a, b in zip(first, second, strict=True) if a.any() or b.any()]
    return float(np.mean(found)) if found else math.nan


def _between(first: np.ndarray, second: np.ndarray) -> float:
    if not (first.any() and second.any()):
        return math.hypot(*first.shape)
    to_second = distance_transform_edt(~second)[first].mean()
    to_first = distance_transform_edt(~first)[second].mean()
    return float(to_second + to_first) / 2
