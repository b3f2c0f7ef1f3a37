"""Reads what trials left to look at: short clips of validation, errors per joint, tokens.

A trial of an older sweep lacks some of it and a damaged file holds none; both read as None, and
whoever shows a trial says what it lacks.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search_spaces.record import MISSING, SHOWN_FILE, TRIALS_FOLDER

ORIGINAL = "original"
_DAMAGED = (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, EOFError)


@dataclass(frozen=True, eq=False)
class ShownClips:
    """Clips of one trial.

    Attributes:
        fps: frames per second.
        joints: names.
        parents: (joints,) int, -1 for the root.
        parts: part -> joints scored for it, `full` among them.
        why: recording -> the words by which it was kept (best, median, worst, calm, lively).
        starts: recording -> frame of the recording at which its clip begins.
        clips: `<recording>/original`, `<recording>/depth<q>` -> (frames, joints, 3) float32 in the
            data's unit, NaN where not seen.
    """

    fps: float
    joints: tuple[str, ...]
    parents: np.ndarray
    parts: Mapping[str, np.ndarray]
    why: Mapping[str, tuple[str, ...]]
    starts: Mapping[str, int]
    clips: Mapping[str, np.ndarray]

    @property
    def recordings(self) -> tuple[str, ...]:
        """Those of which a clip was kept."""
        return tuple(self.why)

    def clip(self, recording: str, depth: int | None = None) -> np.ndarray | None:
        """The original, or what the first `depth` levels decode to; None where it was not kept."""
        name = ORIGINAL if depth is None else f"depth{depth}"
        return self.clips.get(f"{recording}/{name}")


def read_shown(folder: Path, trial: str) -> ShownClips | None:
    """The clips that a trial of a sweep left; None where it left none that can be read."""
    found = read_arrays(folder, trial, SHOWN_FILE)
    if not found:
        return None
    try:
        step, names = float(found["step"]), [str(r) for r in found["recordings"]]
        why = [tuple(str(w).split()) for w in found["why"]]
        moving = {k: v for k, v in found.items() if v.ndim == 3}
        return ShownClips(
            fps=float(found["fps"]),
            joints=tuple(map(str, found["joints"])),
            parents=found["parents"],
            parts={k.removeprefix("parts/"): v for k, v in found.items() if k.startswith("parts/")},
            why=dict(zip(names, why, strict=True)),
            starts={r: int(found[f"{r}/start"]) for r in names},
            clips={k: np.where(v == MISSING, np.nan, v * np.float32(step)).astype(np.float32)
                   for k, v in moving.items()},
        )  # fmt: skip
    except _DAMAGED:
        return None


def read_arrays(folder: Path, trial: str, name: str) -> dict[str, np.ndarray] | None:
    """All arrays of a file of a trial's folder; None where there is no such file, or damage."""
    path = folder / TRIALS_FOLDER / trial / name
    try:
        with np.load(path, allow_pickle=False) as file:
            return {k: file[k] for k in file.files}
    except _DAMAGED:
        return None
