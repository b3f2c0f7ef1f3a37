"""Mirrors of a sweep's log in experiment trackers: live beside a sweep, or afterwards.

`mirror` replays a log; `tracking` is what a sweep wraps around its trials. Trackers are made by
name here and import their library only when the first trial has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType

from analysis.dashboards.live import PATIENCE, LiveMirror
from analysis.dashboards.tracker import Tracker, TrackerUnavailable, Trial, mirror
from search_spaces.errors import BadInput

__all__ = [
    "PATIENCE", "TRACKERS", "LiveMirror", "Tracker", "TrackerUnavailable", "Tracking", "Trial",
    "check_tracker", "make_tracker", "mirror", "tracking",
]  # fmt: skip


def _wandb(clips: bool) -> Tracker:
    from analysis.dashboards.wandb import Wandb  # brings pandas; the command line starts without

    return Wandb(clips=clips)


def _tensorboard(clips: bool) -> Tracker:
    from analysis.dashboards.tensorboard import TensorBoard

    return TensorBoard(clips=clips)


def _mlflow(clips: bool) -> Tracker:
    from analysis.dashboards.mlflow import MLflow

    return MLflow(clips=clips)


TRACKERS: dict[str, Callable[[bool], Tracker]] = {
    "wandb": _wandb,
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
}
"""Trackers by the name that `--track` takes."""


def check_tracker(name: str) -> None:
    """Whether a tracker's name is known; "" is none and always fine.

    Raises:
        BadInput: it is not; the message lists the trackers.
    """
    if name and name not in TRACKERS:
        near = get_close_matches(name, TRACKERS, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        raise BadInput(f"no tracker {name!r}; {guess}there are {', '.join(TRACKERS)}")


def make_tracker(name: str, *, clips: bool = True) -> Tracker:
    """A tracker by name.

    Args:
        name: one of `TRACKERS`.
        clips: whether motion may be uploaded, where the sweep and its data allow it.

    Raises:
        BadInput: there is none of that name.
    """
    if not name:
        raise BadInput(f"no tracker is named; there are {', '.join(TRACKERS)}")
    check_tracker(name)
    return TRACKERS[name](clips)


class Tracking:
    """A sweep's mirror, or none: the same calls either way, none of which ever raises."""

    def __init__(self, live: LiveMirror | None, warn: Callable[[str], object]) -> None:
        """Wraps a mirror; `warn` is given at most one line, at the end."""
        self._live, self._warn = live, warn

    def __enter__(self) -> Tracking:
        if self._live is not None:
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None and self._live is not None:
            self._end(self._live.close())

    def finish(self, patience: float = PATIENCE) -> None:
        """Mirrors what is left and the analysis; waits `patience` seconds at most."""
        if self._live is not None:
            self._end(self._live.finish(patience))

    def _end(self, line: str) -> None:
        self._live = None
        if line:
            self._warn(line)


def tracking(name: str, folder: Path, warn: Callable[[str], object]) -> Tracking:
    """Mirrors a sweep into a tracker while it runs.

    Enter it once the `sweep` event is in the log, leave it when the trials are over, and call
    `finish` when the report is built. Left by an exception it ends by itself, without the analysis.

    Args:
        name: one of `TRACKERS`, or "" for none.
        folder: the sweep directory.
        warn: given one line at the end if the tracker failed, hung or is missing.

    Raises:
        BadInput: no tracker has that name.
    """
    return Tracking(LiveMirror(folder, make_tracker(name)) if name else None, warn)
