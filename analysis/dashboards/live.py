"""Mirroring while a sweep runs, from a thread of its own that can delay nothing.

Nothing is handed over: the thread reads the growing log by itself, so what waits for a slow tracker
waits on disk, and what writes the log never waits. Only the end of a sweep waits, at most
`PATIENCE` seconds (`INTERRUPTED_PATIENCE` after an interrupt or an error).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from analysis.dashboards.tracker import Mirror, Tracker
from analysis.log import Event
from search_spaces.record import LOG_FILE

PATIENCE = 30.0
"""Seconds that the end of a sweep waits for a tracker at most."""
INTERRUPTED_PATIENCE = 5.0
"""The same where the sweep was interrupted or ended with an error."""
_GRACE = 1.0
"""Part of the patience that is kept for a thread whose tracker was abandoned to end."""


class LiveMirror:
    """Follows a sweep's growing log and mirrors each trial that ends.

    A context manager: following starts on entry; leaving because of an exception closes at once,
    without the analysis. Otherwise it goes on until `finish`, so that mirroring overlaps with
    whatever is done between.
    """

    def __init__(self, folder: Path, tracker: Tracker, *, every: float = 1.0) -> None:
        """Mirrors `folder` into `tracker`, looking for new events every so many seconds."""
        self._tracker, self._every = tracker, every
        self._path = folder / LOG_FILE
        self._mirror = Mirror(folder, tracker)
        self._ending, self._analysis, self._given_up = threading.Event(), False, False
        self._fault = ""
        self._thread = threading.Thread(target=self._run, name="tracker", daemon=True)

    def __enter__(self) -> LiveMirror:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            self.close(INTERRUPTED_PATIENCE)

    def finish(self, patience: float = PATIENCE) -> str:
        """Mirrors what is left and the sweep as a whole, and closes the tracker.

        Returns after `patience` seconds at the latest, whatever the tracker does.

        Returns:
            One line about what went wrong, or "".
        """
        return self.close(patience, analysis=True)

    def close(self, patience: float = INTERRUPTED_PATIENCE, *, analysis: bool = False) -> str:
        """Mirrors what is left, without the sweep as a whole; else as `finish`."""
        self._analysis = analysis
        self._ending.set()
        grace = min(_GRACE, patience / 4)
        self._thread.join(patience - grace)
        if self._thread.is_alive():
            self._given_up = True
            self._fault = f"no answer within {patience:g} s"
            helper = threading.Thread(target=self._abandon, name="tracker-abandon", daemon=True)
            helper.start()
            deadline = time.monotonic() + grace
            helper.join(grace)
            self._thread.join(max(0.0, deadline - time.monotonic()))
        return self._line()

    def _abandon(self) -> None:
        try:
            self._tracker.abandon()
        except BaseException:  # whatever it is, the tracker is disabled already
            return

    def _line(self) -> str:
        if not self._fault:
            return ""
        return (
            f"{self._tracker.name} is disabled: {self._fault}; "
            f"{self._mirror.written} trial(s) were mirrored, the sweep's log has all"
        )

    def _run(self) -> None:
        try:
            self._follow()
        # A tracker may do anything, SystemExit included; the sweep must not care.
        except BaseException as error:
            self._blame(error)
        finally:
            try:
                if not self._given_up:
                    self._tracker.close()
            except BaseException as error:
                self._blame(error)

    def _blame(self, error: BaseException) -> None:
        words = " ".join(str(error).split())
        self._fault = self._fault or (words or type(error).__name__)[:300]

    def _follow(self) -> None:
        new = follow(self._path)
        while not self._given_up:
            ending = self._ending.is_set()  # asked before reading, so that nothing is missed
            for event in new():
                if self._given_up:
                    return
                self._mirror.feed(event)
            if ending:
                break
            self._ending.wait(self._every)
        if self._analysis and not self._given_up:
            self._mirror.finish()


def follow(path: Path) -> Callable[[], Iterator[Event]]:
    """A function that gives the events of a log that were completed since it was called last.

    A line without its end is left for the next time; one that cannot be read is passed over, as it
    was torn by a crash (`analysis.log.read_log` is what judges a log).
    """
    offset = 0

    def new() -> Iterator[Event]:
        nonlocal offset
        if not path.is_file() or path.stat().st_size <= offset:
            return
        with path.open("rb") as log:
            log.seek(offset)
            for line in log:
                if not line.endswith(b"\n"):
                    return
                offset += len(line)
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict) and isinstance(event.get("event"), str):
                    yield event

    return new
