"""WAV files as one channel of float32: 8 to 32 bit integers and floats, any rate, any channels.

scipy reads the container; Python's own `wave` refuses the 32-bit float that BEAT2 has. Channels are
averaged. Compressed formats are not read: a person converts them once.
"""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

from search_spaces.errors import BadInput
from trainables.speech.speech import Speech

_WHOLE = {"int16": 2.0**15, "int32": 2.0**31, "int64": 2.0**63}
LOUDEST = 8.0
"""Largest float sample that is taken for audio; integers stored as floats are far above."""


def read_wav(path: Path, recording: str | None = None) -> Speech:
    """Audio of one file, without words.

    Args:
        path: the file.
        recording: name of the clip that it belongs to; the file's stem when left out.

    Raises:
        BadInput: missing, no PCM or float WAV, empty, or no audio by its values.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks that hold no audio
            rate, samples = wavfile.read(path)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; name a .wav") from None
    except (OSError, ValueError, EOFError, struct.error, UnboundLocalError) as error:
        raise BadInput(
            f"{path}: is no PCM or float WAV ({error or 'it ends early'}); convert it, as in "
            "ffmpeg -i IN -ac 1 -c:a pcm_s16le OUT.wav"
        ) from None
    if not samples.size or rate < 1:
        raise BadInput(f"{path}: holds no audio; export it again")
    notes = []
    mono = _scaled(path, samples)
    if mono.ndim == 2:
        if mono.shape[1] > 1:
            notes.append(f"{mono.shape[1]} channels of audio are averaged.")
        mono = mono.mean(axis=1)
    return Speech(recording or path.stem, mono.astype(np.float32), int(rate), notes=tuple(notes))


def _scaled(path: Path, samples: np.ndarray) -> np.ndarray:
    kind = samples.dtype
    if kind == np.uint8:
        return (samples.astype(np.float64) - 128.0) / 128.0
    if kind.name in _WHOLE:
        return samples.astype(np.float64) / _WHOLE[kind.name]  # 24 bits come in the upper of 32
    values = samples.astype(np.float64)
    if not np.isfinite(values).all():
        raise BadInput(f"{path}: audio holds NaN or infinity; export it again")
    if np.abs(values).max() > LOUDEST:
        raise BadInput(
            f"{path}: float audio reaches {np.abs(values).max():g}, and full scale is 1; divide it"
        )
    return values


def resampled(speech: Speech, sample_rate: int) -> np.ndarray:
    """Samples (samples,) float32 at another rate, by polyphase filtering."""
    if sample_rate == speech.sample_rate:
        return speech.samples
    common = np.gcd(sample_rate, speech.sample_rate)
    found = resample_poly(speech.samples, sample_rate // common, speech.sample_rate // common)
    return np.asarray(found, dtype=np.float32)
