"""Recordings with their speech, found by stem: the layouts of Trinity and BEAT2 among others.

A recording `talk.bvh` (or `.npz`, `.pose`) has its audio in `talk.wav` and its words in
`talk.TextGrid`, `talk.tsv` or `talk.srt`. They lie side by side, or in parallel folders, each name
once: `Motion/talk.bvh` and `Audio/talk.wav` (Trinity), `smplxflame_30/`, `wave16k/` and `textgrid/`
(BEAT2). Words may be missing; audio may not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from search_spaces.errors import BadInput
from trainables.motion.clip import Clip
from trainables.motion.readers import find_recordings, read_clip
from trainables.speech.speech import Speech, Spoken, paired
from trainables.speech.wav import read_wav
from trainables.speech.words import SUFFIXES, read_words

WAV = ".wav"
_ENDINGS = ("_align_process", "_words", "_transcript")
"""What some sets put behind the stem of word timings."""


@dataclass(frozen=True)
class Files:
    """Files of one recording.

    Attributes:
        recording: path of the motion below the data set's folder, without suffix.
        motion: the motion file.
        audio: the .wav.
        words: word timings, or None.
    """

    recording: str
    motion: Path
    audio: Path
    words: Path | None = None


def find_pairs(folder: Path) -> list[Files]:
    """Motion, audio and words below a folder, sorted by recording.

    Raises:
        BadInput: nothing that moves, motion without audio, audio without motion, or two files that
            could both be the partner.
    """
    folder = Path(folder)
    motions = find_recordings(folder)
    place = folder if folder.is_dir() else folder.parent
    heard = _by_stem(place, (WAV,))
    timed = _by_stem(place, SUFFIXES)
    found = []
    for motion in motions:
        audio = _partner(motion, heard)
        if audio is None:
            raise BadInput(
                f"{motion}: there is no {motion.stem}{WAV} beside it or elsewhere below {place}; "
                "add it, or move the motion away"
            )
        name = motion.relative_to(place).with_suffix("").as_posix()
        found.append(Files(name, motion, audio, _partner(motion, timed)))
    taken = {f.audio for f in found}
    left = sorted(a for each in heard.values() for a in each if a not in taken)
    if left and folder.is_dir():
        raise BadInput(
            f"{left[0]}: there is no motion called {left[0].stem!r} below {place}; add it, or move "
            "the audio away"
        )
    return found


def read_speech(files: Files) -> Speech:
    """Audio and words of a recording.

    Raises:
        BadInput: a file that cannot be read, or words after the audio's end.
    """
    speech = read_wav(files.audio, files.recording)
    if files.words is None:
        return speech
    words = read_words(files.words)
    late = next((w for w in words.words if w.start > speech.seconds), None)
    if late is not None:
        raise BadInput(
            f"{files.words}: {late.text!r} starts at {late.start:.2f} s and {files.audio.name} "
            f"ends at {speech.seconds:.2f} s; give the words of this recording"
        )
    notes = speech.notes
    if not words.exact:
        notes = (*notes, "Words share the time of their subtitle by their letters.")
    return replace(speech, words=words.words, notes=notes)


def read_pair(files: Files, *, rest_skeleton: str = "", body_model: str = "") -> Spoken:
    """A recording's motion and speech, cut to one length.

    Raises:
        BadInput: a file that cannot be read, or lengths that disagree.
    """
    clip = read_clip(
        files.motion, files.recording, rest_skeleton=rest_skeleton, body_model=body_model
    )
    return paired(clip, read_speech(files))


def read_pairs(folder: Path, *, rest_skeleton: str = "", body_model: str = "") -> Iterator[Spoken]:
    """All recordings below a folder, one after the other.

    Raises:
        BadInput: as `find_pairs` and `read_pair`.
    """
    for files in find_pairs(folder):
        yield read_pair(files, rest_skeleton=rest_skeleton, body_model=body_model)


def beside(clip: Clip, files: Files) -> Spoken:
    """A clip that was read already, with its speech."""
    return paired(clip, read_speech(files))


def _by_stem(place: Path, suffixes: tuple[str, ...]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(place.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(place).parts)
        if path.suffix.lower() in suffixes and not hidden and path.is_file():
            found.setdefault(_stem(path), []).append(path)
    return found


def _stem(path: Path) -> str:
    stem = path.stem
    for ending in _ENDINGS:
        stem = stem.removesuffix(ending)
    return stem.lower()


def _partner(motion: Path, files: dict[str, list[Path]]) -> Path | None:
    """The file of the motion's stem: beside it, or the only one there is."""
    named = files.get(motion.stem.lower(), [])
    near = [f for f in named if f.parent == motion.parent] or named
    if len(near) > 1:
        raise BadInput(
            f"{motion}: {near[0]} and {near[1]} are both called like it; keep one, or lay it beside"
        )
    return near[0] if near else None
