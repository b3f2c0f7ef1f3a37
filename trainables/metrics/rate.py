"""Measured rates of one part's tokens: empirical entropy, and cross-entropy under fitted tables.

Three of the four rates meet here. The *entropy rate* describes the split with the split's own
histogram: no decoder has that, and on few tokens it reads low. The *model rate* is what a coder
pays whose integer count tables were fitted on train and travel with the codec. A stream (one level
of one part of one recording) may instead be sent under a uniform table, one flag bit saying which,
so that the model rate never passes the nominal rate by more than one bit per stream:

    bits(stream) = 1 + min(-sum log2(count / total), tokens * log2(alphabet))

Without that choice the entropy rate is a lower bound of the cross-entropy under any table
(`cross_entropy_rate_bps`; Gibbs). With it, the bound holds for each stream by itself, but not for
entropy pooled over recordings: choosing per recording adapts, which one histogram cannot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from trainables.metrics.codebook import entropy_bits, usage_counts

FLAG_BITS = 1
"""Said at the head of each stream: fitted table or uniform."""

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


def fit_count_table(tokens: Sequence[np.ndarray], alphabet: Sequence[int]) -> list[np.ndarray]:
    """Integer tables for the entropy coder: counts on these tokens, plus one each.

    Integers, since a decoder elsewhere must find exactly the same table. Plus one (Laplace), so
    that a code never seen on train can still be sent.

    Returns:
        Per level (alphabet,) int64, every entry at least 1.
    """
    return [counts + 1 for counts in level_counts(tokens, alphabet)]


def cross_entropy_rate_bps(
    tokens: Sequence[np.ndarray], tables: Sequence[np.ndarray], seconds: float
) -> float:
    """Bits per second under the tables alone: no flag, no uniform fallback.

    Never below `entropy_rate_bps` of the same tokens, whatever the tables.

    Raises:
        ValueError: as `model_rate_bps`.
    """
    return _per_second(float(table_bits(tokens, tables).sum()), seconds)


def model_rate_bps(
    tokens: Sequence[np.ndarray], tables: Sequence[np.ndarray], seconds: float
) -> float:
    """Model rate: each stream under its table or uniform, whichever is shorter, and the flag.

    Args:
        tokens: per recording (tokens, levels) integers.
        tables: per level (alphabet,) positive counts, fitted on train by `fit_count_table`.
        seconds: length of all recordings together.

    Returns:
        Bits per second, summed over levels and recordings; at most the nominal bits plus
        `FLAG_BITS` per stream, over seconds.

    Raises:
        ValueError: seconds is not positive, a table holds a count below 1, or tokens do not fit.
    """
    return _per_second(float(model_bits(tokens, tables).sum()), seconds)


def model_bits(tokens: Sequence[np.ndarray], tables: Sequence[np.ndarray]) -> np.ndarray:
    """Bits of every stream, the flag included: (recordings, levels) float64."""
    fitted = table_bits(tokens, tables)
    lengths = np.array([len(recording) for recording in tokens], np.float64)
    uniform = lengths[:, None] * np.log2([len(table) for table in tables])
    return FLAG_BITS + np.minimum(fitted, uniform)


def table_bits(tokens: Sequence[np.ndarray], tables: Sequence[np.ndarray]) -> np.ndarray:
    """Ideal code length of every stream under its table: (recordings, levels) float64."""
    prices = [_price_bits(table) for table in tables]
    alphabet = [len(table) for table in tables]
    bits = np.zeros((len(tokens), len(tables)))
    for row, recording in enumerate(tokens):
        for level, counts in enumerate(level_counts([recording], alphabet)):
            bits[row, level] = counts @ prices[level]
    return bits


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


def _price_bits(table: np.ndarray) -> np.ndarray:
    if table.ndim != 1 or table.size == 0 or table.min() < 1:
        raise ValueError("a table must be (alphabet,) counts of at least 1, so every code is sent")
    return math.log2(int(table.sum())) - np.log2(table)


def _per_second(bits: float, seconds: float) -> float:
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"seconds must be positive, got {seconds}")
    return float(bits) / seconds
