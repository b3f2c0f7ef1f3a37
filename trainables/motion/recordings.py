"""The recordings that a data specification names: reading them, and who they are.

What was odd about reading is gathered into sentences, since a folder of a hundred files with one
oddity deserves one line, not a hundred.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.spec import EMBEDDED_FLAT, EMBEDDED_SPEAKING, PROCEDURAL, DataSpec
from trainables.motion.clip import Clip
from trainables.motion.panoptic import find_sessions, read_session
from trainables.motion.readers import find_recordings, read_clip


def load_clips(spec: DataSpec) -> tuple[list[Clip], list[str]]:
    """The recordings that a spec names, and which files were skipped and why.

    Raises:
        BadInput: nothing there, a file that cannot be read (unless `on_bad_file: skip`), or two
            files of one name.
    """
    if spec.path == EMBEDDED_SPEAKING:
        from trainables.speech.synthetic import embedded_speaking_clips

        return embedded_speaking_clips(spec.embedded_size, spec.embedded_seed, spec.fps), []
    if spec.path in PROCEDURAL:
        from trainables.motion.projection import frontal
        from trainables.motion.synthetic import embedded_clips

        made = embedded_clips(spec.embedded_size, spec.embedded_seed, spec.fps)
        return [frontal(c) for c in made] if spec.path == EMBEDDED_FLAT else made, []
    place = Path(spec.path).expanduser()
    sessions = find_sessions(place)
    if sessions and not _holds_more(place):
        return _people(sessions, spec.on_bad_file)
    files = find_recordings(place)
    folder = place if place.is_dir() else place.parent
    names = [file.relative_to(folder).with_suffix("").as_posix() for file in files]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise BadInput(
            f"{place}: two files are called {twice[0]!r} without their suffix; rename one"
        )
    clips, skipped = _people(sessions, spec.on_bad_file) if sessions else ([], [])
    for file, name in zip(files, names, strict=True):
        try:
            clips.append(
                read_clip(file, name, rest_skeleton=spec.rest_skeleton, body_model=spec.body_model)
            )
        except BadInput as error:
            if spec.on_bad_file == "error":
                raise
            skipped.append(f"skipped {file.name}: {error}")
    if not clips:
        raise BadInput(f"{place}: none of {len(files)} files could be read; {skipped[0]}")
    return clips, skipped


def _holds_more(place: Path) -> bool:
    try:
        return bool(find_recordings(place))
    except BadInput:
        return False


def _people(sessions: Sequence[Path], on_bad_file: str) -> tuple[list[Clip], list[str]]:
    """Everyone in some Panoptic sessions, and which were skipped and why."""
    clips: list[Clip] = []
    skipped = []
    for session in sessions:
        try:
            clips += read_session(session).clips
        except BadInput as error:
            if on_bad_file == "error":
                raise
            skipped.append(f"skipped {session.name}: {error}")
    if not clips and skipped:
        raise BadInput(f"none of {len(sessions)} sessions could be read; {skipped[0]}")
    return clips, skipped


def data_hash(clips: Sequence[Clip]) -> str:
    """Identity of the motion as it was read: names, bones, rates, positions to a tenth of a
    millimetre (or 0.0001 of another unit), rotations, units, and which joints were seen.

    The order of the clips does not count, nor what stands where nothing was seen.
    """
    digest = hashlib.sha256()
    for clip in sorted(clips, key=lambda c: c.recording):
        skeleton = clip.skeleton
        digest.update(f"{clip.recording}|{clip.fps:.6f}|{','.join(skeleton.names)}".encode())
        digest.update(skeleton.parents.astype("<i8").tobytes())
        positions = clip.positions
        if clip.unit != "m":
            digest.update(clip.unit.encode())
        if clip.mask is not None and not clip.mask.all():
            digest.update(b"seen" + np.packbits(clip.mask).tobytes())
            positions = np.where(clip.mask[..., None], positions, 0.0)
        for values in (skeleton.offsets, positions, clip.rotations):
            if values is not None:
                digest.update(np.round(values * 1e4).astype("<i8").tobytes())
    return digest.hexdigest()[:16]


def grouped_notes(clips: Sequence[Clip]) -> list[str]:
    """What readers noted, each sentence once with the recordings it is true of."""
    where: dict[str, list[str]] = {}
    for clip in clips:
        for note in clip.notes:
            if note != "synthetic":
                where.setdefault(note, []).append(clip.recording)
    said = []
    for note, names in where.items():
        more = f" and {len(names) - 3} more" if len(names) > 4 else ""
        shown = names if not more else names[:3]
        said.append(f"{', '.join(shown)}{more}: {note}")
    return said
