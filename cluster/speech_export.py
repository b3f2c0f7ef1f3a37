"""A trained model from speech leaves its sweep, and makes motion of one's own speech."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from analysis.best import rerun_command
from search_spaces.errors import BadInput
from search_spaces.record import (
    CODEC_FOLDER,
    GENERATOR_FOLDER,
    INPUTS_FOLDER,
    PREPARATION_FOLDER,
    TRIALS_FOLDER,
)
from search_spaces.space import Value
from search_spaces.speech_families import JOINT, SPEECH_TO_CODES

if TYPE_CHECKING:
    from analysis.log import Log
    from trainables.motion.clip import Clip
    from trainables.speech.speech import Speech

CARD_NAME = "card.json"
_SCORES = ("val_", "test_")


def is_speech(row: Mapping[str, Any]) -> bool:
    """Whether a point is of a model from speech."""
    return row.get("codec") == SPEECH_TO_CODES


def export_speech(log: Log, row: Mapping[str, Any], out: Path, console: Console) -> Path:
    """Writes the model of a trial with its codec as a folder that stands alone.

    Args:
        log: of the sweep.
        row: the point.
        out: a new folder.
        console: where to say what was written.

    Raises:
        BadInput: a baseline without codes, or its weights were not kept.
    """
    from cluster.reference import versions
    from trainables.exported.prepared import load_prepared
    from trainables.generators.folder import CONFIG_NAME, WEIGHTS_NAME
    from trainables.motion.preparation_files import save_preparation
    from trainables.trial_folder import whole

    trial = str(row["trial"])
    place = log.folder / TRIALS_FOLDER / trial / GENERATOR_FOLDER
    if row.get("speech.system") != "codes":
        raise BadInput(
            f"{trial} is the baseline {row.get('speech.system')}, which no motion is made with "
            "elsewhere; export a trial with speech.system codes"
        )
    if not (place / WEIGHTS_NAME).is_file():
        raise BadInput(
            f"{place}: the model of this trial was not kept; "
            f"'{rerun_command(log.folder, trial)}' trains it again, to the bit"
        )
    prepared = load_prepared(log.folder / PREPARATION_FOLDER)
    source = _codec_place(log, row, place)
    card = {
        "sweep": log.name, "trial": trial, "seed": int(row["seed"]), "versions": versions(),
        "synthetic": bool(log.facts and log.facts.synthetic),
        "scores": {k: v for k, v in row.items() if k.startswith(_SCORES) and _number(v)},
    }  # fmt: skip
    with whole(out) as folder:
        for name in (CONFIG_NAME, WEIGHTS_NAME):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place / name, folder / name)
        for part in prepared.preparation.part_names:
            shutil.copytree(source / part, folder / CODEC_FOLDER / part)
        (folder / PREPARATION_FOLDER).mkdir()
        save_preparation(prepared.preparation, folder / PREPARATION_FOLDER)
        (folder / CARD_NAME).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    console.print(f"model from speech: trial {trial}: {out}", highlight=False, soft_wrap=True)
    return out


def _codec_place(log: Log, row: Mapping[str, Any], place: Path) -> Path:
    """Where the codec of a trial lies: its own, an earlier sweep's, or another trial's."""
    if row.get(JOINT):
        found = place / CODEC_FOLDER
    else:
        found = log.folder / INPUTS_FOLDER / str(row.get("input_hash"))
        if not found.is_dir():
            found = log.folder / TRIALS_FOLDER / str(row.get("input_trial")) / CODEC_FOLDER
    if not found.is_dir():
        raise BadInput(
            f"{found}: the codec that this model says codes of was not kept; run the sweep with "
            "--set retain=all"
        )
    return found


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def generate(
    model: Path,
    sources: Sequence[Path],
    out: Path,
    *,
    with_audio: bool,
    seed: int,
    settings: Mapping[str, Value],
    console: Console,
) -> None:
    """Motion files from speech files.

    Args:
        model: folder of an exported model.
        sources: .wav files, or folders of them; words beside them are taken along.
        out: folder that is made.
        with_audio: whether each audio file is laid beside its motion.
        seed: of codes that are drawn.
        settings: keys of the model that hold here alone.
        console: where to say what was written.

    Raises:
        BadInput: no such model or audio, or two files of one name.
        Refused: weights of an encoder are missing.
    """
    from trainables.generators.trained_speech import load_speech_generator

    trained = load_speech_generator(model, settings)
    files = _wavs(sources)
    seconds = 0.0
    out.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        speech = _spoken(path, name)
        features = trained.features({name: speech}, seed)[name]
        target = _written(trained.motion(name, features), out / name)
        if with_audio:
            shutil.copyfile(path, target.with_suffix(".wav"))
        seconds += speech.seconds
    console.print(
        f"{len(files)} recording(s), {seconds:.1f} s of motion at {trained.fps:g} fps: {out}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def _wavs(sources: Sequence[Path]) -> dict[str, Path]:
    """Name below its folder -> file."""
    found: dict[str, Path] = {}
    for source in sources:
        if source.is_dir():
            each = sorted(p for p in source.rglob("*") if p.suffix.lower() == ".wav")
            if not each:
                raise BadInput(f"{source}: holds no .wav; name a folder with some")
        else:
            each = [source]
        for path in each:
            base = source if source.is_dir() else source.parent
            name = path.relative_to(base).with_suffix("").as_posix()
            if name in found:
                raise BadInput(f"{path}: {found[name]} has the same name; give them one by one")
            found[name] = path
    return found


def spoken_files(sources: Sequence[Path]) -> Iterator[tuple[str, Speech]]:
    """Name and speech of .wav files, or of folders of them, with the words beside them.

    Raises:
        BadInput: no audio, two files of one name, or one that cannot be read.
    """
    for name, path in _wavs(sources).items():
        yield name, _spoken(path, name)


def _spoken(path: Path, name: str) -> Speech:
    """Audio, and the words that lie beside it."""
    from trainables.speech.pairs import Files, read_speech
    from trainables.speech.words import SUFFIXES

    beside = [p for s in SUFFIXES if (p := path.with_suffix(s)).is_file()]
    if len(beside) > 1:
        raise BadInput(f"{path}: {beside[0].name} and {beside[1].name} both time its words; "
                       "keep one")  # fmt: skip
    return read_speech(Files(name, path, path, beside[0] if beside else None))


def _written(clip: Clip, stem: Path) -> Path:
    """The clip as BVH; as npz where there are no rotations."""
    from trainables.motion.bvh_writer import write_bvh
    from trainables.motion.npz import write_npz

    stem.parent.mkdir(parents=True, exist_ok=True)
    if clip.rotations is not None and clip.unit == "m":
        target = stem.parent / f"{stem.name}.bvh"
        write_bvh(clip, target)
    else:
        target = stem.parent / f"{stem.name}.npz"
        write_npz(clip, target)
    return target
