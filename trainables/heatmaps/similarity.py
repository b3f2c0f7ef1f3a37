"""SSIM, PSNR and L1 of heatmaps as the authors' code computes them, per frame, on any device.

SSIM is Wang et al.'s with an 11 x 11 Gaussian of sigma 1.5 and valid windows, each channel and
frame a picture of its own (piq's `ssim`, whose downsampling does not set in at 256 pixels and
below). PSNR is in dB per frame; a frame without any error counts as `CAP_DB`, never infinity.
"""

from __future__ import annotations

import torch

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
CAP_DB = 100.0
_PICTURES = 32
"""Worked on at once."""


def clipped(target: torch.Tensor, reconstruction: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Both as float32 in 0..1; NaN stays NaN, so that a diverged codec gets no score.

    Args:
        target: (channels, frames, height, width).
        reconstruction: the same shape.

    Raises:
        ValueError: shapes differ, or are not of four axes.
    """
    if target.shape != reconstruction.shape or target.ndim != 4:
        raise ValueError(
            "heatmaps must be (channels, frames, height, width), both alike; got "
            f"{tuple(target.shape)} and {tuple(reconstruction.shape)}"
        )
    return target.float().clamp(0, 1), reconstruction.float().clamp(0, 1)


def ssim_map(
    target: torch.Tensor, reconstruction: torch.Tensor, *, black_around: bool = False
) -> torch.Tensor:
    """SSIM around every pixel.

    Args:
        target: (channels, frames, height, width), 0 to 1.
        reconstruction: the same.
        black_around: False for valid windows alone, which leave out 5 pixels at each edge.

    Returns:
        (channels, frames, height - 10, width - 10), or the whole picture with black around it.

    Raises:
        ValueError: the picture is smaller than the window.
    """
    if min(target.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs pictures of {WINDOW} pixels or more: {target.shape[-2:]}")
    height, width = target.shape[-2:]
    down = _blur(height, target.device, black_around)
    right = _blur(width, target.device, black_around).T
    pictures = zip(
        target.flatten(0, 1).split(_PICTURES), reconstruction.flatten(0, 1).split(_PICTURES),
        strict=True,
    )  # fmt: skip
    return torch.cat([_ssim(x.double(), y.double(), down, right) for x, y in pictures]).unflatten(
        0, target.shape[:2]
    )


def _ssim(
    x: torch.Tensor, y: torch.Tensor, down: torch.Tensor, right: torch.Tensor
) -> torch.Tensor:
    """SSIM map of pictures (n, height, width), given the blurs along columns and rows."""
    mx, my, xx, yy, xy = (down @ torch.stack([x, y, x * x, y * y, x * y]) @ right).unbind()
    # variances of black pixels round to a little below zero
    vx, vy, cov = (xx - mx * mx).clamp_min(0), (yy - my * my).clamp_min(0), xy - mx * my
    score = (2 * mx * my + C1) * (2 * cov + C2) / ((mx * mx + my * my + C1) * (vx + vy + C2))
    return score.float()


def _blur(length: int, device: torch.device, black_around: bool) -> torch.Tensor:
    """(out, length) float64: the Gaussian as a banded matrix.

    A product of matrices is some twenty times as fast on a CPU as a convolution of one channel, and
    float64 is out of reach of TF32 and autocast.
    """
    edge = WINDOW // 2
    offsets = torch.arange(WINDOW, device=device, dtype=torch.float64) - edge
    kernel = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    centres = torch.arange(length, device=device)
    if not black_around:
        centres = centres[edge : length - edge]
    apart = torch.arange(length, device=device) - centres[:, None] + edge
    inside = (apart >= 0) & (apart < WINDOW)
    return torch.where(inside, (kernel / kernel.sum())[apart.clamp(0, WINDOW - 1)], 0.0)


def ssim_frames(target: torch.Tensor, reconstruction: torch.Tensor) -> torch.Tensor:
    """(frames,) SSIM, mean over channels and pixels of valid windows."""
    return ssim_map(target, reconstruction).mean(dim=(0, 2, 3))


def squared_error_frames(target: torch.Tensor, reconstruction: torch.Tensor) -> torch.Tensor:
    """(frames,) mean squared error over channels and pixels, float64."""
    return (target - reconstruction).double().square().mean(dim=(0, 2, 3))


def psnr_frames(
    target: torch.Tensor, reconstruction: torch.Tensor, cap: float = CAP_DB
) -> torch.Tensor:
    """(frames,) PSNR in dB, at most `cap`. The code's own has no cap: pass infinity."""
    decibels = -10 * torch.log10(squared_error_frames(target, reconstruction))
    return decibels.clamp_max(cap)


def l1_frames(target: torch.Tensor, reconstruction: torch.Tensor) -> torch.Tensor:
    """(frames,) mean absolute difference over channels and pixels."""
    return (target - reconstruction).abs().double().mean(dim=(0, 2, 3))
