"""Trivial codecs: fine steps lose nothing, keyframes are kept, and interpolation is slerp."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from tests.trainables.tiny import make_clips, spec
from trainables.codecs.codec import Codec
from trainables.codecs.trivial import HoldLast, Interpolated, PcaScalar, Uniform, between
from trainables.motion.dataset import prepare
from trainables.motion.part_data import PartData


@pytest.fixture(scope="module", params=["expmap", "position"])
def part(request: pytest.FixtureRequest) -> PartData:
    return prepare(spec(features=request.param), make_clips(6, 60)).parts["body"]


def _decoded(codec: Codec, features: np.ndarray) -> np.ndarray:
    return codec.decode(codec.encode(features))


@pytest.mark.parametrize("make", [lambda p: Uniform(p, 14), lambda p: PcaScalar(p, 2e-4)])
def test_fine_steps_lose_nothing(part: PartData, make) -> None:  # type: ignore[no-untyped-def]
    codec = make(part)
    assert np.abs(_decoded(codec, part.features) - part.features).max() < 0.01
    assert codec.alphabet == tuple(sorted(codec.alphabet, reverse=True))


def test_coarse_steps_are_the_mean_pose_and_cost_nothing(part: PartData) -> None:
    codec = PcaScalar(part, 1e3)
    assert codec.alphabet == (1,)
    assert np.allclose(_decoded(codec, part.features), part.mean, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(step=st.floats(1e-3, 0.3))
def test_principal_components_err_by_half_a_step_or_are_left_out(
    part: PartData, step: float
) -> None:
    """In the scale of its coordinates: every kept one is within half a step, others were below."""
    codec = PcaScalar(part, step)
    missing = part.features - codec.mean - (_decoded(codec, part.features) - codec.mean)
    assert np.abs(missing @ codec.into).max() <= step / 2 * (1 + 1e-3) + 1e-5


def test_every_frame_held_or_interpolated_is_the_uniform_quantiser(part: PartData) -> None:
    plain = _decoded(Uniform(part, 8), part.features)
    for codec in (HoldLast(part, 8, 1), Interpolated(part, 8, 1)):
        assert np.array_equal(_decoded(codec, part.features), plain)


@pytest.mark.parametrize(("frames", "every"), [(61, 8), (64, 8), (3, 8), (1, 2), (30, 30)])
def test_keyframes_come_back_whatever_stands_between(
    part: PartData, frames: int, every: int
) -> None:
    features = part.features[:frames]
    plain = _decoded(Uniform(part, 8), features)
    for kind in (HoldLast, Interpolated):
        codec = kind(part, 8, every)
        tokens = codec.encode(features)
        assert len(tokens.indices) == -(-frames // every)
        decoded = codec.decode(tokens)
        assert decoded.shape == features.shape
        assert np.allclose(decoded[::every], plain[::every], atol=1e-5)
    held = _decoded(HoldLast(part, 8, every), features)
    assert np.array_equal(held[min(every, frames) - 1], held[0])


def test_between_keyframes_is_slerp() -> None:
    """Against SciPy's, on turns of more than half a circle between keys too."""
    part = prepare(spec(), make_clips(6, 60)).parts["body"]
    joints = len(part.geometry.constant) // 3
    whole = replace(part.geometry, active=np.arange(3 * joints))
    rng = np.random.default_rng(0)
    keys = Rotation.random(4 * joints, rng=rng)
    vectors = keys.as_rotvec().reshape(4, -1)
    found = between(vectors, 5, 18, whole).reshape(18, joints, 3)
    for j in range(joints):
        of_joint = Rotation.from_rotvec(vectors.reshape(4, joints, 3)[:, j])
        expected = Slerp(np.arange(4) * 5, of_joint)(np.arange(16))
        apart = Rotation.from_rotvec(found[:16, j]) * expected.inv()
        assert np.max(apart.magnitude()) < 1e-6
    assert np.allclose(found[16:].reshape(2, -1), found[15].reshape(-1))  # the last is held


def test_positions_go_straight() -> None:
    part = prepare(spec(features="position"), make_clips(6, 60)).parts["body"]
    keys = part.features[[0, 10]].astype(np.float64)
    assert np.allclose(between(keys, 4, 8, part.geometry)[2], keys.mean(axis=0))


def test_saved_arrays_decode_alike(part: PartData) -> None:
    for make in (lambda p: Interpolated(p, 6, 4), lambda p: PcaScalar(p, 0.02)):
        codec, other = make(part), make(replace(part, features=part.features[:50]))
        other.load_arrays(codec.arrays())
        tokens = codec.encode(part.features)
        assert np.array_equal(other.decode(tokens), codec.decode(tokens))


def test_a_step_finer_than_the_container_is_refused(part: PartData) -> None:
    with pytest.raises(ValueError, match="to either side"):
        PcaScalar(part, 1e-7)
