"""Where keypoints are in heatmaps that show one each: soft-argmax around the brightest pixel.

Over the whole picture a soft-argmax is drawn to the middle by every faint pixel; within
`NEAR` pixels of the brightest it is exact to a hundredth of a pixel on Gaussians. Limb maps have no
keypoints to locate: a limb's brightest pixel is anywhere along it.
"""

from __future__ import annotations

import math

import torch

from trainables.heatmaps.foreground import FOREGROUND

NEAR = 3
"""Pixels around the brightest that count: four sigma of the authors' Gaussians."""


def locate(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Keypoints of maps.

    Args:
        maps: (channels, frames, height, width), 0 to 1, one keypoint to a channel.

    Returns:
        (channels, frames, 2) float64 places, right and down from the first pixel's centre; and
        (channels, frames) bool, whether any pixel is foreground.
    """
    height, width = maps.shape[-2:]
    best, at = maps.flatten(2).max(dim=-1)
    down, right = torch.div(at, width, rounding_mode="floor"), at % width
    rows = torch.arange(height, device=maps.device)
    columns = torch.arange(width, device=maps.device)
    near_rows = (rows - down[..., None]).abs() <= NEAR  # (channels, frames, height)
    near_columns = (columns - right[..., None]).abs() <= NEAR
    weights = maps.double() * (near_rows[..., :, None] & near_columns[..., None, :])
    total = weights.sum(dim=(2, 3)).clamp_min(1e-12)
    x = (weights.sum(dim=2) * columns).sum(dim=-1) / total
    y = (weights.sum(dim=3) * rows).sum(dim=-1) / total
    return torch.stack([x, y], dim=-1), best >= FOREGROUND


def keypoint_error(target: torch.Tensor, reconstruction: torch.Tensor) -> tuple[float, float]:
    """Mean distance of keypoints in pixels, and the percentage that the reconstruction lost.

    Keypoints that the target does not show are left out; a lost one is off by the diagonal. NaN
    where the target shows none, or the reconstruction holds NaN.
    """
    if bool(reconstruction.isnan().any()):
        return math.nan, math.nan
    there, shown = locate(target)
    here, found = locate(reconstruction)
    if not bool(shown.any()):
        return math.nan, math.nan
    apart = (there - here).norm(dim=-1)
    diagonal = math.hypot(*target.shape[-2:])
    apart = torch.where(found, apart, apart.new_tensor(diagonal))
    lost = 100 * float((~found[shown]).double().mean())
    return float(apart[shown].mean()), lost
