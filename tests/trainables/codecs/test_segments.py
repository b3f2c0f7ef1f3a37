"""Segments cover a recording once, and blocks are its rows in order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.codecs.segments import SEGMENT, Segment, blocks_of, segments


@given(st.integers(1, 5 * SEGMENT), st.sampled_from([1, 2, 4, 8]), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_every_token_is_given_once_with_its_context(tokens: int, step: int, context: int) -> None:
    parts = list(segments(tokens, step, context))
    own = [np.arange(p.first, p.last)[p.own()] for p in parts]
    assert np.array_equal(np.concatenate(own), np.arange(tokens))
    for part, rows in zip(parts, own, strict=True):
        assert len(rows) * step <= SEGMENT
        assert part.start * step % SEGMENT == 0, "the same borders, however long the recording"
        assert part.first == max(0, rows[0] - context)
        assert part.last == min(tokens, rows[-1] + 1 + context)
        frames = np.arange(part.first * step, part.last * step)[part.own(step)]
        assert (frames[0], frames[-1]) == (rows[0] * step, rows[-1] * step + step - 1)


def test_up_to_one_segment_a_recording_is_whole() -> None:
    for step in (1, 4):
        length = SEGMENT // step
        for tokens in (1, length):
            assert list(segments(tokens, step, 7)) == [Segment(0, tokens, 0, tokens)]
        assert list(segments(length + 1, step, 7))[1] == Segment(
            length, length + 1, length - 7, length + 1
        )


def test_without_a_known_context_a_recording_is_whole() -> None:
    assert list(segments(10 * SEGMENT, 1, None)) == [Segment(0, 10 * SEGMENT, 0, 10 * SEGMENT)]


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_blocks_are_the_rows_in_order(lengths: list[int], frames: int) -> None:
    rows = np.arange(2 * sum(lengths)).reshape(-1, 2)
    pieces = np.split(rows, np.cumsum(lengths)[:-1]) if lengths else []
    blocks = list(blocks_of(pieces, frames))
    assert np.array_equal(np.concatenate([rows[:0], *blocks]), rows)
    assert [len(b) for b in blocks[:-1]] == [frames] * (len(blocks) - 1)
    assert all(1 <= len(b) <= frames for b in blocks)


def test_blocks_come_as_soon_as_their_rows_do() -> None:
    taken = []

    def pieces() -> object:
        for i in range(3):
            taken.append(i)
            yield np.full((4, 1), i)

    blocks = blocks_of(pieces(), 3)  # type: ignore[arg-type]
    assert next(blocks).tolist() == [[0]] * 3 and taken == [0]
    assert next(blocks).tolist() == [[0], [1], [1]] and taken == [0, 1]


def test_blocks_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 frame, got 0"):
        next(blocks_of([np.zeros((3, 1))], 0))
