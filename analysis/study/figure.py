"""The paper's Figure 1 from our runs: RMSE against bits, and what depth does at equal bits."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import FAINT, INK, STYLE
from analysis.labels import codec_label
from analysis.palette import looks
from analysis.published import published
from analysis.study.cells import CODECS, Cell, Comparison
from analysis.study.paired import summary

PANELS = (
    ("rmse_full_cm", "Full pose, unaligned"),
    ("rmse_body_cm", "Body, Kabsch-aligned"),
    ("rmse_hands_cm", "Hands, Kabsch-aligned"),
)


def rmse_figure(comparison: Comparison) -> Figure:
    """Three panels: RMSE of the paper's pairs with both standard errors."""
    with rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.1))
        for number, (metric, title) in enumerate(PANELS):
            axes = figure.add_axes((0.055 + number * 0.327, 0.17, 0.275, 0.70))
            _curves(axes, comparison, metric)
            axes.set_title(title)
            axes.set_xlabel("bits per frame and stream")
            if number == 0:
                axes.set_ylabel("RMSE (cm)")
                axes.legend(loc="best")
    return figure


def hull_figure(comparison: Comparison) -> Figure:
    """Wrist hull % of the pairs beside the paper's, and of other depths at equal bits."""
    with rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.4))
        left = figure.add_axes((0.065, 0.15, 0.41, 0.73))
        _curves(left, comparison, "hull_pct")
        table = published("klezovich")
        for codec, rows in table.groupby("codec", sort=False):
            look = looks(CODECS)[str(codec)]
            left.plot(rows["bits_per_frame"], rows["hull_percent"], color=look.light, ls=":",
                      marker="*", mfc="none", ms=8, lw=1,
                      label=f"{codec_label(str(codec))}, paper (other data)")  # fmt: skip
        left.axhline(100, color=FAINT, lw=0.8, ls="--")
        left.set_title("Wrist hull, % of the original")
        left.set_xlabel("bits per frame and stream")
        left.legend(loc="best", fontsize=7)
        right = figure.add_axes((0.56, 0.15, 0.42, 0.73))
        _depths(right, comparison, "hull_pct")
        right.axhline(100, color=FAINT, lw=0.8, ls="--")
        right.set_title("The same by levels, RQ-VAE")
        right.set_xlabel("levels Q (codes per level follow from the bits)")
    return figure


def svg(figure: Figure, name: str) -> str:
    """A figure as an SVG element with ids of its own, the same bytes for the same figure."""
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    return re.sub(
        r'width="[\d.]+pt" height="[\d.]+pt"', 'width="100%"', text[text.index("<svg") :], count=1
    )


def _curves(axes: Axes, comparison: Comparison, metric: str) -> None:
    for place, codec in enumerate(CODECS):
        look = looks(CODECS)[codec]
        cells = [pair[place] for pair in comparison.pairs.values()]
        found = [summary(comparison.values(cell, metric)) for cell in cells]
        shift = (place - 0.5) * 0.08
        bits = [cell.bits + shift for cell in cells]
        means = [s.mean for s in found]
        axes.errorbar(bits, means, [_finite(s.se_recordings) for s in found], color=look.light,
                      marker=look.marker, ms=5, lw=1.3, capsize=3,
                      label=codec_label(codec))  # fmt: skip
        axes.errorbar(bits, means, [_finite(s.se_seeds) for s in found], fmt="none",
                      ecolor=look.light, elinewidth=3.2, alpha=0.35)  # fmt: skip
    axes.set_xticks([cell.bits for cell in (p[0] for p in comparison.pairs.values())])


def _depths(axes: Axes, comparison: Comparison, metric: str) -> None:
    shades = (0.35, 0.55, 0.75, 1.0)
    for shade, bits in zip(shades, comparison.pairs, strict=False):
        cells = [c for c in comparison.at(bits) if c.codec == "rqvae"]
        cells = sorted(cells, key=lambda c: c.depth)
        if len(cells) < 2:
            continue
        found = [summary(comparison.values(cell, metric)) for cell in cells]
        axes.errorbar([c.depth for c in cells], [s.mean for s in found],
                      [_finite(s.se_seeds) for s in found], marker="s", ms=4, lw=1.2,
                      color=looks(CODECS)["rqvae"].light, alpha=shade, capsize=2)  # fmt: skip
        last = found[-1]
        axes.annotate(f"{bits:g} bits", (cells[-1].depth, last.mean), xytext=(5, 0),
                      textcoords="offset points", fontsize=7.5, color=INK, va="center")  # fmt: skip
    axes.margins(x=0.12)


def _finite(error: float) -> float:
    return error if math.isfinite(error) else 0.0


def cells_of(comparison: Comparison) -> Sequence[Cell]:
    """Cells in the order of the page: by bits, the paper's first."""
    return [cell for bits in comparison.pairs for cell in comparison.at(bits)]
