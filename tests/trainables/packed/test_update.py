"""Each member's update is the one that a solo training makes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from trainables.codecs.weight_update import WeightUpdate
from trainables.packed.update import PackedUpdate

SHAPES = {"one": torch.Size([4, 3]), "two": torch.Size([5])}
RATES, DECAYS = (1e-3, 1e-1), (0.0, 0.1)


def _losses(weights: dict[str, Tensor], step: int) -> Tensor:
    """(members,), of which the first's gradients are clipped."""
    scale = torch.tensor([100.0, 0.01])
    whole = torch.cat([w.flatten(1) for w in weights.values()], 1)
    return scale * ((whole - 0.1 * step) ** 2).sum(1)


@pytest.mark.parametrize("by_member", [True, False])
@pytest.mark.parametrize("decoupled", [True, False])
def test_clipping_adam_and_decay_are_each_members_own(by_member: bool, decoupled: bool) -> None:
    packed = PackedUpdate(SHAPES, DECAYS, decoupled, "cpu", 1.0, by_member)
    start = {n: torch.randn(2, *s, generator=torch.Generator().manual_seed(1))
             for n, s in SHAPES.items()}  # fmt: skip
    with torch.no_grad():
        for name, weight in packed.weights.items():
            weight.copy_(start[name])
    for step in range(6):
        packed.at(RATES)
        packed.apply(_losses(packed.weights, step).sum())
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    for member in range(2):
        own = {name: nn.Parameter(values[member].clone()) for name, values in start.items()}
        solo = kind(own.values(), lr=0.0, weight_decay=DECAYS[member], fused=True)
        update = WeightUpdate(solo, 1.0)
        for step in range(6):
            update.forget()
            both = {name: torch.stack([weight, weight]) for name, weight in own.items()}
            _losses(both, step)[member].backward()
            update.apply(RATES[member])
        for name, weight in own.items():
            assert torch.allclose(packed.weights[name][member], weight, rtol=0, atol=2e-5)
            assert not torch.allclose(start[name][member], weight, rtol=0, atol=1e-4)
    assert packed.steps.tolist() == [6.0, 6.0]
