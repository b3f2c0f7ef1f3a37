"""The position loss against the kinematics that scores reconstructions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from trainables.losses.position import PositionLoss
from trainables.motion.part_data import PartGeometry
from trainables.motion.skeleton import forward_kinematics

PARENTS = np.array([-1, 0, 1, 2, 1, 4, 0, 6])
CODED = np.array([1, 2, 4, 6, 0])  # in an order of its own; points 3, 5 and 7 keep the identity


def _geometry(rng: np.random.Generator) -> PartGeometry:
    offsets = rng.normal(size=(8, 3)) * 0.2
    offsets[0] = 0
    return PartGeometry(
        kind="expmap",
        parents=PARENTS,
        offsets=offsets,
        coded=CODED,
        mean_rotations=Rotation.random(5, random_state=1).as_matrix(),
        constant=rng.normal(size=15) * 0.3,
        active=np.array([0, 1, 2, 3, 5, 6, 7, 8, 10, 12, 14]),
    )


def _by_kinematics(geometry: PartGeometry, features: np.ndarray) -> np.ndarray:
    full = np.tile(geometry.constant, (len(features), 1))
    full[:, geometry.active] = features
    rotations = np.tile(np.eye(3), (len(features), 8, 1, 1))
    for joint, point in enumerate(geometry.coded):
        turned = Rotation.from_rotvec(full[:, 3 * joint : 3 * joint + 3]).as_matrix()
        rotations[:, point] = geometry.mean_rotations[joint] @ turned
    return forward_kinematics(PARENTS, geometry.offsets, rotations)[0]


def _loss(geometry: PartGeometry, rng: np.random.Generator, scale: float = 1.0) -> PositionLoss:
    mean, std = rng.normal(size=11) * 0.1, rng.uniform(0.2, 2.0, size=11)
    return PositionLoss(geometry, mean.astype("f4"), std.astype("f4"), scale)


def test_positions_are_those_of_forward_kinematics() -> None:
    rng = np.random.default_rng(0)
    geometry = _geometry(rng)
    loss = _loss(geometry, rng).double()
    # Constants are kept in single precision; give both sides the same ones.
    exact = PartGeometry(
        "expmap", PARENTS, loss_offsets(geometry), CODED,
        geometry.mean_rotations.astype("f4").astype(float),
        geometry.constant.astype("f4").astype(float), geometry.active,
    )  # fmt: skip
    scored = rng.normal(size=(40, 11))
    scored[0] = 0
    found = loss.positions(torch.from_numpy(scored)).numpy()
    features = scored * loss.std.numpy() + loss.mean.numpy()
    assert np.abs(found - _by_kinematics(exact, features)).max() < 1e-6
    assert np.abs(found[:, 0]).max() == 0


def loss_offsets(geometry: PartGeometry) -> np.ndarray:
    return geometry.offsets.astype("f4").astype(float)


def test_single_precision_is_good_to_a_hundredth_of_a_millimetre() -> None:
    rng = np.random.default_rng(1)
    geometry = _geometry(rng)
    loss = _loss(geometry, rng)
    scored = rng.normal(size=(40, 11)).astype("f4")
    features = scored * loss.std.numpy() + loss.mean.numpy()
    found = loss.positions(torch.from_numpy(scored)).numpy()
    assert np.abs(found - _by_kinematics(geometry, features)).max() < 1e-5


def test_loss_is_the_mean_squared_joint_distance() -> None:
    rng = np.random.default_rng(2)
    geometry = _geometry(rng)
    loss = _loss(geometry, rng, scale=0.5)
    first, second = (torch.from_numpy(rng.normal(size=(9, 11)).astype("f4")) for _ in range(2))
    there = loss.positions(second)
    gaps = loss.positions(first).numpy() - there.numpy()
    expected = (gaps[:, 1:] ** 2).sum(-1).mean(-1) / 0.25
    assert np.allclose(loss(first, there).numpy(), expected, rtol=1e-4)
    assert float(loss(second, there).abs().max()) == 0


def test_gradients_are_those_of_finite_differences() -> None:
    rng = np.random.default_rng(3)
    geometry = _geometry(rng)
    loss = _loss(geometry, rng).double()
    scored = torch.from_numpy(rng.normal(size=(3, 11))).requires_grad_()
    there = loss.positions(torch.from_numpy(rng.normal(size=(3, 11)))).detach()
    assert torch.autograd.gradcheck(lambda x: loss(x, there), (scored,), atol=1e-6)


def _six(rng: np.random.Generator) -> PartGeometry:
    """The same bones with two columns of a rotation for each joint."""
    made = _geometry(rng)
    active = np.array([0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 13, 14, 20, 22, 29])
    constant = np.tile([1.0, 0, 0, 0, 1, 0], 5) + rng.normal(size=30) * 0.1
    return PartGeometry(
        "rot6d", PARENTS, made.offsets, CODED, made.mean_rotations, constant, active
    )


@pytest.mark.parametrize("size", [1e-4, 0.3, 1.0, 3.0])
def test_gradients_of_every_angle_are_those_of_finite_differences(size: float) -> None:
    rng = np.random.default_rng(7)
    geometry = _geometry(rng)
    still = PartGeometry(
        "expmap", PARENTS, geometry.offsets, CODED, geometry.mean_rotations, np.zeros(15),
        np.arange(15),
    )  # fmt: skip
    loss = PositionLoss(still, np.zeros(15, "f4"), np.ones(15, "f4"), 1.0).double()
    scored = torch.from_numpy(size * rng.normal(size=(4, 15))).requires_grad_()
    there = loss.positions(torch.from_numpy(rng.normal(size=(4, 15)))).detach()
    assert torch.autograd.gradcheck(lambda x: loss(x, there), (scored,), eps=1e-7, atol=1e-6)


def test_gradients_of_columns_are_those_of_finite_differences() -> None:
    rng = np.random.default_rng(8)
    geometry = _six(rng)
    mean, std = rng.normal(size=15) * 0.1, rng.uniform(0.2, 1.0, size=15)
    loss = PositionLoss(geometry, mean.astype("f4"), std.astype("f4"), 1.0).double()
    scored = torch.from_numpy(rng.normal(size=(4, 15))).requires_grad_()
    there = loss.positions(torch.from_numpy(rng.normal(size=(4, 15)))).detach()
    assert torch.autograd.gradcheck(lambda x: loss(x, there), (scored,), atol=1e-6)


def test_positions_from_columns_are_those_of_forward_kinematics() -> None:
    rng = np.random.default_rng(9)
    geometry = _six(rng)
    loss = PositionLoss(geometry, np.zeros(15, "f4"), np.ones(15, "f4"), 1.0)
    scored = torch.from_numpy(rng.normal(size=(9, 15)).astype("f4"))
    turned = loss.rotations(scored).numpy()
    rotations = np.tile(np.eye(3, dtype="f4"), (9, 8, 1, 1))
    rotations[:, CODED] = turned
    there, _ = forward_kinematics(PARENTS, geometry.offsets, rotations)
    assert np.abs(loss.positions(scored).numpy() - there).max() < 1e-5


def test_many_frames_have_the_positions_of_each() -> None:
    rng = np.random.default_rng(10)
    loss = _loss(_geometry(rng), rng)
    scored = torch.from_numpy(rng.normal(size=(700, 11)).astype("f4"))
    whole = loss.positions(scored)
    assert whole.shape == (700, 8, 3)
    assert torch.allclose(whole[600:], loss.positions(scored[600:]), rtol=0, atol=1e-6)


def test_gradients_at_the_mean_pose_are_finite() -> None:
    rng = np.random.default_rng(4)
    geometry = _geometry(rng)
    still = PartGeometry(
        "expmap", PARENTS, geometry.offsets, CODED, geometry.mean_rotations, np.zeros(15),
        geometry.active,
    )  # fmt: skip
    loss = PositionLoss(still, np.zeros(11, "f4"), np.ones(11, "f4"), 1.0)
    scored = torch.zeros(2, 11, requires_grad=True)
    there = loss.positions(torch.full((2, 11), 0.3)).detach()
    loss(scored, there).sum().backward()
    assert scored.grad is not None and torch.isfinite(scored.grad).all()
    assert float(scored.grad.abs().max()) > 0


def test_position_features_are_positions() -> None:
    rng = np.random.default_rng(5)
    geometry = PartGeometry(
        kind="position", parents=np.array([-1, 0, 1]), offsets=np.zeros((3, 3)),
        coded=np.array([1, 2]), mean_rotations=np.tile(np.eye(3), (2, 1, 1)),
        constant=np.array([1.0, 2, 3, 4, 5, 6]), active=np.array([0, 2, 5]),
    )  # fmt: skip
    mean, std = np.array([0.5, 0, 0], "f4"), np.array([2.0, 1, 3], "f4")
    loss = PositionLoss(geometry, mean, std, 2.0)
    scored = torch.from_numpy(rng.normal(size=(4, 3)).astype("f4"))
    found = loss.positions(scored).numpy()
    assert found.shape == (4, 2, 3)
    assert np.allclose(found[:, 0, 0], scored[:, 0] * 2 + 0.5)
    assert np.allclose(found[:, 1, 2], scored[:, 2] * 3)
    assert (found[:, 0, 1] == 2).all() and (found[:, 1, :2] == [4, 5]).all()
    shifted = loss(scored, loss.positions(scored + torch.tensor([1.0, 0, 0])))
    assert np.allclose(shifted, (2.0**2) / 2 / 2.0**2)


def test_odd_geometry_is_refused() -> None:
    rng = np.random.default_rng(6)
    geometry = _geometry(rng)
    forest = np.array([-1, 0, 1, 2, -1, 4, 0, 6])
    broken = PartGeometry(
        "expmap", forest, geometry.offsets, CODED, geometry.mean_rotations, geometry.constant,
        geometry.active,
    )  # fmt: skip
    with pytest.raises(ValueError, match="one tree"):
        _loss(broken, rng)
    heat = PartGeometry(
        "heatmap", PARENTS, geometry.offsets, CODED, geometry.mean_rotations, geometry.constant,
        geometry.active,
    )  # fmt: skip
    with pytest.raises(ValueError, match="heatmap"):
        _loss(heat, rng)
