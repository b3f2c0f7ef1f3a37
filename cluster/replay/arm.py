"""A searcher and a stopping rule over a recorded sweep: the same objects as in a sweep on Ray.

Proposals go through the `Proposer`, so refusals, repeats and limits are as they are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from cluster.replay.recorded import RecordedSweep
from cluster.schedulers.decisions import FollowsCurves
from cluster.searchers.proposer import Proposer
from cluster.searchers.searcher import Searcher
from cluster.wanted import Wanted
from search_spaces.space import Config, canonical


@runtime_checkable
class Movable(Protocol):
    """A searcher that models what it asked for."""

    def moved(self, config: Config) -> None:
        """The proposal asked for last runs as this one instead."""


class OnRecorded:
    """A searcher whose proposals are moved to recorded configurations.

    Attributes:
        moves: proposals that were moved.
    """

    def __init__(self, inner: Searcher, table: RecordedSweep, wanted: Wanted) -> None:
        """Around a fresh searcher; what is refused or repeated passes as it is."""
        self._inner, self._table, self._wanted = inner, table, wanted
        self._taken: set[str] = set()
        self.moves = 0

    def ask(self) -> Config | None:
        """The next proposal; None where every recorded configuration is taken."""
        proposal = self._inner.ask()
        if proposal is None:
            return None
        config = self._table.spec.configuration(proposal)
        if not self._table.has(config) and self._wanted.refusal(config) is None:
            moved = self._table.nearest(proposal, self._taken)
            if moved is None:
                return None
            self.moves += 1
            if isinstance(self._inner, Movable):
                self._inner.moved(dict(moved))
            proposal, config = moved, self._table.spec.configuration(moved)
        self._taken.add(canonical(config))
        return proposal

    def tell(
        self,
        ask: int,
        values: Sequence[float] | None,
        *,
        points: Sequence[Sequence[float]] = (),
        refused: bool = False,
    ) -> None:
        """As the searcher takes it."""
        self._inner.tell(ask, values, points=points, refused=refused)

    def report(self, ask: int, share: float, points: Sequence[Sequence[float]]) -> None:
        """To a searcher that follows curves."""
        if isinstance(self._inner, FollowsCurves):
            self._inner.report(ask, share, points)

    def stopped(self, ask: int) -> None:
        """As such to a searcher that follows curves."""
        if isinstance(self._inner, FollowsCurves):
            self._inner.stopped(ask)
        else:
            self._inner.tell(ask, None)


class ReplayedSweep:
    """The simulator's arm.

    Attributes:
        decided: trial, share and whether it goes on, of each decision in order.
    """

    def __init__(self, proposer: Proposer, table: RecordedSweep) -> None:
        """Around a fresh proposer."""
        self._proposer, self._table = proposer, table
        self._running: list[tuple[str, Config]] = []
        self._broken: set[int] = set()
        self.decided: list[dict[str, Any]] = []

    @property
    def trials(self) -> list[str]:
        """Names of the trials that it began, in order."""
        return [trial for trial, _ in self._running]

    def ask(self) -> Config | None:
        """The proposer's next trial."""
        proposal = self._proposer.next()
        if proposal is None:
            return None
        self._running.append((proposal.trial, proposal.config))
        return proposal.config

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """As the rule decides."""
        trial, config = self._running[ask]
        made = self._proposer.reported(trial, share, self._table.points(config, share))
        if made.reason:
            self.decided.append({"trial": trial, "share": share, "go_on": made.go_on})
        if made.failed:
            self._broken.add(ask)
        return made.go_on

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """Its end, as the log has it; a record that ends early says nothing of an end."""
        trial, config = self._running[ask]
        rows = self._table.points(config, 1.0)
        if points is None:
            self._proposer.ended(trial, stopped=ask not in self._broken)
        elif rows:
            seen = self._table.seen_end(config)
            if seen:
                self._proposer.reported(trial, 1.0, seen)
            self._proposer.done(trial, rows)
        else:
            self._proposer.ended(trial)
