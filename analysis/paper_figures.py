"""Figures at the width of a paper's column, as PDF in vector form with embedded TrueType fonts.

The front of all codecs and of each; the attainment of its seeds; several sweeps over one another;
what matters. Sizes are those of two-column papers: 3.4 inches for a
column, 7 for the page. Fonts are of type 42, which publishers take and which can be searched. Files
carry no date, so the same numbers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.figures import FAINT, INK, LOG_FROM, STYLE
from analysis.labels import codec_label, objective_label, unit_label
from analysis.palette import looks
from search_spaces.errors import BadInput

WIDTHS = {"column": 3.4, "page": 7.0}
"""Inches."""

KINDS = ("front", "attainment", "importance")
ENDINGS = (".pdf", ".svg", ".png")
ZERO_UNDER = 0.4
"""An axis of distortions begins at 0 where the least is under so much of the most; else a column
would be mostly white."""
_ASPECT = 0.72
PAPER = {
    **STYLE,
    "font.size": 7.5,
    "axes.labelsize": 7.5,
    "axes.titlesize": 8,
    "legend.fontsize": 6.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "axes.linewidth": 0.6,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.hashsalt": "ratefront",
}


def save(figure: Figure, path: Path) -> Path:
    """Writes a figure in one step, in the format of its ending.

    Raises:
        BadInput: no such ending.
    """
    check_ending(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    none: dict[str, dict[str, Any]] = {
        ".pdf": {"CreationDate": None, "Creator": None},
        ".svg": {"Date": None},
        ".png": {"Software": None},
    }
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    with rc_context(PAPER):
        figure.savefig(temporary, dpi=300, metadata=none[path.suffix])
    temporary.replace(path)
    return path


def check_ending(path: Path) -> None:
    """Refuses a file whose ending is of no figure.

    Raises:
        BadInput: no such ending.
    """
    if path.suffix not in ENDINGS:
        raise BadInput(f"{path}: no figure ends in {path.suffix!r}; use {', '.join(ENDINGS)}")


def paper_figure(
    statistics: Mapping[str, Any], distortion: str, kind: str = "front", width: str = "column"
) -> Figure:
    """A figure of a sweep's statistics.

    Args:
        statistics: of `front_statistics`.
        distortion: a key of its `distortions`.
        kind: one of `KINDS`.
        width: a key of `WIDTHS`.

    Raises:
        BadInput: no such kind or width, or nothing to draw.
    """
    drawers = {"front": _front, "attainment": _attainment, "importance": _importance}
    if kind not in drawers or width not in WIDTHS:
        raise BadInput(
            f"no figure {kind!r} of width {width!r}; kinds are {', '.join(KINDS)}, widths "
            f"{', '.join(WIDTHS)}"
        )
    with rc_context(PAPER):
        figure, axes = _paper(width)
        drawers[kind](axes, statistics, distortion)
        figure.tight_layout(pad=0.3)
    return figure


def overlay(
    curves: Sequence[tuple[str, Sequence[Mapping[str, Any]]]],
    rate: str,
    distortion: str,
    width: str = "column",
) -> Figure:
    """Fronts of several sweeps over one another.

    Args:
        curves: name and front of each, a front's rows with `rate` and `value`.
        rate: objective of the axis of rates.
        distortion: objective of the other.
        width: a key of `WIDTHS`.
    """
    with rc_context(PAPER):
        figure, axes = _paper(width)
        names = [name for name, _ in curves]
        for (name, rows), look in zip(curves, looks(names).values(), strict=True):
            if not rows:
                continue
            rates, values = _columns(rows)
            axes.step(rates, values, where="post", color=look.light, lw=0.9, zorder=2)
            axes.plot(rates, values, ls="none", marker=look.marker, ms=3.2, color=look.light,
                      label=name, zorder=3)  # fmt: skip
        _axes(axes, rate, distortion, [r["rate"] for _, rows in curves for r in rows])
        axes.legend(loc="best")
        figure.tight_layout(pad=0.3)
    return figure


def _paper(width: str) -> tuple[Figure, Axes]:
    inches = WIDTHS[width]
    aspect = _ASPECT if width == "column" else 0.5
    figure = Figure(figsize=(inches, inches * aspect))
    return figure, figure.add_subplot()


def _front(axes: Axes, statistics: Mapping[str, Any], distortion: str) -> None:
    said = statistics["distortions"][distortion]
    if not said["front"]:
        raise BadInput(f"there is no front of {distortion} to draw; wait for the first points")
    for codec, look in looks(statistics["codecs"]).items():
        rows = said["codec_fronts"].get(codec, [])
        if not rows:
            continue
        rates, values = _columns(rows)
        axes.step(rates, values, where="post", color=look.light, lw=0.7, alpha=0.6, zorder=2)
        few = np.array([r["few_seeds"] for r in rows])
        for mask, face in ((~few, look.light), (few, "white")):
            axes.plot(rates[mask], values[mask], ls="none", marker=look.marker, ms=3.2,
                      mfc=face, mec=look.light, mew=0.7, zorder=5,
                      label=codec_label(codec) if mask.any() else None)  # fmt: skip
    rates, values = _columns(said["front"])
    axes.step(rates, values, where="post", color=INK, lw=1.0, zorder=4, label="front")
    knee = said["knee"]
    if knee.get("point"):
        axes.annotate("knee", (knee["rate"], knee["value"]), xytext=(-5, -6), fontsize=6.5,
                      ha="right", va="top",
                      textcoords="offset points", color=INK)  # fmt: skip
        axes.plot([knee["rate"]], [knee["value"]], marker="o", ms=7, mfc="none", mec=INK, mew=0.7)
    every = [r["rate"] for rows in said["codec_fronts"].values() for r in rows]
    _axes(axes, statistics["rate"], distortion, every)
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    if any(r["few_seeds"] for r in said["front"]):
        once["open: fewer than 3 seeds"] = axes.plot(
            [], [], ls="none", marker="o", ms=3.2, mfc="white", mec=FAINT
        )[0]
    axes.legend(once.values(), once.keys(), loc="best")


def _attainment(axes: Axes, statistics: Mapping[str, Any], distortion: str) -> None:
    said = statistics["distortions"][distortion]["attainment"]
    surfaces = {k: np.array(v, dtype=float) for k, v in said["surfaces"].items() if v}
    if "50" not in surfaces:
        raise BadInput(f"no attainment of {distortion}: {said['reason'] or 'no points'}")
    most = max(s[:, 0].max() for s in surfaces.values()) * 1.05
    top = max(s[:, 1].max() for s in surfaces.values())

    def stairs(level: str) -> tuple[np.ndarray, np.ndarray]:
        surface = surfaces[level]
        return np.r_[surface[:, 0], most], np.r_[surface[:, 1], surface[-1, 1]]

    edges = np.unique(np.concatenate([stairs(k)[0] for k in surfaces]))
    inner = {k: _height(surfaces[k], edges, top) for k in surfaces}
    if {"25", "75"} <= set(surfaces):
        axes.fill_between(edges, inner["25"], inner["75"], step="post", color=INK, alpha=0.15,
                          lw=0, label="25 to 75 %")  # fmt: skip
    axes.step(*stairs("50"), where="post", color=INK, lw=1.1, label="50 % of seeds")
    _axes(axes, statistics["rate"], distortion, edges)
    axes.legend(loc="best", title=f"attained by, of {said['seeds']} seeds", title_fontsize=6.5)


def _height(surface: np.ndarray, rates: np.ndarray, top: float) -> np.ndarray:
    """Distortion that a surface attains at rates; `top` where it attains nothing."""
    place = np.searchsorted(surface[:, 0], rates, side="right") - 1
    return np.where(place >= 0, surface[np.maximum(place, 0), 1], top)


def _importance(axes: Axes, statistics: Mapping[str, Any], distortion: str) -> None:
    said = statistics["importance"].get(distortion)
    target = next(iter(said["targets"]), None) if said else None
    if not target or not target["parameters"]:
        reason = target["reason"] if target else "it was not computed"
        raise BadInput(f"no importance of hyperparameters for {distortion}: {reason}")
    rows = target["parameters"][:10][::-1]
    names = [r["name"].replace("_", " ") for r in rows]
    shares = [100 * r["importance"] for r in rows]
    axes.barh(names, shares, xerr=[100 * r["error"] for r in rows], color=INK, alpha=0.75,
              height=0.6, error_kw={"elinewidth": 0.7, "ecolor": FAINT})  # fmt: skip
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("variance of hypervolume lost (%)")
    words = f"a forest explains {100 * target['r2']:.0f} %\nof unseen configurations"
    axes.annotate(words, (0.98, 0.05), xycoords="axes fraction", ha="right", fontsize=6.5,
                  color=FAINT)  # fmt: skip


def _columns(rows: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([r["rate"] for r in rows]), np.array([r["value"] for r in rows])


def _axes(axes: Axes, rate: str, distortion: str, rates: Sequence[float] | np.ndarray) -> None:
    given = np.asarray(rates, dtype=float)
    given = given[np.isfinite(given) & (given > 0)]
    if len(given) and given.max() / given.min() >= LOG_FROM:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    if axes.dataLim.y0 < ZERO_UNDER * axes.dataLim.y1:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(f"{objective_label(rate)} ({unit_label(rate)})")
    axes.set_ylabel(f"{objective_label(distortion)} ({unit_label(distortion)})")
