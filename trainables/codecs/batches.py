"""Which training frames each step sees: a function of (seed, step) alone.

So a run that stops and goes on, and every worker of a group, sees the same global batches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

_ORDER, _WINDOWS, _SAMPLE = 1, 2, 3  # streams of random numbers that share a seed


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of the training features.

    Attributes:
        rows: (frames,) or (windows, frames) int64.
        valid: the same shape, False where a row repeats a recording's last frame to fill a
            window; None where all are valid.
    """

    rows: np.ndarray
    valid: np.ndarray | None = None

    @property
    def frames(self) -> int:
        """Valid frames."""
        return int(self.rows.size if self.valid is None else self.valid.sum())

    def share(self, rank: int, world_size: int) -> Batch:
        """One worker's part of the batch."""
        if world_size == 1:
            return self
        bounds = np.linspace(0, len(self.rows), world_size + 1).astype(int)
        own = slice(bounds[rank], bounds[rank + 1])
        return Batch(self.rows[own], None if self.valid is None else self.valid[own])


class Batches(Protocol):
    """A source of training batches of one size.

    Attributes:
        steps: training steps of the whole budget.
        frames: frames per batch, padding included.
    """

    steps: int
    frames: int

    def batch(self, step: int) -> Batch:
        """The global batch of a step."""

    def sample(self, frames: int) -> Batch:
        """About so many frames without repetition, for the first codebooks."""


def budget(frames: int, batch_frames: int, epochs: int, max_steps: int) -> int:
    """Training steps: `epochs` passes over the frames, at most `max_steps`."""
    return min(max_steps, math.ceil(epochs * frames / batch_frames))


class FrameBatches:
    """Single frames: one shuffled pass after another, cut into equal batches."""

    def __init__(
        self, frames: int, batch_frames: int, epochs: int, max_steps: int, seed: int
    ) -> None:
        """Batches of `batch_frames`, or of all frames where there are fewer."""
        self.frames = min(batch_frames, frames)
        self.steps = budget(frames, self.frames, epochs, max_steps)
        self._total = frames
        self._seed = seed
        self._orders: dict[int, np.ndarray] = {}

    def batch(self, step: int) -> Batch:
        """Batch number `step` of the endless row of shuffled passes."""
        first = step * self.frames
        rows = []
        left = self.frames
        while left:
            epoch, offset = divmod(first, self._total)
            part = self._order(epoch)[offset : offset + left]
            rows.append(part)
            first, left = first + len(part), left - len(part)
        return Batch(np.concatenate(rows))

    def sample(self, frames: int) -> Batch:
        """Distinct frames at random."""
        rng = np.random.default_rng([self._seed, _SAMPLE])
        return Batch(rng.permutation(self._total)[:frames])

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:
            rng = np.random.default_rng([self._seed, _ORDER, epoch])
            latest = {e: o for e, o in self._orders.items() if e == epoch - 1}
            self._orders = {**latest, epoch: rng.permutation(self._total)}
        return self._orders[epoch]


class WindowBatches:
    """Windows that lie within one recording, each of its frames about equally likely."""

    def __init__(
        self,
        lengths: tuple[int, ...],
        window: int,
        batch_frames: int,
        epochs: int,
        max_steps: int,
        seed: int,
        least: int = 1,
    ) -> None:
        """Batches of batch_frames // window windows, and of `least` at the least."""
        self._lengths = np.array(lengths, np.int64)
        self._firsts = np.concatenate([[0], np.cumsum(self._lengths)[:-1]])
        self._window = window
        self._windows = max(batch_frames // window, least)
        self.frames = self._windows * window
        self.steps = budget(int(self._lengths.sum()), batch_frames, epochs, max_steps)
        self._seed = seed

    def batch(self, step: int) -> Batch:
        """Windows of recordings drawn by length, at random offsets."""
        rng = np.random.default_rng([self._seed, _WINDOWS, step])
        anchors = rng.integers(int(self._lengths.sum()), size=self._windows)
        recordings = np.searchsorted(self._firsts, anchors, side="right") - 1
        room = np.maximum(self._lengths[recordings] - self._window, 0)
        return self._cut(recordings, rng.integers(room + 1))

    def sample(self, frames: int) -> Batch:
        """Windows end to end through the recordings, shuffled."""
        rng = np.random.default_rng([self._seed, _SAMPLE])
        starts = [np.arange(0, n, self._window) for n in self._lengths]
        recordings = np.repeat(np.arange(len(starts)), [len(s) for s in starts])
        chosen = rng.permutation(len(recordings))[: max(-(-frames // self._window), 1)]
        return self._cut(recordings[chosen], np.concatenate(starts)[chosen])

    def _cut(self, recordings: np.ndarray, starts: np.ndarray) -> Batch:
        offsets = starts[:, None] + np.arange(self._window)
        last = self._lengths[recordings][:, None] - 1
        rows = self._firsts[recordings][:, None] + np.minimum(offsets, last)
        valid = offsets <= last
        return Batch(rows, None if valid.all() else valid)
