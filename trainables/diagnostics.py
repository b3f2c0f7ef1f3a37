"""What a trial leaves for a person to look at: short clips, errors by joint and time, spectra.

All of it is of validation, so that a page about the front shows what the front was chosen by. The
arrays need no model and no metric to be drawn (`SHOWN_FILE`, `ERRORS_FILE` of the record).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import welch

from search_spaces.record import MISSING, SHOWN_STEPS
from trainables.metrics.pose import CM_PER_M, joint_distances
from trainables.motion.dataset import MotionData
from trainables.motion.preparation import SplitClip

SHOWN_SECONDS = 4.0
SHOWN_FPS = 25.0
"""Clips are shown at about this rate, never slower: every second frame of 60 a second."""
SHOWN_OF_EACH = 3
SEGMENT = 64
"""Frames of a segment of a spectrum (Welch 1967, Hann windows that overlap by half)."""
TAIL_PCT = 95.0


@dataclass(frozen=True)
class Window:
    """Which frames of a recording are shown: those of the most movement."""

    start: int
    stop: int
    stride: int

    @property
    def frames(self) -> slice:
        """As an index."""
        return slice(self.start, self.stop, self.stride)


def window_of(clip: SplitClip, fps: float) -> Window:
    """The `SHOWN_SECONDS` in which the original moves the most; it depends on no codec."""
    stride = max(1, int(fps // SHOWN_FPS))
    length = min(clip.frames, max(2, round(SHOWN_SECONDS * fps)))
    moved = np.r_[0.0, np.cumsum(_steps(clip))]
    starts = np.arange(clip.frames - length + 1)
    start = int(np.argmax(moved[starts + length - 1] - moved[starts]))
    return Window(start, start + length, stride)


def shown_recordings(
    clips: Sequence[SplitClip], errors: Mapping[str, float]
) -> dict[str, tuple[str, ...]]:
    """Recordings whose clips are kept, each with why.

    The best, median and worst by `errors` (recording -> a distortion), which differ between trials;
    and those that move the least, most and in between, which every trial of a sweep has, so that
    two codecs can always be seen on one recording.
    """
    said: dict[str, list[str]] = {}
    by_error = [r for r, v in sorted(errors.items(), key=lambda e: e[1]) if np.isfinite(v)]
    pace = {c.recording: float(_steps(c).mean()) if c.frames > 1 else 0.0 for c in clips}
    by_pace = sorted(pace, key=lambda r: (pace[r], r))
    for order, names in (
        (by_error, ("best", "median", "worst")),
        (by_pace, ("calm", "", "lively")),
    ):
        for place, name in zip((0, (len(order) - 1) // 2, -1), names, strict=True):
            if order:
                said.setdefault(order[place], []).extend([name] * bool(name))
    return {r: tuple(why) for r, why in said.items()}


def shown_arrays(
    data: MotionData,
    clips: Sequence[SplitClip],
    kept: Mapping[str, tuple[str, ...]],
    rebuilt: Mapping[int, Mapping[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """The file of shown clips: originals and reconstructions as int16 steps of one length.

    Args:
        data: the prepared data.
        clips: of the split.
        kept: as `shown_recordings` gives them.
        rebuilt: depth -> recording -> (frames, joints, 3) in the data's unit.
    """
    found: dict[str, np.ndarray] = {}
    stride = 1
    for clip in clips:
        if clip.recording not in kept:
            continue
        window = window_of(clip, data.fps)
        stride = window.stride
        unseen = None if clip.seen is None else ~clip.seen[window.frames]
        takes = {"original": clip.original}
        takes |= {f"depth{q}": each[clip.recording] for q, each in rebuilt.items()}
        for name, whole in takes.items():
            take = whole[window.frames].astype(np.float64)
            if unseen is not None:
                take[unseen] = np.nan
            found[f"{clip.recording}/{name}"] = take
        found[f"{clip.recording}/start"] = np.array(window.start)
    motion = {k: v for k, v in found.items() if not k.endswith("/start")}
    finite = [np.abs(v[np.isfinite(v)]).max(initial=0.0) for v in motion.values()]
    # A codec that diverged must not cost the others their resolution.
    sane = [f for k, f in zip(motion, finite, strict=True) if k.endswith("/original")]
    step = max(2.0 * max(sane, default=1.0), 1e-6) / SHOWN_STEPS
    for name, take in motion.items():
        steps = np.clip(np.nan_to_num(take / step, posinf=0, neginf=0), -SHOWN_STEPS, SHOWN_STEPS)
        found[name] = np.where(np.isfinite(take), np.rint(steps), MISSING).astype(np.int16)
    return found | {
        "step": np.array(step),
        "fps": np.array(data.fps / stride),
        "joints": np.array(data.names),
        "parents": data.preparation.skeleton.parents.astype(np.int32),
        "recordings": np.array([*kept]),
        "why": np.array([" ".join(w) for w in kept.values()]),
        **{f"parts/{p}": np.asarray(j, np.int32) for p, j in data.scored.items()},
    }


def error_arrays(
    data: MotionData,
    clips: Sequence[SplitClip],
    split: str,
    rebuilt: Mapping[int, Mapping[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Errors per joint and recording, their tail, spectra, and how bone lengths drift.

    Args:
        data: the prepared data.
        clips: of the split.
        split: its name, for the keys.
        rebuilt: depth -> recording -> (frames, joints, 3) in the data's unit.

    Returns:
        Arrays of `ERRORS_FILE` beside the mean errors; lengths in the unit of columns, spectra in
        the data's unit squared per second.
    """
    unit = data.facts.yardstick.column_unit
    factor = data.facts.yardstick.factor("cm") * CM_PER_M
    bones = np.flatnonzero(data.preparation.skeleton.parents >= 0)
    parts = [p for p in data.scored if p != "full"]
    uncounted = np.setdiff1d(np.arange(len(data.names)), data.scored["full"])
    found: dict[str, np.ndarray] = {
        f"{split}/recordings": np.array([c.recording for c in clips]),
        "bones": np.array(data.names)[bones],
        "spectrum_parts": np.array(parts),
        "frequencies_hz": np.fft.rfftfreq(SEGMENT, 1 / data.fps).astype(np.float32),
    }
    originals = {c.recording: _masked(c, c.original) for c in clips}
    found |= _spectra(f"{split}/original", list(originals.values()), data, parts)
    for depth, each in rebuilt.items():
        key = f"{split}/depth{depth}"
        takes = [_masked(c, each[c.recording]) for c in clips]
        apart = [factor * joint_distances(originals[c.recording], t)
                 for c, t in zip(clips, takes, strict=True)]  # fmt: skip
        for each_apart in apart:
            each_apart[:, uncounted] = np.nan
        every = np.concatenate(apart)
        found[f"{key}/recording_joint_error_{unit}"] = _ignoring(np.nanmean, apart)
        found[f"{key}/joint_p95_{unit}"] = _ignoring(_tail, [every])[0]
        drift = [factor * np.abs(_lengths(t, bones, data) - _lengths(o, bones, data))
                 for o, t in zip(originals.values(), takes, strict=True)]  # fmt: skip
        found[f"{key}/bone_drift_{unit}"] = _ignoring(np.nanmean, [np.concatenate(drift)])[0]
        found |= _spectra(key, takes, data, parts)
    return found


