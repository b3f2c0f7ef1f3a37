"""Reads the windows of heatmaps that trials left to look at (`SHOWN_HEATMAPS_FILE`).

A trial of an older sweep left none and a damaged file holds none; both read as None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.shown_clips import read_arrays
from search_spaces.record import SHOWN_HEATMAPS_FILE

ORIGINAL, RECONSTRUCTION = "original", "reconstruction"


@dataclass(frozen=True, eq=False)
class ShownWindows:
    """Windows of one trial.

    Attributes:
        fps: frames per second.
        pictures: names of the pictures of a window (`yaw=0`, or `front`, `side`, `top`).
        why: window -> the words by which it was kept (best, median, worst).
        arrays: `<window>/original`, `<window>/reconstruction` -> uint8 (pictures, frames, size,
            size); where keypoints were located, `…_points` float32 (pictures, frames, joints, 2).
        limbs: (limbs, 2) int64, pairs of joints; empty where no keypoints were located.
    """

    fps: float
    pictures: tuple[str, ...]
    why: Mapping[str, tuple[str, ...]]
    arrays: Mapping[str, np.ndarray]
    limbs: np.ndarray

    def maps(self, window: str, which: str = ORIGINAL) -> np.ndarray:
        """(pictures, frames, size, size) uint8."""
        return self.arrays[f"{window}/{which}"]

    def points(self, window: str, which: str = ORIGINAL) -> np.ndarray | None:
        """(pictures, frames, joints, 2) pixels, NaN where lost; None where there are none."""
        return self.arrays.get(f"{window}/{which}_points")


def read_windows(folder: Path, trial: str) -> ShownWindows | None:
    """The windows that a trial of a sweep left; None where it left none that can be read."""
    found = read_arrays(folder, trial, SHOWN_HEATMAPS_FILE)
    if not found:
        return None
    try:
        names = [str(w) for w in found["windows"]]
        why = [tuple(str(w).split()) for w in found["why"]]
        shown = ShownWindows(
            fps=float(found["fps"]),
            pictures=tuple(map(str, found["pictures"])),
            why=dict(zip(names, why, strict=True)),
            arrays={k: v for k, v in found.items() if v.ndim == 4},
            limbs=found.get("limbs", np.empty((0, 2), np.int64)),
        )
        for name in names:
            if shown.maps(name).shape != shown.maps(name, RECONSTRUCTION).shape:
                return None
        return shown
    except (KeyError, ValueError, TypeError):
        return None
