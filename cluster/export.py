"""`ratefront export`: an operating point of a sweep leaves it as a codec that stands alone.

Its parts are of one trial, or of several where `ratefront allocate` composed them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from analysis.best import rerun_command
from analysis.media import asked_rate, of_heatmaps
from cluster.composed import (
    ComposedPoint,
    composed_point,
    measured_rates,
    motion_of,
    nominal_rates,
    origin_of,
)
from search_spaces.errors import BadInput
from search_spaces.record import (
    CODEC_FOLDER,
    GENERATOR_FOLDER,
    PREPARATION_FOLDER,
    TOKEN_MODELS_FILE,
    TRIALS_FOLDER,
    point_id,
)

if TYPE_CHECKING:
    from analysis.log import Log
    from trainables.bitstream.token_model import TokenModel
    from trainables.codecs.codec import Codec
    from trainables.exported.codec_folder import ExportedCodec
    from trainables.exported.prepared import Prepared


@dataclass(frozen=True)
class Choice:
    """Which operating point is exported.

    Attributes:
        at: bits per second that it may cost at most; None where a trial or a row is named.
        rate: which rate `at` speaks of; where "", that of files, and of composed points the rate
            that was shared.
        trial: a trial's identity, "" where `at` chooses.
        depth: levels to code of a named trial; all of them where left out.
        composed: whether it is one that `ratefront allocate` composed.
        row: its number in `allocation.csv`; None where `at` chooses.
    """

    at: float | None = None
    rate: str = ""
    trial: str = ""
    depth: int | None = None
    composed: bool = False
    row: int | None = None


def export(folder: Path, out: Path, choice: Choice, root: str, console: Console) -> Path:
    """Writes the codec of an operating point; returns its folder.

    Args:
        folder: a sweep directory.
        out: a new folder.
        choice: which point.
        root: `coded` or `removed`.
        console: where to say what was written.

    Raises:
        NoAnswer: every point costs more.
        BadInput: no sweep, no such trial or composition, nothing of it kept, or `out` is in use.
    """
    from analysis.log import read_log
    from cluster.reference import versions
    from trainables.exported.card import card, page
    from trainables.exported.codec_folder import save_exported
    from trainables.exported.prepared import load_prepared
    from trainables.plugins import load_plugins

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out} exists and is not empty; give -o a new folder")
    log = read_log(folder)
    load_plugins(log.sweep["spec"].get("plugins", ()))
    if of_heatmaps(log):
        from cluster.heatmap_codecs import export_heatmaps

        if choice.composed:
            raise BadInput(f"{folder}: heatmaps are one part, so nothing of them is composed")
        return export_heatmaps(log, chosen_point(log, choice), out, console)
    if choice.trial and not choice.composed:
        from cluster.speech_export import export_speech, is_speech

        if is_speech(row := chosen_point(log, choice)):
            return export_speech(log, row, out, console)
    composed = _composed(log, choice) if choice.composed else None
    prepared = load_prepared(log.folder / PREPARATION_FOLDER)
    names = prepared.preparation.part_names
    points = dict.fromkeys(names, chosen_point(log, choice)) if not composed else composed.points
    codec = _codec_of(log, points, prepared, root)
    point = points[names[0]]
    own = {"trial": str(point["trial"]), "point": str(point["point"])}
    origin = {
        "sweep": log.name,
        **(origin_of(points) if composed else own),
        "seed": int(point["seed"]),
        "root in the sweep": str(point.get("root", "removed")),
        "versions": versions(),
    }
    described = f"{point['codec']}, trial {point['trial']}, {point['depth']} of {point['levels']}"
    if composed:
        point = _measured(log, composed, codec, prepared, console)
        described = f"row {composed.row} of allocation.csv, " + ", ".join(
            f"{part} {points[part]['point']} ({codec.depths[part]} of {whole.levels})"
            for part, whole in codec.codecs.items()
        )
    said = card(codec, point, origin, prepared.root_rates)
    existed = out.exists()
    try:
        identity = save_exported(replace(codec, card=said), out, page(said, codec))
    except OSError:
        if not existed and out.is_dir() and not any(out.iterdir()):
            out.rmdir()
        raise
    console.print(
        f"codec {identity.hex()}: {described} levels, root {root}: {out}",
        highlight=False,
        soft_wrap=True,
    )
    return out


def chosen_point(log: Log, choice: Choice) -> dict[str, Any]:
    """The record's row of the point that is meant, test columns included.

    Raises:
        NoAnswer: every point costs more.
        BadInput: no such trial or depth; the message names those that exist.
    """
    from analysis.deciding import distortion_of
    from analysis.fronts import best_at
    from analysis.limited import keeping
    from analysis.points import points_frame

    frame = points_frame(log)
    if choice.trial:
        rows = frame[frame["trial"] == choice.trial]
        if rows.empty:
            known = sorted(set(frame["trial"]))
            raise BadInput(
                f"no finished trial {choice.trial!r} in {log.folder}; there are "
                f"{', '.join(known[:5])}{' and more' if len(known) > 5 else ''}"
            )
        depth = choice.depth or int(rows["depth"].max())
        identity = point_id(choice.trial, depth)
        if identity not in set(rows["point"]):
            depths = ", ".join(str(d) for d in sorted(rows["depth"]))
            raise BadInput(f"trial {choice.trial} has no depth {depth}; it has {depths}")
    elif choice.at is None:
        raise BadInput(
            "export needs --at BITS_PER_SECOND or --trial ID; 'best' shows what is there"
        )
    else:
        objective = distortion_of(frame).name if len(frame) else ""
        rate = asked_rate(log, choice.rate)
        best = best_at(keeping(frame, log), choice.at, rate, objective)
        identity = str(best["point"])
    row = frame[frame["point"] == identity].iloc[0].to_dict()
    return {str(k): v for k, v in row.items() if not (isinstance(v, float) and math.isnan(v))}


def _composed(log: Log, choice: Choice) -> ComposedPoint:
    from analysis.points import points_frame

    return composed_point(log, points_frame(log), choice.at, choice.row, choice.rate)


def _codec_of(
    log: Log, points: Mapping[str, Mapping[str, Any]], prepared: Prepared, root: str
) -> ExportedCodec:
    """The codec of the points that its parts are at; its card is not written yet."""
    from trainables.exported.card import without_names
    from trainables.exported.codec_folder import ExportedCodec

    codecs, models = _trained_parts(log.folder, points)
    depths = {part: min(int(points[part]["depth"]), codec.levels) for part, codec in codecs.items()}
    models = {part: model.cut(depths[part]) for part, model in models.items()}
    coded = root == "coded"
    if coded:
        models["root"] = prepared.root_model
    if log.facts is None:
        raise BadInput(f"{log.folder}: its log says nothing of the data; run the sweep again")
    return ExportedCodec(
        preparation=replace(prepared.preparation, root_coded=coded),
        codecs=codecs,
        depths=depths,
        models=models,
        facts=without_names(log.facts),
        card={},
    )


def _measured(
    log: Log, composed: ComposedPoint, codec: ExportedCodec, prepared: Prepared, console: Console
) -> dict[str, Any]:
    """A composed point as a row of the record: as verified, and what it costs."""
    assert log.facts is not None  # a codec was made with them
    found = {"root": log.facts.root, **composed.scores, **nominal_rates(codec, log.facts)}
    try:
        data = motion_of(log, log.folder)
    except BadInput as error:
        said = f"  note: the card has no rate of files, for want of the motion: {error}"
        console.print(said, highlight=False, style="dim", soft_wrap=True)
        return found
    return found | measured_rates(codec, data, prepared.root_model)


def _trained_parts(
    folder: Path, points: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Codec], dict[str, TokenModel]]:
    """Codecs and token models, each part's from the trial of its point."""
    found: dict[str, tuple[Codec, TokenModel]] = {}
    for trial in dict.fromkeys(str(row["trial"]) for row in points.values()):
        own = tuple(part for part, row in points.items() if str(row["trial"]) == trial)
        codecs, models = trained(folder, trial, own)
        found |= {part: (codecs[part], models[part]) for part in own}
    return {p: found[p][0] for p in points}, {p: found[p][1] for p in points}


