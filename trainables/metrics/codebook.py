"""How much of a codebook is used: utilisation, entropy and perplexity, per level.

Counted over all tokens of a split, not per batch, whose few tokens would make every large codebook
look unused. Entropy is the plug-in estimate, which reads low where tokens are few; see
`trainables.metrics.rate.few_tokens_warning`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def usage_counts(indices: np.ndarray, alphabet: int) -> np.ndarray:
    """How often each code was used.

    Args:
        indices: (n,) integers in 0..alphabet-1.
        alphabet: number of codes.

    Returns:
        (alphabet,) int64.

    Raises:
        ValueError: indices are not integers, not one-dimensional, or outside the alphabet (a
            dropped level, marked -1 by some quantisers, has no place here: cut it off).
    """
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise ValueError(f"indices must be (n,) integers, got {indices.shape} of {indices.dtype}")
    if indices.size and not (indices.min() >= 0 and indices.max() < alphabet):
        raise ValueError(
            f"indices {indices.min()}..{indices.max()} leave the alphabet 0..{alphabet - 1}"
        )
    return np.bincount(indices.astype(np.int64), minlength=alphabet)


def utilisation(counts: np.ndarray) -> float:
    """Share of codes used at least once, 0 to 1; `counts` (alphabet,). NaN without any token."""
    return float(np.mean(counts > 0)) if counts.sum() > 0 else math.nan


def entropy_bits(counts: np.ndarray) -> float:
    """Plug-in entropy of code use in bits per token; `counts` (alphabet,). NaN without tokens."""
    total = counts.sum()
    if total == 0:
        return math.nan
    share = counts[counts > 0] / total
    return max(0.0, float(-np.sum(share * np.log2(share))))


def perplexity(counts: np.ndarray) -> float:
    """2 to the entropy: the number of codes that, used alike, would carry as much. 1 to K."""
    return float(2.0 ** entropy_bits(counts))


@dataclass(frozen=True)
class CodebookUse:
    """Use of every level's codebook on a split, and the mean over levels.

    Attributes:
        utilisation: per level, share of codes used, 0 to 1.
        perplexity: per level, codes.
        entropy_bits: per level, bits per token.
    """

    utilisation: tuple[float, ...]
    perplexity: tuple[float, ...]
    entropy_bits: tuple[float, ...]

    @property
    def mean_utilisation(self) -> float:
        """Mean over levels, 0 to 1; the column `utilisation_<part>_pct` holds 100 times this."""
        return _mean(self.utilisation)

    @property
    def mean_perplexity(self) -> float:
        """Mean over levels, codes."""
        return _mean(self.perplexity)

    @property
    def mean_entropy_bits(self) -> float:
        """Mean over levels, bits per token of one level."""
        return _mean(self.entropy_bits)


def codebook_use(tokens: np.ndarray, alphabet: Sequence[int]) -> CodebookUse:
    """Use of each level's codebook.

    Args:
        tokens: (n, levels) integers, all tokens of one part on a split.
        alphabet: codes of each level.

    Raises:
        ValueError: levels and alphabet differ in number, or an index is outside its alphabet.
    """
    if tokens.ndim != 2 or tokens.shape[1] != len(alphabet):
        raise ValueError(f"tokens must be (n, {len(alphabet)}) for this alphabet: {tokens.shape}")
    counts = [usage_counts(tokens[:, q], size) for q, size in enumerate(alphabet)]
    return CodebookUse(
        tuple(utilisation(c) for c in counts),
        tuple(perplexity(c) for c in counts),
        tuple(entropy_bits(c) for c in counts),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
