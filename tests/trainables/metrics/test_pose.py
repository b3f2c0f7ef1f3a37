import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from trainables.metrics.contract import moving_pair
from trainables.metrics.pose import (
    clip_mpjpe,
    clip_rmse,
    joint_distances,
    kabsch_align,
    kabsch_rmse,
    mpjpe,
    rmse,
    rmse_coordinate,
)

coordinates = st.floats(-5.0, 5.0, width=32)


@st.composite
def pose_pairs(draw):
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 6)), 3)
    return tuple(draw(arrays(np.float64, shape, elements=coordinates)) for _ in range(2))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_identical_is_zero(rng):
    x = rng.normal(size=(6, 9, 3))
    assert rmse(x, x) == mpjpe(x, x) == rmse_coordinate(x, x) == 0.0
    assert kabsch_rmse(x, x) < 1e-12


def test_shift_3_4_0(rng):
    x = rng.normal(size=(6, 9, 3))
    moved = x + np.array([3.0, 4.0, 0.0])
    assert joint_distances(x, moved) == pytest.approx(np.full((6, 9), 5.0))
    assert rmse(x, moved) == pytest.approx(5.0)
    assert mpjpe(x, moved) == pytest.approx(5.0)
    assert rmse_coordinate(x, moved) == pytest.approx(2.8868, abs=5e-5)
    assert kabsch_rmse(x, moved) < 1e-12


def test_rmse_weighs_large_distances_and_mpjpe_does_not():
    x = np.zeros((1, 2, 3))
    y = x.copy()
    y[0, 1] = (0.0, 0.0, 2.0)
    assert rmse(x, y) == pytest.approx(math.sqrt(2.0))
    assert mpjpe(x, y) == pytest.approx(1.0)


def test_a_rigid_motion_of_each_frame_is_undone(rng):
    x = rng.normal(size=(50, 12, 3))
    turns = Rotation.random(50, rng=rng).as_matrix()
    y = np.einsum("fij,fnj->fni", turns, x) + rng.normal(size=(50, 1, 3))
    assert rmse(x, y) > 0.5
    assert kabsch_rmse(x, y) < 1e-9
    assert np.allclose(kabsch_align(x, y), x, atol=1e-9)


def test_a_mirrored_pose_is_not_undone(rng):
    x = rng.normal(size=(5, 8, 3))
    assert kabsch_rmse(x, x * (-1.0, 1.0, 1.0)) > 0.1


def test_scale_is_not_undone(rng):
    x = rng.normal(size=(5, 8, 3))
    x -= x.mean(axis=1, keepdims=True)
    # Nothing but the spread remains: the distance of every joint from the centre.
    assert kabsch_rmse(x, 2.0 * x) == pytest.approx(rmse(x, np.zeros_like(x)))


def test_against_scipy_frame_by_frame(rng):
    x = rng.normal(size=(40, 10, 3))
    y = rng.normal(size=(40, 10, 3))  # unrelated: half of the best orthogonal maps are mirrors
    x_centred = x - x.mean(axis=1, keepdims=True)
    y_centred = y - y.mean(axis=1, keepdims=True)
    aligned = kabsch_align(x, y)
    for frame in range(40):
        turn, rssd = Rotation.align_vectors(x_centred[frame], y_centred[frame])
        assert np.linalg.norm(aligned[frame] - x[frame]) == pytest.approx(rssd, rel=1e-9)
        expected = turn.apply(y_centred[frame]) + x[frame].mean(axis=0)
        assert np.allclose(aligned[frame], expected, atol=1e-7)


@pytest.mark.parametrize("joints", [1, 2])
def test_few_joints_reach_the_least_error(rng, joints):
    x = rng.normal(size=(20, joints, 3))
    y = rng.normal(size=(20, joints, 3))
    # One joint can always be met; of two, the difference in their distance is shared.
    gap = np.linalg.norm(x[:, 0] - x[:, -1], axis=1) - np.linalg.norm(y[:, 0] - y[:, -1], axis=1)
    distances = joint_distances(x, kabsch_align(x, y))
    assert np.allclose(distances, np.abs(gap)[:, None] / 2.0, atol=1e-12)


def test_joints_on_a_line_reach_the_least_error(rng):
    line = np.linspace(-1.0, 1.0, 5)[:, None]
    x, y = (line * rng.normal(size=(10, 1, 3)) for _ in range(2))
    lengths = [np.linalg.norm(a[:, -1], axis=1) for a in (x, y)]
    expected = np.abs(lengths[0] - lengths[1])[:, None] * np.abs(line[:, 0])
    assert np.allclose(joint_distances(x, kabsch_align(x, y)), expected, atol=1e-12)


