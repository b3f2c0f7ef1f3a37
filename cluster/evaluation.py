"""`ratefront evaluate`: finished codecs on other motion, or under another metric.

Points are added with an identity of their own, the motion's hash and its split; nothing that a
sweep recorded is touched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from search_spaces.bones import AVERAGE_BONES, Bones
from search_spaces.errors import BadInput
from search_spaces.objectives import find_metric, in_unit
from search_spaces.record import (
    CODEC_FOLDER,
    EVALUATIONS_FOLDER,
    LOG_FILE,
    PREPARATION_FOLDER,
    TRIALS_FOLDER,
)
from search_spaces.units import UNIT_WORDS

if TYPE_CHECKING:
    import pandas as pd

    from cluster.heatmap_evaluation import OtherHeatmaps
    from trainables.bitstream.token_model import TokenModel
    from trainables.codecs.codec import Codec
    from trainables.exported.evaluation import OtherMotion
    from trainables.exported.prepared import Prepared
    from trainables.motion.preparation import Preparation

POINTS_NAME = "points.parquet"
CLIPS_NAME = "clips.parquet"
ABOUT_NAME = "evaluation.json"
WHOLE = "all"
"""Split of an evaluation: every recording, none of it seen in training."""


@dataclass(frozen=True)
class Target:
    """Codecs of one trial, and which of their points are scored."""

    keys: dict[int, dict[str, Any]]
    """Depth -> what identifies the point in its sweep."""
    codecs: dict[str, Codec]
    models: dict[str, TokenModel]


def evaluate(
    folder: Path,
    data: Path,
    metrics: tuple[str, ...],
    points: str,
    console: Console,
    bones: Bones = AVERAGE_BONES,
) -> Path:
    """Scores codecs on a folder of motion; returns the folder of the evaluation.

    Args:
        folder: a sweep directory, or an exported codec.
        data: motion that they did not see.
        metrics: objectives to keep, all where empty.
        points: of a sweep: `front` or `all`.
        console: where to say what came out.
        bones: whose bones SMPL-X rotations are put on.

    Raises:
        BadInput: neither sweep nor codec, motion that does not fit, or no such metric.
    """
    for name in metrics:
        find_metric(name)
    if points not in ("front", "all"):
        raise BadInput(f"--points {points}: must be front or all")
    if _of_heatmaps(folder):
        from cluster.heatmap_evaluation import print_heatmap_scores, score_heatmap_codecs

        seen, rows, clips = score_heatmap_codecs(folder, data, metrics, points, console, bones)
        place = _written(folder, seen, rows, clips, metrics)
        print_heatmap_scores(rows, seen, place, console)
        return place
    from trainables.exported.evaluation import other_motion, score

    sweep = (folder / LOG_FILE).is_file()
    preparation, targets = _of_sweep(folder, points, console) if sweep else _of_codec(folder)
    motion = other_motion(preparation, data, bones)
    for name in metrics:
        if (right := in_unit(name, motion.yardstick)) != name:
            raise BadInput(
                f"--metric {name}: this motion is scored in {UNIT_WORDS[motion.yardstick.unit]}"
                f"{' on bones of average proportions' * motion.approx_skeleton}; name it {right}"
            )
    for said in motion.notes:
        console.print(f"  note: {said}", highlight=False, style="dim", soft_wrap=True)
    rows, clips = [], []
    for target in targets:
        for row, scored in score(motion, target.codecs, target.models, sorted(target.keys)):
            known = target.keys[row["depth"]]
            rows.append({**known, **_kept(row, metrics)})
            ids = {"trial": known["trial"], "point": known["point"]}
            clips.extend({**c, **ids} for c in scored if not metrics or c["metric"] in metrics)
    if not rows:
        raise BadInput(f"{folder}: has no finished operating point to evaluate")
    place = _written(folder, motion, rows, clips, metrics)
    _print(rows, motion, place, console)
    return place


def _of_heatmaps(folder: Path) -> bool:
    """Whether a sweep's codecs, or an exported one, are of heatmaps."""
    from analysis.log import read_log
    from analysis.media import of_heatmaps
    from trainables.exported.heatmap_folder import is_heatmap_codec

    if (folder / LOG_FILE).is_file():
        return of_heatmaps(read_log(folder))
    return is_heatmap_codec(folder)


def _of_sweep(folder: Path, points: str, console: Console) -> tuple[Preparation, Iterator[Target]]:
    from analysis.fronts import front
    from analysis.log import read_log
    from analysis.points import points_frame
    from trainables.exported.prepared import load_prepared
    from trainables.plugins import load_plugins

    log = read_log(folder)
    load_plugins(log.sweep["spec"].get("plugins", ()))
    frame = points_frame(log)
    chosen = frame
    if points == "front" and not frame.empty:
        chosen = front(frame, [o.name for o in log.objectives]).rows
    prepared = load_prepared(log.folder / PREPARATION_FOLDER)
    pruned = {str(e["trial"]) for e in log.of("pruned")}
    gone = {t for t in pruned if not (log.folder / TRIALS_FOLDER / t / CODEC_FOLDER).is_dir()}
    if gone := gone & set(chosen.get("trial", ())):
        console.print(
            f"  note: weights of {len(gone)} trial(s) were removed (retain); they are left out, "
            f"'ratefront rerun {folder} --trial ID' trains one again",
            highlight=False, style="dim", soft_wrap=True,
        )  # fmt: skip
        chosen = chosen[~chosen["trial"].isin(gone)]
    return prepared.preparation, _targets(log.folder, chosen, prepared)


