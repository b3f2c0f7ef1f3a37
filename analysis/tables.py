"""Tables for papers: each codec's best point at equal rates, or the front.

Points are chosen on validation; `split` says which scores are shown. A value is a mean ± its
standard error: over seeds where a point has several, else over recordings; the caption says which.
The best of each column is bold within its group of equal rate; a † marks points with fewer than
three seeds. `analysis.table_forms` writes them down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.deciding import extreme
from analysis.fronts import RATES, judged
from analysis.indicators import nondominated
from analysis.labels import objective_label, point_label
from analysis.log import Log
from analysis.statistics import SEEDS, error_column, is_metric, over_recordings, seed_means
from search_spaces.errors import BadInput
from search_spaces.objectives import HULL, RMSE, Direction, Objective, find_metric

FEW_SEEDS = 3
BUDGETS = 4
"""Rates of a table where none are given, evenly spaced on a logarithmic axis."""


@dataclass(frozen=True)
class Cell:
    """A value with its standard error (not a number where there is none); bold where best."""

    value: float
    error: float = math.nan
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One operating point of a table.

    Attributes:
        group: most bits per second that its group allows; not a number for a front.
        point: its identity.
        label: codec and setting.
        rate: bits per second.
        cells: one for each column.
        seeds: behind its means.
    """

    group: float
    point: str
    label: str
    rate: float
    cells: tuple[Cell, ...]
    seeds: int


@dataclass(frozen=True)
class Table:
    """A table before it is written.

    Attributes:
        columns: objective or diagnostic of each column of cells (`rmse_full_cm`, `hull_pct`).
        rate: the rate of its groups, an objective.
        rows: by group and rate.
        caption: what is shown, where errors come from, what the marks mean.
        name: of the data or the sweep, for references to it.
    """

    columns: tuple[str, ...]
    rate: str
    rows: tuple[Row, ...]
    caption: str
    name: str = "sweep"


def front_table(
    log: Log,
    points: pd.DataFrame,
    clips: pd.DataFrame,
    *,
    which: str,
    distortion: Objective,
    rows: str = "codecs",
    budgets: Sequence[float] = (),
    split: str = "val",
    columns: Sequence[str] = (),
) -> Table:
    """The table of a sweep.

    Args:
        log: of the sweep, for its name and data.
        points: rows as in `points.csv`.
        clips: rows as in `clips.parquet`, for errors over recordings.
        which: a key of `RATES`, the rate of budgets and fronts.
        distortion: what points are chosen by.
        rows: `codecs` for each codec's best at each budget, `front` for the front.
        budgets: bits per second; some over the front's extent where left out.
        split: whose scores are shown; points are chosen on validation always.
        columns: objectives or diagnostics that are shown, as `rmse_hands_cm` or `hull_pct`.

    Raises:
        NoAnswer: there is no point with that rate and distortion.
        BadInput: no such rate, column or kind of rows.
    """
    _, values = judged(points, which, distortion)
    means = seed_means(points).reset_index(drop=True)
    if rows == "front":
        chosen = _front(values)
    elif rows == "codecs":
        chosen = _at_budgets(means, values, budgets or _spread(values))
    else:
        raise BadInput(f"no rows {rows!r}; a table has one row per codecs or front")
    shown = _columns(means, distortion, split, columns)
    errors, source = _errors(means, clips, shown, split)
    made = [
        Row(
            group,
            str(means["point"][i]),
            point_label(means.iloc[i].to_dict()),
            float(values[i, 0]),
            tuple(Cell(float(means[_column(c, split)][i]), float(errors[c][i])) for c in shown),
            int(means[SEEDS][i]) if SEEDS in means.columns else 1,
        )
        for group, i in chosen
    ]
    rate = objective_label(RATES[which])
    words = {"val": "validation", "test": "test (chosen on validation)"}[split]
    few = any(r.seeds < FEW_SEEDS for r in made)
    name, lowest = log.facts.name if log.facts else log.name, _inside(distortion.name)
    caption = (
        f"{name}: "
        + (f"the front of {rate.lower()} and {lowest}" if rows == "front" else
           f"each codec's {extreme(distortion)} {lowest} at or under a {rate.lower()}")
        + f", scores on {words}, {source}."
        + (" † Fewer than three seeds." if few else "")
    )  # fmt: skip
    return Table(tuple(shown), RATES[which], _marked(made, shown), caption, name)


def _front(values: np.ndarray) -> list[tuple[float, int]]:
    rows = np.flatnonzero(nondominated(values))
    order = rows[np.lexsort((values[rows, 1], values[rows, 0]))]
    return [(math.nan, int(i)) for i in order]


