"""The front of guidance: what each weight of it makes of error, rate and accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.eggesture.tradeoff import (
    ACCURACY,
    LOSS,
    RATE,
    USE,
    Quantity,
    Weighted,
    front_of,
)
from analysis.eggesture.usage import Estimate
from analysis.figures import FAINT, INK
from analysis.palette import FIXED

_PANELS = ((USE, LOSS), (USE, RATE), (USE, ACCURACY), (ACCURACY, LOSS))
_LEFT, _LOW, _WIDE, _HIGH = (0.07, 0.57), (0.57, 0.09), 0.41, 0.38


def front_figure(cells: Sequence[Weighted]) -> Figure:
    """Error, rate and accuracy against use, and error against accuracy; bars: 95 % over seeds."""
    figure = Figure(figsize=(9.6, 7.0))
    look, front = FIXED["rqvae"], front_of(cells)
    for number, (across, up) in enumerate(_PANELS):
        axes = figure.add_axes((_LEFT[number % 2], _LOW[number // 2], _WIDE, _HIGH))
        xs, ys = ([c.of(q) for c in cells] for q in (across, up))
        axes.plot([x.mean for x in xs], [y.mean for y in ys], color=FAINT, lw=1.0, ls=":")
        for cell, best, x, y in zip(cells, front, xs, ys, strict=True):
            axes.errorbar([x.mean], [y.mean], _bars(y), _bars(x), color=look.light, ls="", ms=6,
                          marker="o", capsize=3, mfc=look.light if best else "white")  # fmt: skip
            label = f"{cell.weight:g}" if cell.weight else "vanilla"
            axes.annotate(label, (x.mean, y.mean), xytext=(6, 5), textcoords="offset points",
                          fontsize=8, color=INK)  # fmt: skip
        _name(axes, across, up)
    return figure


def _name(axes: Axes, across: Quantity, up: Quantity) -> None:
    axes.set_xlabel(across.title)
    axes.set_ylabel(up.title)


def _bars(found: Estimate) -> np.ndarray:
    """(2, 1) lengths of the interval to either side; 0 where there is none."""
    return np.nan_to_num(np.array([[found.mean - found.low], [found.high - found.mean]]))
