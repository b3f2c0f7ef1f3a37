"""Scales of features: levers are derivatives of positions; scaled features have unit size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.feature_scale import LEAF_LEVER, SCALINGS, feature_scale, levers
from trainables.motion.rotations import relative_exp
from trainables.motion.skeleton import forward_kinematics


@pytest.fixture(scope="module")
def data() -> MotionData:
    """The embedded signer, small."""
    return prepare(DataSpec(embedded_size="debug"))


@pytest.mark.parametrize("part", ["body", "right_hand"])
def test_levers_are_derivatives_of_positions(data: MotionData, part: str) -> None:
    geometry = data.parts[part].geometry
    step, points = 1e-5, len(geometry.parents)

    def places(features: np.ndarray) -> np.ndarray:
        local = np.tile(np.eye(3), (1, points, 1, 1))
        vectors = features.reshape(1, -1, 3)
        local[:, geometry.coded] = relative_exp(vectors, geometry.mean_rotations)
        return forward_kinematics(geometry.parents, geometry.offsets, local)[0][0]

    zero = np.zeros(3 * len(geometry.coded))
    for place, feature in enumerate(geometry.active):
        nudged = zero.copy()
        nudged[feature] = step
        moved = ((places(nudged) - places(zero)) ** 2).sum() / step**2
        expected = np.sqrt((moved + LEAF_LEVER**2) / points)
        assert levers(geometry)[place] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_scaled_features_have_unit_mean_square(data: MotionData, scaling: str) -> None:
    body = data.parts["body"]
    scaled = (body.features - body.mean) / feature_scale(body, scaling)
    assert float((scaled**2).mean()) == pytest.approx(1.0, rel=1e-3)


def test_a_position_feature_is_its_own_lever(data: MotionData) -> None:
    geometry = replace(data.parts["body"].geometry, kind="position")
    assert (levers(geometry) == 1).all()


def test_an_unknown_scaling_is_named(data: MotionData) -> None:
    with pytest.raises(BadInput, match="fk_jacobian"):
        feature_scale(data.parts["body"], "sqrt")
