"""The paper's Figure 1 from our runs, its Table 2 as curves, and what depth does at equal bits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import FAINT, INK
from analysis.inline_svg import INLINE_STYLE
from analysis.labels import codec_label
from analysis.palette import looks
from analysis.published import published
from analysis.study.cells import CODECS, Cell, Comparison
from analysis.study.claims import differences
from analysis.study.levels import ladders
from analysis.study.paired import summary

PANELS = (
    ("rmse_full", "Full pose, unaligned"),
    ("rmse_body", "Body, Kabsch-aligned"),
    ("rmse_hands", "Hands, Kabsch-aligned"),
)
BITS_AXIS = "bits per frame and stream"
MARKERS = ("o", "s", "^", "D", "v", "P")
WIDTH = 9.6


def rmse_figure(comparison: Comparison, bounds: Mapping[str, Mapping[str, float]]) -> Figure:
    """RMSE of the paper's pairs with both standard errors; below, the paired differences.

    Args:
        comparison: with at least one pair.
        bounds: name of a bound -> metric -> value.
    """
    panels = [p for p in PANELS if _has(comparison, p[0])]
    with rc_context(INLINE_STYLE):
        figure = Figure(figsize=(WIDTH, 5.2))
        for number, (stem, title) in enumerate(panels):
            left, wide = 0.06 + number * 0.327, 0.27
            above = figure.add_axes((left, 0.435, wide, 0.455))
            _curves(above, comparison, stem)
            for name, values in bounds.items():
                if (value := values.get(comparison.metric(stem))) is not None:
                    above.axhline(value, color=FAINT, lw=0.9, ls="--", label=name)
            above.set_title(title)
            below = figure.add_axes((left, 0.09, wide, 0.255))
            _gaps(below, comparison, stem)
            below.set_xlabel(BITS_AXIS)
            if number == 0:
                above.set_ylabel(f"RMSE ({comparison.unit})")
                below.set_ylabel(f"difference ({comparison.unit})")
                _legend_above(figure, above)
    return figure


def hull_figure(comparison: Comparison) -> Figure:
    """Wrist hull % of the pairs beside the paper's, and the jerk of both beside the original's."""
    with rc_context(INLINE_STYLE):
        figure = Figure(figsize=(WIDTH, 3.5))
        left = figure.add_axes((0.06, 0.14, 0.42, 0.69))
        right = figure.add_axes((0.565, 0.14, 0.42, 0.69))
        _curves(left, comparison, "hull_pct")
        for codec, rows in published("klezovich").groupby("codec", sort=False):
            look = looks(CODECS)[str(codec)]
            left.plot(rows["bits_per_frame"], rows["hull_percent"], color=look.light, ls=":",
                      marker="*", mfc="none", ms=8, lw=1,
                      label=f"{codec_label(str(codec))}, paper")  # fmt: skip
        left.axhline(100, color=FAINT, lw=0.9, ls="--", label="the original")
        left.set_title("Wrist hull, % of the original's")
        left.set_xlabel(BITS_AXIS)
        _bits_axis(left, sorted({float(b) for b in published("klezovich")["bits_per_frame"]}))
        _legend_above(figure, left)
        _curves(right, comparison, "jerk_mps3")
        if math.isfinite(comparison.original_jerk):
            right.axhline(comparison.original_jerk, color=FAINT, lw=0.9, ls="--")
        right.set_ylim(bottom=0)
        right.set_title("Jerk, m/s³")
        right.set_xlabel(BITS_AXIS)
    return figure


def levels_figure(comparison: Comparison) -> Figure:
    """RQ-VAE by levels, a line for each number of bits: full pose, hands and hull."""
    panels = [
        ("rmse_full", f"Full pose RMSE ({comparison.unit})"),
        ("rmse_hands", f"Hands RMSE ({comparison.unit})"),
        ("hull_pct", "Wrist hull, % of the original's"),
    ]
    panels = [p for p in panels if _has(comparison, p[0])]
    colour = looks(CODECS)["rqvae"].light
    with rc_context(INLINE_STYLE):
        figure = Figure(figsize=(WIDTH, 3.3))
        for number, (stem, title) in enumerate(panels):
            axes = figure.add_axes((0.06 + number * 0.327, 0.155, 0.27, 0.67))
            found = ladders(comparison)
            for place, (bits, cells) in enumerate(found.items()):
                values = [summary(comparison.values(c, comparison.metric(stem))) for c in cells]
                depth = [c.depth + 0.05 * (place - (len(found) - 1) / 2) for c in cells]
                axes.errorbar(
                    depth, [s.mean for s in values], [_finite(s.se_seeds) for s in values],
                    marker=MARKERS[place % len(MARKERS)], ms=4.5, lw=1.2, capsize=2, color=colour,
                    alpha=0.4 + 0.6 * (place + 1) / len(found), label=f"{bits:g} bits",
                )  # fmt: skip
            if stem == "hull_pct":
                axes.axhline(100, color=FAINT, lw=0.9, ls="--")
            axes.set_xticks(sorted({c.depth for cells in found.values() for c in cells}))
            axes.set_title(title)
            axes.set_xlabel("levels Q")
            if number == 0:
                _legend_above(figure, axes)
    return figure


def _curves(axes: Axes, comparison: Comparison, stem: str) -> None:
    metric = comparison.metric(stem)
    for place, codec in enumerate(CODECS):
        look = looks(CODECS)[codec]
        cells = [pair[place] for pair in comparison.pairs.values()]
        found = [summary(comparison.values(cell, metric)) for cell in cells]
        bits = [cell.bits + (place - 0.5) * 0.14 for cell in cells]
        means = [s.mean for s in found]
        axes.errorbar(bits, means, [_finite(s.se_recordings) for s in found], color=look.light,
                      marker=look.marker, ms=4.5, lw=1.3, elinewidth=0.9, capsize=3,
                      label=codec_label(codec))  # fmt: skip
        axes.errorbar(bits, means, [_finite(s.se_seeds) for s in found], fmt="none",
                      ecolor=look.light, elinewidth=3.6)  # fmt: skip
    _bits_axis(axes, list(comparison.pairs))


def _gaps(axes: Axes, comparison: Comparison, stem: str) -> None:
    """Paired differences with their intervals; filled where they are clear."""
    found = differences(comparison, stem)
    axes.axhline(0, color=INK, lw=0.9)
    for bits, d in found.items():
        if math.isnan(d.mean):
            continue
        if math.isfinite(d.low):
            axes.plot([bits, bits], [d.low, d.high], color=INK, lw=1.1)
        axes.plot(bits, d.mean, "o", ms=5, color=INK, mfc=INK if d.clear else "none")
    axes.margins(y=0.18)
    _bits_axis(axes, list(found))


def _legend_above(figure: Figure, axes: Axes) -> None:
    """A legend over all panels, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper left", bbox_to_anchor=(0.05, 1.01),
                  ncols=len(labels), fontsize=8)  # fmt: skip


def _bits_axis(axes: Axes, bits: Sequence[float]) -> None:
    axes.set_xticks(bits)
    axes.set_xlim(min(bits) - 0.6, max(bits) + 0.6)


def _has(comparison: Comparison, stem: str) -> bool:
    metric = comparison.metric(stem)
    return any(not comparison.values(c, metric).empty for c in comparison.cells)


def _finite(error: float) -> float:
    return error if math.isfinite(error) else 0.0


def cells_of(comparison: Comparison) -> Sequence[Cell]:
    """Cells in the order of the page: by bits, the paper's first."""
    return [cell for bits in comparison.rates for cell in comparison.at(bits)]
