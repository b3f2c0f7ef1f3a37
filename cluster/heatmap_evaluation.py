"""`ratefront evaluate` of codecs of heatmaps: other motion, drawn as they saw theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from analysis.labels import objective_label
from search_spaces.bones import AVERAGE_BONES, Bones
from search_spaces.errors import BadInput
from search_spaces.heatmap_metrics import FLICKER, IOU, KEYPOINT, SSIM_FG
from search_spaces.record import CODEC_FOLDER, LOG_FILE, TRIALS_FOLDER
from search_spaces.spec import PROCEDURAL, DataSpec

if TYPE_CHECKING:
    from trainables.exported.heatmap_folder import ExportedHeatmapCodec
    from trainables.heatmaps.dataset import HeatmapData

SHOWN = tuple(m.objective() for m in (IOU, SSIM_FG, KEYPOINT, FLICKER))
FLOOR = "floor_repeat_frame_"


@dataclass(frozen=True)
class OtherHeatmaps:
    """Motion that was scored on, as an evaluation is written down."""

    name: str
    data_hash: str
    recordings: tuple[str, ...]
    frames: int
    fps: float


Known = tuple[dict[str, Any], "ExportedHeatmapCodec"]


def score_heatmap_codecs(
    folder: Path, data: Path, metrics: Sequence[str], points: str, console: Console,
    bones: Bones = AVERAGE_BONES,
) -> tuple[OtherHeatmaps, list[dict[str, Any]], list[dict[str, Any]]]:  # fmt: skip
    """Scores codecs of a sweep, or an exported one, on every window of other motion.

    Returns:
        What was scored on, rows of points, and rows per window.

    Raises:
        BadInput: motion that does not fit, no finished point, or a metric that is not theirs.
    """
    from trainables.heatmaps.drawing import ALL
    from trainables.heatmaps.trial import score_windows
    from trainables.motion.clip import Clip
    from trainables.motion.recordings import data_hash, load_clips

    clips, notes = list[Clip](), list[str]()
    seen: OtherHeatmaps | None = None
    rows: list[dict[str, Any]] = []
    each: list[dict[str, Any]] = []
    for known, exported in _codecs(folder, points, console):
        if seen is None:
            spec = DataSpec(
                path=str(data), fps=exported.drawing.fps, rest_skeleton=bones.rest_skeleton,
                body_model=bones.body_model,
            )  # fmt: skip
            clips, notes = load_clips(spec)
        drawn = exported.drawing.data([exported.drawing.bring(clip) for clip in clips])
        if seen is None:
            frames = sum(c.frames for c in drawn.clips.values())
            name = str(data) if str(data) in PROCEDURAL else data.name
            seen = OtherHeatmaps(
                name, data_hash(clips), tuple(c.recording for c in clips), frames, drawn.fps
            )
        found = score_windows(exported.codec, drawn, drawn.windows[ALL], with_floors=True)
        row = {f"test_{name}": value for name, value in found.row.items()}
        missing = [m for m in metrics if m not in found.row]
        if missing:
            raise BadInput(f"--metric {missing[0]}: is not defined on heatmaps")
        kept = {k: v for k, v in row.items() if not metrics or k.endswith(tuple(metrics))}
        rows.append({**known, "rate_nominal_bps": _rate(exported, drawn), **kept})
        ids = {"trial": known["trial"], "point": known["point"], "split": "test"}
        each += [{**c, **ids} for c in found.clips if not metrics or c["metric"] in metrics]
    if seen is None:
        raise BadInput(f"{folder}: has no finished operating point to evaluate")
    for said in notes:
        console.print(f"  note: {said}", highlight=False, style="dim", soft_wrap=True)
    return seen, rows, each


def print_heatmap_scores(
    rows: Sequence[Mapping[str, Any]], motion: OtherHeatmaps, place: Path, console: Console
) -> None:
    """What came out, each score beside the first frame held."""
    names = [
        n for n in SHOWN if f"test_{n}" in rows[0] and rows[0][f"test_{n}"] == rows[0][f"test_{n}"]
    ]
    table = Table("point", "bits/s", title=f"{motion.name}: {len(motion.recordings)} recording(s)")
    for name in names:
        table.add_column(objective_label(name), justify="right")
        table.add_column("first frame", justify="right")
    for row in sorted(rows, key=lambda r: float(r["rate_nominal_bps"])):
        cells = [
            f"{float(row.get(column, 'nan')):.4g}"
            for name in names
            for column in (f"test_{name}", f"test_{FLOOR}{name}")
        ]
        table.add_row(str(row["point"]), f"{row['rate_nominal_bps']:.0f}", *cells)
    console.print(table)
    console.print(f"evaluation: {place}", highlight=False, soft_wrap=True)


def _codecs(folder: Path, points: str, console: Console) -> Iterator[Known]:
    from cluster.heatmap_codecs import trained_heatmaps

    if not (folder / LOG_FILE).is_file():
        yield _exported(folder)
        return
    from analysis.fronts import front
    from analysis.log import read_log
    from analysis.points import configuration_columns, points_frame

    log = read_log(folder)
    frame = points_frame(log)
    if points == "front" and not frame.empty:
        frame = front(frame, [o.name for o in log.objectives]).rows
    gone = 0
    for row in frame.to_dict("records"):
        if not (log.folder / TRIALS_FOLDER / str(row["trial"]) / CODEC_FOLDER).is_dir():
            gone += 1
            continue
        names = (
            "sweep",
            "trial",
            "point",
            "seed",
            "depth",
            "levels",
            *configuration_columns(frame),
        )
        known = {n: row[n] for n in names if row.get(n) == row.get(n)}
        yield known, trained_heatmaps(log.folder, str(row["trial"]))
    if gone:
        console.print(
            f"  note: weights of {gone} trial(s) were removed (retain); they are left out, "
            f"'ratefront rerun {folder} --trial ID' trains one again",
            highlight=False, style="dim", soft_wrap=True,
        )  # fmt: skip


def _exported(folder: Path) -> Known:
    from trainables.exported.heatmap_folder import load_exported_heatmaps

    codec = load_exported_heatmaps(folder)
    origin = codec.card.get("origin")
    said = origin if isinstance(origin, dict) else {}
    known = {
        "sweep": str(said.get("sweep", "")),
        "trial": str(said.get("trial", "")),
        "point": str(said.get("point", codec.identity.hex())),
        "seed": said["seed"] if isinstance(said.get("seed"), int) else 0,
        "depth": 1,
        "levels": 1,
        **codec.codec.config,
    }
    return known, codec


def _rate(exported: ExportedHeatmapCodec, data: HeatmapData) -> float:
    from search_spaces.heatmap_rate import heatmap_rate

    codec, spec = exported.codec, data.spec
    return heatmap_rate(
        codec.whole("compression"), codec.alphabet[0], window=spec.window, size=spec.size,
        fps=data.fps,
    ).bps  # fmt: skip
