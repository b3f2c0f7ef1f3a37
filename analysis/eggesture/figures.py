"""Figures 1, 2 and 6 of the second paper from our runs, and what guidance costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.eggesture.claims import SIZE, paper_share
from analysis.eggesture.usage import Cell, CodebookSweep, Estimate
from analysis.figures import FAINT, INK
from analysis.labels import unit_label
from analysis.palette import FIXED, FURTHER, Look

_LOOKS = (FIXED["kmeans"], FIXED["rqvae"], FIXED["temporal_rvq"], *FURTHER)


def weight_label(weight: float) -> str:
    """`vanilla`, or the weight of the guidance."""
    return f"guided, weight {weight:g}" if weight else "vanilla"


def size_figure(sweep: CodebookSweep) -> Figure:
    """Use against the size of the codebook: percent of codes, and codes (the paper's Figure 2)."""
    figure = Figure(figsize=(9.6, 4.0))
    left = figure.add_axes((0.07, 0.23, 0.42, 0.68))
    right = figure.add_axes((0.565, 0.23, 0.42, 0.68))
    for axes, name in ((left, "utilisation"), (right, "used")):
        for weight, look in _looks(sweep):
            _line(axes, sweep.curve(weight), name, weight_label(weight), look)
        even = sweep.curve(sweep.weights[0])
        factor = [1.0 if name == "utilisation" else c.size / 100 for c in even]
        height = [f * c.of("ceiling").mean for f, c in zip(factor, even, strict=True)]
        axes.plot([c.size for c in even], height, color=FAINT, ls="--", lw=1.1,
                  label="even use of as many tokens")  # fmt: skip
        _sizes(axes, sweep.sizes)
    left.plot([SIZE], [paper_share()], color=INK, marker="*", ms=11, ls="",
              label="paper, vanilla")  # fmt: skip
    left.set_ylim(0, 105)
    left.set_ylabel("codes in use (%)")
    right.set_ylabel("codes in use")
    right.set_yscale("log", base=2)
    right.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    _legend(figure, left)
    return figure


def distribution_figure(sweep: CodebookSweep, size: int) -> Figure:
    """Codes by how often they are used, most used first (the paper's Figure 1), and along
    training (Figure 6)."""
    figure = Figure(figsize=(9.6, 4.0))
    left = figure.add_axes((0.07, 0.23, 0.42, 0.68))
    right = figure.add_axes((0.565, 0.23, 0.42, 0.68))
    for weight, look in _looks(sweep):
        cell = sweep.cell(size, weight)
        if cell is None:
            continue
        rank = np.arange(1, len(cell.shares) + 1)
        shown = cell.shares > 0
        left.plot(rank[shown], 100 * cell.shares[shown], color=look.light, lw=1.4,
                  label=weight_label(weight))  # fmt: skip
        steps = sorted(cell.curve)
        right.plot([100 * s for s in steps], [cell.curve[s] for s in steps], color=look.light,
                   lw=1.4, marker=look.marker, ms=5)  # fmt: skip
    left.axhline(100 / size, color=FAINT, ls="--", lw=1.1, label="even use")
    left.set_yscale("log")
    left.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    left.set_xlabel(f"rank of a code, of {size}")
    left.set_ylabel("held-out tokens (%)")
    right.set_xlabel("training (%)")
    right.set_ylabel("codes in use on validation (%)")
    right.set_ylim(bottom=0)
    _legend(figure, left)
    return figure


def tradeoff_figure(sweep: CodebookSweep, size: int) -> Figure:
    """Error and model rate against balance of use, a point a weight."""
    figure = Figure(figsize=(9.6, 4.0))
    left = figure.add_axes((0.07, 0.23, 0.42, 0.68))
    right = figure.add_axes((0.565, 0.23, 0.42, 0.68))
    rows = [(sweep.cell(size, w), look) for w, look in _looks(sweep)]
    for axes, name in ((left, sweep.distortion), (right, "test_rate_model_bps")):
        for cell, look in rows:
            if cell is None:
                continue
            x, y = cell.of("utilisation"), cell.of(name)
            axes.errorbar([x.mean], [y.mean], _bars([y]), _bars([x]), color=look.light, ms=6,
                          marker=look.marker, capsize=3, ls="",
                          label=weight_label(cell.weight))  # fmt: skip
        axes.set_xlabel(f"codes in use, of {size} (%)")
    left.set_ylabel(f"full-pose RMSE, test ({unit_label(sweep.distortion)})")
    right.set_ylabel("model rate, test (bits/s)")
    _legend(figure, left)
    return figure


def _line(axes: Axes, cells: Sequence[Cell], name: str, label: str, look: Look) -> None:
    found = [c.of(name) for c in cells]
    axes.errorbar([c.size for c in cells], [e.mean for e in found], _bars(found),
                  color=look.light, marker=look.marker, ms=5, lw=1.4, capsize=3,
                  label=label)  # fmt: skip


def _bars(found: Sequence[Estimate]) -> np.ndarray:
    """(2, n) lengths of the intervals to either side; 0 where there is none."""
    sides = [[e.mean - e.low for e in found], [e.high - e.mean for e in found]]
    return np.nan_to_num(np.array(sides))


def _looks(sweep: CodebookSweep) -> list[tuple[float, Look]]:
    return [(w, _LOOKS[i % len(_LOOKS)]) for i, w in enumerate(sweep.weights)]


def _sizes(axes: Axes, sizes: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator([float(s) for s in sizes]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("codes of the codebook")


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, fontsize=7.5, frameon=False)
