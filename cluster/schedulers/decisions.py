"""The decisions of one sweep: each made once, at a rung, and remembered.

Reports go to the searcher, where it follows curves, and then to the rule. What a log holds is
recalled instead of decided anew, so a resumed sweep stops what it stopped before. Rungs may see
less of validation than a finished trial's scores do; where a trial says at share 1 what rungs see
of its end, rules compare with that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from cluster.schedulers.halving import SuccessiveHalving
from cluster.schedulers.model import ModelRule
from cluster.schedulers.rule import Decision, NeverStop, StoppingRule
from search_spaces.errors import BadInput


@runtime_checkable
class FollowsCurves(Protocol):
    """A searcher that learns from trials on their way."""

    def report(self, ask: int, share: float, points: Sequence[Sequence[float]]) -> None:
        """Signed values of the `ask`-th proposal's points at a share of its budget.

        At share 1 they are what rungs see of its end, which `tell` brings.
        """

    def stopped(self, ask: int) -> None:
        """The `ask`-th proposal was stopped: its curve is all there will be."""


def make_rule(name: str, searcher: object, *, seed: int, rungs: Sequence[float]) -> StoppingRule:
    """A rule by its name in a spec.

    Raises:
        BadInput: `model`, and the searcher has none.
    """
    if name == "halving":
        return SuccessiveHalving(seed=seed, rungs=rungs)
    if name == "model":
        if not hasattr(searcher, "worth_finishing"):
            raise BadInput(
                "stopping=model asks the model of sampler rate_aware; --set sampler=rate_aware, or "
                "--set stopping=halving"
            )
        return ModelRule(searcher, rungs)
    return NeverStop()


class Decisions:
    """A rule, the searcher that may listen, and what was decided."""

    def __init__(self, rule: StoppingRule | None, objectives: int) -> None:
        """Nothing is decided yet; a rule sees the first `objectives` of each point's values."""
        self._rule = rule or NeverStop()
        self._objectives = objectives
        self._made: dict[tuple[str, float], Decision] = {}
        self._ends: dict[int, np.ndarray] = {}
        self._logged: dict[tuple[str, float], Decision] = {}

    def take_up(self, events: Iterable[Mapping[str, Any]]) -> None:
        """What a log holds is not judged anew when the reports before it come again."""
        self._logged = {
            (e["trial"], e["share"]): _said(e) for e in events if e["event"] == "decided"
        }

    def made(
        self, trial: str, number: int, share: float, points: np.ndarray, follower: object, ask: int
    ) -> Decision:
        """Decides, unless that was done before.

        Args:
            trial: its name.
            number: by which the rule knows it.
            share: of its budget.
            points: (points, values), all minimised; the deepest last.
            follower: hears of it first, if it follows curves.
            ask: number of its proposal.
        """
        known = self._made.get((trial, share))
        if known is not None:
            return known
        if share >= 1.0 and self._rule.rungs:
            self._ends[number] = points
            if isinstance(follower, FollowsCurves):
                follower.report(ask, share, points.tolist())
        if share not in self._rule.rungs:
            return Decision(True)
        if not len(points) or not np.isfinite(points[-1, : self._objectives]).all():
            decision = Decision(
                False, f"a value at {share:.3g} of its budget is not finite", failed=True
            )
        else:
            if isinstance(follower, FollowsCurves):
                follower.report(ask, share, points.tolist())
            logged = self._logged.pop((trial, share), None)
            values = points[:, : self._objectives]
            if logged is not None:
                self._rule.heard(number, share, values)
            decision = logged or self._rule.decide(number, share, values)
        self._made[trial, share] = decision
        return decision

    def recall(self, event: Mapping[str, Any]) -> None:
        """What a log's `decided` holds stands, whatever would be decided now."""
        self._made[event["trial"], event["share"]] = _said(event)

    def of(self, trial: str, share: float) -> Decision | None:
        """What was decided; None where nobody was asked."""
        return self._made.get((trial, share))

    def ended(self, number: int, points: Sequence[Sequence[float]] | None) -> None:
        """A trial's end, None where it failed or was stopped; as rungs see it, where it said so."""
        seen = self._ends.pop(number, points)
        every = None
        if points is not None and seen is not None:
            every = np.array(seen, float)[:, : self._objectives]
        self._rule.ended(number, every)


def _said(event: Mapping[str, Any]) -> Decision:
    return Decision(event["go_on"], event["reason"], event["failed"])
