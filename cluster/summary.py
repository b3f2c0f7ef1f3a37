"""What a finished sweep prints: its front as a table, and in a word each codec's standing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from analysis.best import describe_best
from analysis.fronts import DEFAULT_RATE, RATES, NoAnswer, full_pose_of
from analysis.labels import codec_label, objective_label, unit_label
from analysis.log import Log
from analysis.points import Tables
from analysis.rates import ratio_column, share_column
from analysis.statistics import seed_means
from analysis.verdicts import dominators
from cluster.heatmap_summary import heatmap_front
from search_spaces.data_facts import HEATMAPS
from search_spaces.families import CONDITIONING
from search_spaces.limits import limits, rate_window

_COLUMNS = (
    ("codec", "codec", "{}"),
    ("nominal", "rate_nominal_bps", "{:.0f}"),
    ("model", "val_rate_model_bps", "{:.0f}"),
    ("stream", "val_rate_stream_bps", "{:.0f}"),
    ("÷ nom.", ratio_column("val"), "{:.2f}"),
    ("head %", share_column("val"), "{:.1f}"),
    ("val", "val_distortion", "{:.2f}"),
    ("test", "test_distortion", "{:.2f}"),
    ("hull %", "test_hull_pct", "{:.0f}"),
    ("codes", "codebook_size", "{:.0f}"),
    ("levels", "depth", "{:.0f}"),
    ("stride", "compression", "{:.0f}"),
)


def print_front(tables: Tables, log: Log, console: Console) -> None:
    """The front over the sweep's total rate and full-pose RMSE, chosen on validation.

    Of heatmaps, which have no pose, over the first score that the sweep searched.

    Rates are on validation; a sweep that was recorded before files were measured has no stream
    rate, and then no column for it.
    """
    if log.facts is not None and log.facts.features == HEATMAPS and tables.fronts:
        # The first objective beside the rate; the others stand on the page.
        score, rows = next(iter(tables.fronts.items()))
        console.print(heatmap_front(rows, score))
        return
    distortion, front = _leading(tables, log)
    if front.empty:
        said = "no operating point: the report says what was refused or failed and why"
        if CONDITIONING in tables.points:
            said = "no front: what generators make reconstructs nothing; jerk.html tells of it"
        console.print(said, soft_wrap=True, highlight=False)
        return
    unit = unit_label(distortion).partition(" on ")[0].replace("shoulder widths", "sw")
    columns = [
        (
            f"{title} {unit}",
            name.replace("distortion", distortion),
            "{:.3f}" if unit == "sw" else form,
        )
        if name.endswith("_distortion")
        else (title, name, form)
        for title, name, form in _COLUMNS
    ]
    shown = [c for c in columns if c[1] in front.columns]
    if front.get("compression", pd.Series(dtype=float)).isna().all():
        shown = [c for c in shown if c[1] != "compression"]
    table = Table(
        title=f"rate–distortion front: {_in_words(distortion)}, chosen on validation; "
        "rates in bits/s",
        title_justify="left",
    )
    for title, name, _ in shown:
        table.add_column(title, justify="left" if name == "codec" else "right", no_wrap=True)
    for row in front.to_dict("records"):
        table.add_row(*(_cell(row[name], name, form) for _, name, form in shown))
    console.print(table)
    # The rows above are means over seeds, so the sentences must be too.
    for standing in dominators(seed_means(tables.points), (log.rate, distortion)):
        for sentence in standing.sentences:
            console.print(sentence, highlight=False)


def _leading(tables: Tables, log: Log) -> tuple[str, pd.DataFrame]:
    """Full pose and its front where it was searched, else the first searched distortion that has
    one: what trials are given as inputs may have a full pose, and they do not compete."""
    full_pose = full_pose_of(tables.points.columns)
    searched = [o.name for o in log.objectives]
    order = [full_pose, *searched] if full_pose in searched else [*searched, full_pose]
    fronts = {name: tables.fronts.get(name, pd.DataFrame()) for name in order}
    return next(((n, f) for n, f in fronts.items() if len(f)), (full_pose, pd.DataFrame()))


def _in_words(distortion: str) -> str:
    words = objective_label(distortion)
    return words.replace("Full pose ", "full-pose ") if words.startswith("Full pose ") else words


def print_answer(log: Log, console: Console) -> None:
    """What a search for some rates was for: the best point at or under the highest of them.

    With limits on results, how many trials kept them all.
    """
    spec = log.sweep.get("spec", {})
    search = spec.get("search", {})
    names = [o.name for o in log.objectives]
    window = rate_window(search.get("at") or 0.0, search.get("between"), names)
    if math.isfinite(window.high):
        which = next((k for k, name in RATES.items() if name == window.rate), DEFAULT_RATE)
        try:
            found = describe_best(log.folder, window.high, which)
        except NoAnswer as error:
            found = str(error)
        console.print(f"best --at {window.high:g} --rate {which}:", highlight=False)
        console.print(found, highlight=False, soft_wrap=True, markup=False)
    wanted = limits(spec.get("constraints", ()))
    if wanted:
        rows = [event["row"] for event in log.of("point")]
        kept = [all(w.kept(_value(row, w.column())) for w in wanted) for row in rows]
        said = " and ".join(map(str, wanted))
        console.print(
            f"{sum(kept)} of {len(rows)} points keep {said} on validation", highlight=False
        )


def _value(row: Mapping[str, Any], column: str) -> float:
    found = row.get(column)
    return math.nan if found is None else float(found)


def _cell(value: Any, name: str, form: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return codec_label(str(value)) if name == "codec" else form.format(value)
