"""Where the clips of a user study come from: sweeps, folders of motion, and real people's motion.

All motion is shown alike: the pelvis stays in the middle and the body faces one way, whatever a
system does with its root, since a figure that walks would tell its system from one that cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.user_study.takes import Sound, Take
from search_spaces.bones import AVERAGE_BONES, Bones
from search_spaces.data_terms import TERMS_FILE, read_terms
from search_spaces.errors import BadInput
from search_spaces.record import LOG_FILE, PREPARATION_FOLDER, RECONSTRUCTIONS_FILE, TRIALS_FOLDER

if TYPE_CHECKING:
    from analysis.log import Log
    from trainables.motion.skeleton import Skeleton
    from trainables.speech.speech import Speech

TRUTH = "truth"
"""In a trial's place: the real motion that a sweep's trials are scored against."""
SAMPLE_RATE = 16_000
CONFIG_NAME = "generator.json"


@dataclass(eq=False)
class Shown:
    """What a study has to show.

    Attributes:
        takes: system -> recording -> its motion.
        sounds: recording -> its audio.
    """

    takes: dict[str, dict[str, Take]] = field(default_factory=dict)
    sounds: dict[str, Sound] = field(default_factory=dict)


def read_systems(
    named: Sequence[str], audio: Path | None = None, bones: Bones = AVERAGE_BONES
) -> Shown:
    """Motion of every system, and the audio of its recordings.

    Args:
        named: `NAME=PLACE` each, a place being a folder of motion files, an exported model from
            speech, `SWEEP:TRIAL` or `SWEEP:truth` (recordings of test).
        audio: folder of .wav files called as the recordings; beside the motion where left out.
        bones: whose bones SMPL-X rotations are put on.

    Raises:
        BadInput: a place that is none, two systems of one name, or motion that may not be given on.
    """
    shown = Shown()
    for text in named:
        name, _, place = text.partition("=")
        if not name or not place:
            raise BadInput(
                f"--system {text}: write NAME=PLACE, as ours=sweeps/first:TRIAL or real=recordings/"
            )
        if name in shown.takes:
            raise BadInput(f"--system {text}: there are two systems called {name}; rename one")
        folder, _, trial = place.rpartition(":")
        if folder and (Path(folder) / LOG_FILE).is_file():
            _from_sweep(shown, name, Path(folder), trial, with_sound=audio is None)
        elif (Path(place) / CONFIG_NAME).is_file():
            _from_model(shown, name, Path(place), audio)
        else:
            _from_files(shown, name, Path(place).expanduser(), bones)
            if audio is None:
                _listen(shown, Path(place).expanduser(), shown.takes[name])
    if audio is not None:
        _listen(shown, audio, {r for own in shown.takes.values() for r in own}, needed=True)
    return shown


def _from_sweep(shown: Shown, name: str, folder: Path, trial: str, *, with_sound: bool) -> None:
    from analysis.log import read_log
    from analysis.motion_shown import kept_here
    from trainables.exported.prepared import load_prepared

    log = read_log(folder)
    if why := kept_here(log):
        raise BadInput(f"{folder}: its motion may not be shown elsewhere. {why}")
    skeleton = load_prepared(folder / PREPARATION_FOLDER).preparation.skeleton
    if log.facts is None:
        raise BadInput(f"{folder}: its log says nothing of the data; run the sweep again")
    if trial == TRUTH:
        motion = _originals(log)
    else:
        motion = _made(folder, trial)
    shown.takes[name] = {
        recording: _take(positions, skeleton, log.facts.fps, coded=log.facts.root != "removed")
        for recording, positions in motion.items()
    }
    if with_sound:
        _listen_in_sweep(shown, log, motion)


def _made(folder: Path, trial: str) -> dict[str, np.ndarray]:
    """Recording -> positions at the trial's full depth."""
    path = folder / TRIALS_FOLDER / trial / RECONSTRUCTIONS_FILE
    if not path.is_file():
        known = sorted(p.parent.name for p in path.parent.parent.glob(f"*/{RECONSTRUCTIONS_FILE}"))
        raise BadInput(
            f"{path}: this trial left no motion; there are {', '.join(known[:6]) or 'none'}"
            f"{' and more' if len(known) > 6 else ''}, and '{TRUTH}' for the real motion"
        )
    depths: dict[str, tuple[int, str]] = {}
    with np.load(path, allow_pickle=False) as file:
        for key in file.files:
            recording, _, depth = key.rpartition("/depth")
            depths[recording] = max(depths.get(recording, (0, "")), (int(depth), key))
        return {recording: file[key] for recording, (_, key) in depths.items()}