def _targets(folder: Path, chosen: pd.DataFrame, prepared: Prepared) -> Iterator[Target]:
    from analysis.points import configuration_columns
    from cluster.export import trained
    from trainables.bitstream.recording import ROOT

    preparation = prepared.preparation
    for trial, rows in chosen.groupby("trial", sort=False):
        codecs, models = trained(folder, str(trial), preparation.part_names)
        if preparation.root_coded:
            models[ROOT] = prepared.root_model
        keys = {}
        for row in rows.to_dict("records"):
            names = ("sweep", "trial", "point", "seed", "levels", *configuration_columns(chosen))
            keys[int(row["depth"])] = {n: row[n] for n in names if row.get(n) == row.get(n)}
        yield Target(keys, codecs, models)


def _of_codec(folder: Path) -> tuple[Preparation, Iterator[Target]]:
    from trainables.exported.codec_folder import load_exported

    codec = load_exported(folder)
    origin = codec.card.get("origin")
    said = origin if isinstance(origin, dict) else {}
    seed = said.get("seed")
    known = {
        "sweep": str(said.get("sweep", "")),
        "trial": str(said.get("trial", "")),
        "point": str(said.get("point", codec.identity.hex())),
        "seed": seed if isinstance(seed, int) else 0,
        "levels": max(codec.depths.values()),
        **codec.configuration,
    }
    target = Target({max(codec.depths.values()): known}, codec.coding, dict(codec.models))
    return codec.preparation, iter([target])


def _kept(row: dict[str, Any], metrics: tuple[str, ...]) -> dict[str, Any]:
    if not metrics:
        return row
    kept = {}
    for name, value in row.items():
        bare = name.removeprefix("test_")
        if bare in metrics or bare.startswith("rate_") or not name.startswith("test_"):
            kept[name] = value
    missing = [m for m in metrics if m not in kept and f"test_{m}" not in kept]
    if missing:
        raise BadInput(f"--metric {missing[0]}: is not defined on this motion")
    return kept


def _written(
    folder: Path,
    motion: OtherMotion | OtherHeatmaps,
    rows: list[dict[str, Any]],
    clips: list[dict[str, Any]],
    metrics: tuple[str, ...],
) -> Path:
    """A folder of its own: two evaluations are never one, and none overwrites another."""
    from cluster.reference import metric_versions, versions

    about = {
        "data": motion.name,
        "data_hash": motion.data_hash,
        "split": WHOLE,
        "recordings": list(motion.recordings),
        "frames": motion.frames,
        "seconds": motion.frames / motion.fps,
        "metrics": list(metrics),
        "points": len(rows),
        "metric_versions": metric_versions(),
        "versions": versions(),
    }
    points = sorted(str(row["point"]) for row in rows)
    text = json.dumps([about["data_hash"], about["metrics"], about["metric_versions"], points])
    stem = hashlib.sha256(text.encode()).hexdigest()[:10]
    place, again = folder / EVALUATIONS_FOLDER / stem, 1
    while place.exists():
        again += 1
        place = folder / EVALUATIONS_FOLDER / f"{stem}-{again}"
    made = datetime.now(UTC).isoformat(timespec="seconds")
    added = {"evaluation": place.name, "data_hash": motion.data_hash, "split": WHOLE}
    try:
        _write(place, rows, clips, {"id": place.name, **about, "made": made}, added)
    except OSError:
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
        raise
    return place


def _write(
    place: Path,
    rows: list[dict[str, Any]],
    clips: list[dict[str, Any]],
    about: dict[str, Any],
    added: dict[str, str],
) -> None:
    import pandas as pd

    from trainables.trial_folder import whole

    with whole(place) as part:
        pd.DataFrame([{**row, **added} for row in rows]).to_parquet(part / POINTS_NAME, index=False)
        pd.DataFrame([{**clip, **added} for clip in clips]).to_parquet(
            part / CLIPS_NAME, index=False
        )
        (part / ABOUT_NAME).write_text(json.dumps(about, indent=1) + "\n")


def _print(rows: list[dict[str, Any]], motion: OtherMotion, place: Path, console: Console) -> None:
    columns = [
        c
        for c in rows[0]
        if c == "rate_nominal_bps"
        or c.startswith(("test_rmse_", "test_rate_stream", "test_rate_m"))
    ]
    table = Table("point", *columns, title=f"{motion.name}: {len(motion.recordings)} recording(s)")
    for row in sorted(rows, key=lambda r: float(r["rate_nominal_bps"])):
        table.add_row(str(row["point"]), *(f"{float(row.get(c, 'nan')):.4g}" for c in columns))
    console.print(table)
    console.print(f"evaluation: {place}", highlight=False, soft_wrap=True)
