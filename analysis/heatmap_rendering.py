"""Windows of heatmaps as GIF or MP4: the original and what operating points make of it, in step.

Where keypoints were located, their skeleton is drawn over both: what a reader of the tokens gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from analysis.labels import number, point_label
from analysis.log import Log
from analysis.shown_heatmaps import ORIGINAL, RECONSTRUCTION, ShownWindows, read_windows
from search_spaces.errors import BadInput

DPI = 100
INK, SKELETON = "#dddddd", "#ff9f43"


@dataclass(frozen=True, eq=False)
class Panel:
    """One take: (pictures, frames, size, size) bytes, its skeleton, and words over it."""

    title: str
    maps: np.ndarray
    points: np.ndarray | None


def render_windows(
    log: Log, rows: Sequence[Mapping[str, Any]], clip: str, out: Path, writer: type[Any]
) -> str:
    """Writes the animation; returns which window it shows, in words.

    Args:
        log: of the sweep.
        rows: the points, the first of which says what is its best window.
        clip: best, median, worst, or the name of a window (`<recording>@<start>`).
        out: file that ends in .gif or .mp4.
        writer: matplotlib's, of such files.

    Raises:
        BadInput: a trial left no such window.
    """
    shown = [_shown(log, str(row["trial"])) for row in rows]
    window = _window(shown[0], clip, str(rows[0]["trial"]))
    first = shown[0]
    panels = [Panel("original", first.maps(window, ORIGINAL), first.points(window, ORIGINAL))]
    for row, each in zip(rows, shown, strict=True):
        if window not in each.why:
            raise BadInput(f"{row['point']} kept no window {window}; it has {', '.join(each.why)}")
        maps = each.maps(window, RECONSTRUCTION)
        if maps.shape[1:] != panels[0].maps.shape[1:]:
            raise BadInput(f"{row['point']} sees other windows than {rows[0]['point']}")
        title = f"{point_label(dict(row))}\n{number(float(row['rate_nominal_bps']))} bits/s nominal"
        panels.append(Panel(title, maps, each.points(window, RECONSTRUCTION)))
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(panels, first, f"{log.name}: {window}", out, writer)
    frames = panels[0].maps.shape[1]
    return f"{window} ({', '.join(first.why[window]) or 'by name'}), {frames} frames"


def _write(
    panels: Sequence[Panel], shown: ShownWindows, title: str, out: Path, writer: type[Any]
) -> None:
    lines = max(len(p.maps) for p in panels)
    figure = Figure(figsize=(2.6 * len(panels), 2.6 * lines + 0.7), dpi=DPI)
    figure.suptitle(title, fontsize=9)
    axes = figure.subplots(lines, len(panels), squeeze=False)
    drawn = []
    for column, panel in enumerate(panels):
        for line in range(lines):
            place = axes[line, column]
            place.set_axis_off()
            if line >= len(panel.maps):
                continue
            if line == 0:
                place.set_title(panel.title, fontsize=8)
            image = place.imshow(panel.maps[line, 0], cmap="gray", vmin=0, vmax=255)
            bones = LineCollection([], colors=SKELETON, linewidths=1.1)
            place.add_collection(bones)
            drawn.append((panel, line, image, bones))
    made = writer(fps=max(1, round(shown.fps)))
    with made.saving(figure, str(out), DPI):
        for frame in range(panels[0].maps.shape[1]):
            for panel, line, image, bones in drawn:
                image.set_data(panel.maps[line, frame])
                if panel.points is not None:
                    ends = panel.points[line, frame][shown.limbs]
                    bones.set_segments(list(ends[np.isfinite(ends).all(axis=(1, 2))]))
            made.grab_frame()


def _shown(log: Log, trial: str) -> ShownWindows:
    found = read_windows(log.folder, trial)
    if found is None or not found.why:
        raise BadInput(
            f"{trial} left no windows that can be read: it ran before trials left any, or its "
            "folder is gone; run the sweep again to see them"
        )
    return found


def _window(shown: ShownWindows, clip: str, trial: str) -> str:
    for window, why in shown.why.items():
        if clip == window or clip in why:
            return window
    raise BadInput(f"{trial} kept no window {clip}; there are best, median, worst, "
                   f"{', '.join(shown.why)}")  # fmt: skip
