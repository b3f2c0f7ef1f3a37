"""Invents what a trial leaves to look at: clips of a waving figure, errors per joint, tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from search_spaces.record import (
    ERRORS_FILE,
    SHOWN_FILE,
    SHOWN_STEPS,
    TOKENS_FILE,
    TRIALS_FOLDER,
)

JOINTS = ("hips", "chest", "head", "right_arm", "right_wrist", "right_index", "right_thumb",
          "left_arm", "left_wrist", "left_index", "left_thumb")  # fmt: skip
PARENTS = (-1, 0, 1, 1, 3, 4, 4, 1, 7, 8, 8)
REST = np.array([[0, 0, 0], [0, 0.4, 0], [0, 0.7, 0], [-0.2, 0.4, 0], [-0.4, 0.2, 0.2],
                 [-0.4, 0.28, 0.25], [-0.36, 0.24, 0.22], [0.2, 0.4, 0], [0.4, 0.2, 0.2],
                 [0.4, 0.28, 0.25], [0.36, 0.24, 0.22]])  # fmt: skip
PART_JOINTS = {"body": (0, 1, 2, 3, 4, 7, 8), "right_hand": (4, 5, 6), "left_hand": (8, 9, 10)}
RECORDINGS = ("val-00", "val-01", "val-02", "val-03")
WHY = ("best calm", "median", "lively", "worst")
FRAMES, FPS, BINS = 40, 25.0, 33


def moving(recording: int, frames: int = FRAMES) -> np.ndarray:
    """(frames, joints, 3) metres: the arms wave, faster from recording to recording."""
    turn = np.sin(np.arange(frames)[:, None] * (recording + 1) / 8 + np.arange(len(JOINTS)))
    return REST + 0.06 * turn[..., None] * (np.arange(len(JOINTS)) > 2)[:, None]


def write_motion(
    folder: Path,
    trial: str,
    parts: Sequence[str],
    levels: int,
    size: int,
    rng: np.random.Generator,
) -> None:
    """Writes the three files of a trial's folder; deeper levels are nearer to the original."""
    place = folder / TRIALS_FOLDER / trial
    place.mkdir(parents=True, exist_ok=True)
    step = 1.0 / SHOWN_STEPS
    scored = {p: np.array(PART_JOINTS[p], np.int32) for p in parts}
    scored["full"] = np.unique(np.concatenate([*scored.values()]))
    shown = {"step": np.array(step), "fps": np.array(FPS), "joints": np.array(JOINTS),
             "parents": np.array(PARENTS, np.int32), "recordings": np.array(RECORDINGS),
             "why": np.array(WHY), **{f"parts/{p}": j for p, j in scored.items()}}  # fmt: skip
    errors = {"joints": np.array(JOINTS), "val/recordings": np.array(RECORDINGS),
              "bones": np.array(JOINTS[1:]), "spectrum_parts": np.array(parts),
              "frequencies_hz": np.linspace(0, FPS / 2, BINS).astype("f4")}  # fmt: skip
    spectrum = np.geomspace(1e-2, 1e-6, BINS) * np.ones((len(parts), 1))
    for name in ("velocity", "jerk"):
        errors[f"val/original/{name}_spectrum"] = spectrum.astype("f4")
    for index, recording in enumerate(RECORDINGS):
        original = moving(index)
        shown[f"{recording}/start"] = np.array(10 * index)
        shown[f"{recording}/original"] = np.rint(original / step).astype("i2")
        for depth in range(1, levels + 1):
            near = original + rng.normal(0, 0.02 * (index + 1) / depth, original.shape)
            shown[f"{recording}/depth{depth}"] = np.rint(near / step).astype("i2")
    for depth in range(1, levels + 1):
        each = rng.uniform(1, 3, (len(RECORDINGS), len(JOINTS))) / depth
        key = f"val/depth{depth}"
        errors |= {f"{key}/joint_error_cm": each.mean(axis=0).astype("f4"),
                   f"{key}/recording_joint_error_cm": each.astype("f4"),
                   f"{key}/joint_p95_cm": (2.5 * each.mean(axis=0)).astype("f4"),
                   f"{key}/bone_drift_cm": np.full(len(JOINTS) - 1, 0.4, "f4"),
                   f"{key}/velocity_spectrum": (2 * spectrum).astype("f4"),
                   f"{key}/jerk_spectrum": (3 * spectrum).astype("f4")}  # fmt: skip
    tokens = {f"val/{p}/{r}": rng.integers(size, size=(FRAMES, levels)).astype("i4")
              for p in parts for r in RECORDINGS}  # fmt: skip
    np.savez_compressed(place / SHOWN_FILE, **shown)
    np.savez_compressed(place / ERRORS_FILE, **errors)
    np.savez_compressed(place / TOKENS_FILE, **tokens)
