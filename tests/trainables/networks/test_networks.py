"""Networks: shapes, what is linear in them, and how far a frame can be seen."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainables.networks.frame_mlp import frame_decoder, frame_encoder, start_linear
from trainables.networks.seeded import SeededTorch
from trainables.networks.temporal_resnet import (
    OverTime,
    decoder_reach,
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


@pytest.mark.parametrize(("hidden", "path"), [(32, False), (4, True)])
def test_networks_start_as_a_linear_map_and_train_from_there(hidden: int, path: bool) -> None:
    torch.manual_seed(0)
    into, out_of = torch.randn(8, 10), torch.randn(5, 8)
    network = frame_encoder(10, hidden, 5, path)
    start_linear(network, into, out_of, spread=3.0)
    x = 4 * torch.randn(200, 10)
    expected = x @ into.T @ out_of.T
    assert torch.allclose(network(x), expected, rtol=1e-4, atol=1e-3)
    (network(x) - expected.roll(1, 0)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_narrow_layers_start_with_the_first_rows() -> None:
    torch.manual_seed(0)
    into, out_of, x = torch.randn(8, 10), torch.randn(5, 8), torch.randn(200, 10)
    for hidden, rows in ((12, 3), (18, 4)):  # the narrower layer has 6 and 9 units
        network = frame_encoder(10, hidden, 5)
        start_linear(network, into, out_of, spread=1.0)
        expected = x @ into[:rows].T @ out_of[:, :rows].T
        assert torch.allclose(network(x), expected, rtol=1e-4, atol=1e-4)
    decoder = frame_decoder(10, 18, 5)
    before = decoder[0].weight[8].clone()
    start_linear(decoder, torch.eye(5), into.T[:, :5], spread=1.0)
    assert torch.equal(decoder[0].weight[8], before), "units that hold no row stay as they were"


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


def _open(network: OverTime) -> OverTime:
    """With positive weights no ReLU closes, so that every path is alive."""
    network.double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.rand_like(weight) / weight[0].numel())
    return network


@pytest.mark.parametrize("compression", [1, 2, 4, 8])
@torch.no_grad()
def test_the_encoder_reaches_as_far_as_it_says(compression: int) -> None:
    torch.manual_seed(0)
    encoder = _open(temporal_encoder(3, 4, 2, compression))
    frames, token = torch.rand(1, 64 * compression, 3, dtype=torch.double), 32
    before = encoder(frames)[0, token]
    reach = receptive_reach(compression)
    first, last = token * compression - reach, (token + 1) * compression - 1 + reach
    assert encoder.reach == -(-reach // compression)
    for frame, seen in ((first - 1, False), (first, True), (last, True), (last + 1, False)):
        moved = frames.clone()
        moved[0, frame] += 100
        assert torch.equal(encoder(moved)[0, token], before) is not seen, frame


@pytest.mark.parametrize("compression", [1, 2, 4, 8])
@torch.no_grad()
def test_the_decoder_reaches_as_far_as_it_says(compression: int) -> None:
    torch.manual_seed(0)
    decoder = _open(temporal_decoder(3, 4, 2, compression))
    latents, token = torch.rand(1, 64, 2, dtype=torch.double), 32
    own = slice(token * compression, (token + 1) * compression)
    before, reach = decoder(latents)[0, own], decoder_reach(compression)
    assert decoder.reach == reach
    for off, seen in ((reach, True), (reach + 1, False)):
        for other in (token - off, token + off):
            moved = latents.clone()
            moved[0, other] += 100
            assert torch.equal(decoder(moved)[0, own], before) is not seen, off


@pytest.mark.parametrize("compression", [1, 2, 4, 8])
@torch.no_grad()
def test_cut_with_its_reach_on_both_sides_a_network_gives_the_whole(compression: int) -> None:
    torch.manual_seed(0)
    encoder = _open(temporal_encoder(3, 4, 2, compression))
    decoder = _open(temporal_decoder(3, 4, 2, compression))
    frames = torch.rand(1, 50 * compression, 3, dtype=torch.double)
    latents = encoder(frames)
    decoded = decoder(latents)

    def cut(network: OverTime, x: torch.Tensor, context: int) -> torch.Tensor:
        """Twenty tokens at a time; x and the result have `1` or `compression` rows per token."""
        per = x.shape[1] // 50
        pieces = []
        for start in range(0, 50, 20):
            first, last = max(0, start - context), min(50, start + 20 + context)
            given = network(x[:, first * per : last * per])
            out = given.shape[1] // (last - first)
            pieces.append(given[:, (start - first) * out : (min(start + 20, 50) - first) * out])
        return torch.cat(pieces, 1)

    for network, x, whole in ((encoder, frames, latents), (decoder, latents, decoded)):
        assert torch.allclose(cut(network, x, network.reach), whole, rtol=0, atol=1e-13)
        assert not torch.allclose(cut(network, x, network.reach - 1), whole, rtol=0, atol=1e-13)


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
