"""What a trial may know of the place it runs in.

A trial sees only its `Runtime`: Ray Train's worker group, Train's in-process mode, and a plain
process are one thing to it. No file in `trainables` imports Ray.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol


def nothing() -> None:
    """Keeps nothing: `at_notice` before a trial has something to keep."""


class Runtime(Protocol):
    """Place of a trial.

    Attributes:
        rank: this worker's number; rank 0 evaluates and writes.
        world_size: workers that share the trial.
        device: torch device name.
        at_notice: set by the trial; keeps what is half trained, between two steps.
    """

    rank: int
    world_size: int
    device: str
    at_notice: Callable[[], None]

    def report(self, metrics: Mapping[str, Any]) -> None:
        """Hands a row of numbers to whoever watches. May not return when the trial is stopped."""

    def average(self, tensors: Iterable[Any]) -> None:
        """Replaces torch tensors by their mean over workers, in place; nothing with one worker."""

    def stepped(self) -> None:
        """After each step of training: calls `at_notice` where this machine is to be taken away.

        Training goes on: what comes after is lost with the machine, unless it ends in time.
        """

    def checkpoint_folder(self) -> Path | None:
        """Where a half-trained trial keeps its state, or None where it is not kept."""


class PlainRuntime:
    """A trial in this process, without Ray."""

    def __init__(self, device: str = "cpu", checkpoints: Path | None = None) -> None:
        """Runs on `device`; keeps half-trained state under `checkpoints` where given."""
        self.rank = 0
        self.world_size = 1
        self.device = device
        self.reports: list[dict[str, Any]] = []
        self.at_notice: Callable[[], None] = nothing
        self._checkpoints = checkpoints

    def report(self, metrics: Mapping[str, Any]) -> None:
        """Keeps the row in `reports`."""
        self.reports.append(dict(metrics))

    def average(self, tensors: Iterable[Any]) -> None:
        """One worker: nothing to do."""

    def stepped(self) -> None:
        """Nobody takes this machine away."""

    def checkpoint_folder(self) -> Path | None:
        """The folder given at the start."""
        return self._checkpoints
