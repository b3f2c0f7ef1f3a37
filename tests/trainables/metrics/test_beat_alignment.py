"""Beat alignment: pinned times, both directions, and beats of known movement."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trainables.metrics.beat_alignment import (
    alignment,
    clip_alignment,
    corpus_alignment,
    gesture_beats,
)

BOTH = pytest.mark.parametrize("direction", ["gesture", "audio"])


@BOTH
def test_pins(direction: str) -> None:
    times = np.array([1.0, 4.0, 9.0])
    for away, value in ((0.0, 1.0), (0.3, math.exp(-0.5)), (0.9, math.exp(-4.5))):
        assert alignment(times, times + away, direction) == pytest.approx(value)  # type: ignore[arg-type]
    assert alignment(np.zeros(0), times, direction) == 0.0  # type: ignore[arg-type]
    assert math.isnan(alignment(np.zeros(0), times, direction, empty=math.nan))  # type: ignore[arg-type]
    assert math.isnan(alignment(times, np.zeros(0), direction))  # type: ignore[arg-type]


def test_the_directions_differ() -> None:
    gesture, audio = np.array([0.0]), np.array([0.0, 10.0])
    assert alignment(gesture, audio, "gesture") == 1.0
    assert alignment(gesture, audio, "audio") == pytest.approx(0.5)


def test_wrong_direction_and_sigma() -> None:
    for direction, sigma, said in (("both", 0.3, "direction"), ("audio", 0.0, "sigma")):
        with pytest.raises(ValueError, match=said):
            alignment(np.ones(1), np.ones(1), direction, sigma)  # type: ignore[arg-type]


def strokes(fps: float, ends: tuple[float, ...] = (1.0, 2.0, 3.0)) -> np.ndarray:
    """A hand that goes out and back, at rest for an instant at each end: (frames, 3) metres."""
    seconds = np.arange(round(4 * fps)) / fps
    return np.stack([0.2 * np.cos(np.pi * seconds), 0 * seconds, 0 * seconds], axis=1)


@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0, 120.0])
def test_beats_are_where_the_hand_rests_at_any_frame_rate(fps: float) -> None:
    assert gesture_beats(strokes(fps), fps) == pytest.approx([1.0, 2.0, 3.0], abs=1.01 / fps)


def test_order_is_in_seconds() -> None:
    """Two rests 0.2 s apart are one beat within 0.233 s, and two within 0.08 s."""
    fps = 60.0
    seconds = np.arange(120) / fps
    speed = (
        1
        - 0.9 * np.exp(-(((seconds - 0.9) / 0.04) ** 2))
        - 0.8 * np.exp(-(((seconds - 1.1) / 0.04) ** 2))
    )
    moved = np.cumsum(speed)[:, None] / fps * np.array([1.0, 0, 0])

    def between(found: np.ndarray) -> list[float]:
        return [t for t in found.tolist() if 0.5 < t < 1.5]

    assert between(gesture_beats(moved, fps)) == pytest.approx([0.9], abs=0.02)
    assert between(gesture_beats(moved, fps, order=0.08)) == pytest.approx([0.9, 1.1], abs=0.02)


def test_a_hand_that_hangs_has_no_beats() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-4, (200, 3))
    assert not len(gesture_beats(noise, 15.0))
    assert not len(gesture_beats(np.zeros((200, 3)), 15.0))
    assert not len(gesture_beats(np.zeros((2, 3)), 15.0))


@BOTH
def test_mean_over_joints_with_a_still_one_at_zero(direction: str) -> None:
    moved = np.stack([strokes(30.0), np.zeros((120, 3))], axis=1)
    onsets = gesture_beats(strokes(30.0), 30.0)
    assert clip_alignment(moved, 30.0, onsets, direction) == pytest.approx(0.5)  # type: ignore[arg-type]
    before = moved.copy()
    clip_alignment(moved, 30.0, onsets, direction)  # type: ignore[arg-type]
    assert np.array_equal(before, moved)


def test_a_corpus_value_stands_beside_the_truths() -> None:
    score = corpus_alignment([0.2, 0.4, math.nan], [0.5, 0.7, math.nan], "gesture")
    assert (score.value, score.truth, score.n) == (pytest.approx(0.3), pytest.approx(0.6), 2)
    assert score.metric.objective() == "beat_alignment_gesture_index"
    assert corpus_alignment([], [], "audio").said == "cannot be said (n = 0, needs 1)"
