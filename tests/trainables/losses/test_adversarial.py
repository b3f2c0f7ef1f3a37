"""Hinge on detached fakes, the adaptive weight with its limits, and matched features."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainables.losses.adversarial import adaptive_weight, feature_matching, hinge


def test_the_discriminators_loss_moves_no_generator() -> None:
    """With fakes that are not detached, the generator would learn against its own loss."""
    generator, critic = nn.Linear(2, 2), nn.Linear(2, 1)
    fake = generator(torch.ones(3, 2))
    hinge(critic, torch.ones(3, 2), fake).backward()
    assert all(p.grad is None for p in generator.parameters())
    assert critic.weight.grad is not None


def test_hinge_is_half_of_both_sides() -> None:
    def critic(x: torch.Tensor) -> torch.Tensor:
        return x

    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])
    # relu(1 - 2, 1 - 0.5) = 0, 0.5; relu(1 - 3, 1 + 0) = 0, 1.
    assert float(hinge(critic, real, fake)) == pytest.approx(0.5 * (0.25 + 0.5))  # type: ignore[arg-type]


def test_the_adaptive_weight_is_a_ratio_of_gradients_and_a_constant() -> None:
    last = nn.Parameter(torch.tensor([3.0, 4.0]))
    weight = adaptive_weight((6 * last).sum(), (2 * last).sum(), last)
    assert float(weight) == pytest.approx(3.0, rel=1e-3)
    assert not weight.requires_grad and last.grad is None


@pytest.mark.parametrize(("one", "other", "is_"), [(0.0, 0.0, 0.0), (1.0, 0.0, 1e4), (0.0, 1.0, 0)])
def test_the_adaptive_weight_is_finite_at_zero(one: float, other: float, is_: float) -> None:
    last = nn.Parameter(torch.ones(4))
    weight = adaptive_weight(one * last.sum(), other * last.sum(), last)
    assert float(weight) == pytest.approx(is_)


def test_matched_features_are_a_mean_over_layers_and_leave_the_real_alone() -> None:
    real = [torch.zeros(2, 3, requires_grad=True), torch.zeros(4, requires_grad=True)]
    fake = [torch.ones(2, 3, requires_grad=True), torch.full((4,), 3.0, requires_grad=True)]
    loss = feature_matching(real, fake)
    assert float(loss) == pytest.approx(2.0)
    loss.backward()
    assert real[0].grad is None and fake[0].grad is not None
