"""A window of motion as heatmaps: from a view, from several, or as three planes of 3-D.

3-D heatmaps are three projections of a volume of Gaussians, each taking the greatest value along an
axis. That greatest value is the 2-D Gaussian of the projected limb (exactly so, on a continuous
axis), so each plane is drawn in two dimensions and no volume is ever made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from search_spaces.heatmaps import PLANES, HeatmapSpec, Picture
from trainables.heatmaps.corruption import Corruption
from trainables.heatmaps.framing import frame_box
from trainables.heatmaps.layout import Layout
from trainables.heatmaps.rasterise import keypoint_maps, limb_maps
from trainables.motion.cameras import View
from trainables.motion.clip import Clip

_PLANE_AXES = ((0, 1), (2, 1), (0, 2))
"""Of (x, down, z): what runs right and down in the planes of `PLANES`."""
assert len(_PLANE_AXES) == len(PLANES)


def seen_joints(clip: Clip, layout: Layout) -> np.ndarray:
    """(frames, points) bool: which drawn joints were seen."""
    if clip.mask is None:
        return np.ones((clip.frames, len(layout.joints)), bool)
    return clip.mask[:, layout.joints]


def view_points(
    clip: Clip, layout: Layout, view: View, size: int, fill: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points of a window in a view, framed: (frames, points, 2) pixels, and which are in view.

    Raises:
        ValueError: none is.
    """
    points, visible = view.see(clip.positions[:, layout.joints], seen_joints(clip, layout))
    return frame_box(points, visible, size, fill)(points), visible


def plane_points(
    clip: Clip, layout: Layout, size: int, fill: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points of a window in three planes, framed in space: (3, frames, points, 2) pixels, and
    (frames, points) which were seen.

    Raises:
        ValueError: none was.
    """
    seen = seen_joints(clip, layout)
    placed = clip.positions[:, layout.joints] * np.array([1.0, -1.0, 1.0])
    framed = frame_box(placed, seen, size, fill)(placed)
    return np.stack([framed[..., list(axes)] for axes in _PLANE_AXES]), seen


def draw(
    clip: Clip,
    layout: Layout,
    strengths: np.ndarray,
    picture: Picture,
    spec: HeatmapSpec,
    views: Sequence[View],
    device: torch.device | str = "cpu",
    spoilt: tuple[Corruption, np.random.Generator] | None = None,
) -> torch.Tensor:
    """One side of a pair.

    Args:
        clip: the window.
        layout: what is drawn.
        strengths: (frames, points), 0 where a joint was not seen.
        picture: which side.
        spec: size, width and kind of what is drawn.
        views: those of the specification.
        device: where to draw, and where the result lies.
        spoilt: a corruption and what its chance comes from; framing stays that of the clean window.

    Returns:
        (channels, frames, size, size) float32, 0 to 1: pictures one after another, each with its
        limbs or keypoints, or all of them in one channel.

    Raises:
        ValueError: nothing of the window is in a view.
    """
    if picture.seen == "planes":
        points, seen = plane_points(clip, layout, spec.size, spec.fill)
        visible = np.broadcast_to(seen, (len(points), *seen.shape))
    else:
        used = views[:1] if picture.seen == "view" else views
        each = [view_points(clip, layout, view, spec.size, spec.fill) for view in used]
        points = np.stack([placed for placed, _ in each])
        visible = np.stack([shown for _, shown in each])
    pictures, frames = points.shape[:2]
    if spoilt is not None:
        corruption, rng = spoilt
        axes = [*_PLANE_AXES] if picture.seen == "planes" else [(0, 1)] * pictures
        points = corruption.moved(points, axes, spec.size, rng)
        strengths = corruption.kept(strengths, rng)
    bright = np.where(visible, strengths, 0.0)
    flat = torch.as_tensor(points, dtype=torch.float32, device=device).flatten(0, 1)
    sure = torch.as_tensor(bright, dtype=torch.float32, device=device).flatten(0, 1)
    channels = spec.channels_of(picture)
    if spec.heatmap == "limbs":
        limbs = torch.as_tensor(layout.limbs, device=device)
        maps = limb_maps(flat, sure, limbs, spec.size, spec.sigma, channels)
    else:
        maps = keypoint_maps(flat, sure, spec.size, spec.sigma, channels)
    grouped = maps.unflatten(0, (pictures, frames)).transpose(1, 2)
    drawn = grouped.flatten(0, 1).contiguous()
    return drawn if spoilt is None else spoilt[0].blurred(drawn)
