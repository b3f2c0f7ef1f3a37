from __future__ import annotations

import lzma
import zlib

import numpy as np
import pytest

from trainables.bitstream.baselines import lzma_bytes, raw_tokens, zlib_bytes

ALPHABETS = {"body": (256, 257), "hand": (4,)}
TOKENS = {
    "body": np.array([[255, 256], [1, 0]], np.int32),
    "hand": np.array([[3], [0], [2]], np.int32),
}


def test_tokens_are_packed_level_by_level_in_their_smallest_type() -> None:
    packed = raw_tokens(TOKENS, ALPHABETS)
    assert packed == bytes([255, 1, 3, 0, 2]) + np.array([256, 0], "<u2").tobytes()


def test_sizes_are_those_of_streams_that_give_the_tokens_back() -> None:
    rng = np.random.default_rng(0)
    tokens = {"body": np.repeat(rng.integers(0, 256, (50, 2)), 7, axis=0)}
    raw = raw_tokens(tokens, ALPHABETS)
    assert len(raw) == 350 * 3
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9}]
    small = lzma.compress(raw, lzma.FORMAT_RAW, filters=filters)
    assert lzma_bytes(tokens, ALPHABETS) == len(small)
    assert lzma.decompress(small, lzma.FORMAT_RAW, filters=filters) == raw
    assert zlib_bytes(tokens, ALPHABETS) == len(zlib.compress(raw, 9)) < len(raw) / 2
    assert lzma_bytes(tokens, ALPHABETS) < len(raw) / 2


def test_nothing_is_nearly_nothing() -> None:
    nothing = {"body": np.zeros((0, 2), np.int32)}
    assert raw_tokens(nothing, ALPHABETS) == b"" == raw_tokens({}, {})
    assert lzma_bytes(nothing, ALPHABETS) <= 8 and zlib_bytes(nothing, ALPHABETS) <= 8


def test_tokens_outside_the_alphabet_are_refused() -> None:
    with pytest.raises(ValueError, match="hand leave"):
        raw_tokens({"hand": np.array([[4]])}, ALPHABETS)
