"""Rows of the report's tables of points, as text with the value that it sorts by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.evaluations import Evaluation
from analysis.findings import Findings, leading_front
from analysis.fronts import NOMINAL_RATE
from analysis.labels import (
    codec_label,
    error_number,
    number,
    objective_label,
    point_label,
    unit_label,
)
from analysis.points import configuration_columns, front_file
from analysis.rates import ratio_column, share_column
from analysis.report.payload import plain
from analysis.statistics import SAME_POINT, is_metric, over_recordings
from search_spaces.objectives import RATE_MODEL, RATE_STREAM
from search_spaces.record import FRONT_TABLE

Cell = tuple[str, Any]
"""Text, and the value to sort by."""
Row = Mapping[Any, Any]


def front_table(findings: Findings) -> dict[str, Any]:
    """Head and rows of the table of the front."""
    front = leading_front(findings)
    rate = findings.log.rate
    rates = [c for c in (NOMINAL_RATE, RATE_STREAM.column("val")) if c in front.columns]
    shares = [c for c in (ratio_column("val"), share_column("val")) if c in front.columns]
    model = [c for c in (RATE_MODEL.column("val"),) if c in front.columns]
    names = [o.name for o in findings.distortions]
    columns = [c for n in names for c in (f"val_{n}", f"test_{n}") if c in front.columns]
    clips = findings.tables.clips
    tested = clips[(clips["split"] == "test") & (clips["metric"] == findings.leading)]
    spoken = bool(np.isfinite(tested["value"].astype(float)).any())
    own = over_recordings(tested[tested["point"].isin(front["point"])]) if spoken else tested
    spread = {r["point"]: r for r in own.to_dict("records")}
    head = [("Codec", ""), ("Levels", "decoded of trained")]
    head += [heading(c) for c in [*rates, *shares, *model, *columns]]
    full = findings.leading == findings.full_pose
    spread_of = "full pose" if full else objective_label(findings.leading)
    head += [("± over recordings", f"test, {spread_of}")] * spoken
    head += [("Seeds", "")] * (findings.seeds > 1) + [("Training", "s"), ("Configuration", "")]
    config = [c for c in configuration_columns(findings.means) if c != "codec"]
    rows = []
    for row in front.to_dict("records"):
        cells = [*identity(row), *(cell(row, c) for c in [*rates, *shares, *model, *columns])]
        if spoken:
            each = spread.get(row["point"])
            shown = f"± {error_number(each['se'])} (n {each['recordings']})" if each else "–"
            cells.append((shown, plain(each["se"]) if each else None))
        if findings.seeds > 1:
            cells.append((str(int(row["seeds"])), plain(row["seeds"])))
        trained = row.get("train_seconds", math.nan)
        cells += [(number(trained), plain(trained)), (_configuration(config, row), "")]
        rows.append({"codec": str(row["codec"]), "cells": cells})
    return {"head": head, "rows": rows, "rate": objective_label(rate.name),
            "distortion": "full-pose RMSE" if full else objective_label(findings.leading),
            "file": FRONT_TABLE if full else front_file(findings.leading)}  # fmt: skip


def evaluation_table(findings: Findings, evaluation: Evaluation) -> dict[str, Any]:
    """Points of an evaluation: each distortion beside that of the sweep's own test split.

    A point of several seeds stands beside its own seed's score, which is the same codec's.
    """
    own = findings.tables.points.set_index("point")
    front = leading_front(findings)
    keys = [k for k in SAME_POINT if k in front.columns]
    members = {tuple(r) for r in front[keys].to_numpy().tolist()}
    # Of a configuration and seed that was run twice, the front holds the last.
    last = set(own[~own.duplicated([*keys, "seed"], keep="last")].index) if keys else set()
    points = evaluation.points
    order = next((c for c in (RATE_STREAM.column("test"), NOMINAL_RATE) if c in points), None)
    points = points.sort_values(order, kind="stable") if order else points
    shown = _shown(findings, evaluation)
    stream = RATE_STREAM.column("test")
    columns = [c for c in (stream, *shown) if c in points.columns]
    head = [("Codec", ""), ("Levels", "decoded of trained"), ("On the front", "")]
    seeded = findings.seeds > 1 and "seed" in points.columns
    head += [("Seed", "")] * seeded
    for column in columns:
        title = heading(column)[0]
        head += [(title, "here"), (title, "sweep's own test")]
    rows, best = [], []
    for row in points.to_dict("records"):
        known = str(row["point"]) in own.index
        mine: Row = own.loc[str(row["point"])].to_dict() if known else {}
        on_front = str(row["point"]) in last and tuple(mine[k] for k in keys) in members
        cells = [*identity({**mine, **row}), ("●" if on_front else "", int(on_front))]
        cells += [(str(row["seed"]), plain(row["seed"]))] if seeded else []
        for column in columns:
            cells += [cell(row, column), cell(mine, column)]
        rows.append({"codec": str(row["codec"]), "cells": cells})
        best += rows[-1:] * on_front
    foreign = sum(str(p) not in own.index for p in points["point"])
    return {"facts": evaluation.facts, "head": head, "rows": rows, "front": best,
            "foreign": foreign, "trained": _trained(findings, evaluation)}  # fmt: skip


def _trained(findings: Findings, evaluation: Evaluation) -> int:
    """Recordings of an evaluation that are called like one that the codecs were trained on."""
    names, facts = evaluation.facts.recordings, findings.log.facts
    if isinstance(names, int) or facts is None:
        return 0
    return len(set(names) & set(facts.train.recordings))


def _shown(findings: Findings, evaluation: Evaluation) -> list[str]:
    """Columns of the distortions that have a front, and of what the sweep had not measured."""
    columns = evaluation.points.columns
    every = [c.removeprefix("test_") for c in columns if c.startswith("test_")]
    # Where no metric was named, all were scored.
    asked = evaluation.facts.metrics or [m for m in every if m != "tokens" and "rate_" not in m]
    scored = [m for m in asked if f"test_{m}" in columns]
    fronts = [o.name for o in findings.distortions if o.name in scored]
    new = [m for m in scored if f"test_{m}" not in findings.tables.points.columns]
    return [f"test_{m}" for m in dict.fromkeys([*fronts, *new]) or scored]


def identity(row: Row) -> list[Cell]:
    """The point in a few signs, and the levels that were decoded."""
    levels = row.get("levels", row.get("depth"))
    return [
        (point_label(row), str(row["codec"])),
        (f"{plain(row.get('depth'))} of {plain(levels)}", plain(row.get("depth"))),
    ]


def heading(column: str) -> tuple[str, str]:
    """What a column is called, with its unit, and which split it was measured on."""
    split = {"val": "validation", "test": "test"}.get(column.split("_")[0], "")
    for own in ("val", "test"):
        if column == ratio_column(own):
            return "Stream ÷ nominal", split
        if column == share_column(own):
            return "Header, % of stream", split
    if not is_metric(column):  # a plugin's, without the plugin
        return column.removeprefix(f"{column.split('_')[0]}_" if split else ""), split
    return f"{objective_label(column)}, {unit_label(column)}", split


def cell(row: Row, column: str) -> Cell:
    """A value with its standard error over seeds where there is one; a dash where it is missing."""
    value = row.get(column)
    if value is None or pd.isna(value):
        return "–", None
    text = number(float(value))
    error = row.get(f"{column}_se")
    if error is not None and error == error:
        text += f" ± {error_number(float(error))}"
    return text, plain(value)


def baseline_name(row: Mapping[str, Any]) -> str:
    """A baseline's name with a capital."""
    name = codec_label(str(row.get("codec")))
    return name[0].upper() + name[1:]


def _configuration(columns: Sequence[str], row: Row) -> str:
    shown = {c: plain(row[c]) for c in columns}
    return ", ".join(f"{k} {_brief(v)}" for k, v in shown.items() if v is not None)


def _brief(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
