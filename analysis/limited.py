"""Operating points that break a limit which their sweep declared (`constraints`).

They are shown as points, and count nowhere: in no front, hypervolume or answer. Judged on
validation, seeds by their mean.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.fronts import NoAnswer
from analysis.log import Log
from analysis.statistics import SAME_POINT, seed_means
from search_spaces.limits import Limit, limits


def limits_of(log: Log) -> tuple[Limit, ...]:
    """Limits that a sweep declared, in order."""
    return limits(log.sweep.get("spec", {}).get("constraints") or ())


def keeps(points: pd.DataFrame, wanted: tuple[Limit, ...]) -> np.ndarray:
    """Which points keep every limit: bool (points,). What was not measured keeps none.

    Args:
        points: rows as in `points.csv`, or means of them.
        wanted: the limits.
    """
    kept = np.ones(len(points), bool)
    for limit in wanted:
        column = limit.column("val")
        values = (
            pd.to_numeric(points[column], errors="coerce").to_numpy(float)
            if column in points.columns
            else np.full(len(points), np.nan)
        )
        kept &= values <= limit.value if limit.most else values >= limit.value
    return kept


def keeping(points: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Points of configurations that keep every limit of their sweep.

    Raises:
        NoAnswer: there are points, and none keeps all.
    """
    wanted = limits_of(log)
    if not wanted or points.empty:
        return points
    means = seed_means(points)
    kept = means[keeps(means, wanted)]
    if kept.empty:
        raise NoAnswer(
            f"none of {len(means)} operating points keeps {in_words(wanted)} on validation; loosen "
            "the constraints and run the sweep again, or run more trials"
        )
    keys = [k for k in SAME_POINT if k in points.columns]
    good = pd.MultiIndex.from_frame(kept[keys])
    return points[pd.MultiIndex.from_frame(points[keys]).isin(good)]


def in_words(wanted: tuple[Limit, ...]) -> str:
    """Limits, joined.

    >>> in_words(limits(["rmse_hands_cm<=4", "hull_error_pct<=9"]))
    'rmse_hands_cm<=4 and hull_error_pct<=9'
    """
    return " and ".join(map(str, wanted))
