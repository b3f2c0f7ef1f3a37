"""Speech as WAV files, as a person would have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import wavfile

from trainables.speech.speech import Speech


def write_pcm(path: Path, speech: Speech) -> Path:
    """16 bits, one channel."""
    wavfile.write(path, speech.sample_rate, np.rint(speech.samples * 32_000).astype(np.int16))
    return path
