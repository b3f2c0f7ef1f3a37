"""How numbers and motion are packed into the page: base64 of typed arrays, motion as differences.

`data.js` unpacks them.
"""

from __future__ import annotations

import base64
import zlib

import numpy as np

from search_spaces.record import MISSING

MOST_STEPS = 32_000


def packed_floats(values: np.ndarray) -> str:
    """float32, little-endian; NaN where a value is missing."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode("ascii")


def packed_motion(motion: np.ndarray, step: float) -> str:
    """Motion as whole steps: what changes from frame to frame, low bytes then high, deflated.

    Args:
        motion: (frames, joints, 3), NaN where not seen.
        step: length of a step; positions beyond 32,000 of them stand at the limit.
    """
    steps = np.clip(np.rint(np.nan_to_num(motion / step)), -MOST_STEPS, MOST_STEPS)
    whole = np.where(np.isfinite(motion), steps, MISSING).astype(np.int32)
    series = whole.reshape(len(whole), -1).T
    moved = np.diff(series, axis=1, prepend=0) & 0xFFFF
    planes = np.stack([moved & 0xFF, moved >> 8]).astype(np.uint8)
    return base64.b64encode(zlib.compress(planes.tobytes(), 9)).decode("ascii")


def evenly(many: int, most: int) -> np.ndarray:
    """At most so many places of 0 … many - 1, evenly spread, the ends among them."""
    if many <= most:
        return np.arange(many)
    return np.unique(np.linspace(0, many - 1, most).round().astype(int))