def _steps(clip: SplitClip) -> np.ndarray:
    """How far joints move from frame to frame, mean over joints, (frames - 1,)."""
    moved = np.linalg.norm(np.diff(clip.original.astype(np.float64), axis=0), axis=2)
    return np.asarray(np.nan_to_num(moved).mean(axis=1))


def _masked(clip: SplitClip, positions: np.ndarray) -> np.ndarray:
    whole = positions.astype(np.float64)
    return whole if clip.seen is None else np.where(clip.seen[..., None], whole, np.nan)


def _lengths(positions: np.ndarray, bones: np.ndarray, data: MotionData) -> np.ndarray:
    parents = data.preparation.skeleton.parents[bones]
    return np.asarray(np.linalg.norm(positions[:, bones] - positions[:, parents], axis=2))


def _tail(values: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(np.nanpercentile(values, TAIL_PCT, axis=axis))


def _ignoring(reduce: object, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Each array reduced over its frames; NaN, without a warning, for joints never seen."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.stack([reduce(a, axis=0) for a in arrays]).astype(np.float32)  # type: ignore[operator]


def _spectra(
    key: str, takes: Sequence[np.ndarray], data: MotionData, parts: Sequence[str]
) -> dict[str, np.ndarray]:
    """Power of velocity and of jerk by frequency, (parts, frequencies); NaN where too short."""
    found = {}
    for name, order in (("velocity", 1), ("jerk", 3)):
        rows = np.full((len(parts), SEGMENT // 2 + 1), np.nan, np.float32)
        for row, part in enumerate(parts):
            powers, weights = [], []
            for take in takes:
                moved = np.diff(take[:, data.scored[part]], n=order, axis=0) * data.fps**order
                flat = moved.reshape(len(moved), -1)
                flat = flat[:, np.isfinite(flat).all(axis=0)]
                if len(flat) < SEGMENT or not flat.shape[1]:
                    continue
                power = welch(flat, fs=data.fps, nperseg=SEGMENT, axis=0)[1]
                powers.append(power.mean(axis=1))
                weights.append(len(flat))
            if powers:
                rows[row] = np.average(powers, axis=0, weights=weights)
        found[f"{key}/{name}_spectrum"] = rows
    return found
