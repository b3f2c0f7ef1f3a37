"""Inputs that were spoilt, to ask whether a codec gives back what was there: claim V6.

Three kinds at four levels. Jitter moves each joint of each frame by N(0, s) along each axis, s a
share of the picture's side; dropping leaves joints of frames out with a probability, and with them
limbs that end in them; blur smooths the picture by a Gaussian of s of its side. Framing stays that
of the clean window, so nothing else differs. What a window is spoilt with hangs on the window and
the kind alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

AMOUNTS: dict[str, tuple[float, ...]] = {
    "jitter": (0.005, 0.01, 0.02, 0.04),
    "dropped": (0.05, 0.1, 0.2, 0.4),
    "blur": (0.005, 0.01, 0.02, 0.04),
}
"""Shares of the picture's side (jitter, blur), and probabilities (dropped), by level from 1 on."""
KINDS = tuple(AMOUNTS)
_REACH = 3.0
"""Sigmas at which a blur ends."""


@dataclass(frozen=True)
class Corruption:
    """A kind at a level.

    Attributes:
        kind: one of `KINDS`.
        level: 1 to 4, the last the worst.
    """

    kind: str
    level: int

    @property
    def amount(self) -> float:
        """What the level means, as in `AMOUNTS`."""
        return AMOUNTS[self.kind][self.level - 1]

    @property
    def number(self) -> int:
        """What a generator of random numbers is told: a higher level is the same, and more."""
        return KINDS.index(self.kind) + 1

    def moved(
        self,
        points: np.ndarray,
        axes: Sequence[tuple[int, ...]],
        size: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Points (pictures, frames, joints, 2) in pixels, jittered.

        Args:
            points: of all pictures.
            axes: of each picture, which of the three axes of space run right and down in it, so
                that projections of one jitter agree.
            size: of the picture.
            rng: for the jitter.
        """
        if self.kind != "jitter":
            return points
        by = rng.normal(0.0, self.amount * size, (*points.shape[1:3], 3))
        return points + np.stack([by[..., list(own)] for own in axes])

    def kept(self, strengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Strengths (frames, joints), 0 where a joint was dropped."""
        if self.kind != "dropped":
            return strengths
        return np.where(rng.random(strengths.shape) < self.amount, 0.0, strengths)

    def blurred(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps (channels, frames, size, size), smoothed; black beyond the edges."""
        if self.kind != "blur":
            return maps
        sigma = self.amount * maps.shape[-1]
        reach = max(1, math.ceil(_REACH * sigma))
        offsets = torch.arange(-reach, reach + 1, dtype=maps.dtype, device=maps.device)
        kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
        kernel = kernel / kernel.sum()
        flat = maps.flatten(0, 1)[:, None]
        flat = functional.conv2d(flat, kernel[None, None, None], padding=(0, reach))
        flat = functional.conv2d(flat, kernel[None, None, :, None], padding=(reach, 0))
        return flat[:, 0].unflatten(0, maps.shape[:2])


CORRUPTIONS = tuple(
    Corruption(kind, level) for kind in KINDS for level in range(1, len(AMOUNTS[kind]) + 1)
)


def drawn_corruption(rng: np.random.Generator) -> Corruption:
    """Any of them, alike likely."""
    return CORRUPTIONS[int(rng.integers(len(CORRUPTIONS)))]
