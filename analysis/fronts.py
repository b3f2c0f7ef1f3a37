"""Fronts of operating points, their hypervolume as it grew, and the best point for a rate.

Rows that are not finite are left out and counted (`analysis.indicators`). Inside, everything is
minimised; `Objective.sign` is the only place that knows a direction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.indicators import Hypervolume, hypervolume, nondominated
from analysis.statistics import seed_means
from search_spaces.errors import BadInput
from search_spaces.objectives import Objective, in_unit, objectives
from search_spaces.units import YARDSTICKS

__all__ = [
    "DEFAULT_RATE", "FULL_POSE", "NOMINAL_RATE", "RATES", "Front", "Hypervolume", "NoAnswer",
    "best_at", "front", "full_pose_of", "hypervolume", "hypervolume_history", "judged",
    "nondominated", "objective_values", "signed_reference",
]  # fmt: skip

FULL_POSE = "rmse_full_cm"
NOMINAL_RATE = "rate_nominal_bps"
RATES = {
    "nominal": NOMINAL_RATE,
    "entropy": "rate_entropy_bps",
    "model": "rate_model_bps",
    "stream": "rate_stream_bps",
}
_AHEAD = 512
"""Points that are compared with a front at once."""
DEFAULT_RATE = "stream"
"""What a bitrate means where nobody says which: bytes of files on disk."""


def full_pose_of(columns: Iterable[Any]) -> str:
    """Full-pose RMSE as points of a sweep name it, by the unit of their data.

    Args:
        columns: of points, or objective names.

    >>> full_pose_of(["rate_nominal_bps", "val_rmse_full_px"]), full_pose_of([])
    ('rmse_full_px', 'rmse_full_cm')
    """
    there = {str(column).removeprefix("val_") for column in columns}
    names = (in_unit(FULL_POSE, yardstick) for yardstick in YARDSTICKS)
    return next((name for name in names if name in there), FULL_POSE)


@dataclass(frozen=True)
class Front:
    """Non-dominated operating points.

    Attributes:
        rows: rows of the frame it was made from, by rising first objective, index kept.
        objectives: what they are non-dominated in.
        dropped: rows that were left out because an objective is not finite.
    """

    rows: pd.DataFrame
    objectives: tuple[Objective, ...]
    dropped: int


class NoAnswer(BadInput):
    """No operating point is cheap enough. `nearest` is the cheapest one, where there is any."""

    def __init__(self, message: str, nearest: pd.Series | None = None) -> None:
        super().__init__(message)
        self.nearest = nearest


def objective_values(
    frame: pd.DataFrame, names: Sequence[str | Objective], split: str = "val"
) -> np.ndarray:
    """Values of objectives, signed so that lower is better: float (points, objectives).

    Raises:
        BadInput: the frame lacks an objective's column.
    """
    columns = [o.column(split) for o in _objectives(names)]
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise BadInput(f"the points have no column {', '.join(missing)}; choose another objective")
    signs = [o.sign for o in _objectives(names)]
    return np.asarray(frame[columns].astype(float).to_numpy() * signs, dtype=float)


def front(frame: pd.DataFrame, names: Sequence[str | Objective], split: str = "val") -> Front:
    """The operating points that no other dominates.

    Args:
        frame: rows as in `points.csv`.
        names: objectives, the first of which orders the result.
        split: which measurements to judge by.
    """
    values = objective_values(frame, names, split)
    chosen = np.flatnonzero(nondominated(values))
    chosen = chosen[np.lexsort(values[chosen].T[::-1])] if len(chosen) else chosen
    dropped = int((~np.isfinite(values).all(axis=1)).sum())
    return Front(frame.iloc[chosen], _objectives(names), dropped)


def signed_reference(
    names: Sequence[str | Objective], reference: Mapping[str, float]
) -> np.ndarray:
    """A sweep's stored reference point as `hypervolume` takes it: float (objectives,).

    Raises:
        BadInput: it lacks an objective.
    """
    missing = [o.name for o in _objectives(names) if o.name not in reference]
    if missing:
        raise BadInput(f"the reference point has no {', '.join(missing)}; run the sweep again")
    return np.asarray([o.sign * float(reference[o.name]) for o in _objectives(names)])


def hypervolume_history(values: np.ndarray, reference: Sequence[float] | np.ndarray) -> np.ndarray:
    """Hypervolume after each point, in the order given: float (points,), never falling."""
    values = _table(values)
    history = np.zeros(len(values))
    kept = np.empty((0, values.shape[1]))
    volume, start = 0.0, 0
    while start < len(values):
        # A point that is dominated (or not finite) changes nothing: the next that does is sought
        # among many at once.
        ahead = values[start : start + _AHEAD]
        free = np.isfinite(ahead).all(axis=1)
        for row in kept:
            free &= (ahead < row).any(axis=1)
        step = int(free.argmax()) if free.any() else len(ahead)
        history[start : start + step] = volume
        start += step
        if step < len(ahead):
            row = ahead[step]
            kept = np.vstack([kept[~(row <= kept).all(axis=1)], row])
            volume = max(volume, hypervolume(kept, reference).value)
            history[start] = volume
            start += 1
    return history


def judged(
    frame: pd.DataFrame, which: str, objective: str | Objective
) -> tuple[pd.DataFrame, np.ndarray]:
    """Points as a question about the best of them may see them: without test, seeds averaged.

    Args:
        frame: rows as in `points.csv`.
        which: a key of `RATES`.
        objective: a distortion.

    Returns:
        Rows, and their rate and distortion, signed so that lower is better: float (rows, 2).

    Raises:
        NoAnswer: there is no point, or none with both.
        BadInput: no such rate, or the sweep was recorded before it was measured.
    """
    if which not in RATES:
        raise BadInput(f"no rate {which!r}; there are {', '.join(RATES)}")
    untested = seed_means(frame[[c for c in frame.columns if not str(c).startswith("test_")]])
    if untested.empty:
        raise NoAnswer("no operating point is finished yet; wait for the first trial to end")
    column = Objective(RATES[which]).column("val")
    if column not in untested.columns or not untested[column].notna().any():
        raise BadInput(
            f"no operating point of this sweep has a {which} rate, since it was recorded before "
            "that was measured; add --rate nominal"
        )
    objective = objective or full_pose_of(untested.columns)
    values = objective_values(untested, [RATES[which], objective])
    if not np.isfinite(values).all(axis=1).any():
        raise NoAnswer(f"no operating point has a finite {RATES[which]} and {_name(objective)}")
    return untested, values


def best_at(
    frame: pd.DataFrame, rate: float, which: str = DEFAULT_RATE, objective: str = ""
) -> pd.Series:
    """The operating point of lowest distortion at or under a total rate, judged on validation.

    Test columns are taken away before anything is compared, and the answer has none. Several seeds
    of a configuration are judged by their mean (`seed_means`).

    Args:
        frame: rows as in `points.csv`.
        rate: bits per second, summed over parts.
        which: a key of `RATES`.
        objective: the distortion to be lowest in; full-pose RMSE where left out.

    Raises:
        NoAnswer: every point costs more, or there is none; `nearest` is the cheapest.
        BadInput: no such rate, or the sweep was recorded before it was measured.
    """
    untested, values = judged(frame, which, objective)
    finite = np.isfinite(values).all(axis=1)
    order = [i for i in np.lexsort((values[:, 0], values[:, 1])) if finite[i]]
    for i in order:
        if values[i, 0] <= rate:
            return untested.iloc[i]
    cheapest = min(order, key=lambda i: values[i, 0])
    nearest = untested.iloc[cheapest]
    raise NoAnswer(
        f"no operating point at or under {rate:g} bits/s ({which}); the nearest is "
        f"{nearest['point']} ({nearest['codec']}) at {math.ceil(values[cheapest, 0] * 10) / 10:g}",
        nearest,
    )


def _name(objective: str | Objective) -> str:
    return objective.name if isinstance(objective, Objective) else objective


def _objectives(names: Sequence[str | Objective]) -> tuple[Objective, ...]:
    return tuple(n if isinstance(n, Objective) else objectives([n])[0] for n in names)


def _table(values: np.ndarray) -> np.ndarray:
    table = np.asarray(values, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"values must be (points, objectives), got shape {table.shape}")
    return table
