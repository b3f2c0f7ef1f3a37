"""Log-mel spectrograms, and features brought to the frames of a clip.

Slaney's mel scale and area-normalised triangles, power spectra of periodic Hann windows with zeros
beyond both ends: the definition of librosa 0.11 (`feature.melspectrogram`, `power_to_db`), against
which the tests hold it. Twenty lines of numpy are less to install than numba and LLVM.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

SAMPLE_RATE = 16_000
"""Samples per second that features are taken at; other audio is resampled first."""
WINDOW, HOP = 512, 160
"""Samples of a window (32 ms) and between windows (10 ms)."""
BANDS = 64
_TOP_DB = 80.0


def mel_power(
    samples: np.ndarray,
    sample_rate: int = SAMPLE_RATE,
    *,
    bands: int = BANDS,
    window: int = WINDOW,
    hop: int = HOP,
) -> np.ndarray:
    """Power in mel bands.

    Args:
        samples: (samples,) one channel.
        sample_rate: samples per second.
        bands: mel bands from 0 Hz to half the sample rate.
        window: samples of a window, whose middle is at `i * hop` samples.
        hop: samples from one window to the next.

    Returns:
        (1 + samples // hop, bands) float64, not negative.

    Raises:
        ValueError: samples are not of one channel, or there are none.
    """
    if samples.ndim != 1 or not len(samples):
        raise ValueError(f"samples must be (samples,), got {samples.shape}")
    padded = np.pad(samples.astype(np.float64), window // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    power = np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2
    return np.asarray(power @ mel_filters(sample_rate, window, bands).T)


def log_mel(samples: np.ndarray, sample_rate: int = SAMPLE_RATE, **shape: int) -> np.ndarray:
    """`mel_power` in dB of full scale, 80 dB below the loudest at least: (windows, bands) float32.

    Args:
        samples: as for `mel_power`.
        sample_rate: as for `mel_power`.
        **shape: its bands, window and hop.
    """
    level = 10.0 * np.log10(np.maximum(mel_power(samples, sample_rate, **shape), 1e-10))
    return np.maximum(level, level.max() - _TOP_DB).astype(np.float32)


def at_frames(features: np.ndarray, rate: float, frames: int, fps: float) -> np.ndarray:
    """Features brought to the frames of a clip.

    Where there are more features than frames, a frame is the mean of those nearer to it than to any
    other; else it lies between its two neighbours.

    Args:
        features: (windows, dimensions), window `i` at `i / rate` seconds.
        rate: windows per second.
        frames: of the clip, frame `i` at `i / fps` seconds.
        fps: frames per second.

    Returns:
        (frames, dimensions) float32. Frames after the last window repeat it.

    Raises:
        ValueError: no windows.
    """
    if features.ndim != 2 or not len(features):
        raise ValueError(f"features must be (windows, dimensions), got {features.shape}")
    at = np.arange(frames) / fps * rate
    if rate <= fps:
        low = np.clip(np.floor(at).astype(np.int64), 0, len(features) - 1)
        high = np.minimum(low + 1, len(features) - 1)
        share = np.clip(at - low, 0.0, 1.0)[:, None]
        return ((1 - share) * features[low] + share * features[high]).astype(np.float32)
    half = 0.5 * rate / fps
    first = np.clip(np.ceil(at - half).astype(np.int64), 0, len(features) - 1)
    last = np.clip(np.ceil(at + half).astype(np.int64), first + 1, len(features))
    sums = np.concatenate([np.zeros((1, features.shape[1])), np.cumsum(features, 0, np.float64)])
    return ((sums[last] - sums[first]) / (last - first)[:, None]).astype(np.float32)


@lru_cache(maxsize=8)
def mel_filters(sample_rate: int, window: int, bands: int) -> np.ndarray:
    """(bands, window // 2 + 1) weights of the spectrum's bins, each triangle of area 1."""
    edges = _hertz(np.linspace(0.0, _mel(sample_rate / 2), bands + 2))
    bins = np.arange(window // 2 + 1) * sample_rate / window
    low, peak, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangle = np.minimum((bins - low) / (peak - low), (high - bins) / (high - peak))
    return np.asarray(np.maximum(triangle, 0.0) * 2.0 / (high - low))


_LINEAR = 200.0 / 3  # Hz per mel below 1 kHz, then 27 mels for each factor of 6.4
_STEP = np.log(6.4) / 27.0


def _mel(hertz: float) -> float:
    return 15.0 + float(np.log(hertz / 1000.0)) / _STEP if hertz >= 1000.0 else hertz / _LINEAR


def _hertz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15.0, mel * _LINEAR, 1000.0 * np.exp(_STEP * (mel - 15.0)))
