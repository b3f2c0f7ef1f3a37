"""A sweep as a whole, as a tracker shows it: all points with their fronts, history, totals.

Made from the same findings as the report, whatever the tracker; selection is on validation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.findings import Findings, History
from analysis.fronts import FULL_POSE
from analysis.labels import codec_label, objective_label, point_label, unit_label
from analysis.log import Log
from analysis.palette import looks
from analysis.points import Tables, points_frame, trials_frame
from analysis.statistics import SAME_POINT, is_rate
from search_spaces.objectives import Objective
from search_spaces.record import CLIP_COLUMNS

if TYPE_CHECKING:
    import plotly.graph_objects as go

MAX_HISTORY = 1000
"""Most steps of a hypervolume history that are shown."""


@dataclass(frozen=True)
class Overview:
    """A sweep as a whole.

    Attributes:
        points: rows as in `points.csv`, every seed of every point; `is_front` says whether it (or
            the mean of its seeds) is on the front of the rate and `distortion`, `fronts` names
            each distortion that it is on the front of.
        front: rows of that front by rising rate, means over seeds where there are several.
        rate: the rate that was searched.
        distortion: the first distortion that was searched.
        others: rows of the front of the rate and each other distortion, by its name.
        history: hypervolume against the number of trials that gave points, one step for each.
        summary: totals: `trials_done` (and each other status), `operating_points`, `front_points`,
            `hypervolume`, `warnings`.
    """

    points: pd.DataFrame
    front: pd.DataFrame
    rate: Objective
    distortion: Objective
    others: dict[str, pd.DataFrame]
    history: History | None
    summary: dict[str, Any]


def overview(log: Log) -> Overview:
    """Judges a sweep for a tracker; it may be unfinished, or have no point at all."""
    clips = pd.DataFrame(columns=list(CLIP_COLUMNS))
    findings = Findings(log, Tables(trials_frame(log), points_frame(log), clips, {}))
    searched = [o for o in findings.objectives if not is_rate(o.name)]
    distortion = searched[0] if searched else Objective(FULL_POSE)
    points = findings.tables.points
    fronts = {}
    if log.rate.column("val") in points.columns:
        fronts = {o.name: findings.front_of(o.name) for o in findings.distortions}
    front = fronts.get(distortion.name, findings.means.iloc[:0])
    on = {name: _members(points, rows) for name, rows in fronts.items()}
    named = [", ".join(n for n in on if on[n][i]) for i in range(len(points))]
    is_front = on.get(distortion.name, np.zeros(len(points), dtype=bool))
    points = points.assign(is_front=is_front, fronts=named)
    summary: dict[str, Any] = {f"trials_{k}": v for k, v in findings.counts.items()}
    summary |= {"operating_points": len(points), "front_points": len(front)}
    if findings.hypervolume is not None:
        summary["hypervolume"] = findings.hypervolume.value
    summary["warnings"] = findings.warnings
    history = thinned(findings.history) if findings.history else None
    others = {n: rows for n, rows in fronts.items() if n != distortion.name}
    return Overview(points, front, log.rate, distortion, others, history, summary)


def _members(points: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Which points are, or are averaged in, rows of a front: bool (points,).

    Of a configuration and seed that was run twice, the last one, as in `seed_means`.
    """
    keys = [k for k in SAME_POINT if k in points.columns]
    if not keys or rows.empty:
        return np.zeros(len(points), dtype=bool)
    found = pd.MultiIndex.from_frame(points[keys]).isin(pd.MultiIndex.from_frame(rows[keys]))
    replaced = points.duplicated([*keys, "seed"], keep="last").to_numpy()
    return np.asarray(found & ~replaced, dtype=bool)


def thinned(history: History, most: int = MAX_HISTORY) -> History:
    """The last step of each number of trials; of too many, evenly spaced ones with the last."""
    last = np.flatnonzero(np.diff(history.trials, append=np.inf) > 0)
    if len(last) > most:
        last = last[np.unique(np.linspace(0, len(last) - 1, most).round().astype(int))]
    return History(history.value[last], history.trials[last], history.seconds[last])


def front_chart(seen: Overview, other: str = "") -> go.Figure:
    """All points over rate and distortion, a colour for each codec, and the front as a line.

    Args:
        seen: a sweep.
        other: which of `others` is shown; the first distortion where left out.
    """
    import plotly.graph_objects as go

    distortion = Objective(other) if other else seen.distortion
    front = seen.others[other] if other else seen.front
    x, y = seen.rate.column("val"), distortion.column("val")
    figure = go.Figure()
    # Lists, since Plotly writes arrays in a binary form that older pages of trackers cannot read.
    points = seen.points if {x, y} <= set(seen.points.columns) else seen.points.iloc[:0]
    colours = looks(sorted(points["codec"].astype(str).unique())) if len(points) else {}
    for codec, look in colours.items():
        own = points[points["codec"] == codec]
        said = [point_label(row) for row in own.to_dict("records")]
        figure.add_scatter(x=own[x].tolist(), y=own[y].tolist(), mode="markers", text=said,
                           name=codec_label(codec), marker={"color": look.light},
                           customdata=own["point"].tolist())  # fmt: skip
    if len(points) and len(front):
        figure.add_scatter(x=front[x].tolist(), y=front[y].tolist(), mode="lines",
                           name="front", line={"color": "#444444", "shape": "hv"})  # fmt: skip
    figure.update_layout(
        title=f"{objective_label(distortion.name)} on validation",
        xaxis={"title": f"{objective_label(x)} ({unit_label(x)})", "type": "log"},
        yaxis={"title": f"{objective_label(y)} ({unit_label(y)})"},
        template="none",
    )
    return figure


def cells(frame: pd.DataFrame) -> tuple[list[str], list[list[Any]]]:
    """Names of columns and rows of plain values, one type to a column, as tables of trackers ask.

    What is not finite or missing is None; a column of several types becomes text.
    """
    columns = [_column(frame[c].tolist()) for c in frame.columns]
    return [str(c) for c in frame.columns], [list(row) for row in zip(*columns, strict=True)]


def _column(values: list[Any]) -> list[Any]:
    plain = [None if isinstance(v, float) and not math.isfinite(v) else v for v in values]
    kinds = {float if type(v) is int else type(v) for v in plain if v is not None}
    if len(kinds) > 1 or not kinds <= {str, float, bool}:
        return [None if v is None else str(v) for v in plain]
    return plain


def finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a row that are there and, where they are numbers, finite."""
    return {
        k: v
        for k, v in row.items()
        if v is not None and not (isinstance(v, float) and not math.isfinite(v))
    }
