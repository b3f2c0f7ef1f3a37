"""Beat alignment: how near gesture beats and audio onsets are in time.

Its direction is a parameter, since the paper and all public code differ: EGGesture's equation 13
asks of every gesture beat whether an onset is near, EMAGE, TalkSHOW and BEAT ask of every onset
whether a beat is near. A gesture beat is where a joint comes to rest for an instant: a local
minimum of its speed between movements. Higher is not better without bound: a hand that trembles all
the time has beats near every onset.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from search_spaces.objectives import Metric
from search_spaces.speech_metrics import BEAT_ALIGNMENT_AUDIO, BEAT_ALIGNMENT_GESTURE
from trainables.metrics.corpus_score import CorpusScore

BeatDirection = Literal["gesture", "audio"]
METRICS: Mapping[BeatDirection, Metric] = {
    "gesture": BEAT_ALIGNMENT_GESTURE,
    "audio": BEAT_ALIGNMENT_AUDIO,
}
SIGMA = 0.3
"""Seconds; EMAGE's. TalkSHOW has 0.1, EGGesture does not say."""
ORDER = 0.233
"""Seconds to either side that a minimum is the lowest of; 7 frames at 30 fps in EMAGE. In seconds,
so that the same motion has the same beats at another frame rate."""
MOVING = 0.1
"""Metres per second that the joint reaches within `ORDER` of a beat: a hand that hangs has none."""
LEAST_CLIPS = 1


def gesture_beats(
    positions: np.ndarray, fps: float, order: float = ORDER, moving: float = MOVING
) -> np.ndarray:
    """Times at which one joint comes to rest, seconds, ascending.

    Args:
        positions: (frames, 3) metres.
        fps: frames per second.
        order: seconds to either side that a minimum is the lowest of, a frame at least.
        moving: metres per second that it must reach in that time.

    Raises:
        ValueError: positions are not of one joint.
    """
    if positions.ndim != 2:
        raise ValueError(f"positions must be (frames, dimensions), got {positions.shape}")
    if len(positions) < 3:
        return np.zeros(0)
    speed = np.linalg.norm(np.gradient(positions.astype(np.float64), 1.0 / fps, axis=0), axis=1)
    reach = max(1, round(order * fps))
    padded = np.pad(speed, reach, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    before, after = around[:, :reach], around[:, reach + 1 :]
    with np.errstate(invalid="ignore"):
        # Of a plateau the first frame; what stands beyond the ends does not count.
        lowest = ~(before <= speed[:, None]).any(1) & ~(after < speed[:, None]).any(1)
        fast = (around >= moving).any(1)
    inside = np.arange(len(speed))
    lowest &= fast & (inside > 0) & (inside < len(speed) - 1)
    return np.flatnonzero(lowest) / fps


def alignment(
    gesture: np.ndarray,
    audio: np.ndarray,
    direction: BeatDirection,
    sigma: float = SIGMA,
    empty: float = 0.0,
) -> float:
    """Alignment of beat times.

    Args:
        gesture: (beats,) seconds.
        audio: (onsets,) seconds.
        direction: whose beats are asked for their nearest partner.
        sigma: seconds.
        empty: value where there is no gesture beat: a joint that never moves aligns with nothing.

    Returns:
        0 to 1; NaN where there is no audio onset, and nothing could be aligned.

    Raises:
        ValueError: no such direction, or sigma not positive.
    """
    if direction not in METRICS:
        raise ValueError(f"direction must be gesture or audio, got {direction!r}")
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    if not len(audio):
        return math.nan
    if not len(gesture):
        return empty
    away = np.abs(np.subtract.outer(np.asarray(gesture, float), np.asarray(audio, float)))
    nearest = away.min(axis=1 if direction == "gesture" else 0)
    return float(np.mean(np.exp(-(nearest**2) / (2 * sigma**2))))


def clip_alignment(
    positions: np.ndarray,
    fps: float,
    onsets: np.ndarray,
    direction: BeatDirection,
    *,
    sigma: float = SIGMA,
    order: float = ORDER,
    moving: float = MOVING,
    empty: float = 0.0,
) -> float:
    """Alignment of one clip, mean over joints.

    Args:
        positions: (frames, joints, 3) metres, of the joints that are asked (the wrists, or EMAGE's
            thirteen of the upper body), relative to the root where the person walks.
        fps: frames per second.
        onsets: (onsets,) seconds.
        direction: as for `alignment`.
        sigma: as for `alignment`.
        order: as for `gesture_beats`.
        moving: as for `gesture_beats`.
        empty: as for `alignment`.

    Returns:
        0 to 1; NaN without onsets or joints.
    """
    values = [
        alignment(
            gesture_beats(positions[:, j], fps, order, moving), onsets, direction, sigma, empty
        )
        for j in range(positions.shape[1])
    ]
    return float(np.mean(values)) if values else math.nan


def corpus_alignment(
    made: Sequence[float], real: Sequence[float], direction: BeatDirection
) -> CorpusScore:
    """Mean of clips' alignments beside the real motion's.

    Args:
        made: of each clip; NaN ones (no onset) are left out.
        real: of the same clips' real motion.
        direction: that both were measured in.
    """
    told = [_mean(values) for values in (made, real)]
    n = int(np.isfinite(np.asarray(made, dtype=np.float64)).sum())
    return CorpusScore(METRICS[direction], told[0], told[1], n, LEAST_CLIPS)


def _mean(values: Sequence[float]) -> float:
    finite = [v for v in values if math.isfinite(v)]
    return float(np.mean(finite)) if finite else math.nan
