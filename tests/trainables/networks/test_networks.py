"""Networks: shapes, what is linear in them, and how far a frame can be seen."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainables.networks.frame_mlp import frame_decoder, frame_encoder
from trainables.networks.seeded import SeededTorch
from trainables.networks.temporal_resnet import (
    halvings,
    receptive_reach,
    temporal_decoder,
    temporal_encoder,
)


def test_frame_networks_are_three_linear_layers() -> None:
    for network, shape in (
        (frame_encoder(20, 32, 8), (5, 20)),
        (frame_decoder(20, 32, 8), (5, 8)),
    ):
        kinds = [type(layer) for layer in network]
        assert kinds == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
        assert network(torch.zeros(shape)).shape == (5, 28 - shape[1])
        assert (network(torch.randn(200, shape[1])) < 0).any(), "a ReLU closes the network"


@pytest.mark.parametrize("compression", [1, 2, 4, 8])
def test_tokens_times_compression_are_frames(compression: int) -> None:
    encoder = temporal_encoder(9, 8, 5, compression)
    decoder = temporal_decoder(9, 8, 5, compression)
    for tokens in (1, 2, 7):
        latents = encoder(torch.randn(2, tokens * compression, 9))
        assert latents.shape == (2, tokens, 5)
        assert decoder(latents).shape == (2, tokens * compression, 9)


@pytest.mark.parametrize("compression", [1, 2, 4, 8])
def test_a_token_sees_its_neighbourhood_alone(compression: int) -> None:
    torch.manual_seed(0)
    encoder = temporal_encoder(4, 8, 3, compression).double()
    frames = torch.randn(1, 64 * compression, 4, dtype=torch.double, requires_grad=True)
    token = 32
    encoder(frames)[0, token].sum().backward()
    assert frames.grad is not None
    seen = torch.nonzero(frames.grad[0].abs().sum(1))[:, 0]
    reach = receptive_reach(compression)
    assert int(seen.min()) >= token * compression - reach
    assert int(seen.max()) < (token + 1) * compression + reach
    assert int(seen.max() - seen.min()) > compression, "and sees beyond its own frames"


def test_length_changes_nothing_far_from_the_end() -> None:
    torch.manual_seed(0)
    encoder = temporal_encoder(4, 8, 3, 4).double()
    frames = torch.randn(1, 400, 4, dtype=torch.double)
    whole, cut = encoder(frames), encoder(frames[:, :240])
    safe = (240 - receptive_reach(4)) // 4 - 1
    assert torch.allclose(whole[:, :safe], cut[:, :safe], atol=1e-12)
    assert not torch.allclose(whole[:, 59], cut[:, 59])


def test_compression_is_a_power_of_two() -> None:
    assert [halvings(c) for c in (1, 2, 4, 8)] == [0, 1, 2, 3]
    for wrong in (0, 3, 6):
        with pytest.raises(ValueError, match="power of two"):
            halvings(wrong)


def test_borrowed_generator_is_given_back() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        with SeededTorch() as generator:
            generator.seed(1, 2)
            first = torch.rand(3)
            generator.seed(1, 3)
            assert not torch.equal(first, torch.rand(3))
            drawn.append(first)
        torch.rand(1)
    assert torch.equal(*drawn)
    torch.set_rng_state(before)
    with pytest.raises(KeyError), SeededTorch() as generator:
        generator.seed(5)
        raise KeyError
    assert torch.equal(torch.get_rng_state(), before)
