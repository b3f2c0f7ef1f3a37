"""What a finished sweep prints: its front as a table, and in a word each codec's standing."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from analysis.fronts import full_pose_of
from analysis.labels import codec_label, unit_label
from analysis.log import Log
from analysis.points import Tables
from analysis.rates import ratio_column, share_column
from analysis.statistics import seed_means
from analysis.verdicts import dominators
from search_spaces.families import CONDITIONING

_COLUMNS = (
    ("codec", "codec", "{}"),
    ("nominal", "rate_nominal_bps", "{:.0f}"),
    ("model", "val_rate_model_bps", "{:.0f}"),
    ("stream", "val_rate_stream_bps", "{:.0f}"),
    ("÷ nom.", ratio_column("val"), "{:.2f}"),
    ("head %", share_column("val"), "{:.1f}"),
    ("val", "val_full_pose", "{:.2f}"),
    ("test", "test_full_pose", "{:.2f}"),
    ("hull %", "test_hull_pct", "{:.0f}"),
    ("codes", "codebook_size", "{:.0f}"),
    ("levels", "depth", "{:.0f}"),
    ("stride", "compression", "{:.0f}"),
)


def print_front(tables: Tables, log: Log, console: Console) -> None:
    """The front over the sweep's total rate and full-pose RMSE, chosen on validation.

    Rates are on validation; a sweep that was recorded before files were measured has no stream
    rate, and then no column for it.
    """
    full_pose = full_pose_of(tables.points.columns)
    front = tables.fronts.get(full_pose, pd.DataFrame())
    if front.empty:
        said = "no operating point: the report says what was refused or failed and why"
        if CONDITIONING in tables.points:
            said = "no front: what generators make reconstructs nothing; jerk.html tells of it"
        console.print(said, soft_wrap=True, highlight=False)
        return
    unit = unit_label(full_pose).partition(" on ")[0].replace("shoulder widths", "sw")
    columns = [
        (
            f"{title} {unit}",
            name.replace("full_pose", full_pose),
            "{:.3f}" if unit == "sw" else form,
        )
        if name.endswith("full_pose")
        else (title, name, form)
        for title, name, form in _COLUMNS
    ]
    shown = [c for c in columns if c[1] in front.columns]
    if front.get("compression", pd.Series(dtype=float)).isna().all():
        shown = [c for c in shown if c[1] != "compression"]
    table = Table(
        title="rate–distortion front: full-pose RMSE, chosen on validation; rates in bits/s",
        title_justify="left",
    )
    for title, name, _ in shown:
        table.add_column(title, justify="left" if name == "codec" else "right", no_wrap=True)
    for row in front.to_dict("records"):
        table.add_row(*(_cell(row[name], name, form) for _, name, form in shown))
    console.print(table)
    # The rows above are means over seeds, so the sentences must be too.
    for standing in dominators(seed_means(tables.points), (log.rate, full_pose)):
        for sentence in standing.sentences:
            console.print(sentence, highlight=False)


def _cell(value: Any, name: str, form: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return codec_label(str(value)) if name == "codec" else form.format(value)
