"""Networks of several members at once give what each gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from trainables.networks.frame_mlp import frame_encoder
from trainables.networks.temporal_resnet import temporal_decoder, temporal_encoder
from trainables.packed.networks import run, structure

MAKERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "frames": (lambda: frame_encoder(7, 12, 5), (9, 7)),
    "linear path": (lambda: frame_encoder(7, 12, 5, True), (9, 7)),
    "no compression": (lambda: temporal_encoder(7, 12, 5, 1), (3, 16, 7)),
    "encoder": (lambda: temporal_encoder(7, 12, 5, 4), (3, 16, 7)),
    "decoder": (lambda: temporal_decoder(7, 12, 5, 4), (3, 4, 5)),
}


@pytest.mark.parametrize("name", MAKERS)
def test_outputs_and_gradients_are_each_members_own(name: str) -> None:
    make, shape = MAKERS[name]
    torch.manual_seed(0)
    members = [make() for _ in range(3)]
    names = [n for n, _ in members[0].named_parameters()]
    stacked = {
        n: torch.stack([m.get_parameter(n).detach() for m in members]).requires_grad_()
        for n in names
    }
    x = torch.randn(3, *shape)
    together = run(members[0], x, stacked)
    (together**2).sum().backward()
    for i, member in enumerate(members):
        alone = member(x[i])
        (alone**2).sum().backward()
        assert torch.allclose(together[i], alone, atol=1e-6)
        for n in names:
            gradient, wanted = stacked[n].grad, member.get_parameter(n).grad
            assert gradient is not None and wanted is not None
            assert torch.allclose(gradient[i], wanted, rtol=1e-4, atol=1e-5)


def test_networks_differ_in_structure_where_they_differ_in_shape() -> None:
    made = [make() for make, _ in MAKERS.values()]
    assert None not in map(structure, made)
    assert len({structure(network) for network in made}) == len(made)
    assert structure(frame_encoder(7, 12, 5)) == structure(frame_encoder(7, 12, 5))
    assert structure(frame_encoder(7, 13, 5)) != structure(frame_encoder(7, 12, 5))


def test_layers_that_nobody_knows_do_not_run_with_others() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert structure(network) is None
    with pytest.raises(TypeError, match="BatchNorm1d"):
        run(network, torch.zeros(1, 2, 2), dict(network.named_parameters()) | {
            "0.weight": torch.zeros(1, 2, 2), "0.bias": torch.zeros(1, 2)})  # fmt: skip
