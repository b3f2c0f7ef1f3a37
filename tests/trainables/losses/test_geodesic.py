"""The angle between rotations, against scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from trainables.losses.geodesic import GeodesicLoss
from trainables.motion.part_data import PartGeometry


def _geometry(kind: str = "expmap") -> PartGeometry:
    return PartGeometry(
        kind=kind,
        parents=np.array([-1, 0, 1]),
        offsets=np.zeros((3, 3)),
        coded=np.array([1, 0]),
        mean_rotations=Rotation.random(2, random_state=1).as_matrix(),
        constant=np.array([0, 0, 0.3, 0, 0, 0]),
        active=np.array([0, 1, 3, 4, 5]),
    )


def _loss() -> GeodesicLoss:
    mean, std = np.linspace(-0.1, 0.2, 5), np.array([0.5, 1.0, 2.0, 0.3, 0.7])
    return GeodesicLoss(_geometry(), mean, std, spread=np.array([0.3, 0.4, 0.0, 0.5, 0.5])).double()


def _rotvecs(loss: GeodesicLoss, scored: torch.Tensor) -> np.ndarray:
    return loss.whole(scored).detach().numpy().reshape(-1, 3)


def test_the_loss_is_the_mean_squared_angle_over_the_spread() -> None:
    loss = _loss()
    rng = np.random.default_rng(0)
    first, second = (torch.from_numpy(rng.normal(size=(40, 5)) * 0.5) for _ in range(2))
    turn = Rotation.from_rotvec(_rotvecs(loss, first)).inv() * Rotation.from_rotvec(
        _rotvecs(loss, second)
    )
    squared = (turn.magnitude() ** 2).reshape(40, 2).mean(1)
    spread = (0.3**2 + 0.4**2 + 0.5**2 + 0.5**2) / 2
    assert loss.scale == pytest.approx(spread)
    assert loss(first, second).numpy() == pytest.approx(squared / spread, rel=1e-5)


def test_small_angles_keep_their_digits_and_equal_rotations_their_gradient() -> None:
    for angle in (1e-4, 1e-2, 1.0, 3.0):
        turn = torch.from_numpy(Rotation.from_rotvec([0, angle, 0]).as_matrix())
        found = float(GeodesicLoss.squared_angles(torch.eye(3, dtype=torch.double), turn))
        assert found == pytest.approx(angle**2, rel=1e-4)
    loss = _loss()
    scored = torch.zeros(3, 5, dtype=torch.double, requires_grad=True)
    loss(scored, torch.zeros(3, 5, dtype=torch.double)).sum().backward()
    assert scored.grad is not None and torch.isfinite(scored.grad).all()


def test_half_a_turn_has_a_finite_gradient() -> None:
    vector = torch.tensor([0.0, math.pi, 0.0], requires_grad=True)
    angle = vector.norm()
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).view(2, 2)
    whole = torch.block_diag(turn, torch.ones(1, 1))
    GeodesicLoss.squared_angles(torch.eye(3), whole).backward()
    assert torch.isfinite(vector.grad).all()


def test_a_whole_turn_is_no_error_here_and_one_of_exponential_maps() -> None:
    whole = torch.from_numpy(Rotation.from_rotvec([0, 2 * math.pi, 0]).as_matrix())
    assert float(GeodesicLoss.squared_angles(torch.eye(3, dtype=torch.double), whole)) < 1e-9


def test_gradients_lead_to_the_wanted_rotation() -> None:
    loss = _loss()
    rng = np.random.default_rng(1)
    wanted = torch.from_numpy(rng.normal(size=(10, 5)) * 0.4)
    scored = torch.zeros(10, 5, dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.Adam([scored], lr=0.05)
    for _ in range(300):
        optimiser.zero_grad()
        loss(scored, wanted).mean().backward()
        optimiser.step()
    assert torch.allclose(scored, wanted, atol=0.05)


def test_positions_have_no_angle() -> None:
    with pytest.raises(ValueError, match="features that are rotations"):
        GeodesicLoss(_geometry("position"), np.zeros(5), np.ones(5), np.ones(5))
