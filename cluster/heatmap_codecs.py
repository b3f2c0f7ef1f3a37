"""Codecs of heatmaps that leave their sweep: exported, and run over motion files.

Motion becomes tokens, as JSON lines; tokens become heatmaps in `.npz` files, with the skeleton that
keypoint maps show. There is no `.rft` and no motion file: heatmaps do not say where one stands.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from analysis.best import FLOOR_WORDS, HEATMAP_SCORES, rerun_command
from analysis.labels import objective_label
from cluster.transcoding import Task, needed_tasks, progress, write_whole
from search_spaces.bones import AVERAGE_BONES, Bones
from search_spaces.errors import BadInput
from search_spaces.heatmap_families import PART
from search_spaces.record import CODEC_FOLDER, TRIALS_FOLDER

if TYPE_CHECKING:
    from analysis.log import Log
    from trainables.exported.heatmap_folder import CodedWindows, ExportedHeatmapCodec

LINES_SUFFIX, HEATMAPS_SUFFIX = ".jsonl", ".npz"
_RATES = ("rate_nominal_bps", "bits_window", "ratio_elements", "ratio_bits")


def export_heatmaps(log: Log, point: Mapping[str, Any], out: Path, console: Console) -> Path:
    """Writes the codec of an operating point as a folder; returns it.

    Args:
        log: of the sweep.
        point: its row in the record.
        out: a new folder.
        console: where to say what was written.

    Raises:
        BadInput: the codec was not kept.
    """
    from cluster.reference import versions
    from trainables.exported.heatmap_folder import save_exported_heatmaps

    exported = trained_heatmaps(log.folder, str(point["trial"]))
    origin = {
        "sweep": log.name, "trial": str(point["trial"]), "point": str(point["point"]),
        "seed": int(point["seed"]), "versions": versions(),
    }  # fmt: skip
    said = _card(exported, point, origin)
    exported = type(exported)(exported.codec, exported.drawing, said)
    identity = save_exported_heatmaps(exported, out, _page(exported, said))
    console.print(
        f"codec {identity.hex()}: {point['codec']} of heatmaps, trial {point['trial']}: {out}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    return out


def trained_heatmaps(folder: Path, trial: str) -> ExportedHeatmapCodec:
    """The codec that a trial left, without a card.

    Raises:
        BadInput: its weights were removed, or are of an older release.
    """
    from trainables.exported.heatmap_folder import ExportedHeatmapCodec
    from trainables.heatmaps.codec_files import load_heatmap_codec
    from trainables.heatmaps.drawing import load_drawing

    place = folder / TRIALS_FOLDER / trial / CODEC_FOLDER / PART
    if not place.is_dir():
        raise BadInput(
            f"{place}: the codec of this trial was not kept; '{rerun_command(folder, trial)}' "
            "trains it again, to the bit"
        )
    drawing = load_drawing(place)
    return ExportedHeatmapCodec(load_heatmap_codec(place, drawing), drawing, {})


def encode_heatmaps(
    folder: Path, source: Path, out: Path, console: Console, bones: Bones = AVERAGE_BONES
) -> None:
    """Motion files -> one file of tokens, a JSON line for each recording.

    Args:
        folder: an exported codec of heatmaps.
        source: a motion file or a folder of them.
        out: the file to write, `*.jsonl`.
        console: where to say what was written.
        bones: whose bones SMPL-X rotations are put on.

    Raises:
        BadInput: another suffix, a file that cannot be read, or motion that does not fit.
    """
    from trainables.exported.heatmap_folder import encode_recording, load_exported_heatmaps
    from trainables.motion.readers import find_recordings, read_clip

    if out.suffix.lower() != LINES_SUFFIX:
        raise BadInput(
            f"{out}: a codec of heatmaps gives tokens and no entropy-coded file; name the file to "
            f"write *{LINES_SUFFIX}"
        )
    exported = load_exported_heatmaps(folder)
    tasks = needed_tasks(source, out, find_recordings(source), LINES_SUFFIX, single=True)
    lines, seconds, tokens = [], 0.0, 0
    for task in progress(tasks, console):
        clip = read_clip(
            task.source, task.name, rest_skeleton=bones.rest_skeleton, body_model=bones.body_model
        )
        try:
            coded = encode_recording(exported, clip)
        except BadInput as error:
            raise BadInput(f"{task.source}: {error}") from None
        seconds, tokens = seconds + coded.frames / exported.drawing.fps, tokens + coded.tokens.size
        lines.append(json.dumps(_line(exported, coded)))
    write_whole(out, "".join(f"{line}\n" for line in lines).encode())
    bits = tokens * math.log2(exported.codec.alphabet[0])
    console.print(
        f"{len(tasks)} recording(s), {seconds:.1f} s as {tokens} tokens of "
        f"{exported.codec.alphabet[0]} codes ({bits / seconds:.0f} bits/s, nominal): {out}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def decode_heatmaps(
    folder: Path, source: Path, out: Path, max_seconds: float, console: Console
) -> None:
    """Tokens as JSON lines -> `.npz` files of heatmaps, with skeletons of keypoint maps.

    Args:
        folder: the codec that they were encoded with.
        source: the file of tokens.
        out: the file to write, or a folder where there are several recordings.
        max_seconds: the longest recording that is decoded.
        console: where to say what was written.

    Raises:
        BadInput: lines that are not of this codec, or another suffix.
    """
    from trainables.exported.heatmap_folder import decode_recording, load_exported_heatmaps

    if source.suffix.lower() != LINES_SUFFIX or not source.is_file():
        raise BadInput(f"{source}: is no file of tokens (*{LINES_SUFFIX}); encode motion first")
    exported = load_exported_heatmaps(folder)
    coded = [
        _read_line(exported, line, f"{source}:{number}", max_seconds)
        for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1)
        if line.strip()
    ]
    for task, one in progress([*zip(_targets(source, out, coded), coded, strict=True)], console):
        file = io.BytesIO()
        np.savez_compressed(file, **decode_recording(exported, one))  # type: ignore[arg-type]
        write_whole(task.target, file.getvalue())
    console.print(f"{len(coded)} recording(s): {out}", highlight=False, soft_wrap=True)


def _targets(source: Path, out: Path, coded: list[CodedWindows]) -> list[Task]:
    if len(coded) == 1 and out.suffix:
        if out.suffix.lower() != HEATMAPS_SUFFIX:
            raise BadInput(
                f"{out}: heatmaps are written as *{HEATMAPS_SUFFIX}, since they do not say where "
                "somebody stands; name such a file"
            )
        return [Task(source, out, coded[0].recording)]
    if not coded or (out.exists() and not out.is_dir()):
        said = f"is a file, and {source} holds {len(coded)} recordings; give -o a folder"
        raise BadInput(f"{out}: {said}" if coded else f"{source}: holds no recording")
    targets = [out / f"{one.recording}{HEATMAPS_SUFFIX}" for one in coded]
    for target, one in zip(targets, coded, strict=True):
        if not target.resolve().is_relative_to(out.resolve()):
            raise BadInput(f"{source}: {one.recording!r} would be written outside {out}")
    return [Task(source, t, one.recording) for t, one in zip(targets, coded, strict=True)]


def _line(exported: ExportedHeatmapCodec, coded: CodedWindows) -> dict[str, Any]:
    return {
        "recording": coded.recording,
        "codec": exported.identity.hex(),
        "fps": exported.drawing.fps,
        "frames": coded.frames,
        "codes": exported.codec.alphabet[0],
        "grid": list(exported.grid),
        "windows": [
            {"start": start, "tokens": grid.ravel().tolist()}
            for start, grid in zip(coded.starts, coded.tokens, strict=True)
        ],
    }


def _read_line(
    exported: ExportedHeatmapCodec, line: str, place: str, max_seconds: float
) -> CodedWindows:
    from trainables.exported.heatmap_folder import CodedWindows

    try:
        said = json.loads(line)
        identity, frames = str(said["codec"]), int(said["frames"])
        if identity != exported.identity.hex():
            raise BadInput(
                f"{place}: was encoded with the codec {identity[:32]}, this one is "
                f"{exported.identity.hex()}; give the codec that it was encoded with"
            )
        starts = tuple(int(w["start"]) for w in said["windows"])
        tokens = np.array([w["tokens"] for w in said["windows"]], np.int64)
        tokens = tokens.reshape(len(starts), *exported.grid)
        name = str(said["recording"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(
            f"{place}: is no recording of this codec ({error}); encode it again"
        ) from None
    if frames > max_seconds * exported.drawing.fps or len(starts) > frames:
        raise BadInput(f"{place}: is longer than {max_seconds:g} s; raise --max-seconds")
    codes, window = exported.codec.alphabet[0], exported.drawing.spec.window
    if not starts or min(starts) < 0 or max(starts) + window > frames:
        raise BadInput(f"{place}: has windows outside its {frames} frames; encode it again")
    if tokens.min() < 0 or tokens.max() >= codes:
        raise BadInput(f"{place}: has tokens outside 0 to {codes - 1}; encode it again")
    return CodedWindows(name, frames, starts, tokens)


def _card(
    exported: ExportedHeatmapCodec, point: Mapping[str, Any], origin: Mapping[str, Any]
) -> dict[str, Any]:
    numbers = {
        name: float(value)
        for name, value in point.items()
        if name.startswith(("val_", "test_")) or name in _RATES
        if isinstance(value, int | float) and math.isfinite(value)
    }
    return {
        "origin": dict(origin),
        "configuration": exported.codec.config,
        "grid": list(exported.grid),
        "codes": exported.codec.alphabet[0],
        "measured": numbers,
        "parameters": exported.codec.parameters(),
    }


def _page(exported: ExportedHeatmapCodec, said: Mapping[str, Any]) -> str:
    """`card.md`."""
    spec, measured = exported.drawing.spec, said["measured"]
    time, height, width = exported.grid
    origin = said["origin"]
    lines = [
        f"# Codec {{codec}}: {said['configuration']['codec']} of heatmaps",
        "",
        f"Windows of {spec.window} frames at {exported.drawing.fps:g} fps, drawn as {spec.heatmap} "
        f"({spec.pair}, {spec.size} pixels), become {time} x {height} x {width} tokens of "
        f"{said['codes']} codes: {measured.get('rate_nominal_bps', math.nan):.0f} bits/s, nominal.",
        "Every window is framed by itself, so where somebody stands and how tall is not coded.",
        "",
        "## What it was measured to do",
        "",
        "| | validation | test | " + " | ".join(f"{w} (test)" for w, _ in FLOOR_WORDS) + " |",
        "| --- | ---: | ---: |" + " ---: |" * len(FLOOR_WORDS),
    ]
    for column in HEATMAP_SCORES:
        name = column.removeprefix("val_")
        cells = [column, f"test_{name}", *(f"test_floor_{f}_{name}" for _, f in FLOOR_WORDS)]
        shown = [f"{measured[c]:.4g}" if c in measured else "" for c in cells]
        lines.append(f"| {objective_label(name)} | {' | '.join(shown)} |")
    lines += [
        "",
        "## Where it comes from",
        "",
        *(f"- {key}: {value}" for key, value in origin.items() if not isinstance(value, Mapping)),
        "- configuration: " + ", ".join(f"{k}={v}" for k, v in said["configuration"].items()),
        "",
        "## How to use it",
        "",
        "```",
        "ratefront encode THIS_FOLDER motion.bvh -o tokens.jsonl",
        "ratefront decode THIS_FOLDER tokens.jsonl -o heatmaps.npz",
        "ratefront evaluate THIS_FOLDER --data other/motion",
        "```",
        "",
        "Every file is JSON, text or safetensors; reading them runs no code.",
        "",
    ]
    return "\n".join(lines)