def _spread(values: np.ndarray) -> list[float]:
    """Budgets over the front: rates of two digits, from its second quarter to its end."""
    rates = values[nondominated(values), 0]
    low = max(float(rates.min()), 1.0)
    high = max(float(rates.max()), low)
    steps = np.geomspace(low, high, BUDGETS + 1)[1:]
    rounded = []
    for step in steps:
        scale = 10 ** (math.floor(math.log10(step)) - 1)
        rounded.append(float(math.ceil(step / scale - 1e-9) * scale))
    return list(dict.fromkeys(rounded))


def _at_budgets(
    means: pd.DataFrame, values: np.ndarray, budgets: Sequence[float]
) -> list[tuple[float, int]]:
    codecs = means["codec"].astype(str).to_numpy(dtype=object)
    found = []
    for budget in sorted(budgets):
        for codec in sorted(set(codecs)):
            good = (codecs == codec) & np.isfinite(values).all(axis=1) & (values[:, 0] <= budget)
            rows = np.flatnonzero(good)
            if len(rows):
                best = rows[np.lexsort((values[rows, 0], values[rows, 1]))[0]]
                found.append((float(budget), int(best)))
    return found


def _columns(
    means: pd.DataFrame, distortion: Objective, split: str, given: Sequence[str]
) -> list[str]:
    """Columns that were asked for; else the distortion, RMSE of body and hands, and the hull.

    Raises:
        BadInput: the points have no such column.
    """
    known = {str(c).removeprefix(f"{split}_") for c in means.columns
             if str(c).startswith(f"{split}_") and is_metric(str(c))}  # fmt: skip
    if missing := [n for n in given if n not in known]:
        raise BadInput(f"no column {missing[0]!r} of the points; there are "
                       f"{', '.join(sorted(known))}")  # fmt: skip
    unit = distortion.metric.unit if distortion.metric.stem == RMSE.stem else RMSE.unit
    rmse = [f"{RMSE.stem}_{scope}_{unit}" for scope in ("full", "body", "hands")]
    wanted = given or [distortion.name, *rmse, HULL.objective()]
    return [n for n in dict.fromkeys(wanted) if n in known]


def _errors(
    means: pd.DataFrame, clips: pd.DataFrame, columns: Sequence[str], split: str
) -> tuple[dict[str, np.ndarray], str]:
    """Standard error of each column, and what it is over, in words."""
    several = SEEDS in means.columns and bool((means[SEEDS] > 1).any())
    found = {}
    if several:
        for name in columns:
            column = error_column(_column(name, split))
            given = means[column] if column in means.columns else pd.Series(math.nan, means.index)
            found[name] = given.to_numpy(float)
        return found, f"mean ± standard error over {_range(means[SEEDS])} seeds"
    if clips.empty:
        return {n: np.full(len(means), math.nan) for n in columns}, "one seed, without errors"
    own = clips[clips["metric"].isin(columns) & (clips["split"] == split)]
    spread = over_recordings(own).set_index(["point", "metric"])
    points = means["point"].astype(str)
    for name in columns:
        place = pd.MultiIndex.from_arrays([points, [name] * len(points)])
        found[name] = spread["se"].reindex(place).to_numpy(float)
    count = spread["recordings"] if len(spread) else pd.Series([0])
    return found, f"one seed, mean ± standard error over {_range(count)} recordings"


def _range(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"


def _marked(rows: Sequence[Row], columns: Sequence[str]) -> tuple[Row, ...]:
    """Rows with the best cell of each column bold within its group; nothing is bold alone."""
    cells = [list(r.cells) for r in rows]
    groups = {r.group if math.isfinite(r.group) else None for r in rows}
    for group in groups:
        own = [i for i, r in enumerate(rows)
               if (r.group if math.isfinite(r.group) else None) == group]  # fmt: skip
        for place, name in enumerate(columns):
            ranked = [(_distance(cells[i][place].value, name), i) for i in own]
            finite = [(d, i) for d, i in ranked if math.isfinite(d)]
            if len(finite) < 2:
                continue
            least = min(finite)[0]
            for away, i in finite:
                if away == least:
                    cell = cells[i][place]
                    cells[i][place] = Cell(cell.value, cell.error, True)
    return tuple(
        Row(r.group, r.point, r.label, r.rate, tuple(c), r.seeds)
        for r, c in zip(rows, cells, strict=True)
    )


def _distance(value: float, name: str) -> float:
    """How far from the best a value can be: smaller is better."""
    metric = find_metric(name)[0]
    if metric.stem == HULL.stem:
        return abs(100 - value)
    return -value if metric.direction is Direction.MAX else value


def _inside(name: str) -> str:
    """An objective in words, inside a sentence."""
    words = objective_label(name)
    return words if words[1:2].isupper() else words[0].lower() + words[1:]


def _column(name: str, split: str) -> str:
    return f"{split}_{name}"
