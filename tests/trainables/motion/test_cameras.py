"""Views by angle and calibrated cameras: where points fall, and which are in view."""

from __future__ import annotations

import numpy as np
import pytest

from search_spaces.errors import BadInput
from trainables.motion.cameras import Camera, YawView, parse_view

FRONT = Camera(
    "c", np.diag([1.0, -1.0, -1.0]), np.array([0.0, 0.0, 4.0]),
    np.array([[1000.0, 0, 960], [0, 1000.0, 540], [0, 0, 1]]), np.zeros(5), (1920, 1080),
)  # fmt: skip
"""Four metres in front of the origin, on +Z, upright."""


def test_a_view_from_the_front_shows_x_to_the_right_and_up_above() -> None:
    points, visible = YawView(0).see(np.array([[[1.0, 2.0, 3.0]]]), np.ones((1, 1), bool))
    assert visible.all() and np.allclose(points, [[[1.0, -2.0]]])


def test_a_quarter_turn_looks_along_x() -> None:
    positions = np.array([[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
    points, _ = YawView(90).see(positions, np.ones((1, 2), bool))
    assert np.allclose(points[0], [[0.0, 0.0], [-1.0, 0.0]], atol=1e-12)


def test_perspective_shows_what_is_near_larger_and_parallel_rays_do_not() -> None:
    # a frame in front of the body and one behind it, both of the same size
    square = np.array([[-1.0, -1, 1], [1, 1, 1], [-1, -1, -1], [1, 1, -1]])[None]
    seen = np.ones((1, 4), bool)
    near, far = _spans(YawView(0, perspective=True).see(square, seen)[0])
    assert near > 1.2 * far
    near, far = _spans(YawView(0).see(square, seen)[0])
    assert near == far


def test_missing_joints_are_in_no_view_and_move_nothing() -> None:
    positions = np.array([[[0.0, 0, 0], [1, 1, 1], [np.nan] * 3]])
    seen = np.array([[True, True, False]])
    for view in (YawView(0), YawView(30, perspective=True), FRONT):
        points, visible = view.see(positions, seen)
        assert not visible[0, 2] and np.isnan(points[0, 2]).all()
        alone, _ = view.see(positions[:, :2], seen[:, :2])
        assert np.array_equal(points[:, :2], alone)


def test_a_camera_sees_neither_behind_itself_nor_outside_its_picture() -> None:
    positions = np.array([[[0.0, 0, 0], [0, 0, 5], [9, 0, 0], [0.5, 0.25, 0]]])
    points, visible = FRONT.see(positions, np.ones((1, 4), bool))
    assert visible[0].tolist() == [True, False, False, True]
    assert np.allclose(points[0, 3], [960 + 125, 540 - 62.5])
    bent = Camera("b", FRONT.rotation, FRONT.translation, FRONT.intrinsics,
                  np.array([-0.25, 0, 0, 0, 0]), FRONT.resolution)  # fmt: skip
    # far outside, the polynomial comes back to the middle of the picture: still not in view
    beyond = np.array([[[8.0, 0, 0]]])
    assert not bent.see(beyond, np.ones((1, 1), bool))[1].any()


def test_views_are_named_as_they_are_asked_for() -> None:
    assert parse_view("yaw=45") == YawView(45.0)
    assert parse_view("perspective=-30").name == "perspective=-30"
    assert parse_view("c", [FRONT]) is FRONT
    for text, said in (("yaw=left", "number of degrees"), ("00_03", r"\(c\)"), ("yaw=nan", "deg")):
        with pytest.raises(BadInput, match=said):
            parse_view(text, [FRONT])


def _spans(points: np.ndarray) -> tuple[float, float]:
    return float(np.ptp(points[0, :2])), float(np.ptp(points[0, 2:]))
