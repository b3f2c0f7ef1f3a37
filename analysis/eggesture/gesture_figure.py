"""Figure 7 of the second paper from our runs: motion from speech and the size of the codebook."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.eggesture.gesture_claims import FID
from analysis.eggesture.gestures import GestureSweep
from analysis.palette import FIXED, FURTHER

_LOOKS = (FIXED["kmeans"], FIXED["rqvae"], *FURTHER)
_KINDS = (("vanilla", 0.0), ("guided", None))


def size_of_codebook(sweep: GestureSweep) -> Figure:
    """Fréchet distance, and accuracy, against the number of codes; bars are 95 % over seeds."""
    figure = Figure(figsize=(9.6, 4.0))
    sizes = sorted({int(c.config["codebook_size"]) for c in sweep.cells})
    for place, (column, title) in enumerate(
        ((FID, "Fréchet distance, test"), ("test_accuracy_pct", "accuracy of codes, test (%)"))
    ):
        axes = figure.add_axes((0.07 + 0.495 * place, 0.23, 0.42, 0.68))
        for look, (label, weight) in zip(_LOOKS, _KINDS, strict=False):
            vanilla = weight is not None
            cells = [c for c in sweep.cells if vanilla == (float(c.config["guidance.weight"]) == 0)]
            cells = sorted(cells, key=lambda c: int(c.config["codebook_size"]))
            found = [c.of(column) for c in cells]
            sides = [[e.mean - e.low for e in found], [e.high - e.mean for e in found]]
            axes.errorbar([int(c.config["codebook_size"]) for c in cells], [e.mean for e in found],
                          np.nan_to_num(np.array(sides)), color=look.light, marker=look.marker,
                          ms=5, lw=1.4, capsize=3, label=label)  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(FixedLocator([float(s) for s in sizes]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("codes of the codebook")
        axes.set_ylabel(title)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, fontsize=7.5, frameon=False)
    return figure
