"""The section of a page that shows what sharing a rate between parts gained."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from analysis.allocated import Allocation, error_column, read_allocation
from analysis.figures import FAINT, INK
from analysis.inline_svg import INLINE_STYLE, inline_svg
from analysis.labels import number, part_label, point_label
from analysis.log import Log
from analysis.pages import filled
from analysis.palette import FURTHER

MOST_ROWS = 12
COMPOSED = FURTHER[2]
WIDTH = 9.6
HATCHES = (1.0, 0.62, 0.34, 0.2)
"""Strengths of the parts' bars, in the order of parts."""


def allocation_section(log: Log, points: pd.DataFrame) -> Markup:
    """HTML of the section; nothing where `ratefront allocate` was not run.

    Raises:
        BadInput: `allocation.csv` cannot be read.
    """
    found = read_allocation(log.folder, points)
    if found is None or not found.gains:
        return Markup("")
    own = {str(r["point"]): r for r in found.own.to_dict("records")}
    on_front = found.table["on_front"].astype(bool)
    shown = _spread(len(found.gains))
    return Markup(filled(
        "analysis.report", "allocation.html.j2", {"number": number, "part": part_label},
        a=found,
        gains=[(g, _label(own[g.point])) for g in (found.gains[i] for i in shown)],
        left_out=len(found.gains) - len(shown),
        composed=int(found.table["composed"].sum()),
        fronts=int((on_front & found.table["composed"].astype(bool)).sum()),
        figure=Markup(inline_svg(allocation_figure(found), "allocation",
                                 "Rate against full-pose RMSE of the sweep's own points and of "
                                 "composed points, and how composed points share their rate")),
    ))  # fmt: skip


def allocation_figure(found: Allocation) -> Figure:
    """Left: both fronts on validation. Right: which part gets which share of the rate."""
    rate, val = found.rate_column, error_column(found.own, "val")
    own = sorted((g.rate, g.val) for g in found.gains)
    front = found.table[found.table["on_front"].astype(bool)].sort_values(rate)
    composed = front[front["composed"].astype(bool)]
    alike = front[~front["composed"].astype(bool)]
    with rc_context(INLINE_STYLE):
        figure = Figure(figsize=(WIDTH, 3.5))
        left = figure.add_axes((0.06, 0.145, 0.46, 0.76))
        right = figure.add_axes((0.6, 0.145, 0.385, 0.76))
        left.plot(found.own[rate], found.own[val], ".", ms=3.5, color=FAINT, alpha=0.7,
                  label="points of one trial")  # fmt: skip
        left.step([r for r, _ in own], [e for _, e in own], where="post", color=INK, lw=1.1,
                  marker="o", ms=4, label="their front")  # fmt: skip
        left.step(front[rate], front[val], where="post", color=COMPOSED.light, lw=1.3)
        left.plot(composed[rate], composed[val], marker=COMPOSED.marker, ls="", ms=5.5,
                  color=COMPOSED.light, label="composed, decoded")  # fmt: skip
        if len(alike):
            left.plot(alike[rate], alike[val], "o", mfc="none", ms=8, color=COMPOSED.light,
                      label="best split is one trial's")  # fmt: skip
        end = 1.04 * max([r for r, _ in own])
        errors = [*(e for r, e in own), *front[val]]
        span = max(errors) - min(errors) or 1.0
        left.set_xlim(0, end)
        left.set_ylim(min(errors) - 0.05 * span, max(errors) + 0.08 * span)
        left.set_title("Rate and error, validation")
        left.set_xlabel(f"{found.which} bits/s, all parts")
        left.set_ylabel(f"full-pose RMSE ({found.unit})")
        left.legend(loc="upper right", fontsize=7.5)
        shown = front[front[rate] <= end]
        base = pd.Series(0.0, index=shown.index)
        for strength, part in zip(HATCHES, found.parts, strict=False):
            share = 100 * shown[f"{part}_bps"] / shown[rate].where(shown[rate] > 0)
            right.fill_between(
                shown[rate], base, base + share, step="post", lw=0, color=COMPOSED.light,
                alpha=strength, label=part_label(part),
            )  # fmt: skip
            base = base + share
        equal = 100 / len(found.parts)
        for k in range(1, len(found.parts)):
            right.axhline(k * equal, color=INK, lw=0.9, ls="--")
        right.set_xlim(0, end)
        right.set_ylim(0, 100)
        right.set_title("Shares, %")
        right.set_xlabel(f"{found.which} bits/s, all parts")
        right.legend(loc="lower right", bbox_to_anchor=(1.02, 0.985), fontsize=7.5,
                     ncols=len(found.parts), columnspacing=1.0, handlelength=1.2)  # fmt: skip
    return figure


def _label(row: Mapping[Hashable, Any]) -> str:
    """The point in a few signs; a prefix says of how many levels it is the first."""
    first = row["depth"] < row["levels"]
    return point_label(row) + (f" of {int(row['levels'])} levels" if first else "")


def _spread(many: int) -> list[int]:
    """At most `MOST_ROWS` places, evenly among so many, the first and the last among them."""
    if many <= MOST_ROWS:
        return list(range(many))
    return sorted({round(i * (many - 1) / (MOST_ROWS - 1)) for i in range(MOST_ROWS)})