def trained(
    folder: Path, trial: str, parts: tuple[str, ...]
) -> tuple[dict[str, Codec], dict[str, TokenModel]]:
    """Codecs and token models of a trial, part by part.

    Raises:
        BadInput: they were not kept.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from trainables.bitstream.token_model import TokenModel
    from trainables.codecs.codec import load_codec

    place = folder / TRIALS_FOLDER / trial / CODEC_FOLDER
    if (place.parent / GENERATOR_FOLDER).is_dir():
        raise BadInput(
            f"{folder}: {trial} is a generator, which codes nothing; export the codec it was given "
            "(input_trial in points.csv)"
        )
    if not (place / TOKEN_MODELS_FILE).is_file():
        raise BadInput(
            f"{place}: the codec of this trial was not kept; "
            f"'{rerun_command(folder, trial)}' trains it again, to the bit"
        )
    codecs = {part: load_codec(place / part) for part in parts}
    try:
        tables = load_file(place / TOKEN_MODELS_FILE)
    except (OSError, ValueError, SafetensorError) as error:
        raise BadInput(f"{place / TOKEN_MODELS_FILE}: is damaged ({error})") from None
    models = {}
    for part, codec in codecs.items():
        prefix = f"{part}/"
        arrays = {k.removeprefix(prefix): v for k, v in tables.items() if k.startswith(prefix)}
        models[part] = TokenModel.from_arrays(codec.alphabet, arrays)
    return codecs, models
