"""Audio as a data URI: WAV of one channel and 16 bits, which every browser plays and seeks."""

from __future__ import annotations

import base64
import io
import wave

import numpy as np


def wav_uri(samples: np.ndarray, sample_rate: int) -> str:
    """`data:audio/wav;base64,…` of samples (samples,) within -1 and 1."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        whole = np.rint(np.clip(np.nan_to_num(samples), -1, 1) * 32_767)
        out.writeframes(whole.astype("<i2").tobytes())
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode("ascii")
