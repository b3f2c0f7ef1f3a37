"""Limbs and keypoints drawn as Gaussians, many pictures at a time, on any device.

A pixel's value is the strength of a limb (or keypoint) times exp(-d^2 / 2 sigma^2), d being its
distance to the segment (the point); where several overlap the greatest counts. The greatest of
products is the least of d^2 / 2 sigma^2 - log(strength), so a channel takes one exponential per
pixel however many limbs it holds. Nothing is drawn of what has strength 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from search_spaces.heatmaps import Channels

_ON_CPU = 1 << 18
_ON_DEVICE = 1 << 26
"""Pixels worked on at once: about a core's cache, or some hundred MB."""
_LEAST_LENGTH = 1e-9
_DARK = 27.0
"""The exponent at which a pixel is black: 1.9e-12."""


@torch.no_grad()
def limb_maps(
    points: torch.Tensor,
    strengths: torch.Tensor,
    limbs: torch.Tensor,
    size: int,
    sigma: float = 0.75,
    channels: Channels = "one",
) -> torch.Tensor:
    """Heatmaps of limbs.

    Args:
        points: (pictures, joints, 2) float, pixels to the right and down; the first pixel's centre
            is at 0. Where a joint's strength is 0 its place is not looked at and may be NaN.
        strengths: (pictures, joints) float, 0 to 1; 0 leaves the joint's limbs out. A limb has the
            lesser strength of its two ends.
        limbs: (limbs, 2) int64, places of joints.
        size: height and width, pixels.
        sigma: of the Gaussians, pixels.
        channels: one for all limbs, or one for each.

    Returns:
        (pictures, 1 or limbs, size, size) float32, 0 to 1, on the device of `points`.
    """
    place, sure = _ready(points, strengths, sigma)
    first, second = place[:, limbs[:, 0]], place[:, limbs[:, 1]]  # (pictures, limbs, 2)
    strength = torch.minimum(sure[:, limbs[:, 0]], sure[:, limbs[:, 1]])
    middle, along = (first + second) / 2, second - first
    length = along.norm(dim=-1, keepdim=True)
    unit = along / length.clamp_min(_LEAST_LENGTH)
    # a limb seen end on has no direction: any will do, as its length is 0
    unit = torch.where(length > _LEAST_LENGTH, unit, unit.new_tensor([1.0, 0.0]))
    pixel = _pixels(size, sigma, place)
    right = pixel - middle[..., 0:1]  # (pictures, limbs, size)
    down = pixel - middle[..., 1:2]
    ux, uy = unit[..., 0:1], unit[..., 1:2]
    rows = torch.stack([down * uy, down * ux])[..., :, None]
    columns = torch.stack([right * ux, -right * uy])[..., None, :]
    half, less = (length / 2)[..., None], -strength.log()[..., None, None]

    def distance(pictures: slice, drawn: slice) -> torch.Tensor:
        """d^2 / 2 sigma^2 - log(strength): (pictures, limbs, size, size)."""
        here = (slice(None), pictures, drawn)
        beyond, across = rows[here] + columns[here]
        beyond.abs_().sub_(half[pictures, drawn]).clamp_min_(0).square_()
        return beyond.add_(across.square_()).add_(less[pictures, drawn])

    return _greatest(distance, len(place), len(limbs), size, channels, place)


@torch.no_grad()
def keypoint_maps(
    points: torch.Tensor,
    strengths: torch.Tensor,
    size: int,
    sigma: float = 0.75,
    channels: Channels = "each",
) -> torch.Tensor:
    """Heatmaps of keypoints; arguments and result as in `limb_maps`."""
    place, sure = _ready(points, strengths, sigma)
    pixel = _pixels(size, sigma, place)
    columns = (pixel - place[..., 0:1]).square()[..., None, :]
    rows = (pixel - place[..., 1:2]).square()[..., :, None] - sure.log()[..., None, None]

    def distance(pictures: slice, drawn: slice) -> torch.Tensor:
        return rows[pictures, drawn] + columns[pictures, drawn]

    return _greatest(distance, len(place), place.shape[1], size, channels, place)


def _ready(
    points: torch.Tensor, strengths: torch.Tensor, sigma: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Points in units in which the exponent is a squared distance, and strengths, both finite."""
    sure = strengths.float().clamp(0, 1)
    scaled = points.float() / (sigma * 2**0.5)
    return torch.where(sure[..., None] > 0, scaled, scaled.new_zeros(())), sure


def _pixels(size: int, sigma: float, like: torch.Tensor) -> torch.Tensor:
    return torch.arange(size, device=like.device, dtype=like.dtype) / (sigma * 2**0.5)


def _greatest(
    distance: Callable[[slice, slice], torch.Tensor],
    pictures: int,
    drawn: int,
    size: int,
    channels: Channels,
    like: torch.Tensor,
) -> torch.Tensor:
    """exp of minus the least distance over all that is drawn, or of each; block by block."""
    each = channels == "each"
    found = like.new_empty((pictures, drawn if each else 1, size, size))
    budget = (_ON_CPU if like.device.type == "cpu" else _ON_DEVICE) // (size * size)
    limbs_at_once = drawn if like.device.type != "cpu" else 1
    rows = max(1, budget // limbs_at_once)
    for start in range(0, pictures, rows):
        here = slice(start, min(start + rows, pictures))
        least: torch.Tensor | None = None
        for begin in range(0, drawn, limbs_at_once):
            some = slice(begin, begin + limbs_at_once)
            far = distance(here, some)
            if each:
                found[here, some] = _bright(far)
                continue
            nearest = far.amin(dim=1, keepdim=True) if limbs_at_once > 1 else far
            least = nearest if least is None else torch.minimum(least, nearest, out=least)
        if least is not None:
            found[here] = _bright(least)
    return found


def _bright(distance: torch.Tensor) -> torch.Tensor:
    """exp(-distance) in place; black where it is below what float32 can tell from 0 in a sum."""
    # numbers of less than 1e-38 take processors a hundred times as long
    values = distance.clamp_max_(_DARK + 1).neg_().exp_()
    return torch.threshold_(values, math.exp(-_DARK), 0.0)
