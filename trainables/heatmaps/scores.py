"""Every score of a window of heatmaps, and the floors that stand beside each.

Three floors say what a score is worth: an all-black picture; the first frame repeated, scored over
the frames after it, as it is itself no prediction; and the true pose at mean intensity, which no
codec can beat where intensities are random (the noise ceiling; two drawings of the same pose are
further apart still).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from search_spaces import heatmap_metrics as names
from search_spaces.objectives import Metric
from trainables.heatmaps.dataset import HeatmapData
from trainables.heatmaps.foreground import chamfer, foreground, iou, masked_l1, masked_mean
from trainables.heatmaps.keypoints import keypoint_error
from trainables.heatmaps.similarity import WINDOW, clipped, l1_frames, psnr_frames, ssim_map
from trainables.heatmaps.stability import flicker, temporal_std_err, tstd_code, tstd_paper
from trainables.heatmaps.windows import Window

SCORED: tuple[Metric, ...] = (
    names.SSIM, names.PSNR, names.L1, names.SSIM_FG, names.L1_FG, names.IOU, names.CHAMFER,
    names.KEYPOINT, names.KEYPOINT_LOST, names.FLICKER, names.TEMPORAL_STD, names.TSTD_CODE,
    names.TSTD_PAPER,
)  # fmt: skip
_MOST_KNOWN = 10_000
_KNOWN: dict[tuple[str, str, str, Window], dict[str, dict[str, float]]] = {}
FLOORS = ("all_zero", "repeat_frame", "noise_ceiling", "second_draw")


@torch.no_grad()
def score_heatmaps(
    target: torch.Tensor,
    reconstruction: torch.Tensor,
    *,
    limbs: bool,
    names_keypoints: bool = False,
) -> dict[str, float]:
    """Scores of a window: objective name -> value, NaN where a metric does not apply.

    Args:
        target: (channels, frames, size, size).
        reconstruction: the same; clipped to 0..1 first, as the target is.
        limbs: whether limbs are drawn, which chamfer distance is for.
        names_keypoints: whether each channel shows one keypoint, which can then be located.

    Raises:
        ValueError: shapes differ, or pictures are smaller than 11 pixels.
    """
    x, y = clipped(target, reconstruction)
    around = ssim_map(x, y, black_around=True)
    valid = around[..., WINDOW // 2 : -(WINDOW // 2), WINDOW // 2 : -(WINDOW // 2)]
    ssim, l1 = valid.mean(dim=(0, 2, 3)), l1_frames(x, y)
    off, lost = keypoint_error(x, y) if names_keypoints else (math.nan, math.nan)
    values = (
        float(ssim.double().mean()),
        float(psnr_frames(x, y).mean()),
        float(l1.mean()),
        masked_mean(around, x, y),
        masked_l1(x, y),
        iou(x, y),
        chamfer(x, y) if limbs else math.nan,
        off,
        lost,
        flicker(x, y),
        temporal_std_err(x, y),
        tstd_code((psnr_frames(x, y, math.inf), ssim, l1)),
        tstd_paper(y),
    )
    return {m.objective(): v for m, v in zip(SCORED, values, strict=True)}


def score_window(
    data: HeatmapData, target: torch.Tensor, reconstruction: torch.Tensor
) -> dict[str, float]:
    """`score_heatmaps` of what the data's specification draws."""
    limbs = data.spec.heatmap == "limbs"
    return score_heatmaps(target, reconstruction, limbs=limbs, names_keypoints=data.names_keypoints)


def floors(
    data: HeatmapData, window: Window, device: torch.device | str = "cpu"
) -> dict[str, dict[str, float]]:
    """Scores of what needs no codec, by name out of `FLOORS`.

    `noise_ceiling` and `second_draw` are there for random intensities alone: without noise the
    ceiling is a perfect score.
    """
    target = data.pair(window, device).target
    later = target[:, 1:]
    found = {
        "all_zero": score_window(data, target, torch.zeros_like(target)),
        "repeat_frame": score_window(data, later, target[:, :1].expand_as(later)),
    }
    ceiling = data.ceiling(window, device)
    if ceiling is not None:
        second = data.second_draw(window, device)
        found["noise_ceiling"] = score_window(data, target, ceiling)
        found["second_draw"] = score_window(data, target, second)
    return found


def known_floors(
    data: HeatmapData, window: Window, device: torch.device | str = "cpu"
) -> dict[str, dict[str, float]]:
    """`floors`, reckoned once per process: they hang on what is drawn, and trials draw alike."""
    provenance = data.provenance
    key = (provenance.data_hash, provenance.split_hash, data.spec.model_dump_json(), window)
    if key not in _KNOWN:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[key] = floors(data, window, device)
    return _KNOWN[key]


def mean_scores(windows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean over windows of each score; windows where it does not apply are left out of its own.

    >>> mean_scores([{"iou_index": 1.0}, {"iou_index": 0.5}, {"iou_index": math.nan}])
    {'iou_index': 0.75}
    """
    keys = list(dict.fromkeys(key for scores in windows for key in scores))
    found = {}
    for key in keys:
        values = [scores[key] for scores in windows if not math.isnan(scores.get(key, math.nan))]
        found[key] = sum(values) / len(values) if values else math.nan
    return found


def lit_share(target: torch.Tensor) -> float:
    """Share of a window's pixels that are foreground: what a black picture gets wrong."""
    return float(foreground(target).double().mean())
