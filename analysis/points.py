"""Trials, operating points and clips of a sweep as frames, and the tables made from them.

The log is the truth; every table is a view that `write_tables` makes anew, each file replaced in
one step so that a reader never sees half of it. A point that was logged twice counts once, the last
time; a trial's last end is its status.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.clip_rows import trial_clips
from analysis.clips_beside import ClipsBeside
from analysis.csv_text import write_csv
from analysis.fronts import FULL_POSE, front, full_pose_of
from analysis.limited import keeps, limits_of
from analysis.log import Event, Log, as_log, read_log
from analysis.rates import beside_nominal
from analysis.statistics import is_rate, is_score, seed_means
from search_spaces.objectives import (
    HULL_ERROR,
    RATE_NOMINAL,
    RMSE,
    Objective,
    in_unit,
    objectives,
)
from search_spaces.record import (
    CLIP_COLUMNS,
    CLIPS_TABLE,
    COST_COLUMNS,
    FRONT_TABLE,
    POINT_KEYS,
    POINTS_CSV,
    POINTS_TABLE,
    STATUSES,
    TRIAL_COLUMNS,
    TRIALS_TABLE,
    point_id,
)

__all__ = [
    "Log", "Tables", "clips_frame", "configuration_columns", "front_objectives", "points_frame",
    "read_log", "trials_frame", "write_tables",
]  # fmt: skip


@dataclass(frozen=True)
class Tables:
    """What `write_tables` wrote, as frames.

    Attributes:
        trials, points, clips: rows as in `trials.csv`, `points.csv`, `clips.parquet`.
        fronts: objective beside the rate (`rmse_full_cm`) to rows of its front, with what the
            bytes of files cost beside the nominal rate (`beside_nominal`).
    """

    trials: pd.DataFrame
    points: pd.DataFrame
    clips: pd.DataFrame
    fronts: dict[str, pd.DataFrame]


def point_rows(log: Log) -> dict[str, tuple[Event, float]]:
    """Row of each operating point and the running time (s) at which it came, in log order.

    Rows are those of the log itself, not to be changed.
    """
    rows: dict[str, tuple[Event, float]] = {}
    for event, clock in zip(log.events, log.clock, strict=True):
        if event["event"] != "point":
            continue
        row = event["row"]
        if "trial" not in row or "point" not in row:
            row = {"trial": event.get("trial"), **row}
            row.setdefault("point", point_id(str(row["trial"]), int(row.get("depth", 0))))
        rows.pop(str(row["point"]), None)  # so that a repeated point stands where it came last
        rows[str(row["point"])] = (row, clock)
    return rows


def points_frame(log: Log) -> pd.DataFrame:
    """One row per operating point: identity, configuration, rates, val, test, costs."""
    rows = [row for row, _ in point_rows(log).values()]
    if not rows:
        return pd.DataFrame(columns=[*POINT_KEYS, RATE_NOMINAL.objective(), *COST_COLUMNS])
    frame = pd.DataFrame.from_records(rows)
    columns = [str(c) for c in frame.columns]
    columns.sort(key=_column_order(columns))
    # A value that was not finite is null in the log, and would make its column one of objects.
    scores = {c: pd.to_numeric(frame[c], errors="coerce") for c in columns if is_score(c)}
    return frame[columns].assign(**scores)


def _column_order(columns: Iterable[str]) -> Callable[[str], tuple[int, int]]:
    place = {c: i for i, c in enumerate(columns)}

    def key(column: str) -> tuple[int, int]:
        if column in POINT_KEYS:
            return 0, POINT_KEYS.index(column)
        if column in COST_COLUMNS:
            return 5, COST_COLUMNS.index(column)
        if is_score(column):
            split = {"val": 3, "test": 4}.get(column.split("_")[0], 2)
            return split, place[column]
        return 1, place[column]

    return key


def configuration_columns(points: pd.DataFrame) -> list[str]:
    """Columns of points that are keys of a configuration, `codec` first."""
    fixed = {*POINT_KEYS, *COST_COLUMNS, "seeds"}
    return ["codec", *(c for c in points.columns if c not in fixed and not is_score(c))]


def trials_frame(log: Log) -> pd.DataFrame:
    """One row per ended trial: `TRIAL_COLUMNS`, then its configuration. Ends count, not starts.

    Where a person named points to begin with, `believed` says which they are.
    """
    proposed = {str(e["trial"]): e for e in log.of("proposed")}
    rows: dict[str, Event] = {}
    for event in log.of(*STATUSES):
        trial = str(event["trial"])
        known = {**proposed.get(trial, {}), **event}
        config = known.get("config") or {}
        row = {"trial": trial, "status": event["event"], "reason": event.get("reason") or ""}
        row |= {k: known.get(k) for k in TRIAL_COLUMNS if k not in row}
        row["codec"] = known.get("codec") or config.get("codec")
        row |= {"believed": True} if known.get("believed") else {}
        rows[trial] = row | {k: v for k, v in config.items() if k not in row}
    frame = pd.DataFrame.from_records(list(rows.values()))
    if "believed" in frame.columns:
        frame["believed"] = frame["believed"].eq(True)
    return frame.reindex(columns=list(dict.fromkeys([*TRIAL_COLUMNS, *frame.columns])))


def clips_frame(log: Log, only: Collection[str] | None = None) -> pd.DataFrame:
    """Rows per clip of every logged point, from the folders of its trials.

    Args:
        log: of the sweep.
        only: identities of the points that are wanted; all where left out.
    """
    trials = trials_of(log)
    if only is not None:
        wanted = set(only)
        trials = {p: trial for p, trial in trials.items() if p in wanted}
    return _of_points(trial_clips(log.folder, dict.fromkeys(trials.values())), trials)


def trials_of(log: Log) -> dict[str, str]:
    """Identity of each logged point and of the trial that it is of."""
    return {point: str(row["trial"]) for point, (row, _) in point_rows(log).items()}


def _of_points(clips: pd.DataFrame, points: Collection[str]) -> pd.DataFrame:
    asked = clips["point"].isin(list(points))
    return clips if asked.all() else clips[asked].reset_index(drop=True)


def front_objectives(log: Log, points: pd.DataFrame) -> list[Objective]:
    """Distortions that get a front over the rate: full pose, parts, hull, and what was searched."""
    parts = log.facts.part_names if log.facts else ()
    names = [FULL_POSE, *(RMSE.objective(p) for p in (*parts, "hands")), HULL_ERROR.objective()]
    if log.facts is not None:
        names = [in_unit(name, log.facts.yardstick) for name in names]
    searched = [o.name for o in log.objectives if not is_rate(o.name)]
    wanted = objectives(dict.fromkeys([*names, *searched]))
    return [o for o in wanted if _measured(points, o.column("val"))]


def _measured(points: pd.DataFrame, column: str) -> bool:
    """Whether any point has a value; a part that validation never shows has none."""
    return column in points.columns and (points.empty or bool(points[column].notna().any()))


def write_tables(
    sweep: Path | str | Log, meanwhile: Callable[[Tables], object] | None = None
) -> Tables:
    """Makes every table of a sweep directory anew from its log.

    Writes `trials.csv`, `points.parquet`, `points.csv`, `clips.parquet`, `front.csv` (full pose)
    and `front_<objective>.csv`. A front holds the points that are non-dominated on validation over
    the rate and one distortion, with their test scores; with several seeds, their `seed_means`.
    What breaks a limit of the sweep is in no front.

    Args:
        sweep: a sweep directory, or its log where it was read already.
        meanwhile: what can be done without rows of clips, which of a long sweep take their time.

    Raises:
        BadInput: `sweep` is no sweep directory, or its log cannot be read.
    """
    log = as_log(sweep)
    known = trials_of(log)
    with ClipsBeside(log.folder, [*dict.fromkeys(known.values())]) as beside:
        tables = _write_points(log)
        if meanwhile is not None:
            meanwhile(tables)
        clips = _of_points(beside.frame(), known)
    _write(log.folder / CLIPS_TABLE, partial(clips.to_parquet, index=False))
    return replace(tables, clips=clips)


def _write_points(log: Log) -> Tables:
    """Every table but that of the clips, which stays empty."""
    points, trials = points_frame(log), trials_frame(log)
    means = seed_means(points)
    counted = means[keeps(means, limits_of(log))]
    fronts = {
        o.name: beside_nominal(front(counted, [log.rate, o]).rows)
        for o in front_objectives(log, points)
        if log.rate.column("val") in points.columns
    }
    _write(log.folder / TRIALS_TABLE, partial(write_csv, trials))
    _write(log.folder / POINTS_CSV, partial(write_csv, points))
    _write(log.folder / POINTS_TABLE, partial(_storable(points).to_parquet, index=False))
    full_pose = full_pose_of(points.columns)
    full = fronts.get(full_pose, means.iloc[:0])
    _write(log.folder / FRONT_TABLE, partial(write_csv, full))
    for name, rows in fronts.items():
        if name != full_pose:
            _write(log.folder / front_file(name), partial(write_csv, rows))
    return Tables(trials, points, pd.DataFrame(columns=list(CLIP_COLUMNS)), fronts)


def front_file(objective: str) -> str:
    """Name of the table of the front over a distortion other than full pose."""
    return FRONT_TABLE.replace(".csv", f"_{objective}.csv")


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns whose values are of several types (a choice of 1 or "auto") become JSON text."""
    mixed = {
        c: frame[c].map(lambda v: None if _missing(v) else json.dumps(v))
        for c in frame.columns
        if frame[c].dtype == object
        and len({type(v) for v in frame[c] if not _missing(v)} - {np.bool_}) > 1
    }
    return frame.assign(**mixed)


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _write(path: Path, write: Callable[[Path], object]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
