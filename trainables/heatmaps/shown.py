"""What a trial on heatmaps leaves to look at: a few windows, original and reconstruction.

The best, the median and the worst of validation by foreground IoU, and one that all trials on the
same recordings keep, as bytes. Channels of one
picture (its limbs or keypoints) are laid over one another; where each shows one keypoint, the
located keypoints are kept beside them, so that a skeleton can be drawn over both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from search_spaces.heatmaps import PAIRS, PLANES
from search_spaces.record import MOST_SHOWN_FRAMES
from trainables.heatmaps.codec import HeatmapCodec
from trainables.heatmaps.dataset import HeatmapData
from trainables.heatmaps.keypoints import locate
from trainables.heatmaps.windows import Window

WORDS = ("best", "median", "worst")
COMMON = "common"
"""The word of the window that all trials keep, so that they can stand side by side."""


def shown_windows(scores: Mapping[str, float]) -> dict[str, tuple[str, ...]]:
    """Windows worth a look, with the words that say why.

    Args:
        scores: window -> a score of which more is better; NaN is left out.

    >>> shown_windows({"a": 0.1, "b": 0.9, "c": 0.5})
    {'b': ('best',), 'c': ('median',), 'a': ('worst',)}
    """
    ranked = sorted((n for n, v in scores.items() if not math.isnan(v)),
                    key=lambda name: (-scores[name], name))  # fmt: skip
    found: dict[str, tuple[str, ...]] = {}
    places = (0, len(ranked) // 2, len(ranked) - 1)
    for word, place in zip(WORDS, places, strict=True) if ranked else ():
        found[ranked[place]] = (*found.get(ranked[place], ()), word)
    return found


def picture_names(data: HeatmapData) -> tuple[str, ...]:
    """Names of the target's pictures: of its view, of all views, or of the three planes."""
    seen = PAIRS[data.spec.pair][1].seen
    return {"view": data.spec.views[:1], "views": data.spec.views, "planes": PLANES}[seen]


def overlaid(data: HeatmapData, maps: torch.Tensor) -> torch.Tensor:
    """(channels, frames, size, size) -> (pictures, frames, size, size): the brightest of each."""
    pictures = len(picture_names(data))
    return maps.unflatten(0, (pictures, len(maps) // pictures)).amax(dim=1)


def skeletons(data: HeatmapData, maps: torch.Tensor) -> np.ndarray:
    """Keypoints of target maps: (pictures, frames, joints, 2) float32 pixels, NaN where lost.

    Raises:
        ValueError: the maps name no keypoints.
    """
    if not data.names_keypoints:
        raise ValueError("only maps of one keypoint per channel have keypoints to locate")
    places, there = locate(maps.clamp(0, 1))
    points = torch.where(there[..., None], places, math.nan)
    pictures = len(picture_names(data))
    grouped = points.unflatten(0, (pictures, len(maps) // pictures))
    return grouped.movedim(1, 2).float().cpu().numpy()


def shown_heatmaps(
    codec: HeatmapCodec,
    data: HeatmapData,
    windows: Sequence[Window],
    scores: Mapping[str, float],
    device: str = "cpu",
) -> dict[str, np.ndarray]:
    """Arrays of `SHOWN_HEATMAPS_FILE`, as `search_spaces.record` states them.

    Args:
        codec: a trained codec.
        data: that it was trained on.
        windows: of validation.
        scores: `<recording>@<start>` -> foreground IoU.
        device: where to draw and decode.
    """
    named = {f"{w.recording}@{w.start}": w for w in windows}
    chosen = shown_windows({n: v for n, v in scores.items() if n in named})
    if named:
        common = list(named)[len(named) // 2]
        chosen[common] = (*chosen.get(common, ()), COMMON)
    found: dict[str, np.ndarray] = {
        "fps": np.array(data.fps),
        "windows": np.array(list(chosen), np.str_),
        "why": np.array([" ".join(words) for words in chosen.values()], np.str_),
        "pictures": np.array(picture_names(data), np.str_),
    }
    if data.names_keypoints:
        found |= {"joints": np.array(data.layout.names, np.str_), "limbs": data.layout.limbs}
    for name in chosen:
        pair = data.pair(named[name], device)
        made = codec.coded(pair.input).reconstruction
        for what, maps in (("original", pair.target), ("reconstruction", made)):
            few = maps[:, :MOST_SHOWN_FRAMES]
            found[f"{name}/{what}"] = _bytes(overlaid(data, few))
            if data.names_keypoints:
                found[f"{name}/{what}_points"] = skeletons(data, few)
    return found


def _bytes(pictures: torch.Tensor) -> np.ndarray:
    return np.asarray((pictures.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy())
