"""L1 diversity in both readings, whose numbers have nothing to do with each other.

`pairwise_half` is EGGesture's equation 14 read over clips: 1 / 2N(N-1) of the sum over ordered
pairs, so half the mean distance of two clips, summed over frames and coordinates. `frame_mean` is
what BEAT and EMAGE compute: how far frames are from their own clip's mean pose. Both are linear in
the unit, which stands in the metric's name; ours are centimetres of joint positions, and values in
degrees or metres elsewhere are others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from search_spaces.speech_metrics import DIVERSITY_CLIPS, DIVERSITY_PAIRWISE, DIVERSITY_WITHIN
from trainables.metrics.corpus_score import CorpusScore

CENTIMETRES = 100.0


def pairwise_half(clips: np.ndarray) -> float:
    """Half the mean L1 distance of two different clips.

    Args:
        clips: (clips, …) of one shape: frames and coordinates, in any unit.

    Returns:
        In that unit; NaN for fewer than two clips.
    """
    flat = np.asarray(clips, dtype=np.float64).reshape(len(clips), -1)
    n = len(flat)
    if n < 2:
        return math.nan
    # Sorted, the sum over pairs of |a - b| is a weighted sum: O(N log N) instead of N^2.
    weight = 2.0 * np.arange(n) - n + 1
    total = float((np.sort(flat, axis=0) * weight[:, None]).sum())  # over unordered pairs
    return total / (n * (n - 1))


def frame_mean(clips: Sequence[np.ndarray]) -> float:
    """Mean over frames of the L1 distance to the clip's own mean frame, summed over coordinates.

    Args:
        clips: each (frames, …), of any lengths, in any unit.

    Returns:
        In that unit; NaN without frames.
    """
    total, frames = 0.0, 0
    for clip in clips:
        flat = np.asarray(clip, dtype=np.float64).reshape(len(clip), -1)
        if len(flat):
            total += float(np.abs(flat - flat.mean(axis=0)).sum())
            frames += len(flat)
    return total / frames if frames else math.nan


def diversity_between(made: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> CorpusScore:
    """`pairwise_half` of the first 40 clips in cm, beside the real motion's of as many frames.

    Args:
        made: clips, each (frames, joints, 3) metres.
        real: the real motion of the same clips.

    Raises:
        ValueError: not as many real clips as made ones.
    """
    _same(made, real)
    some, beside = made[:DIVERSITY_CLIPS], real[:DIVERSITY_CLIPS]
    frames = min((len(c) for c in (*some, *beside)), default=0)
    value, truth = math.nan, math.nan
    if len(some) == DIVERSITY_CLIPS:
        value, truth = (
            CENTIMETRES * pairwise_half(np.stack([c[:frames] for c in each]))
            for each in (some, beside)
        )
    return CorpusScore(DIVERSITY_PAIRWISE, value, truth, n=len(some), least=DIVERSITY_CLIPS)


def diversity_within(made: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> CorpusScore:
    """`frame_mean` of all clips in cm, beside the real motion's.

    Args:
        made: clips, each (frames, joints, 3) metres.
        real: the real motion of the same clips.

    Raises:
        ValueError: not as many real clips as made ones.
    """
    _same(made, real)
    value, truth = (CENTIMETRES * frame_mean(each) for each in (made, real))
    return CorpusScore(DIVERSITY_WITHIN, value, truth, n=len(made), least=DIVERSITY_CLIPS)


def _same(made: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> None:
    if len(made) != len(real):
        raise ValueError(f"{len(made)} clips were made and {len(real)} are real; give as many")
