"""Figure 3 of the paper from our runs: jerk of what was synthesised against codes, and rate."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator, ScalarFormatter

from analysis.figures import FAINT, INK
from analysis.labels import codec_label, unit_label
from analysis.palette import looks
from analysis.study.jerk import Conditioned, Knee, Synthesis

Place = Callable[[Conditioned], float]


def jerk_figure(synthesis: Synthesis, found: Knee | None) -> Figure:
    """Two panels that share their jerk axis, the original's in both."""
    figure = Figure(figsize=(9.6, 4.3))
    left = figure.add_axes((0.075, 0.22, 0.425, 0.70))
    right = figure.add_axes((0.555, 0.22, 0.425, 0.70), sharey=left)
    _panel(left, synthesis, lambda c: 2**c.bits)
    _panel(right, synthesis, lambda c: c.rate)
    if found is not None and found.there:
        left.axvspan(found.low, found.high, color=looks(["kmeans"])["kmeans"].light, alpha=0.10,
                     lw=0, label="knee of K-Means, 95 %")  # fmt: skip
        left.axvline(found.at, color=looks(["kmeans"])["kmeans"].light, lw=0.9, ls=":")
    sizes = sorted({c.bits for c in synthesis.cells})
    left.set_xscale("log", base=2)
    left.xaxis.set_major_locator(FixedLocator([2**b for b in sizes]))
    left.xaxis.set_major_formatter(FixedFormatter([f"{2**b:g}" for b in sizes]))
    left.xaxis.set_minor_locator(NullLocator())
    left.tick_params(axis="x", labelsize=7.5)
    left.set_xlabel("codes a frame and stream (K-Means: clusters)")
    right.set_xlabel("nominal rate of the tokens (bits/s)")
    left.set_yscale("log")
    _ticks(left)
    left.set_ylabel(f"jerk ({unit_label(synthesis.metric)})")
    right.tick_params(axis="y", labelleft=False)
    left.set_title("Against the number of codes")
    right.set_title("Against rate")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=3, fontsize=7.5, frameon=False)
    return figure


def _panel(axes: Axes, synthesis: Synthesis, place: Place) -> None:
    reference = synthesis.reference
    axes.axhspan(reference.low, reference.high, color=INK, alpha=0.14, lw=0)
    axes.axhline(reference.mean, color=INK, lw=1.1, label="original, 95 % interval")
    colours = looks(synthesis.codecs)
    for codec in synthesis.codecs:
        look = colours[codec]
        for other in dict.fromkeys(c.other for c in synthesis.curve(codec)):
            curve = [c for c in synthesis.curve(codec) if c.other == other]
            at = [place(c) for c in curve]
            bars = [[c.jerk.mean - c.jerk.low for c in curve],
                    [c.jerk.high - c.jerk.mean for c in curve]]  # fmt: skip
            said = f"synthesised, {codec_label(codec)}" + (f" ({other})" if other else "")
            axes.errorbar(at, [c.jerk.mean for c in curve], bars, color=look.light, lw=1.4, ms=5,
                          marker=look.marker, capsize=3, label=said)  # fmt: skip
            axes.plot(at, [c.decoded for c in curve], color=look.light, lw=0.9, ls="--", alpha=0.6,
                      label=f"its tokens as they decode, {codec_label(codec)}")  # fmt: skip
    axes.grid(axis="x", visible=False)
    axes.spines["bottom"].set_color(FAINT)


def _ticks(axes: Axes) -> None:
    """Whole numbers on the logarithmic axis: it often spans a single decade."""
    low, high = axes.get_ylim()
    steps = [m * 10**e for e in range(-6, 9) for m in (1, 2, 5)]
    axes.yaxis.set_major_locator(FixedLocator([s for s in steps if low <= s <= high]))
    axes.yaxis.set_minor_locator(NullLocator())
    formatter = ScalarFormatter()
    formatter.set_scientific(False)
    axes.yaxis.set_major_formatter(formatter)
