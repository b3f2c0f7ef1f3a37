"""What a running sweep shows: a line that stays where it is, or a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.text import Text

from analysis.fronts import hypervolume, nondominated, signed_reference
from cluster.books import Books
from search_spaces.limits import keeps_all
from search_spaces.objectives import Objective

STATUSES = ("queued", "running", "done", "stopped", "refused", "failed")
LOG_SECONDS = 10.0
LIVE_SECONDS = 0.25
"""Between two looks at the books on a terminal: reports may come by the hundred."""


class Progress:
    """Shows a sweep's books as they change. A context manager."""

    def __init__(
        self,
        books: Books,
        objectives: Sequence[Objective],
        reference: dict[str, float],
        console: Console,
    ) -> None:
        """Shows on `console`: live on a terminal, a line every few seconds elsewhere."""
        self._books = books
        self._objectives = list(objectives)
        self._limits = books.proposer.limits
        self._corner = signed_reference(self._objectives, reference)
        self._console = console
        self._began = time.time()
        self._ended_before = self._ended()
        self._shown = 0.0
        self._counted = 0
        self._front, self._volume = np.empty((0, len(self._objectives))), 0.0
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Progress:
        self._books.on_change = self.update
        if self._console.is_terminal:
            self._live.start()
        self.update()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        self._console.print(self.line(), highlight=False, soft_wrap=True)
        self._books.on_change = lambda: None

    def update(self) -> None:
        """Shows the books as they are now."""
        live = self._console.is_terminal
        if time.time() - self._shown <= (LIVE_SECONDS if live else LOG_SECONDS):
            return
        self._shown = time.time()
        if live:
            self._live.update(Text(self.line()))
        else:
            self._console.print(self.line(), highlight=False, soft_wrap=True)

    def line(self) -> str:
        """One line of everything."""
        counts = self._books.counts()
        trials = " ".join(f"{counts[s]} {s}" for s in STATUSES)
        self._measure()
        return (
            f"trials: {trials} | front {len(self._front)} | hypervolume {self._volume:.5g} | "
            f"elapsed {_clock(time.time() - self._began)} | ETA {self._eta()}"
        )

    def _measure(self) -> None:
        rows = self._books.rows[self._counted :]
        if not rows:
            return
        self._counted += len(rows)
        values = [
            [o.sign * _number(row.get(o.column("val"))) for o in self._objectives]
            for row in rows
            if keeps_all(row, self._limits)
        ]
        if values:
            every = np.concatenate([self._front, np.array(values)])
            self._front = every[nondominated(every)]
            self._volume = hypervolume(self._front, self._corner).value

    def _ended(self) -> int:
        counts = self._books.counts()
        return counts["done"] + counts["stopped"] + counts["failed"]

    def _eta(self) -> str:
        counts = self._books.counts()
        ended = self._ended() - self._ended_before
        left = counts["queued"] + counts["running"]
        if not ended or not left:
            return "0:00" if not left else "?"
        return _clock((time.time() - self._began) / ended * left)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
