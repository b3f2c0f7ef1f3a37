"""Means and standard errors over seeds and over recordings, which are never mixed.

The spread over seeds says how much training the same configuration again would change a number;
the spread over recordings says how much other motion would. The standard error is
sd(ddof = 1) / sqrt(n), not a number where n = 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from search_spaces.errors import BadInput
from search_spaces.objectives import SPLITS, Scope, find_metric
from search_spaces.record import COST_COLUMNS, POINT_KEYS

SEEDS = "seeds"
"""Column that counts the seeds behind a mean."""
SAME_POINT = ("config_hash", "depth", "share")
"""What two points have in common that differ by their seed alone."""


@dataclass(frozen=True)
class Mean:
    """A mean, its standard error and the number of finite values behind it."""

    value: float
    error: float
    n: int


def mean_and_error(values: Iterable[float]) -> Mean:
    """Mean and standard error of the finite values; not a number where there are none.

    >>> mean_and_error([1.0, 2.0, 3.0])
    Mean(value=2.0, error=0.5773502691896258, n=3)
    """
    array = np.asarray(list(values), dtype=float)
    array = array[np.isfinite(array)]
    n = len(array)
    value = float(array.mean()) if n else math.nan
    error = float(array.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    return Mean(value, error, n)


def is_metric(column: str) -> bool:
    """Whether a column of points holds a registered metric."""
    try:
        find_metric(column)
    except BadInput:
        return False
    return True


def is_rate(name: str) -> bool:
    """Whether an objective or column is a number of bits per second, of all or of one part."""
    return is_metric(name) and find_metric(name)[0].unit == "bps"


def is_score(column: str) -> bool:
    """Whether a column holds a metric, registered here or not (a plugin's, without the plugin)."""
    return column.startswith(tuple(f"{s}_" for s in SPLITS)) or is_metric(column)


def error_column(column: str) -> str:
    """Where the standard error over seeds of a column stands."""
    return f"{column}_se"


def seed_means(points: pd.DataFrame) -> pd.DataFrame:
    """One row per configuration, depth and share, averaged over seeds.

    Metrics, token counts and costs become means over the seeds that have a finite value; a
    distortion gains `<column>_se`; `seeds` counts the rows behind it. Every other column (`trial`,
    `point`, `seed`, ...) is that of the smallest seed, so a mean row still names a codec that was
    trained. A configuration and seed that was run twice counts once, the last time. Where every
    configuration has one seed nothing is averaged and no column added.
    """
    keys = [k for k in SAME_POINT if k in points.columns]
    if points.empty or not {"config_hash", "depth", "seed"} <= set(points.columns):
        return points
    points = points.drop_duplicates([*keys, "seed"], keep="last")
    if not points.duplicated(keys).any():
        return points
    ordered = points.sort_values("seed", kind="stable")
    grouped = ordered.groupby(keys, sort=False, dropna=False)
    means = grouped.head(1).set_index(keys)
    averaged = [c for c in points.columns if c not in POINT_KEYS and _is_averaged(points[c], c)]
    finite = ordered[averaged].astype(float).replace([np.inf, -np.inf], np.nan)
    regrouped = finite.groupby([ordered[k] for k in keys], sort=False, dropna=False)
    mean, error = regrouped.mean(), regrouped.sem(ddof=1)
    columns: dict[str, pd.Series] = {c: mean[c] for c in averaged}
    columns |= {error_column(c): error[c] for c in averaged if _has_error(c)}
    columns[SEEDS] = grouped.size()
    rest = means[[c for c in means.columns if c not in averaged]]
    result = pd.concat([rest, pd.DataFrame(columns).reindex(means.index)], axis=1).reset_index()
    added = [c for c in columns if c not in points.columns]
    # In the order in which configurations first appear, not in the order of seeds.
    first = points.drop_duplicates(keys)[keys]
    return first.merge(result, on=keys, how="left")[[*points.columns, *added]]


def _is_averaged(values: pd.Series, column: str) -> bool:
    # What follows from the configuration is equal over seeds; a mean would only round it.
    known = is_metric(column) and find_metric(column)[0].known
    named = column in COST_COLUMNS or (is_score(column) and not known)
    return named and pd.api.types.is_numeric_dtype(values)


def _has_error(column: str) -> bool:
    if not is_metric(column) or is_rate(column):
        return False
    return find_metric(column)[0].scope in (Scope.POSE, Scope.TOTAL)


def over_recordings(clips: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard error over recordings of each point, split and metric.

    Args:
        clips: rows of `clips.parquet`.

    Returns:
        Columns `point`, `split`, `metric`, `mean`, `se`, `recordings`; rows in order of appearance.
    """
    keys = ["point", "split", "metric"]
    if clips.empty:
        return pd.DataFrame(columns=[*keys, "mean", "se", "recordings"])
    finite = clips[np.isfinite(clips["value"].astype(float)) & clips["split"].isin(SPLITS)]
    # A recording cut into several clips is one recording: its clips are weighted by their frames.
    weighted = finite.assign(_weighted=finite["value"] * finite["n"])
    sums = weighted.groupby([*keys, "recording"], sort=False)[["_weighted", "n"]].sum()
    each = (sums["_weighted"] / sums["n"]).groupby(level=keys, sort=False)
    table = pd.DataFrame({"mean": each.mean(), "se": each.sem(ddof=1), "recordings": each.size()})
    return table.reset_index()
