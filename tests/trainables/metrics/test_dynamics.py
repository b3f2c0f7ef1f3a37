import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.metrics.contract import moving_pair
from trainables.metrics.dynamics import clip_jerk, clip_jerk_error, jerk


def along_x(values):
    """(frames,) -> (frames, 1, 3), motion along one axis."""
    return np.stack([values, np.zeros_like(values), np.zeros_like(values)], axis=1)[:, None]


T = np.arange(20.0)


@pytest.mark.parametrize("path", [0.0 * T + 2.0, 3.0 * T + 1.0, T**2 - 4.0 * T])
def test_constant_linear_and_quadratic_motion_have_none(path):
    assert jerk(along_x(path), 1.0) == 0.0


def test_t_cubed_has_six():
    assert jerk(along_x(T**3), 1.0) == 6.0


@pytest.mark.parametrize("fps", [15.0, 30.0, 120.0])
def test_t_cubed_in_seconds_has_six_at_any_frame_rate(fps):
    assert jerk(along_x((T / fps) ** 3), fps) == pytest.approx(6.0)


def test_norm_over_axes_then_mean_over_frames_and_joints():
    path = np.zeros((12, 2, 3))
    path[:, 0] = np.arange(12.0)[:, None] ** 3 * (3.0, 4.0, 0.0)  # 6 x norm (3, 4, 0) = 30
    assert jerk(path, 1.0) == pytest.approx(15.0)
    assert jerk(path[..., :2], 1.0) == pytest.approx(15.0)  # two dimensions


@given(st.floats(0.01, 1000.0), st.floats(1.0, 240.0), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_scales_with_the_unit_and_with_fps_cubed(scale, fps, seed):
    x = np.random.default_rng(seed).normal(size=(9, 4, 3))
    assert jerk(scale * x, fps) == pytest.approx(scale * fps**3 * jerk(x, 1.0))


def test_blind_to_place_and_constant_velocity():
    x = np.random.default_rng(0).normal(size=(9, 4, 3))
    drift = np.arange(9.0)[:, None, None] * (1.0, 2.0, 3.0) + 10.0
    assert jerk(x + drift, 30.0) == pytest.approx(jerk(x, 30.0))


def test_fewer_than_four_frames_or_no_joints_is_nan():
    for frames in range(4):
        assert math.isnan(jerk(np.zeros((frames, 2, 3)), 30.0))
    assert jerk(np.zeros((4, 2, 3)), 30.0) == 0.0
    assert math.isnan(jerk(np.zeros((9, 0, 3)), 30.0))


def test_float32_is_differenced_in_double():
    x = np.random.default_rng(0).normal(size=(9, 4, 3)).astype(np.float32)
    assert jerk(x, 30.0) == jerk(x.astype(np.float64), 30.0)


@pytest.mark.parametrize(("fps", "bound"), [(30.0, 0.01), (120.0, 0.6)])
def test_rounding_to_float32_costs_what_the_docstring_says(fps, bound):
    x = np.random.default_rng(0).uniform(0.5, 1.0, (1, 50, 3)).repeat(50, axis=0)
    x += np.linspace(0.0, 0.1, 50)[:, None, None]
    floor = jerk(x.astype(np.float32), fps)
    assert jerk(x, fps) < 1e-6 * fps**3 / 1e3
    assert bound / 4 < floor < bound


def test_wrong_shape():
    with pytest.raises(ValueError, match="frames, joints"):
        jerk(np.zeros((9, 3)), 30.0)


def test_error_is_the_distance_from_the_original_either_way():
    pair = moving_pair(noise=0.02)
    reference = jerk(pair.original, pair.fps)
    assert clip_jerk(pair, "") > reference  # noise shakes
    assert clip_jerk_error(pair, "") == pytest.approx(clip_jerk(pair, "") - reference)
    still = replace(pair, reconstruction=np.zeros_like(pair.original))
    assert clip_jerk(still, "") == 0.0
    assert clip_jerk_error(still, "") == pytest.approx(reference)
    assert math.isnan(clip_jerk_error(moving_pair(frames=3), ""))
