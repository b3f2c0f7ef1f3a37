"""Figures for papers and READMEs, PNG and PDF: the front per distortion, the hull, the hypervolume.

Drawn from the same findings as the report and in the same colours. Files carry no date, so the same
sweep gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.findings import Findings, leading_front
from analysis.labels import codec_label, number, objective_label, part_label, unit_label
from analysis.palette import looks
from analysis.published import klezovich_hull
from analysis.rates import has_trivial
from search_spaces.record import MEAN_POSE
from search_spaces.units import APPROX_SKELETON, UNIT_WORDS

INK, FAINT = "#1b2430", "#8b95a1"
MOST_POINTS = 2_500
"""Points that a picture shows one by one."""
STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e6e9ed",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "pdf.fonttype": 42,
}
DASHES = (":", "--", "-.", "-")
"""Of the trivial codecs, one after the other."""

LOG_FROM = 12.0
"""Rates whose largest is this many times their smallest are drawn on a logarithmic axis."""


def write_figures(findings: Findings, folder: Path) -> list[Path]:
    """Writes every figure that the sweep has numbers for; returns the files, PNG and PDF."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with rc_context(STYLE):
        for name, figure in _figures(findings):
            for ending, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
                path = folder / f"{name}.{ending}"
                temporary = folder / f".{name}.tmp.{ending}"
                figure.savefig(temporary, dpi=180, metadata=metadata)
                temporary.replace(path)
                written.append(path)
    return written


def _figures(findings: Findings) -> Iterator[tuple[str, Figure]]:
    if findings.means.empty:
        return
    for objective in findings.distortions:
        yield f"front_{_stem(objective.name)}", front_figure(findings, objective.name)
    if "val_hull_pct" in findings.means.columns:
        yield "hull", hull_figure(findings)
    if findings.history is not None:
        yield "hypervolume", hypervolume_figure(findings)


def _stem(objective: str) -> str:
    """`rmse_full_cm` as `full`: figures are named after the part where RMSE is meant."""
    name = objective.removesuffix(f"_{APPROX_SKELETON}").rsplit("_", 1)[0]
    return name.removeprefix("rmse_")


def front_figure(findings: Findings, objective: str) -> Figure:
    """Rate against one distortion on validation, with the front and the two bounds."""
    figure, axes = _paper()
    column, rate = f"val_{objective}", findings.log.rate.column("val")
    _points(axes, findings, rate, column)
    front = findings.front_of(objective)
    axes.step(front[rate], front[column], where="post", color=INK, lw=1.2, zorder=2, label="front")
    _bounds(axes, findings, rate, column)
    axes.set_ylim(bottom=0)
    if has_trivial(rate):
        _trivial(axes, findings, rate, column)
    _finish(axes, findings, rate, objective, findings.means[rate])
    return figure


def hull_figure(findings: Findings) -> Figure:
    """Wrist hull % beside the first paper's, whose data are other and whose rate is per stream."""
    figure, axes = _paper()
    rate = findings.log.rate.column("val")
    _points(axes, findings, rate, "val_hull_pct")
    axes.axhline(100, color=FAINT, lw=0.8, ls="--")
    table = klezovich_hull()
    colours = looks([*findings.codecs, *table["codec"]])
    for codec, rows in table.groupby("codec", sort=False):
        look = colours[str(codec)]
        axes.plot(rows["rate_total_bps"], rows["hull_percent"], color=look.light, ls=":", lw=1,
                  marker="*", ms=9, mfc="none",
                  label=f"{codec_label(str(codec))}, Klezovich et al. (other data)")  # fmt: skip
    rates = pd.concat([findings.means[rate], table["rate_total_bps"].astype(float)])
    _finish(axes, findings, rate, "hull_pct", rates)
    return figure


def hypervolume_figure(findings: Findings) -> Figure:
    """Hypervolume as trials gave points."""
    figure, axes = _paper()
    history = findings.history
    if history is not None:
        trials, value = np.r_[0, history.trials], np.r_[0.0, history.value]
        axes.step(trials, value, where="post", color=INK, lw=1.5)
        axes.fill_between(trials, value, step="post", color=INK, alpha=0.06)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("trials that gave points")
    axes.set_ylabel(" · ".join(unit_label(o.name) for o in findings.objectives))
    axes.set_title("Hypervolume")
    _stamp(axes, findings)
    return figure


def _paper() -> tuple[Figure, Axes]:
    # Fixed margins: a layout engine would double the time, and pictures side by side would differ.
    figure = Figure(figsize=(6.4, 4.2))
    return figure, figure.add_axes((0.095, 0.155, 0.885, 0.775))


