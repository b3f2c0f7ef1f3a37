"""Windows: contiguous, at fixed starts, within one recording; jitter for training alone."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainables.heatmaps.motion import waving
from trainables.heatmaps.windows import window_starts, windows_of


def test_windows_start_every_stride_and_end_within_the_recording() -> None:
    assert window_starts(64, 64, 90) == [0]
    assert window_starts(63, 64, 90) == []
    assert window_starts(300, 64, 90) == [0, 90, 180]
    assert window_starts(20, 16, 2) == [0, 2, 4]


def test_motion_plays_at_its_own_speed() -> None:
    """Frames of a window are consecutive, never sampled or repeated."""
    clip = waving(frames=200)
    for window in windows_of([clip], 64, 50, jitter=30, rng=np.random.default_rng(0)):
        shown = clip.cut(window.start, window.stop)
        assert shown.frames == 64 and shown.fps == clip.fps
        assert np.array_equal(shown.positions, clip.positions[window.start : window.start + 64])


def test_no_window_spans_two_recordings() -> None:
    clips = [waving("a", 70), waving("b", 30), waving("c", 65)]
    found = windows_of(clips, 64, 64, jitter=50, rng=np.random.default_rng(1))
    assert [w.recording for w in found] == ["a", "c"]
    lengths = {c.recording: c.frames for c in clips}
    assert all(w.start >= 0 and w.stop <= lengths[w.recording] for w in found)


def test_windows_stand_still_without_jitter_and_move_with_its_seed() -> None:
    starts = [window_starts(400, 64, 90, 20, np.random.default_rng(s)) for s in (0, 0, 1)]
    assert starts[0] == starts[1] != starts[2]
    still = np.array(window_starts(400, 64, 90))
    moved = np.array([window_starts(400, 64, 90, 20, np.random.default_rng(s)) for s in range(200)])
    assert np.abs(moved - still).max() == 20 and moved.min() == 0
    with pytest.raises(ValueError, match="generator"):
        window_starts(400, 64, 90, 20)
