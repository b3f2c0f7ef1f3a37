"""What the model has seen of each trial, and which of it becomes its rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

import numpy as np

from cluster.searchers.rate_aware.encoding import Encoding
from cluster.searchers.rate_aware.gaussian_process import Inputs
from cluster.searchers.rate_aware.targets import Targets
from search_spaces.space import Config

SHORTEST = 1 / 52
"""Share of a budget that stands at t = 0 on the logarithmic axis."""
MOST_ROWS = 260
FEW_TRIALS = 120
"""Above this many trials only the last two rungs of each become rows."""


class State(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"


@dataclass(eq=False)
class Seen:
    """One trial.

    Attributes:
        config: its proposal.
        known: (points, columns) what is known of each of its points.
        x: (picked, dimensions) its points that the model sees, encoded.
        picked: their places among its points.
        curve: (share of the budget, (points, measured) values) in order of shares.
        seen_end: (points, measured) values of its end as its earlier shares were scored, which may
            be on less of validation; None where that was not told.
        seconds: how long it took, where that was told.
    """

    config: Config
    known: np.ndarray
    x: np.ndarray
    picked: list[int]
    state: State = State.RUNNING
    curve: list[tuple[float, np.ndarray]] = field(default_factory=list)
    seen_end: np.ndarray | None = None
    seconds: float | None = None

    @property
    def gap(self) -> np.ndarray | None:
        """(points, measured values) of its end over the same as earlier shares were scored."""
        if self.state is not State.DONE or self.seen_end is None:
            return None
        with np.errstate(invalid="ignore"):
            gap = self.curve[-1][1] - self.seen_end
        return np.where(np.isfinite(gap), gap, np.nan)

    def best(self, targets: Targets, *, finished_only: bool, as_seen: bool = False) -> np.ndarray:
        """(n, objectives) points that it has to offer, those that keep the limits alone.

        Of an end they are those of earlier shares' scoring with `as_seen`, where that was told.
        """
        curve = self.curve
        if finished_only:
            curve = curve[-1:] if self.state is State.DONE else []
            if curve and as_seen and self.seen_end is not None:
                curve = [(1.0, self.seen_end)]
        found = [
            targets.placed(self.known, values)[targets.feasible(values)] for _, values in curve
        ]
        return np.concatenate(found) if found else np.zeros((0, len(targets.objectives)))


def on_axis(share: float) -> float:
    """Share of a budget -> t: 1 at its end, 0 at a fifty-second of it."""
    return 1 - math.log(max(share, SHORTEST)) / math.log(SHORTEST)


def softened(values: np.ndarray, ceiling: float) -> np.ndarray:
    """Values above a ceiling, diverged ones included, pressed into the 0.7 above it."""
    values = np.where(np.isfinite(values), values, ceiling + 10.0)
    return np.where(values > ceiling, ceiling + 0.7 * np.tanh((values - ceiling) / 0.7), values)


def usual_gap(seen: Sequence[Seen], column: int) -> float:
    """Median over finished trials' points of what an end has over what earlier shares saw of it."""
    gaps = [s.gap[:, column] for s in seen if s.gap is not None]
    known = np.concatenate(gaps) if gaps else np.zeros(0)
    known = known[~np.isnan(known)]
    return float(np.median(known)) if len(known) else 0.0


@cache
def chosen_levels(count: int) -> list[int]:
    """Places of at most four of a trial's points: the last, the first, and two between."""
    last = count - 1
    return sorted({last, 0, round(last / 3), round(2 * last / 3)})


def rows(
    seen: Sequence[Seen],
    encoding: Encoding,
    ceiling: float,
    most: int = MOST_ROWS,
    *,
    column: int = 0,
    bound: int | None = None,
) -> tuple[Inputs, np.ndarray, int]:
    """What a process is fitted to: inputs, values, and how many rows there were before the cap.

    Values of curves are moved by what ends have over them, scored alike: a finished trial's by its
    own gap, any other's by the usual one. Over the cap the ends of finished trials stay first, then
    the best values, then an even spread.

    Args:
        seen: trials.
        encoding: of the space.
        ceiling: above which differences count for little.
        most: rows at most.
        column: of the measured values.
        bound: column of what is known that values are taken relative to.
    """
    reported = [s for s in seen if s.curve]
    few = len(reported) <= FEW_TRIALS
    usual = usual_gap(seen, column)
    x: list[np.ndarray] = []
    t: list[float] = []
    y: list[np.ndarray] = []
    final: list[int] = []
    for one in reported:
        picked = one.picked
        gap = np.full(len(picked), usual)
        if one.gap is not None:
            gap = np.where(np.isnan(own := one.gap[picked, column]), usual, own)
        for share, values in one.curve if few else one.curve[-2:]:
            x.append(one.x)
            t.extend([on_axis(share)] * len(picked))
            found = values[picked, column] + (gap if share < 1.0 else 0.0)
            y.append(found if bound is None else found - one.known[picked, bound])
            # The whole codec's end counts as final; prefixes give way first.
            ended = one.state is State.DONE and share >= 1.0
            final += [1] * (len(picked) - 1) + [2] if ended else [0] * len(picked)
    if not x:
        return Inputs(np.zeros((0, encoding.dimensions)), np.zeros(0)), np.zeros(0), 0
    seen_values = np.concatenate(y)
    measured = ~np.isnan(seen_values)
    inputs = Inputs(np.vstack(x)[measured], np.array(t)[measured])
    values = softened(seen_values[measured], ceiling)
    total = len(values)
    if total <= most:
        return inputs, values, total
    rank = np.array(final)[measured]
    order = np.lexsort((values, -rank))
    firm = order[: int(0.7 * most)]
    rest = np.setdiff1d(np.arange(total), firm)
    spread = rest[np.linspace(0, len(rest) - 1, most - len(firm)).astype(int)]
    kept = np.sort(np.concatenate([firm, spread]))
    return Inputs(inputs.x[kept], inputs.t[kept]), values[kept], total
