"""Jerk, the smoothness of motion.

GENEA's convention: third forward difference of each joint's position, its norm, times fps^3, mean
over frames, then over joints. A codec that snaps from code to code has more jerk than the original
and one that smears has less, so jerk is read against the original's; `jerk_error` is the form that
can be optimised.
"""

from __future__ import annotations

import math

import numpy as np

from search_spaces.objectives import JERK, JERK_ERROR
from trainables.metrics.clip_pair import ClipPair, clip_metric


def jerk(positions: np.ndarray, fps: float, seen: np.ndarray | None = None) -> float:
    """Mean jerk of a recording.

    Rounding is multiplied by fps^3 too: float32 positions of about a metre carry some 0.004 m/s^3
    at 30 fps and 0.24 m/s^3 at 120 fps. Hand over float64 where there is float64.

    Args:
        positions: (frames, joints, dimensions), metres.
        fps: frames per second.
        seen: (frames, joints) bool: a difference counts where all four frames of it are seen, and
            a joint where any of its differences does; all where left out.

    Returns:
        m/s^3; NaN for fewer than four frames or no joints.

    Raises:
        ValueError: positions are not three-dimensional.
    """
    if positions.ndim != 3:
        raise ValueError(f"positions must be (frames, joints, dimensions), got {positions.shape}")
    if positions.shape[0] < 4 or positions.shape[1] == 0:
        return math.nan
    with np.errstate(invalid="ignore", over="ignore"):  # a codec that diverged scores NaN or inf
        third = np.diff(positions.astype(np.float64), n=3, axis=0)
        size = np.linalg.norm(third, axis=2)
    if seen is None:
        return float(size.mean(axis=0).mean() * fps**3)
    whole = seen[:-3] & seen[1:-2] & seen[2:-1] & seen[3:]
    count = whole.sum(axis=0)
    if not count.any():
        return math.nan
    each = np.where(whole, size, 0.0).sum(axis=0)[count > 0] / count[count > 0]
    return float(each.mean() * fps**3)


@clip_metric(JERK)
def clip_jerk(pair: ClipPair, scope: str) -> float:
    """Jerk of the reconstruction, all joints; `jerk(pair.original, pair.fps)` is its reference."""
    return jerk(pair.reconstruction, pair.fps, pair.seen)


@clip_metric(JERK_ERROR)
def clip_jerk_error(pair: ClipPair, scope: str) -> float:
    """|jerk - jerk of the original|, m/s^3."""
    return abs(clip_jerk(pair, scope) - jerk(pair.original, pair.fps, pair.seen))
