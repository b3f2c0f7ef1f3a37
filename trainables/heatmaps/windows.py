"""Which frames make a window: contiguous ones, at fixed starts, the same on every pass.

The authors' code draws a length of 16 to 300 frames and samples 64 of them, so that motion plays at
random speeds and frames repeat, and it does so on the test split too; windows may also run on into
the next person. Here a window is so many consecutive frames of one recording of one person, and
starts stand still; only training may ask for starts that move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainables.motion.clip import Clip


@dataclass(frozen=True)
class Window:
    """Consecutive frames of a recording.

    Attributes:
        recording: its name.
        start: the first frame.
        frames: how many.
        draw: which drawing of random intensities it is shown with: 0 but in repeated passes over
            training windows.
    """

    recording: str
    start: int
    frames: int
    draw: int = 0

    @property
    def stop(self) -> int:
        """The frame after the last."""
        return self.start + self.frames


def window_starts(
    frames: int, window: int, stride: int, jitter: int = 0, rng: np.random.Generator | None = None
) -> list[int]:
    """Starts of the windows of a recording: 0, stride, 2 stride ... as far as whole ones fit.

    Args:
        frames: of the recording.
        window: frames of a window.
        stride: frames between starts.
        jitter: starts move by -jitter to +jitter frames, within the recording.
        rng: for the jitter.

    Raises:
        ValueError: jitter without a generator.
    """
    starts = list(range(0, frames - window + 1, stride))
    if not jitter:
        return starts
    if rng is None:
        raise ValueError("windows that move need a generator")
    moved = np.array(starts, np.int64) + rng.integers(-jitter, jitter + 1, len(starts))
    return [int(s) for s in np.clip(moved, 0, max(frames - window, 0))]


def windows_of(
    clips: Sequence[Clip],
    window: int,
    stride: int,
    jitter: int = 0,
    rng: np.random.Generator | None = None,
    draw: int = 0,
) -> list[Window]:
    """Windows of all recordings in order; those shorter than a window have none."""
    return [
        Window(clip.recording, start, window, draw)
        for clip in clips
        for start in window_starts(clip.frames, window, stride, jitter, rng)
    ]
