"""Measured rates of one part's tokens: empirical entropy, and cross-entropy under a fitted model.

Two of the four rates. The *entropy rate* describes the split with the split's own histogram: no
decoder has that, and on few tokens it reads low. The *model rate* is what the coder spends, up to
its rounding, under the very `TokenModel` that was fitted on train and travels with the codec. A
stream (one level of one part of one recording) may instead be sent uniformly, one flag bit saying
which, so that the model rate never passes the nominal rate by more than one bit per stream:

    bits(stream) = 1 + min(ideal code length under the model, tokens * log2(alphabet))

Under a model of order 0 and without that choice the entropy rate is a lower bound
(`cross_entropy_rate_bps`; Gibbs). With it, the bound holds for each stream by itself, but not for
entropy pooled over recordings: choosing per recording adapts, which one histogram cannot. A model
of order 1 may go far below either: it knows the token before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from trainables.bitstream.token_model import TokenModel
from trainables.metrics.codebook import entropy_bits, usage_counts

FLAG_BITS = 1
"""Said of each stream: fitted model or uniform."""

TOKENS_PER_CODE = 10
"""Fewer tokens than this times the alphabet, and plug-in entropy is visibly biased low."""


def entropy_rate_bps(
    tokens: Sequence[np.ndarray], alphabet: Sequence[int], seconds: float
) -> float:
    """Plug-in order-0 entropy of each level's pooled tokens times their number, per second.

    Args:
        tokens: per recording (tokens, levels) integers.
        alphabet: codes of each level.
        seconds: length of all recordings together.

    Returns:
        Bits per second, summed over levels; 0 without tokens.

    Raises:
        ValueError: seconds is not positive, or tokens do not fit the alphabet.
    """
    counts = level_counts(tokens, alphabet)
    return _per_second(sum(entropy_bits(c) * int(c.sum()) for c in counts if c.sum()), seconds)


def level_counts(tokens: Sequence[np.ndarray], alphabet: Sequence[int]) -> list[np.ndarray]:
    """How often each code of each level was used: per level (alphabet,) int64.

    Raises:
        ValueError: a recording is not (tokens, levels) of integers inside the alphabet.
    """
    counts = [np.zeros(size, np.int64) for size in alphabet]
    for recording in tokens:
        if recording.ndim != 2 or recording.shape[1] != len(alphabet):
            raise ValueError(
                f"tokens of a recording must be (tokens, {len(alphabet)}), got {recording.shape}"
            )
        for level, size in enumerate(alphabet):
            counts[level] += usage_counts(recording[:, level], size)
    return counts


def cross_entropy_rate_bps(
    tokens: Sequence[np.ndarray], model: TokenModel, seconds: float
) -> float:
    """Bits per second under the model alone: no flag, no uniform fallback.

    Never below `entropy_rate_bps` of the same tokens where the model is of order 0; order 1 knows
    what came before, which no histogram does.

    Raises:
        ValueError: as `model_rate_bps`.
    """
    return _per_second(float(model.stream_bits(tokens).sum()), seconds)


def model_rate_bps(tokens: Sequence[np.ndarray], model: TokenModel, seconds: float) -> float:
    """Model rate: each stream under the model or uniform, whichever is shorter, and the flag.

    Args:
        tokens: per recording (tokens, levels) integers.
        model: fitted on train by `TokenModel.fit`, of at least those levels.
        seconds: length of all recordings together.

    Returns:
        Bits per second, summed over levels and recordings; at most the nominal bits plus
        `FLAG_BITS` per stream, over seconds.

    Raises:
        ValueError: seconds is not positive, or tokens do not fit the model's alphabet.
    """
    return _per_second(float(model_bits(tokens, model).sum()), seconds)


def model_bits(tokens: Sequence[np.ndarray], model: TokenModel) -> np.ndarray:
    """Bits of every stream, the flag included: (recordings, levels) float64.

    Raises:
        ValueError: tokens do not fit the model's alphabet.
    """
    fitted = model.stream_bits(tokens)
    lengths = np.array([len(recording) for recording in tokens], np.float64)
    uniform = lengths[:, None] * np.log2(model.alphabet[: fitted.shape[1]])
    return FLAG_BITS + np.minimum(fitted, uniform)


def few_tokens_warning(tokens: Sequence[np.ndarray], alphabet: Sequence[int]) -> str | None:
    """One line where tokens are too few for the plug-in entropy of a level, else None."""
    number = sum(len(recording) for recording in tokens)
    largest = max(alphabet, default=0)
    if number >= TOKENS_PER_CODE * largest:
        return None
    return (
        f"{number} tokens for {largest} codes: entropy reads low below "
        f"{TOKENS_PER_CODE * largest} tokens; trust the model rate, or score more recordings"
    )


def _per_second(bits: float, seconds: float) -> float:
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"seconds must be positive, got {seconds}")
    return float(bits) / seconds
