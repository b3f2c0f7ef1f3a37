"""Rotations as six numbers: what comes back, what is made of anything, and losses on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from search_spaces.constraints import refusal
from search_spaces.errors import BadInput
from search_spaces.families import complete
from tests.trainables.tiny import make_clips, spec
from trainables.losses.geodesic import GeodesicLoss
from trainables.losses.position import PositionLoss
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.rotations import from_six, six_of


@pytest.fixture(scope="module")
def pair() -> tuple[MotionData, MotionData]:
    """The same motion as exponential maps and as six numbers."""
    clips = make_clips(6, 40)
    return prepare(spec(), clips), prepare(spec(features="rot6d"), clips)


def test_rotations_come_back() -> None:
    turns = Rotation.random(500, random_state=0).as_matrix().reshape(50, 10, 3, 3)
    found = six_of(turns)
    assert found.shape == (50, 10, 6)
    assert np.array_equal(found[..., :3], turns[..., 0])
    assert np.abs(from_six(found) - turns).max() < 1e-12
    half_turn = Rotation.from_rotvec([0, np.pi, 0])
    near = [Rotation.from_rotvec([0, np.pi + e, 0]).as_matrix() for e in (-1e-4, 1e-4)]
    assert np.abs(six_of(near[0]) - six_of(near[1])).max() < 1e-3, "no jump at half a turn"
    assert np.abs(from_six(six_of(half_turn.as_matrix())) - half_turn.as_matrix()).max() < 1e-12


def test_any_six_numbers_are_a_rotation() -> None:
    rng = np.random.default_rng(0)
    wild = np.concatenate([
        rng.normal(size=(100, 6)), np.zeros((1, 6)), np.ones((1, 6)),
        [[0, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, 0], [0, 2, 0, 0, -3, 0]],
    ])  # fmt: skip
    turns = from_six(wild)
    assert np.abs(turns @ turns.swapaxes(-1, -2) - np.eye(3)).max() < 1e-9
    assert np.linalg.det(turns) == pytest.approx(1)


def test_poses_come_back_from_their_features(pair: tuple[MotionData, MotionData]) -> None:
    angles, six = pair
    assert six.facts.features == "rot6d"
    for part, data in six.parts.items():
        assert data.geometry.width == 6
        assert data.dimensions > angles.parts[part].dimensions
        assert data.geometry.joint_of.max() < len(data.geometry.coded)
    for clip, other in zip(six.splits["test"], angles.splits["test"], strict=True):
        rebuilt = six.reconstruct(clip, clip.features, clip.root_tokens)
        # What moves less than a tenth of a milliradian is held still, in either form.
        assert np.abs(rebuilt - clip.original).max() < 1e-3
        plain = angles.reconstruct(other, other.features, other.root_tokens)
        assert np.abs(rebuilt - plain).max() < 2e-3


def test_losses_see_the_same_positions_and_angles(pair: tuple[MotionData, MotionData]) -> None:
    found = []
    for data in pair:
        part = data.parts["body"]
        features = torch.from_numpy((part.features[:30] - part.mean) / part.std)
        place = PositionLoss(part.geometry, part.mean, part.std, part.position_scale)
        angle = GeodesicLoss(part.geometry, part.mean, part.std, part.std)
        rotations = angle.rotations(features)
        squared = angle.squared_angles(rotations[:15], rotations[15:]).mean()
        found.append((place.positions(features), squared, angle.scale))
    (one, one_angle, one_scale), (other, other_angle, other_scale) = found
    assert float((one - other).abs().max()) < 1e-3
    assert float(other_angle) == pytest.approx(float(one_angle), rel=0.02)
    assert other_scale == pytest.approx(one_scale, rel=0.1)


def test_levers_are_of_angles_alone(pair: tuple[MotionData, MotionData]) -> None:
    config = complete({"codec": "eg_vqvae", "codebook_size": 4, "feature_scaling": "fk_jacobian"})
    assert refusal(config, pair[0].facts) is None
    said = refusal(config, pair[1].facts)
    assert said is not None and "fk_jacobian is of angles" in said
    assert refusal({**config, "feature_scaling": "zscore"}, pair[1].facts) is None


def test_positions_have_no_rotations() -> None:
    clips = make_clips(6, 40)
    bare = [type(c)(**{**c.__dict__, "rotations": None}) for c in clips]
    with pytest.raises(BadInput, match="features: rot6d cannot be had; use --set features=pos"):
        prepare(spec(features="rot6d"), bare)
