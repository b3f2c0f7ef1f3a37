import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from trainables.metrics.contract import moving_pair
from trainables.metrics.space import clip_hull, clip_hull_error, hull_percent, hull_volume

CUBE = np.array(list(itertools.product((0.0, 1.0), repeat=3)))


def test_unit_cube_is_one():
    assert hull_volume(CUBE) == pytest.approx(1.0, abs=1e-12)


def test_points_inside_and_repeated_points_change_nothing():
    inside = np.random.default_rng(0).uniform(0.0, 1.0, (200, 3))
    assert hull_volume(np.vstack([CUBE, inside, CUBE])) == pytest.approx(1.0, abs=1e-12)


def test_tetrahedron():
    corners = np.vstack([np.zeros(3), np.eye(3)])
    assert hull_volume(corners) == pytest.approx(1.0 / 6.0)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((0, 3)),
        CUBE[:3],
        np.ones((50, 3)),
        np.repeat(CUBE[:3], 10, axis=0),
        np.linspace(0.0, 1.0, 20)[:, None] * (1.0, 2.0, 3.0),
        CUBE[CUBE[:, 2] == 0.0],
    ],
    ids=["none", "three", "one place", "three places", "line", "square"],
)
def test_clouds_without_volume_are_zero(points):
    assert hull_volume(points) == 0.0


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_tilted_plane_is_zero_despite_rounding(kind):
    rng = np.random.default_rng(3)
    flat = np.column_stack([rng.normal(size=(500, 2)), np.zeros(500)])
    for _ in range(20):
        plane = flat @ Rotation.random(rng=rng).as_matrix() + rng.normal(size=3)
        assert hull_volume(plane.astype(kind)) == 0.0


def test_a_thin_sheet_is_not_mistaken_for_a_plane():
    assert hull_volume(CUBE * (1.0, 1.0, 1e-5)) == pytest.approx(1e-5)
    assert hull_volume((CUBE * (1.0, 1.0, 1e-5)).astype(np.float32)) == pytest.approx(1e-5)


def test_not_finite_is_nan():
    for bad in (np.nan, np.inf):
        points = CUBE.copy()
        points[0, 0] = bad
        assert math.isnan(hull_volume(points))


def test_wrong_shape():
    with pytest.raises(ValueError, match=r"\(n, 3\)"):
        hull_volume(np.zeros((4, 2)))


@given(st.floats(0.1, 10.0), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_percent_follows_the_cube_of_scale_and_ignores_rigid_motion(scale, seed):
    rng = np.random.default_rng(seed)
    wrists = rng.normal(size=(30, 2, 3))
    assert hull_percent(wrists, wrists) == pytest.approx(100.0)
    assert hull_percent(wrists, scale * wrists) == pytest.approx(100.0 * scale**3)
    turned = wrists @ Rotation.random(rng=rng).as_matrix().T + rng.normal(size=3)
    assert hull_percent(wrists, turned) == pytest.approx(100.0)


def test_both_wrists_are_one_cloud():
    # Each wrist keeps to its own face of the cube: alone they span nothing.
    wrists = np.stack([CUBE[CUBE[:, 0] == x] for x in (0.0, 1.0)], axis=1)
    pair = replace(
        moving_pair(frames=4), original=wrists, reconstruction=1.1 * wrists, wrists=(0, 1)
    )
    assert clip_hull(pair, "") == pytest.approx(133.1)
    assert clip_hull_error(pair, "") == pytest.approx(33.1)
    assert math.isnan(clip_hull(replace(pair, wrists=(0,)), ""))


def test_shrinking_and_growing_are_both_errors():
    pair = moving_pair()
    shrunk = replace(pair, reconstruction=0.5 * pair.original)
    assert clip_hull(shrunk, "") == pytest.approx(12.5)
    assert clip_hull_error(shrunk, "") == pytest.approx(87.5)


def test_one_wrist_is_enough_and_none_is_nan():
    pair = moving_pair(noise=0.02)
    left = replace(pair, wrists=(1,))
    assert clip_hull(left, "") == pytest.approx(
        hull_percent(pair.original[:, 1], pair.reconstruction[:, 1])
    )
    none = replace(pair, wrists=())
    assert math.isnan(clip_hull(none, "")) and math.isnan(clip_hull_error(none, ""))


def test_a_still_original_is_nan_and_a_still_reconstruction_zero():
    pair = moving_pair()
    still = np.broadcast_to(pair.original[:1], pair.original.shape)
    assert math.isnan(clip_hull(replace(pair, original=still), ""))
    assert clip_hull(replace(pair, reconstruction=still), "") == 0.0
