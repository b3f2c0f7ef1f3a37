"""Rotations: every way around gives the rotation back, also where the log map is delicate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from trainables.motion.rotations import (
    about_up,
    exp_map,
    heading_of,
    log_map,
    mean_rotation,
    own_up,
    relative_exp,
    relative_log,
)

ANGLES = st.one_of(
    st.floats(0, np.pi),
    st.sampled_from([0.0, 1e-300, 1e-12, 1e-8, 1e-6, 1e-4]),
    st.sampled_from([0.0, 1e-15, 1e-9, 1e-7, 1e-5, 1e-3]).map(lambda e: np.pi - e),
)
DIRECTIONS = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 1e-3)
ORDERS = st.sampled_from(["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])


def _vector(angle: float, direction: tuple[float, ...]) -> np.ndarray:
    return angle * np.array(direction) / np.linalg.norm(direction)


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())


@settings(max_examples=150, deadline=None)
@given(ORDERS, st.tuples(*[st.floats(-360, 360)] * 3))
def test_euler_to_matrix_to_vector_and_back(order: str, degrees: tuple[float, ...]) -> None:
    matrix = Rotation.from_euler(order, degrees, degrees=True).as_matrix()
    vector = log_map(matrix)
    assert np.linalg.norm(vector) <= np.pi + 1e-9
    assert _apart(exp_map(vector), matrix) < 1e-6
    again = Rotation.from_matrix(exp_map(vector)).as_matrix()
    assert _apart(again, matrix) < 1e-6


@settings(max_examples=200, deadline=None)
@given(ANGLES, DIRECTIONS)
def test_round_trip_at_every_angle(angle: float, direction: tuple[float, ...]) -> None:
    vector = _vector(angle, direction)
    matrix = exp_map(vector)
    found = log_map(matrix)
    assert np.isfinite(found).all()
    assert _apart(exp_map(found), matrix) < 1e-6
    if angle < np.pi - 1e-6:  # at half a turn both directions are the same rotation
        assert _apart(found, vector) < 1e-6


def test_exact_zero_and_exact_half_turns() -> None:
    assert (log_map(np.eye(3)) == 0).all()
    for axis in range(3):
        half = -np.eye(3)
        half[axis, axis] = 1.0
        vector = log_map(half)
        assert np.linalg.norm(vector) == pytest.approx(np.pi)
        assert abs(vector[axis]) == pytest.approx(np.pi)


@settings(max_examples=100, deadline=None)
@given(ANGLES, DIRECTIONS, st.floats(0, np.pi - 1e-3), DIRECTIONS)
def test_one_vector_for_every_rotation_within_half_a_turn_of_the_mean(
    mean_angle: float,
    mean_direction: tuple[float, ...],
    angle: float,
    direction: tuple[float, ...],
) -> None:
    """The mean itself may lie at half a turn, where thighs rest in many files."""
    mean = exp_map(_vector(mean_angle, mean_direction))
    vector = _vector(angle, direction)
    rotation = relative_exp(vector[None], mean)
    assert _apart(relative_log(rotation[None], mean[None])[0, 0], vector) < 1e-6


def test_mean_of_rotations_around_one_is_that_one() -> None:
    rng = np.random.default_rng(0)
    middle = exp_map(np.array([3.1, 0.2, -0.1]))
    spread = exp_map(0.3 * rng.normal(size=(4000, 3)))
    mean = mean_rotation(middle @ np.concatenate([spread, np.swapaxes(spread, -1, -2)]))
    assert _apart(mean, middle) < 1e-9  # the spread is symmetric, so exactly the middle
    assert np.linalg.det(mean) == pytest.approx(1)


def test_mean_of_opposite_turns_is_still_a_rotation() -> None:
    rotations = exp_map(np.array([[0, 0, np.pi / 2], [0, 0, -np.pi / 2], [np.pi, 0, 0]]))
    mean = mean_rotation(rotations)
    assert _apart(mean @ mean.T, np.eye(3)) < 1e-12
    assert np.linalg.det(mean) == pytest.approx(1)


@pytest.mark.parametrize("rest", [(0, 0, 0), (np.pi, 0, 0), (0, 0, np.pi / 2), (2.1, 2.1, 2.1)])
def test_heading_follows_a_turn_of_the_world_whatever_the_axes_of_the_pelvis(
    rest: tuple[float, ...],
) -> None:
    rng = np.random.default_rng(1)
    axes = exp_map(np.array(rest, float))
    tilts = exp_map(0.6 * rng.normal(size=(200, 3)) * [1, 0, 1])
    turns = np.linspace(-6, 6, 200)
    up = own_up(tilts @ axes)
    still = heading_of(tilts @ axes, up)
    turned = heading_of(about_up(turns) @ tilts @ axes, up)
    off = np.angle(np.exp(1j * (turned - still - turns)))
    assert np.abs(off).max() < 1e-9


def test_bending_over_is_no_turn() -> None:
    """Bowing by 80 degrees with X along the spine, as in LAFAN1: no heading may come of it."""
    axes = exp_map(np.array([0, 0, np.pi / 2]))
    bow = exp_map(np.outer(np.radians(np.linspace(0, 80, 50)), [1, 0, 0])) @ axes
    heading = np.unwrap(heading_of(bow, own_up(axes[None])))
    assert np.ptp(heading) < 1e-9


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_up_axis_is_one_of_the_joints_own_where_it_leans_little(axis: int, sign: float) -> None:
    wanted = sign * np.eye(3)[axis]
    upright = Rotation.align_vectors([[0, 1, 0]], [wanted])[0].as_matrix()
    for lean in ([0.3, 0, 0], [0, 0, -0.4]):
        assert own_up(exp_map(np.array([lean])) @ upright).tolist() == wanted.tolist()
    slanted = own_up(exp_map(np.array([[0.7, 0, 0.3]])) @ upright)
    assert np.linalg.norm(slanted) == pytest.approx(1) and (slanted != wanted).any()


def test_up_axis_of_what_points_nowhere_is_y() -> None:
    opposite = np.stack([np.eye(3), np.diag([1.0, -1.0, -1.0])])
    assert own_up(opposite).tolist() == [0.0, 1.0, 0.0]
