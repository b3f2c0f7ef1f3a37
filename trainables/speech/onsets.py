"""Onsets of speech: where loudness rises in many bands at once.

Half-wave rectified spectral flux of the log-mel spectrogram, picked at local maxima that stand out
of their neighbourhood (Boeck, Krebs and Schedl, 2012): the definition and the settings of librosa
0.11 (`onset.onset_detect`), so that beat alignment counts the onsets that published code counts.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from trainables.speech.log_mel import mel_power

WINDOW, HOP, BANDS = 2048, 512, 128
"""librosa's own. At 16 kHz an onset is found to 32 ms."""
DELTA = 0.07
"""How far a peak must stand above the mean around it, of the strength scaled to 0..1."""


def onset_strength(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """(1 + samples // HOP,) float64: mean rise in dB over bands from window to window."""
    power = mel_power(samples, sample_rate, bands=BANDS, window=WINDOW, hop=HOP)
    level = 10.0 * np.log10(np.maximum(power, 1e-10))
    level = np.maximum(level, level.max() - 80.0)
    rise = np.maximum(np.diff(level, axis=0), 0.0).mean(axis=1)
    # A window sees a rise half its length before it is over it: librosa shifts by as much.
    late = 1 + WINDOW // (2 * HOP)
    return np.asarray(np.concatenate([np.zeros(late), rise])[: len(level)])


def onsets(samples: np.ndarray, sample_rate: int, delta: float = DELTA) -> np.ndarray:
    """Times of onsets in seconds, ascending; none in silence.

    Args:
        samples: (samples,) one channel.
        sample_rate: samples per second.
        delta: how far a peak must stand out, 0 to 1; more keeps the accented syllables alone.
    """
    strength = onset_strength(samples, sample_rate)
    if not strength.any():
        return np.zeros(0)
    strength = strength - strength.min()
    strength = strength / strength.max()
    per_second = sample_rate / HOP
    peaks = _peaks(
        strength,
        before=int(0.03 * per_second),
        after=1,
        mean_before=int(0.10 * per_second),
        mean_after=int(0.10 * per_second) + 1,
        delta=delta,
        wait=int(0.03 * per_second),
    )
    return np.asarray(peaks * HOP / sample_rate)


def _peaks(
    x: np.ndarray,
    before: int,
    after: int,
    mean_before: int,
    mean_after: int,
    delta: float,
    wait: int,
) -> np.ndarray:
    """Indices that are the largest of x[i - before : i + after] and stand `delta` above the mean
    of x[i - mean_before : i + mean_after], each more than `wait` after the one before."""
    size = before + after
    largest = maximum_filter1d(x, size, mode="constant", cval=x.min(),
                               origin=_origin(before, after))  # fmt: skip
    inside = uniform_filter1d(np.ones_like(x), mean_before + mean_after, mode="constant",
                              origin=_origin(mean_before, mean_after))  # fmt: skip
    summed = uniform_filter1d(x, mean_before + mean_after, mode="constant",
                              origin=_origin(mean_before, mean_after))  # fmt: skip
    found: list[int] = []
    for i in np.flatnonzero((x == largest) & (x >= summed / inside + delta)).tolist():
        if not found or i > found[-1] + wait:
            found.append(i)
    return np.array(found, dtype=np.float64)


def _origin(before: int, after: int) -> int:
    """scipy's filters see x[i - size // 2 - origin : ...]; ours see x[i - before : i + after]."""
    return before - (before + after) // 2
