"""Which operating point to take: the best for a rate, the cheapest for a distortion, the knee.

Judged on validation alone: test columns are taken away before anything is compared. Seeds of a
configuration are judged by their mean.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.fronts import DEFAULT_RATE, NoAnswer, best_at, judged
from analysis.knee import knee
from analysis.labels import objective_label, point_label, quantity, unit_label
from analysis.statistics import is_rate
from search_spaces.errors import BadInput
from search_spaces.heatmap_metrics import IOU
from search_spaces.objectives import RMSE, Direction, Objective, find_metric, metrics

_QUANTITY = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*([^\d\s]\S*)?\s*")


@dataclass(frozen=True)
class Question:
    """What is asked of a sweep: exactly one of four, and `within` may be bounded by `at`.

    Attributes:
        at: most bits per second; the lowest distortion is wanted.
        under: most distortion, as typed (`3cm`); the lowest rate is wanted.
        knee: the front's knee is wanted.
        within: how much worse than the lowest distortion, as typed (`2%`); the lowest rate is
            wanted. With `at`, than the lowest at or under that rate.
        rate: a key of `RATES`.
        objective: the distortion, or a score of which more is better; RMSE of the full pose (of
            heatmaps, foreground IoU) where left out.
    """

    at: float | None = None
    under: str | None = None
    knee: bool = False
    within: str | None = None
    rate: str = DEFAULT_RATE
    objective: str | None = None

    def check(self) -> None:
        """Refuses what is not one question.

        Raises:
            BadInput: none or several of the four are asked.
        """
        others = [self.under is not None, self.knee, self.within is not None]
        alone = self.at is not None and self.within is None
        if sum(others) + alone != 1:
            raise BadInput(
                "best answers one question: --at 300, --under 3cm, --knee or --within 2% (which "
                "may stand beside --at); see 'ratefront best --help'"
            )


@dataclass(frozen=True)
class Answer:
    """The operating point that answers, a row of the seeds' means, and why in words."""

    row: pd.Series
    why: str


def decide(points: pd.DataFrame, question: Question) -> Answer:
    """The operating point that answers a question.

    Args:
        points: rows as in `points.csv`.
        question: what is asked.

    Raises:
        NoAnswer: no point answers; `nearest` is the one that comes closest, where there is any.
        BadInput: not one question, a wrong unit, or no such rate or objective.
    """
    question.check()
    objective = distortion_of(points, question.objective)
    if question.knee:
        return _knee(points, question.rate, objective)
    if question.under is not None:
        return _under(points, question.rate, objective, _limit(question.under, objective))
    if question.within is not None:
        return _within(points, question.rate, objective, _percent(question.within), question.at)
    row = best_at(points, float(question.at or 0.0), question.rate, objective.name)
    return Answer(row, f"{extreme(objective)} {in_words(objective)} at or under "
                       f"{question.at:g} bits/s ({question.rate})")  # fmt: skip


def distortion_of(points: pd.DataFrame, name: str | None = None) -> Objective:
    """What points are judged by: by name, in the data's own unit; full-pose RMSE where left out.

    Scores of which more is better serve too; of heatmaps, which have no pose, it is foreground IoU
    where left out.

    Raises:
        BadInput: there is no such metric, it is a rate or has no better or worse, or the points
            lack it.
    """
    columns = [str(c) for c in points.columns]
    if name is None:
        stem = RMSE.column("val", "full").removesuffix(RMSE.unit)
        found = [c for c in columns if c.startswith(stem) and not c.endswith("_se")]
        found += [IOU.objective()] if IOU.column("val") in columns else []
        name = found[0].removeprefix("val_") if found else RMSE.objective("full")
    objective = Objective(name)
    if is_rate(name) or objective.metric.direction not in (Direction.MIN, Direction.MAX):
        others = [m.objective("full" if m.stem in ("rmse", "mpjpe") else "") for m in metrics()
                  if m.direction is Direction.MIN and m.unit != "bps"]  # fmt: skip
        raise BadInput(f"{name} is no distortion; there are {', '.join(others)}")
    if objective.column("val") not in columns and len(points):
        there = [c.removeprefix("val_") for c in columns if _judges(c)]
        raise BadInput(f"the points have no {name}; they have {', '.join(there)}")
    return objective


