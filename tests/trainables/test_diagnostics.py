"""What a trial leaves to look at: clips that decode to the motion, errors that add up, spectra."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from search_spaces.families import complete
from search_spaces.record import ERRORS_FILE, SHOWN_FILE
from tests.trainables.tiny import make_clips, spec
from trainables.diagnostics import (
    SEGMENT,
    error_arrays,
    shown_arrays,
    shown_recordings,
    window_of,
)
from trainables.motion.dataset import MotionData, prepare
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial


@pytest.fixture(scope="module")
def data() -> MotionData:
    return prepare(spec(), make_clips(8, 160))


@pytest.fixture(scope="module")
def kept(data: MotionData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished trial of two depths."""
    folder = tmp_path_factory.mktemp("looked") / "trial"
    config = complete({"codec": "rqvae", "codebook_size": 8, "quantizer_depth": 2, "epochs": 1,
                       "latent_dim": 8, "hidden_dim": 16, "max_steps": 8})  # fmt: skip
    run_trial(TrialTask("tests", config, 0, folder, 1, "debug"), data, PlainRuntime())
    return folder


def _exact(data: MotionData) -> dict[str, np.ndarray]:
    return {c.recording: c.original.copy() for c in data.splits["val"]}


def test_shown_clips_are_the_motion_within_a_step(data: MotionData, kept: Path) -> None:
    shown = np.load(kept / SHOWN_FILE)
    assert tuple(shown["joints"]) == data.names and float(shown["fps"]) == data.fps
    step = float(shown["step"])
    assert step < 1e-3  # metres
    for recording in shown["recordings"]:
        clip = next(c for c in data.splits["val"] if c.recording == recording)
        window = window_of(clip, data.fps)
        assert int(shown[f"{recording}/start"]) == window.start
        back = shown[f"{recording}/original"] * step
        assert np.abs(back - clip.original[window.frames]).max() <= step
        for depth in (1, 2):
            assert shown[f"{recording}/depth{depth}"].shape == back.shape
    deep, shallow = (shown[f"{shown['recordings'][0]}/depth{q}"] for q in (2, 1))
    assert not np.array_equal(deep, shallow)


def test_best_median_and_worst_are_named(data: MotionData) -> None:
    clips = data.splits["val"]
    errors = {c.recording: float(i) for i, c in enumerate(clips)}
    why = {name: r for r, names in shown_recordings(clips, errors).items() for name in names}
    assert why["best"] == clips[0].recording and why["worst"] == clips[-1].recording
    turned = {r: -v for r, v in errors.items()}
    again = {n: r for r, names in shown_recordings(clips, turned).items() for n in names}
    assert again["best"] == clips[-1].recording
    assert (again["calm"], again["lively"]) == (why["calm"], why["lively"])


def test_a_diverged_codec_leaves_the_original_sharp(data: MotionData) -> None:
    clips = data.splits["val"]
    rebuilt = _exact(data)
    rebuilt[clips[0].recording][:, 1] = np.inf
    rebuilt[clips[0].recording][:, 2] = 1e9
    kept = shown_recordings(clips, dict.fromkeys(rebuilt, 1.0))
    arrays = shown_arrays(data, clips, kept, {1: rebuilt})
    first = clips[0]
    back = arrays[f"{first.recording}/original"] * float(arrays["step"])
    whole = first.original[window_of(first, data.fps).frames]
    assert np.abs(back - whole).max() <= float(arrays["step"])


def test_errors_per_recording_pool_to_the_mean(data: MotionData, kept: Path) -> None:
    errors = np.load(kept / ERRORS_FILE)
    each = errors["val/depth2/recording_joint_error_cm"].astype(float)
    frames = np.array([c.frames for c in data.splits["val"]])
    assert each.shape == (len(frames), len(data.names))
    pooled = (each * frames[:, None]).sum(axis=0) / frames.sum()
    mean = errors["val/depth2/joint_error_cm"]
    assert np.allclose(pooled, mean, rtol=1e-4, atol=1e-4, equal_nan=True)
    tail = errors["val/depth2/joint_p95_cm"]
    moved = np.isfinite(mean) & (mean > 1e-6)
    assert moved.any() and (tail[moved] > mean[moved]).all()


def test_bones_that_do_not_change_do_not_drift(data: MotionData) -> None:
    clips, exact = data.splits["val"], _exact(data)
    longer = {r: 1.1 * m for r, m in exact.items()}
    found = error_arrays(data, clips, "val", {1: exact, 2: longer})
    assert np.abs(found["val/depth1/bone_drift_cm"]).max() < 1e-4
    lengths = np.linalg.norm(data.preparation.skeleton.offsets[1:], axis=1)
    assert found["val/depth2/bone_drift_cm"] == pytest.approx(10 * lengths, rel=1e-3)


def test_a_tremor_stands_at_its_frequency(data: MotionData) -> None:
    clips, shaken = data.splits["val"], _exact(data)
    hertz = 8 * data.fps / SEGMENT
    for motion in shaken.values():
        motion[..., 0] += (
            0.05 * np.sin(2 * np.pi * hertz * np.arange(len(motion)) / data.fps)[:, None]
        )
    found = error_arrays(data, clips, "val", {1: shaken})
    before, after = found["val/original/velocity_spectrum"], found["val/depth1/velocity_spectrum"]
    assert found["frequencies_hz"][np.argmax(after[0] - before[0])] == pytest.approx(hertz)
    # A sine of amplitude a has velocity of power (2 pi f a)^2 / 2, on one of three axes.
    spread = (after[0] - before[0]).sum() * data.fps / SEGMENT
    differenced = (2 * np.sin(np.pi * hertz / data.fps) * data.fps * 0.05) ** 2 / 2 / 3
    assert spread == pytest.approx(differenced, rel=0.1)


def test_recordings_too_short_for_a_spectrum_have_none(data: MotionData) -> None:
    short = prepare(spec(), make_clips(6, 45))
    exact = {c.recording: c.original for c in short.splits["val"]}
    found = error_arrays(short, short.splits["val"], "val", {1: exact})
    assert np.isnan(found["val/depth1/jerk_spectrum"]).all()
    assert np.isfinite(found["val/depth1/joint_p95_cm"]).any()