def _originals(log: Log) -> dict[str, np.ndarray]:
    """Recording of test -> real positions, NaN where a joint was not seen."""
    from cluster.composed import motion_of

    found = {}
    for clip in motion_of(log, log.folder).splits["test"]:
        hidden = np.zeros(clip.original.shape[:2], bool) if clip.seen is None else ~clip.seen
        found[clip.recording] = np.where(hidden[..., None], np.nan, clip.original)
    return found


def _from_files(shown: Shown, name: str, folder: Path, bones: Bones) -> None:
    from trainables.motion.readers import find_recordings, read_clip
    from trainables.motion.skeleton import pelvis_index

    _allowed(folder)
    found = {}
    base = folder if folder.is_dir() else folder.parent
    for path in find_recordings(folder):
        recording = path.relative_to(base).with_suffix("").as_posix()
        clip = read_clip(path, recording, rest_skeleton=bones.rest_skeleton,
                         body_model=bones.body_model)  # fmt: skip
        if clip.unit != "m":
            raise BadInput(f"{path}: is not in metres, and figures are shown in them; convert it")
        positions = clip.positions
        if clip.mask is not None:
            positions = np.where(clip.mask[..., None], positions, np.nan)
        positions = positions - positions[:, [pelvis_index(clip.skeleton.parents)]]
        found[recording] = _facing(positions, clip.skeleton, clip.fps)
    shown.takes[name] = found


def _from_model(shown: Shown, name: str, model: Path, audio: Path | None) -> None:
    """What an exported model makes of all audio of the study."""
    from cluster.speech_export import spoken_files
    from trainables.generators.trained_speech import load_speech_generator

    if audio is None:
        raise BadInput(f"--system {name}={model}: a model needs speech; add --audio FOLDER")
    _allowed(audio)
    trained, found = load_speech_generator(model), {}
    for recording, speech in spoken_files([audio]):
        features = trained.features({recording: speech})[recording]
        clip = trained.motion(recording, features)
        found[recording] = _facing(
            clip.positions - clip.positions[:, :1], clip.skeleton, clip.fps
        )  # fmt: skip
    shown.takes[name] = found


def _take(positions: np.ndarray, skeleton: Skeleton, fps: float, *, coded: bool) -> Take:
    """Positions of a sweep, pelvis first; a coded root is taken out again."""
    if coded:
        return _facing(positions - positions[:, :1], skeleton, fps)
    return Take(fps, tuple(skeleton.names), np.asarray(skeleton.parents), positions)


def _facing(positions: np.ndarray, skeleton: Skeleton, fps: float) -> Take:
    """The same with each frame turned to face one way, where hips are known."""
    from trainables.motion.dataset import hips_of
    from trainables.motion.root import hips_heading
    from trainables.motion.rotations import about_up

    hips = hips_of(skeleton)
    if hips is not None:
        heading = np.nan_to_num(hips_heading(positions, *hips))
        positions = np.einsum("fij,fkj->fki", about_up(-heading), positions)
    return Take(fps, tuple(skeleton.names), np.asarray(skeleton.parents), positions)


def _listen_in_sweep(shown: Shown, log: Log, recordings: Iterable[str]) -> None:
    """Audio of a sweep's recordings, where its data have any."""
    from search_spaces.spec import parse_spec
    from trainables.speech.source import SpeechSource

    try:
        source = SpeechSource(parse_spec(log.sweep["spec"], str(log.folder)).data)
    except BadInput:
        return  # motion without speech: shown silently
    for recording in recordings:
        if recording not in shown.sounds and recording in source:
            shown.sounds[recording] = _sound(source[recording])


def _listen(shown: Shown, folder: Path, recordings: Iterable[str], *, needed: bool = False) -> None:
    """Audio of recordings from .wav files of their names, wherever below a folder they lie."""
    from trainables.speech.wav import read_wav

    if folder.is_file():
        folder = folder.parent
    if needed and not folder.is_dir():
        raise BadInput(f"--audio {folder}: no such folder; name one with .wav files")
    _allowed(folder)
    wavs = {path.stem.lower(): path for path in sorted(folder.rglob("*.wav"))}
    for recording in recordings:
        path = wavs.get(recording.rpartition("/")[2].lower())
        if path is not None and recording not in shown.sounds:
            shown.sounds[recording] = _sound(read_wav(path))
    if needed and not shown.sounds:
        raise BadInput(f"--audio {folder}: no .wav there is called as a recording")


def _sound(speech: Speech) -> Sound:
    from trainables.speech.wav import resampled

    return Sound(resampled(speech, SAMPLE_RATE), SAMPLE_RATE)


def _allowed(folder: Path) -> None:
    terms = read_terms(folder)
    if not terms.redistribute:
        why = f" ({terms.reason.rstrip('.')})" if terms.reason else ""
        raise BadInput(f"{folder}: {TERMS_FILE} says redistribute: no{why}; leave it out")
