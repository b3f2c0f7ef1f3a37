"""One scale and one offset for a whole window, so that limbs keep their proportions.

The box around everything seen in the window is centred in the picture and fills a share of it in
its longer direction. Where people stand and how tall they appear is thereby gone from heatmaps, as
in the authors' code; how they move within the window is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Framing:
    """Pixels = scale x points + offset, on every axis.

    Attributes:
        scale: pixels per unit, the same for all axes.
        offset: (axes,) pixels.
    """

    scale: float
    offset: tuple[float, ...]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """(..., axes) points -> pixels; the centre of the first pixel is at 0."""
        return np.asarray(self.scale * points + np.array(self.offset))


def frame_box(points: np.ndarray, seen: np.ndarray, size: int, fill: float = 0.9) -> Framing:
    """The framing of a window.

    Args:
        points: (frames, joints, axes), rows running down.
        seen: (frames, joints) bool; what was not seen widens no box.
        size: of the picture in pixels, along every axis.
        fill: share of it for the longest side of the box.

    Raises:
        ValueError: nothing was seen.
    """
    shown = points[seen]
    if not len(shown):
        raise ValueError("no joint is seen in the window, so there is nothing to frame")
    least, most = shown.min(axis=0), shown.max(axis=0)
    extent = float(np.max(most - least))
    scale = fill * size / extent if extent > 0 else 1.0
    offset = (size - 1) / 2 - scale * (least + most) / 2
    return Framing(scale, tuple(map(float, offset)))
