"""What general compressors make of the same tokens: rows that the coder is measured against.

Tokens are packed as plainly as can be: each level in the smallest unsigned integer type of its
alphabet (little-endian), level 0 of every part first, then level 1 of every part. LZMA goes without
the container of .xz files, whose header and checks would weigh on a short recording.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from trainables.bitstream.contexts import token_type

Tokens = Mapping[str, np.ndarray]
"""Part -> (tokens, levels) integers, of one recording."""

Alphabets = Mapping[str, Sequence[int]]
"""Part -> tokens of each level."""

ZLIB_LEVEL = 9
LZMA_PRESET = 9
_LEAST_DICTIONARY = 4096


def raw_tokens(tokens: Tokens, alphabets: Alphabets) -> bytes:
    """One recording's tokens of all parts, packed.

    Args:
        tokens: part -> (tokens, levels).
        alphabets: of each part, at least as many levels.

    Raises:
        ValueError: tokens leave their alphabet.
    """
    deepest = max((indices.shape[1] for indices in tokens.values()), default=0)
    packed = []
    for level in range(deepest):
        for part, indices in tokens.items():
            if level < indices.shape[1]:
                column, size = indices[:, level], alphabets[part][level]
                if column.size and not 0 <= column.min() <= column.max() < size:
                    raise ValueError(f"tokens of {part} leave 0..{size - 1} at level {level}")
                packed.append(column.astype(token_type(size).newbyteorder("<")).tobytes())
    return b"".join(packed)


def zlib_bytes(tokens: Tokens, alphabets: Alphabets) -> int:
    """Bytes of one recording's tokens under zlib, level 9; arguments as for `raw_tokens`."""
    return len(zlib.compress(raw_tokens(tokens, alphabets), ZLIB_LEVEL))


def lzma_bytes(tokens: Tokens, alphabets: Alphabets) -> int:
    """Bytes of one recording's tokens under raw LZMA2, preset 9; arguments as for `raw_tokens`."""
    data = raw_tokens(tokens, alphabets)
    # A dictionary beyond the data finds nothing more and costs 30 ms and 700 MB to set up.
    size = max(len(data), _LEAST_DICTIONARY)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": LZMA_PRESET, "dict_size": size}]
    return len(lzma.compress(data, lzma.FORMAT_RAW, filters=filters))
