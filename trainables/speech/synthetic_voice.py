"""The synthetic speaker's sound: harmonics under formants, consonants of noise.

A source and filter of the simplest kind: each syllable is a burst or hiss, then harmonics of a
gliding pitch weighted by two formants of its vowel. Accented vowels start from silence and rise in
20 ms, others run into each other, so that onsets mark accents more than syllables. Nothing of it
was recorded. Good enough to hold real onsets, loudness, pitch and vowels; nobody would take
it for a person.
"""

from __future__ import annotations

import numpy as np

from trainables.speech.synthetic_script import CONSONANTS, VOWELS, Script, Voice

SAMPLE_RATE = 16_000
_FORMANTS = {"a": (750, 1300), "e": (500, 1900), "i": (300, 2300), "o": (500, 900), "u": (330, 750)}
"""Hz of the first two formants (after Peterson and Barney, 1952)."""
_HISSING, _STOPPED = "sv", "ptkbdg"
_HIGHEST = 3600.0
_TABLE = 4096
"""Values of a period."""
_FLOOR = 2e-4
"""Noise of the room, standard deviation."""
_LEGATO = 0.7
"""Loudness between unaccented syllables, of that within them."""


def synthesise(rng: np.random.Generator, script: Script, voice: Voice) -> np.ndarray:
    """The script as that voice says it: (samples,) float32 at `SAMPLE_RATE`, within -1 to 1."""
    samples = round(script.seconds * SAMPLE_RATE)
    sound = rng.normal(0.0, _FLOOR, samples)
    if not len(script.onset):
        return sound.astype(np.float32)
    phase = 2 * np.pi * np.cumsum(_pitch(script, voice, samples)) / SAMPLE_RATE
    count = len(script.onset)
    for k in range(count):
        first, onset, last = (
            min(round(t * SAMPLE_RATE), samples)
            for t in (script.start[k], script.onset[k], script.end[k])
        )
        level = voice.loudness * (0.06 + 0.22 * script.stress[k] ** 1.5)
        vowel = _FORMANTS[VOWELS[script.vowel[k]]]
        softly = script.stress[k] < 1.0
        joined = bool(k) and script.end[k - 1] == script.start[k]
        follows = k + 1 < count and script.start[k + 1] == script.end[k]
        runs_on = follows and script.stress[k + 1] < 1.0
        # Unaccented, a consonant inside a phrase only dips what is voiced.
        begin = first if softly and joined else onset
        tone = _vowel(phase[begin:last], vowel, voice)
        tone *= _envelope(
            len(tone), _LEGATO if softly and joined else 0.0, _LEGATO if runs_on else 0.0
        )
        sound[begin:last] += level * tone
        consonant = CONSONANTS[script.consonant[k]]
        weight = 0.15 * level if softly and joined else level
        sound[first:onset] += _consonant(rng, consonant, onset - first, weight, phase[first:onset])
    return np.clip(sound, -1.0, 1.0).astype(np.float32)


def _pitch(script: Script, voice: Voice, samples: int) -> np.ndarray:
    """(samples,) Hz: accents are high, phrases fall."""
    middle = 0.5 * (script.onset + script.end)
    raised = 1.0 + voice.span * script.stress - 0.15 * script.declination
    at = np.arange(samples) / SAMPLE_RATE
    return np.asarray(voice.pitch * np.interp(at, middle, raised))


def _vowel(phase: np.ndarray, formants: tuple[int, int], voice: Voice) -> np.ndarray:
    """Harmonics under two formants, of unit power or less."""
    if not len(phase):
        return phase
    pitch = (phase[-1] - phase[0]) / (2 * np.pi) * SAMPLE_RATE / max(len(phase) - 1, 1)
    harmonic = np.arange(1, max(2, int(_HIGHEST / max(pitch, 60.0))) + 1)
    hertz = harmonic * pitch
    weight = sum(
        gain * np.exp(-0.5 * ((hertz - f * voice.tract) / 130.0) ** 2)
        for gain, f in zip((1.0, 0.5), formants, strict=True)
    )
    weight = weight + 0.6 / harmonic**0.5
    weight /= np.linalg.norm(weight)
    # One period as a table, read at the phase: the weights do not change within a syllable.
    spectrum = np.zeros(_TABLE // 2 + 1, complex)
    spectrum[1 : len(weight) + 1] = -0.5j * weight * _TABLE
    table = np.fft.irfft(spectrum)
    at = np.asarray(phase * (_TABLE / (2 * np.pi)), dtype=np.int64) % _TABLE
    return np.asarray(table[at])


def _envelope(samples: int, first: float, last: float) -> np.ndarray:
    """(samples,) 0 to 1: up from `first` in 20 ms, down to `last` in 50 ms."""
    up = np.arange(samples) / (0.02 * SAMPLE_RATE)
    down = np.arange(samples)[::-1] / (0.05 * SAMPLE_RATE)
    rise = first + (1 - first) * np.minimum(up, 1.0)
    return np.asarray(rise * (last + (1 - last) * np.minimum(down, 1.0)))


def _consonant(
    rng: np.random.Generator, name: str, samples: int, level: float, phase: np.ndarray
) -> np.ndarray:
    """Hiss, a burst after silence, or a hum."""
    noise = rng.normal(0.0, 1.0, samples)
    if name in _HISSING:
        return 0.10 * level * noise * np.hanning(samples)
    if name in _STOPPED:
        burst = np.zeros(samples)
        length = min(samples, round(0.012 * SAMPLE_RATE))
        burst[samples - length :] = np.linspace(1.0, 0.3, length)
        return 0.22 * level * noise * burst
    return np.asarray(0.5 * level * np.sin(phase))
