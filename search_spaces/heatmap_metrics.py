"""Metrics of heatmaps by name: which the papers print, and which say something.

SSIM, PSNR and L1 over a picture that is black to nine tenths and more are nearly full marks for a
black one, so each stands beside floors, and the ones over the foreground are what a search may
optimise. T-Std and Q-loss are kept for replication alone and have no direction.
"""

from __future__ import annotations

from search_spaces.objectives import Direction, Metric, Scope, register_metric

_PAPER = "Adversarially refined VQ-GAN with dense motion tokenization, section IV-C; "


def _heatmap_metric(stem: str, unit: str, direction: Direction, source: str, title: str) -> Metric:
    return register_metric(
        Metric(stem, unit, direction, Scope.TOTAL, source, title, pooling="mean over windows")
    )


SSIM = _heatmap_metric(
    "ssim", "index", Direction.MAX,
    _PAPER + "as its code computes it: each channel and frame by itself, 11 x 11 Gaussian of sigma "
    "1.5, valid windows, range 1 after clipping; mean over channels, then frames",
    "SSIM",
)  # fmt: skip
PSNR = _heatmap_metric(
    "psnr", "db", Direction.MAX,
    _PAPER + "mean over frames of 20 log10(1 / rmse over channels and pixels), a frame 100 dB at "
    "most",
    "PSNR",
)  # fmt: skip
L1 = _heatmap_metric(
    "l1", "intensity", Direction.MIN,
    _PAPER + "mean absolute difference after clipping to 0..1",
    "L1",
)  # fmt: skip
SSIM_FG = _heatmap_metric(
    "ssim_fg", "index", Direction.MAX,
    "SSIM map (black around the picture) averaged over the foreground: pixels of 0.1 or brighter "
    "in the original or the reconstruction",
    "foreground SSIM",
)  # fmt: skip
L1_FG = _heatmap_metric(
    "l1_fg", "intensity", Direction.MIN,
    "mean absolute difference over the foreground of either picture",
    "foreground L1",
)  # fmt: skip
IOU = _heatmap_metric(
    "iou", "index", Direction.MAX,
    "foreground of both over foreground of either, over a window's pixels; NaN where neither has "
    "any",
    "foreground IoU",
)  # fmt: skip
CHAMFER = _heatmap_metric(
    "chamfer", "px", Direction.MIN,
    "mean distance from the foreground of each picture to the nearest of the other, mean of both "
    "ways and over pictures; the diagonal where one shows nothing; limb maps alone",
    "chamfer distance",
)  # fmt: skip
KEYPOINT = _heatmap_metric(
    "keypoint", "px", Direction.MIN,
    "mean distance of keypoints located by soft-argmax around the brightest pixel; the diagonal "
    "where nothing reaches 0.1; maps of one keypoint per channel alone",
    "keypoint error",
)  # fmt: skip
KEYPOINT_LOST = _heatmap_metric(
    "keypoint_lost", "pct", Direction.MIN,
    "share of the original's keypoints where the reconstruction reaches 0.1 nowhere",
    "keypoints lost",
)  # fmt: skip
FLICKER = _heatmap_metric(
    "flicker", "intensity", Direction.MIN,
    "mean absolute difference of the changes from frame to frame",
    "flicker",
)  # fmt: skip
TEMPORAL_STD = _heatmap_metric(
    "temporal_std_err", "intensity", Direction.MIN,
    "mean over pixels of |standard deviation over frames - that of the original|",
    "temporal std error",
)  # fmt: skip
TSTD_CODE = _heatmap_metric(
    "tstd_code", "score", Direction.NONE,
    _PAPER + "as its code computes it: mean of the standard deviations (ddof 1) over frames of "
    "the min-max-normalised PSNR, SSIM and L1 of each frame; noise alone gives 0.21",
    "T-Std (code)",
)  # fmt: skip
TSTD_PAPER = _heatmap_metric(
    "tstd_paper", "intensity", Direction.NONE,
    _PAPER + "as printed: of the reconstruction alone, and divided by the pixels twice",
    "T-Std (paper)",
)  # fmt: skip
QLOSS = _heatmap_metric(
    "qloss", "latent2", Direction.NONE,
    _PAPER + "as its code computes it: 1.25 x mean squared distance of latents to their codes, "
    "which shrinks with the latents",
    "Q-loss",
)  # fmt: skip
QERROR = _heatmap_metric(
    "qerror", "share", Direction.NONE,
    "squared distance of latents to their codes over squared latents",
    "relative quantisation error",
)  # fmt: skip