def test_all_joints_in_one_place(rng):
    x = rng.normal(size=(3, 5, 3))
    y = np.ones((3, 5, 3))
    centred = x - x.mean(axis=1, keepdims=True)
    assert kabsch_rmse(x, y) == pytest.approx(rmse(centred, np.zeros_like(x)))


@given(pose_pairs())
@settings(max_examples=60, deadline=None)
def test_alignment_never_adds_error(pair):
    x, y = pair
    assert kabsch_rmse(x, y) <= rmse(x, y) + 1e-9
    assert mpjpe(x, y) <= rmse(x, y) + 1e-9


@given(pose_pairs(), st.floats(0.01, 100.0), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_units_and_the_place_of_the_reconstruction(pair, scale, seed):
    x, y = pair
    raw, aligned = rmse(x, y), kabsch_rmse(x, y)
    assert rmse(scale * x, scale * y) == pytest.approx(scale * raw, rel=1e-9, abs=1e-9)
    assert kabsch_rmse(scale * x, scale * y) == pytest.approx(scale * aligned, rel=1e-6, abs=1e-6)
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    assert kabsch_rmse(x, y @ turn.T + 1.0) == pytest.approx(aligned, abs=1e-6)
    assert kabsch_rmse(y, x) == pytest.approx(aligned, abs=1e-6)  # symmetric: no scaling


@given(pose_pairs())
@settings(max_examples=40, deadline=None)
def test_the_joints_keep_their_shape(pair):
    x, y = pair
    aligned = kabsch_align(x, y)
    between = [np.linalg.norm(a[:, :, None] - a[:, None], axis=-1) for a in (y, aligned)]
    assert np.allclose(*between, atol=1e-9)


def test_a_broken_frame_is_nan_and_alone(rng):
    x = rng.normal(size=(3, 5, 3))
    y = rng.normal(size=(3, 5, 3))
    whole = kabsch_align(x, y)
    y[1, 2, 0] = np.nan
    y[2, 0, 1] = np.inf
    aligned = kabsch_align(x, y)
    assert np.isnan(aligned[1:]).all()
    assert np.array_equal(aligned[0], whole[0])
    assert math.isnan(kabsch_rmse(x, y))


def test_float32_is_measured_in_double(rng):
    x = rng.normal(size=(20, 30, 3)).astype(np.float32)
    y = (x + rng.normal(0.0, 0.01, x.shape)).astype(np.float32)
    assert kabsch_align(x, y).dtype == np.float64
    assert kabsch_rmse(x, y) == kabsch_rmse(x.astype(np.float64), y.astype(np.float64))


def test_shapes_that_would_broadcast_are_refused(rng):
    x = rng.normal(size=(4, 5, 3))
    for other in (x[:1], x[:, :1], x[0], x[..., :2]):
        with pytest.raises(ValueError, match=r"\(frames, joints, 3\)"):
            rmse(x, other)
        with pytest.raises(ValueError, match=r"\(frames, joints, 3\)"):
            kabsch_align(x, other)


def test_nothing_to_score_is_nan():
    for shape in ((0, 4, 3), (4, 0, 3)):
        x = np.zeros(shape)
        assert math.isnan(rmse(x, x)) and math.isnan(mpjpe(x, x)) and math.isnan(kabsch_rmse(x, x))


def test_clip_metrics_are_in_cm_and_align_parts_only():
    pair = moving_pair()
    hand = pair.parts["left_hand"]
    pair.reconstruction[:, hand] += (0.03, 0.04, 0.0)
    share = len(hand) / pair.original.shape[1]
    assert clip_rmse(pair, "full") == pytest.approx(5.0 * math.sqrt(share))
    assert clip_mpjpe(pair, "full") == pytest.approx(5.0 * share)
    assert clip_rmse(pair, "left_hand") < 1e-9  # a shifted hand has its shape
    assert clip_mpjpe(pair, "left_hand") == pytest.approx(5.0)
    assert clip_rmse(pair, "body") > 0.1  # the wrist left the rest of the body


def test_a_part_that_is_not_there_is_an_error():
    for metric in (clip_rmse, clip_mpjpe):
        with pytest.raises(KeyError):
            metric(moving_pair(), "tail")
