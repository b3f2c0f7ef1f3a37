"""A clip as GIF or MP4: the original and the reconstructions of operating points, in step.

Bodies stand side by side, or each reconstruction over the original in grey, hands enlarged below;
colour is each joint's distance from where it was. What is drawn are the clips that trials left
(`analysis.shown_clips`).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.animation import FFMpegWriter, PillowWriter
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from analysis.deciding import Question, decide
from analysis.figures import FAINT, INK
from analysis.heatmap_rendering import render_windows
from analysis.labels import number, part_label, point_label
from analysis.limited import keeping
from analysis.log import Log, read_log
from analysis.media import asked_rate, of_heatmaps
from analysis.motion_shown import kept_here
from analysis.points import points_frame
from analysis.shown_clips import ShownClips, read_shown
from search_spaces.errors import BadInput
from search_spaces.record import point_id

ENDINGS = (".gif", ".mp4")
MOST_POINTS = 5
YAW, PITCH = 0.35, 0.08
DPI = 100
UNDER = "#c9ced4"
"""Of the original under a reconstruction."""
TAIL = 0.95
"""Colours end where all but a twentieth of the errors lie."""


@dataclass(frozen=True)
class Choice:
    """Which operating points are drawn.

    Attributes:
        points: by name (`<trial>-d<depth>`), as tables and the report give them.
        trials: by name, each at its full depth, or at `depth`.
        rates: bits/s; of each the best point at or under it.
        depth: levels decoded of `trials`.
        rate: which rate is meant; a key of `analysis.fronts.RATES`, or "" for that of files (of
            heatmaps, the nominal one).
    """

    points: Sequence[str] = ()
    trials: Sequence[str] = ()
    rates: Sequence[float] = ()
    depth: int | None = None
    rate: str = ""


def render_clip(
    folder: Path | str, choice: Choice, clip: str, out: Path, *, overlay: bool = False
) -> str:
    """Writes the animation; returns which recording it shows, in words.

    Args:
        folder: the sweep directory.
        choice: the points, 1 to `MOST_POINTS` of them; the first one says what is its best clip.
        clip: best, median, worst, or a recording's name.
        out: file that ends in .gif or .mp4.
        overlay: the original in grey under each reconstruction, in place of beside them.

    Raises:
        BadInput: no such point, clip or ending; no clips were left, or they may not leave this
            machine; no ffmpeg.
        NoAnswer: no point at or under a rate.
    """
    writer_of(out)
    log = read_log(folder)
    if why := kept_here(log):
        # Such a file is made to be shown elsewhere; the page stays where the sweep is.
        raise BadInput(f"{folder}: no clip is drawn. {why}")
    rows = chosen_rows(log, choice)
    if of_heatmaps(log):
        if overlay:
            raise BadInput("--overlay: heatmaps stand side by side; leave it out")
        return render_windows(log, rows, clip, out, writer_of(out))
    shown = [_shown(log, str(row["trial"])) for row in rows]
    recording = recording_of(shown[0], clip, str(rows[0]["trial"]))
    takes = [_take(each, row, recording) for each, row in zip(shown, rows, strict=True)]
    original = shown[0].clip(recording)
    if original is None or any(t.shape != original.shape for t in takes):
        raise BadInput(f"the trials kept different frames of {recording}; take another --clip")
    metres = log.facts is None or log.facts.unit == "m"
    unit, factor = ("cm", 100.0) if metres else (str(log.facts and log.facts.unit), 1.0)
    scene = Scene(shown[0], original, takes, [point_label(r) for r in rows],
                  [_rate_words(r) for r in rows], unit, factor)  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(scene, out, f"{log.name}: {recording}", overlay)
    return (
        f"{recording} ({', '.join(shown[0].why[recording]) or 'by name'}), {len(original)} frames"
    )


def writer_of(out: Path) -> type[PillowWriter] | type[FFMpegWriter]:
    """What writes such a file.

    Raises:
        BadInput: another ending, or ffmpeg is not installed.
    """
    if out.suffix.lower() not in ENDINGS:
        raise BadInput(f"{out}: a clip is written as {' or '.join(ENDINGS)}; name such a file")
    if out.suffix.lower() == ".gif":
        return PillowWriter
    if shutil.which("ffmpeg") is None:
        raise BadInput(f"{out}: MP4 needs ffmpeg, which is not installed; name a .gif instead")
    return FFMpegWriter


def chosen_rows(log: Log, choice: Choice) -> list[dict[str, Any]]:
    """Rows of the points that were asked for, in the order points, trials, rates.

    What is asked for by name is drawn whatever it is; a rate is answered as `best` does, by points
    that keep the limits of the sweep.

    Raises:
        BadInput: none or too many were asked for, or one is not there.
        NoAnswer: no point at or under a rate.
    """
    points = points_frame(log)
    asked = len(choice.points) + len(choice.trials) + len(choice.rates)
    if not 1 <= asked <= MOST_POINTS:
        raise BadInput(
            f"{asked} points were named; name 1 to {MOST_POINTS} with --at 300, --trial or --point"
        )
    named = [*choice.points]
    for trial in choice.trials:
        own = points[points["trial"] == trial]
        if own.empty:
            raise BadInput(f"no trial {trial} has a point; see the report's table of points")
        depth = choice.depth or int(own["depth"].max())
        named.append(point_id(trial, depth))
    by_name = points.drop_duplicates("point", keep="last").set_index("point", drop=False)
    rows: list[dict[str, Any]] = []
    for name in named:
        if name not in by_name.index:
            raise BadInput(f"no point {name}; see the report's table of points, or points.csv")
        rows.append({str(k): v for k, v in by_name.loc[name].items()})
    for most in choice.rates:
        found = decide(
            keeping(points, log), Question(at=most, rate=asked_rate(log, choice.rate))
        ).row
        rows.append({str(k): v for k, v in found.items()})
    return rows


def recording_of(shown: ShownClips, clip: str, trial: str) -> str:
    """The recording that best, median, worst or a name stands for.

    Raises:
        BadInput: the trial kept no such clip.
    """
    for recording, why in shown.why.items():
        if clip == recording or clip in why:
            return recording
    raise BadInput(f"{trial} kept no clip {clip}; there are best, median, worst, "
                   f"{', '.join(shown.recordings)}")  # fmt: skip


def _shown(log: Log, trial: str) -> ShownClips:
    found = read_shown(log.folder, trial)
    if found is None:
        raise BadInput(
            f"{trial} left no clips that can be read: it ran before trials left any, or its folder "
            "is gone; run the sweep again to see its motion"
        )
    return found


def _take(shown: ShownClips, row: dict[str, Any], recording: str) -> np.ndarray:
    found = shown.clip(recording, int(row["depth"]))
    if found is None:
        there = ", ".join(shown.recordings)
        raise BadInput(f"{row['point']} kept no clip of {recording}; it has {there}")
    return found


def _rate_words(row: dict[str, Any]) -> str:
    stream, nominal = row.get("val_rate_stream_bps"), row.get("rate_nominal_bps")
    if stream is not None and stream == stream:
        return f"{number(float(stream))} bits/s in files"
    return f"{number(float(nominal))} bits/s nominal" if nominal is not None else ""


@dataclass(frozen=True, eq=False)
class Scene:
    """What is drawn: (frames, joints, 3) of the original and of each take, with their words."""

    shown: ShownClips
    original: np.ndarray
    takes: Sequence[np.ndarray]
    labels: Sequence[str]
    rates: Sequence[str]
    unit: str
    factor: float

    @property
    def errors(self) -> list[np.ndarray]:
        """(frames, joints) of each take, in `unit`."""
        return [self.factor * np.linalg.norm(t - self.original, axis=2) for t in self.takes]

    @property
    def ceiling(self) -> float:
        """The error at which colours end."""
        known = np.concatenate([e[np.isfinite(e)] for e in self.errors])
        return float(np.quantile(known, TAIL)) if len(known) and known.max() > 0 else 1.0


def _flat(motion: np.ndarray) -> np.ndarray:
    """(frames, joints, 2): seen from a little to the side and above, without perspective."""
    x, y, z = np.moveaxis(motion, -1, 0)
    deep = -x * np.sin(YAW) + z * np.cos(YAW)
    across = x * np.cos(YAW) + z * np.sin(YAW)
    return np.stack([across, y * np.cos(PITCH) - deep * np.sin(PITCH)], axis=-1)


def _bones(shown: ShownClips, joints: np.ndarray) -> np.ndarray:
    """(bones, 2): child and parent, both among the joints."""
    members = {int(j) for j in joints}
    pairs = [
        (j, int(shown.parents[j])) for j in sorted(members) if int(shown.parents[j]) in members
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _write(scene: Scene, out: Path, title: str, overlay: bool) -> None:
    shown = scene.shown
    full = shown.parts.get("full", np.arange(len(shown.joints)))
    hands = [(n, j) for n, j in shown.parts.items() if n.endswith("hand")]
    original = _flat(scene.original)
    seen: list[tuple[str, str, np.ndarray, np.ndarray | None]] = []
    seen += [] if overlay else [("original", "", original, None)]
    drawn_takes = [_flat(t) for t in scene.takes]
    seen += list(zip(scene.labels, scene.rates, drawn_takes, scene.errors, strict=True))
    panels = len(seen)
    figure = Figure(figsize=(2.9 * max(panels, 1.2), 4.3 + 1.5 * bool(hands)), dpi=DPI)
    figure.suptitle(title, fontsize=9, color=FAINT, y=0.99)
    drawn = []
    for k, (label, rate, flat, errors) in enumerate(seen):
        low = 0.36 if hands else 0.08
        axes = figure.add_axes((k / panels + 0.01, low, 1 / panels - 0.02, 0.84 - low))
        axes.set_title(label, fontsize=10, color=INK, pad=14)
        axes.text(0.5, 1.01, rate, transform=axes.transAxes, ha="center", fontsize=8,
                  color=FAINT)  # fmt: skip
        drawn.append(_Body(axes, flat, _bones(shown, full), errors, scene, original, full, None,
                           overlay))  # fmt: skip
        for h, (name, joints) in enumerate(hands):
            wide = 1 / panels / len(hands)
            inset = figure.add_axes((k / panels + h * wide + 0.006, 0.075, wide - 0.012, 0.25))
            inset.set_title(part_label(name), fontsize=7, color=FAINT, pad=2)
            drawn.append(_Body(inset, flat, _bones(shown, joints), errors, scene, original, joints,
                               joints, overlay))  # fmt: skip
    bar = figure.add_axes((0.3, 0.035, 0.4, 0.012))
    bar.imshow(np.linspace(0, 1, 128)[None], aspect="auto", cmap="viridis")
    bar.set_axis_off()
    figure.text(0.29, 0.041, f"0 {scene.unit}", fontsize=7.5, ha="right", va="center", color=INK)
    figure.text(0.71, 0.041, f"{number(scene.ceiling)} {scene.unit} and more", fontsize=7.5,
                va="center", color=INK)  # fmt: skip
    writer = writer_of(out)(fps=max(1, round(shown.fps)))
    with writer.saving(figure, str(out), DPI):
        for frame in range(len(scene.original)):
            for body in drawn:
                body.show(frame)
            writer.grab_frame()


class _Body:
    """Bones of one body, or of one hand that stays in the middle."""

    def __init__(
        self, axes: Any, flat: np.ndarray, bones: np.ndarray, errors: np.ndarray | None,
        scene: Scene, original: np.ndarray, joints: np.ndarray, follow: np.ndarray | None,
        under: bool,
    ) -> None:  # fmt: skip
        self._bones, self._errors, self._ceiling = bones, errors, scene.ceiling
        self._flat = flat if follow is None else flat - _middle(flat, follow)
        frame = original if follow is None else original - _middle(original, follow)
        reach = frame[:, joints].reshape(-1, 2)
        low, high = np.nanmin(reach, axis=0), np.nanmax(reach, axis=0)
        middle, span = (low + high) / 2, 0.56 * float((high - low).max() or 1.0)
        axes.set(xlim=middle[0] + np.array([-span, span]), ylim=middle[1] + np.array([-span, span]),
                 xticks=[], yticks=[], aspect="equal")  # fmt: skip
        for spine in axes.spines.values():
            spine.set_visible(follow is not None)
            spine.set_color("#dddddd")
        self._original = frame
        self._under = LineCollection([], linewidths=4.2, capstyle="round", colors=UNDER)
        if under:
            axes.add_collection(self._under)
        self._lines = LineCollection([], linewidths=2.6, capstyle="round", colors=INK)
        axes.add_collection(self._lines)

    def show(self, frame: int) -> None:
        """Moves it to a frame."""
        before = self._original[frame]
        self._under.set_segments(list(before[_seen(before, self._bones)]))
        bones = _seen(self._flat[frame], self._bones)
        self._lines.set_segments(list(self._flat[frame][bones]))
        if self._errors is not None:
            share = np.clip(self._errors[frame][bones[:, 0]] / self._ceiling, 0, 1)
            self._lines.set_color(colormaps["viridis"](share))


def _seen(places: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """The bones both of whose joints were seen."""
    return bones[np.isfinite(places[bones]).all(axis=(1, 2))]


def _middle(flat: np.ndarray, joints: np.ndarray) -> np.ndarray:
    known = np.where(np.isfinite(flat[:, joints]).all(axis=2, keepdims=True), flat[:, joints], 0.0)
    count = np.isfinite(flat[:, joints]).all(axis=2).sum(axis=1)
    return np.asarray(known.sum(axis=1, keepdims=True) / np.maximum(count, 1)[:, None, None])
