"""How bright a joint is drawn: constantly, as sure as its detector was, or at random.

The authors draw an intensity from N(0.65, 0.16) for every joint and frame, clip it to 0..1, and
give a limb the lesser of its two ends; confidences in the files are not looked at. Such targets
flicker in a way that nothing can foresee, so a score against them has a ceiling: what the true pose
at mean intensity reaches. (Their 3-D code multiplies by the intensity twice; here it does once.)
"""

from __future__ import annotations

import math

import numpy as np

from search_spaces.heatmaps import Heatmap, Intensity
from trainables.motion.clip import Clip

MEAN, DEVIATION = 0.65, 0.16
"""Of the authors' random intensities."""


def strengths(
    clip: Clip,
    joints: np.ndarray,
    intensity: Intensity,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """(frames, points) float64 strengths, 0 where a joint was not seen.

    Args:
        clip: a window.
        joints: (points,) places in its skeleton.
        intensity: `confidence` is 1 for all that was seen where the source gives none.
        rng: for `random`.

    Raises:
        ValueError: `random` without a generator.
    """
    seen = np.ones((clip.frames, len(joints)), bool)
    if clip.mask is not None:
        seen = clip.mask[:, joints]
    found = np.ones(seen.shape)
    if intensity == "random":
        if rng is None:
            raise ValueError("random intensities need a generator")
        found = np.clip(rng.normal(MEAN, DEVIATION, seen.shape), 0.0, 1.0)
    elif intensity == "confidence" and clip.confidence is not None:
        found = clip.confidence[:, joints]
    return np.where(seen, found, 0.0)


def expected_strength(heatmap: Heatmap) -> float:
    """Mean brightness of what is drawn at random: of a keypoint, or of a limb (the lesser of two).

    E[min(X, Y)] of two independent N(m, s) is m - s / sqrt(pi); clipping moves it by under 1e-4.

    >>> round(expected_strength("limbs"), 4), expected_strength("keypoints")
    (0.5597, 0.65)
    """
    return MEAN - DEVIATION / math.sqrt(math.pi) if heatmap == "limbs" else MEAN


def generator(seed: int, recording: str, *numbers: int) -> np.random.Generator:
    """A generator of its own for a window, so that order and number of windows change nothing."""
    return np.random.default_rng([seed, *recording.encode(), *numbers])
