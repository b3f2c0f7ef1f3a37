"""What a finished sweep prints: its front as a table, and in a word each codec's standing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from analysis.fronts import FULL_POSE
from analysis.points import Tables

_COLUMNS = (
    ("codec", "codec", "{}"),
    ("bits/s", "rate_nominal_bps", "{:.0f}"),
    ("model bits/s", "val_rate_model_bps", "{:.0f}"),
    ("val RMSE cm", "val_rmse_full_cm", "{:.2f}"),
    ("test RMSE cm", "test_rmse_full_cm", "{:.2f}"),
    ("hull %", "test_hull_pct", "{:.0f}"),
    ("codes", "codebook_size", "{:.0f}"),
    ("levels", "depth", "{:.0f}"),
    ("frames/token", "compression", "{:.0f}"),
    ("configuration", "config_hash", "{}"),
)


def print_front(tables: Tables, folder: Path, console: Console) -> None:
    """The front over total nominal rate and full-pose RMSE, chosen on validation."""
    front = tables.fronts.get(FULL_POSE, pd.DataFrame())
    if front.empty:
        console.print("no operating point: see the report for what was refused or failed")
        return
    table = Table(title="rate–distortion front (chosen on validation)", title_justify="left")
    shown = [c for c in _COLUMNS if c[1] in front.columns]
    for title, name, _ in shown:
        table.add_column(title, justify="left" if name in ("codec", "config_hash") else "right")
    for _, row in front.iterrows():
        table.add_row(*(_cell(row[name], form) for _, name, form in shown))
    console.print(table)
    for sentence in ():
        console.print(sentence, highlight=False)


def _cell(value: object, form: str) -> str:
    return "–" if pd.isna(value) else form.format(value)  # type: ignore[call-overload]