def _points(axes: Axes, findings: Findings, rate: str, column: str) -> None:
    means = findings.means
    many = len(means) > MOST_POINTS
    if many:  # an even choice, and the front
        kept = np.linspace(0, len(means) - 1, MOST_POINTS).astype(int)
        front = leading_front(findings).index
        means = means.loc[sorted({*kept.tolist(), *front.tolist()})]
    for codec, look in looks(findings.codecs).items():
        own = means[(means["codec"] == codec) & np.isfinite(means[column].astype(float))]
        if own.empty:
            continue
        for _, model in own.groupby("config_hash", sort=False) if not many else ():
            model = model.sort_values("depth")
            axes.plot(model[rate], model[column], color=look.light, lw=0.7, alpha=0.3, zorder=1)
        prefix = own["is_prefix"].astype(bool)
        style: dict[str, Any] = {"marker": look.marker, "s": 26, "zorder": 3, "linewidths": 1.1}
        full, cut = own[~prefix], own[prefix]
        axes.scatter(full[rate], full[column], color=look.light, label=codec_label(codec), **style)
        axes.scatter(cut[rate], cut[column], facecolors="white", edgecolors=look.light, **style)
        if f"{column}_se" in own.columns:
            axes.errorbar(own[rate], own[column], own[f"{column}_se"], fmt="none", lw=0.9,
                          ecolor=look.light, alpha=0.7, zorder=2)  # fmt: skip


def _bounds(axes: Axes, findings: Findings, rate: str, column: str) -> None:
    for row in findings.bounds:
        value = row.get(column)
        if value is None or not np.isfinite(value):
            continue
        mean = row.get("codec") == MEAN_POSE
        axes.axhline(value, color=FAINT, lw=0.8, ls="--" if mean else ":", zorder=1)
        words = f"{row['codec']}, 0 bits" if mean else str(row["codec"])
        # Above either line at high rates there is hardly a point to stand in the way of.
        axes.annotate(words, (1.0, value), xycoords=("axes fraction", "data"), ha="right",
                      va="bottom", fontsize=7.5, color=FAINT)  # fmt: skip
        if not mean and row.get(rate):
            axes.plot([row[rate]], [value], marker="X", color=FAINT, ms=7, zorder=3)


def _trivial(axes: Axes, findings: Findings, rate: str, column: str) -> None:
    """Thin curves that widen no axis; how far those that leave it go, stands in the corner."""
    right, beyond = float(axes.dataLim.x1), []
    for dash, (codec, rows) in zip(DASHES, findings.trivial.items(), strict=False):
        points = [(r.get(rate), r.get(column)) for r in rows]
        drawn = np.array([p for p in points if None not in p], dtype=float)
        drawn = drawn[np.isfinite(drawn).all(axis=1)] if len(drawn) else drawn
        if not len(drawn):
            continue
        line = Line2D(*drawn.T, color=FAINT, lw=0.9, ls=dash, marker="|", ms=4, zorder=1.5)
        line.set_label(codec)
        axes.add_artist(line)  # which leaves the limits alone
        end, value = drawn[-1]
        if end > right:
            unit = unit_label(column)
            beyond.append(f"{codec}: {number(value)} {unit} at {number(end)} bits/s")
    if beyond:
        axes.annotate("\n".join(["beyond the axis →", *beyond]), (0.995, 0.9), ha="right", va="top",
                      xycoords="axes fraction", fontsize=6.5, color=FAINT)  # fmt: skip


def _finish(
    axes: Axes, findings: Findings, rate: str, objective: str, rates: Sequence[float] | pd.Series
) -> None:
    given = np.asarray(rates, dtype=float)
    given = given[np.isfinite(given) & (given > 0)]
    if len(given) and given.max() / given.min() >= LOG_FROM:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    axes.set_xlabel(f"{objective_label(rate)}, all parts ({unit_label(rate)})")
    axes.set_ylabel(f"{objective_label(objective)} ({unit_label(objective)})")
    axes.set_title(f"{objective_label(objective)} on validation")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles, labels, loc="best")
    _stamp(axes, findings)


def _stamp(axes: Axes, findings: Findings) -> None:
    """What every picture says about its data, so that it cannot be shown without."""
    facts = findings.log.facts
    if facts is None:
        return
    parts = ", ".join(part_label(p) for p in facts.part_names)
    words = [facts.name, parts, f"{facts.fps:g} fps", f"root {facts.root}"]
    words += [UNIT_WORDS[facts.unit]] * (facts.unit != "m")
    words += ["bones of average proportions"] * facts.approx_skeleton
    words += ["within-recording split"] * (facts.split == "time")
    words += ["synthetic motion"] * facts.synthetic
    words += [f"mean ± SE over {findings.seeds} seeds"] * (findings.seeds > 1)
    axes.set_title(" · ".join(words), loc="right", fontsize=6.5, color=FAINT, fontweight="normal",
                   y=-0.195)  # fmt: skip