def in_words(objective: Objective) -> str:
    """An objective's label within a sentence.

    >>> in_words(Objective("hull_error_pct")), in_words(Objective("rmse_full_cm"))
    ('wrist hull error', 'full pose RMSE')
    """
    label = objective_label(objective.name)
    return label if label[1:2].isupper() else label[0].lower() + label[1:]


def extreme(objective: Objective) -> str:
    """Which end of an objective's values is the good one: `lowest` or `highest`."""
    return "lowest" if objective.sign > 0 else "highest"


def _bounded(objective: Objective) -> str:
    return "at or under" if objective.sign > 0 else "at or above"


def _judges(column: str) -> bool:
    if not column.startswith("val_") or column.endswith("_se"):
        return False
    try:
        metric = find_metric(column)[0]
    except BadInput:
        return False
    return metric.direction in (Direction.MIN, Direction.MAX) and metric.unit != "bps"


def _under(points: pd.DataFrame, which: str, objective: Objective, limit: float) -> Answer:
    rows, values = judged(points, which, objective)
    good = np.isfinite(values).all(axis=1) & (values[:, 1] <= objective.sign * limit)
    said = f"{_bounded(objective)} {quantity(limit, objective.name)}"
    if not good.any():
        nearest = rows.iloc[int(np.nanargmin(np.where(np.isfinite(values).all(axis=1),
                                                      values[:, 1], np.nan)))]  # fmt: skip
        value = float(nearest[objective.column("val")])
        raise NoAnswer(
            f"no operating point has {in_words(objective)} {said}; the "
            f"nearest is {nearest['point']} ({nearest['codec']}) at "
            f"{quantity(_outward(value, objective), objective.name)}",
            nearest,
        )
    why = f"lowest {which} rate with {in_words(objective)} {said}"
    return Answer(rows.iloc[_first(values, good)], why)


def _within(
    points: pd.DataFrame, which: str, objective: Objective, percent: float, most: float | None
) -> Answer:
    rows, values = judged(points, which, objective)
    allowed = np.isfinite(values).all(axis=1)
    where = ""
    if most is not None:
        best_at(points, most, which, objective.name)  # says what is nearest where nothing is
        allowed &= values[:, 0] <= most
        where = f" at or under {most:g} bits/s"
    least = float(values[allowed, 1].min())
    good = allowed & (values[:, 1] <= least + abs(least) * percent / 100)
    why = (
        f"lowest {which} rate within {percent:g} % of the {extreme(objective)} "
        f"{in_words(objective)}{where} ({quantity(objective.sign * least, objective.name)})"
    )
    return Answer(rows.iloc[_first(values, good)], why)


def _knee(points: pd.DataFrame, which: str, objective: Objective) -> Answer:
    rows, values = judged(points, which, objective)
    found = knee(values)
    if found.index is None:
        cheapest = rows.iloc[_first(values, np.isfinite(values).all(axis=1))]
        raise NoAnswer(
            f"no knee: {found.reason}; ask for a rate with --at instead, the cheapest point is "
            f"{point_label(cheapest.to_dict())}",
            cheapest,
        )
    why = (
        f"knee of the front over the {which} rate and {in_words(objective)}, "
        f"{100 * found.depth:.0f} % below the line between its ends"
    )
    return Answer(rows.iloc[found.index], why)


def _outward(value: float, objective: Objective) -> float:
    """A value in three digits, rounded so that asking for it finds the point."""
    return objective.sign * math.ceil(objective.sign * value * 1000) / 1000


def _first(values: np.ndarray, good: np.ndarray) -> int:
    """The cheapest of some rows; of equally cheap ones the least distorted."""
    rows = np.flatnonzero(good)
    return int(rows[np.lexsort((values[rows, 1], values[rows, 0]))[0]])


def _limit(typed: str, objective: Objective) -> float:
    """A distortion as typed, whose unit must be the column's own."""
    unit = objective.metric.unit
    match = _QUANTITY.fullmatch(typed)
    given = (match.group(2) or "") if match else ""
    if match is None or given not in ("", unit, unit_label(objective.name)):
        raise BadInput(f"--under {typed}: {objective.name} is in {unit}; write --under 3{unit}")
    return float(match.group(1))


def _percent(typed: str) -> float:
    match = _QUANTITY.fullmatch(typed)
    if match is None or (match.group(2) or "") not in ("", "%"):
        raise BadInput(f"--within {typed}: not a percentage; write --within 2%")
    return float(match.group(1))
