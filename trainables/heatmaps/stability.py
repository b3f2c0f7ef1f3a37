"""How steadily heatmaps move: flicker and spread over time, beside the published T-Std.

T-Std is not to be optimised. As the code computes it, it is scale-free: a perfect reconstruction is
undefined and noise of any size gives 0.21 to 0.26. As printed, it divides by the pixels twice and
does not look at the original at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


def flicker(target: torch.Tensor, reconstruction: torch.Tensor) -> float:
    """Mean absolute difference of changes between frames; NaN of a single frame.

    Args:
        target: (channels, frames, height, width), 0 to 1.
        reconstruction: the same.
    """
    if target.shape[1] < 2:
        return math.nan
    changes = reconstruction.diff(dim=1) - target.diff(dim=1)
    return float(changes.abs().double().mean())


def temporal_std_err(target: torch.Tensor, reconstruction: torch.Tensor) -> float:
    """Mean over pixels of the absolute difference of standard deviations over frames."""
    spread = reconstruction.double().std(dim=1, correction=0)
    return float((spread - target.double().std(dim=1, correction=0)).abs().mean())


def tstd_code(curves: Sequence[torch.Tensor]) -> float:
    """T-Std as the authors' code computes it, from scores per frame.

    Args:
        curves: (frames,) each: PSNR without a cap, SSIM, L1.

    Returns:
        Mean over curves of the standard deviation (ddof 1) of the curve scaled to 0..1. NaN where
        a curve is constant, infinite or of one frame: what it then is, is undefined.
    """
    spreads = []
    for curve in curves:
        least, most = curve.double().min(), curve.double().max()
        scaled = (curve.double() - least) / (most - least)
        spreads.append(float(scaled.std(correction=1)) if len(curve) > 1 else math.nan)
    return sum(spreads) / len(spreads)


def tstd_paper(reconstruction: torch.Tensor) -> float:
    """T-Std as printed: sum over frames of the root mean squared departure from the mean frame,
    over frames x height x width; mean over channels. (channels, frames, height, width) -> number.
    """
    maps = reconstruction.double()
    away = (maps - maps.mean(dim=1, keepdim=True)).square().mean(dim=(2, 3)).sqrt()
    frames, height, width = maps.shape[1:]
    return float(away.sum(dim=1).mean() / (frames * height * width))
