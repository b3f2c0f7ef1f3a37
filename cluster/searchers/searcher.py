"""What proposes configurations: asked and told in plain Python, with no knowledge of Ray.

A searcher sees proposals (values of the space's parameters) and signed validation values, lower
being better. It never sees a test score: nothing that carries one is handed to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from search_spaces.space import Config, Space


class Searcher(Protocol):
    """Ask and tell."""

    def ask(self) -> Config | None:
        """The next proposal, or None when there is nothing left to propose."""

    def tell(
        self,
        ask: int,
        values: Sequence[float] | None,
        *,
        points: Sequence[Sequence[float]] = (),
        refused: bool = False,
    ) -> None:
        """What became of the `ask`-th proposal (from 0).

        Args:
            ask: number of the proposal.
            values: finite objectives, all minimised; None where it was refused, failed, was stopped
                early or diverged. Nothing truncated is ever told as complete.
            points: objectives of every point that the trial gave, by ascending depth, the last
                being `values`; empty where there is that one alone.
            refused: True where it could not work, so that another may take its place.
        """


class ListSearcher:
    """A grid or paired cells, in order."""

    def __init__(self, space: Space) -> None:
        """Proposes every point of a finite space."""
        self._rest: Iterator[Config] = space.grid()

    def ask(self) -> Config | None:
        """The next cell."""
        return next(self._rest, None)

    def tell(
        self,
        ask: int,
        values: Sequence[float] | None,
        *,
        points: Sequence[Sequence[float]] = (),
        refused: bool = False,
    ) -> None:
        """A list learns nothing."""
