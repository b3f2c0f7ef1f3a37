"""The networks of heatmaps: sizes for every factor, the published weights, attention's place."""

from __future__ import annotations

import pytest
import torch

from trainables.networks.patch_gan import PatchDiscriminator
from trainables.networks.resnet3d import Attention, Conv3d, Decoder, Encoder, heights
from trainables.networks.seeded import SeededTorch


def pair(factor: int, picture: int = 32, attention: int = 0) -> tuple[Encoder, Decoder]:
    more = {"width": 0.0625, "blocks": 1, "attention": attention}
    encoder = Encoder(2, 6, factor, picture, **more)  # type: ignore[arg-type]
    return encoder, Decoder(1, 6, factor, picture, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("factor", [2, 4, 8, 16, 32])
def test_a_window_comes_out_at_the_size_it_went_in(factor: int) -> None:
    """The authors' decoder doubles four times at most: F32 came out at half the size."""
    encoder, decoder = pair(factor)
    latents = encoder(torch.rand(1, 2, 32, 32, 32))
    assert latents.shape == (1, 6, *(32 // factor,) * 3)
    assert decoder(latents).shape == (1, 1, 32, 32, 32)


@pytest.mark.parametrize(("stride", "padding", "frames"), [(1, 1, 8), (2, 0, 17), (2, 0, 9)])
def test_a_lone_sample_taken_in_halves_gives_what_the_whole_gives(
    stride: int, padding: int, frames: int
) -> None:
    torch.manual_seed(0)
    halved = Conv3d(6, 10, 3, stride=stride, padding=padding)
    whole = torch.nn.Conv3d(6, 10, 3, stride=stride, padding=padding)
    whole.load_state_dict(halved.state_dict())
    x = torch.randn(1, 6, frames, 32, 32)
    assert halved._slow(x) and not halved._slow(x.expand(2, -1, -1, -1, -1))
    outputs, gradients = [], []
    for conv in (halved, whole):
        inward = x.clone().requires_grad_()
        found = conv(inward)
        (found**2).sum().backward()
        outputs.append(found)
        gradients.append([inward.grad, conv.weight.grad, conv.bias.grad])
    assert torch.allclose(*outputs, atol=1e-5)
    for mine, theirs in zip(*gradients, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-3, atol=1e-2 * float(theirs.abs().max()) / 10)


def test_every_stage_of_f32_learns() -> None:
    encoder, decoder = pair(32)
    decoder(encoder(torch.rand(1, 2, 32, 32, 32))).square().mean().backward()
    for network in (encoder, decoder):
        assert all(p.grad is not None for p in network.parameters())


def test_weights_are_as_many_as_published() -> None:
    with torch.device("meta"):
        sizes = [
            sum(p.numel() for p in network.parameters()) / 1e6
            for network in (Encoder(1, 256, 8, 128), Decoder(1, 256, 8, 128), PatchDiscriminator(1))
        ]
    assert sizes == pytest.approx([20.9, 29.0, 11.05], abs=0.06)


@pytest.mark.parametrize(("factor", "picture"), [(8, 128), (16, 128), (32, 128), (4, 64), (16, 64)])
def test_attention_stands_at_the_true_height(factor: int, picture: int) -> None:
    """The authors count from 16 down, whatever the height is."""
    with torch.device("meta"):
        networks = {
            Encoder: Encoder(1, 8, factor, picture, width=0.0625),
            Decoder: Decoder(1, 8, factor, picture, width=0.0625),
        }
    seen: list[int] = []

    def note(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: object) -> None:
        seen.append(inputs[0].shape[-1])

    stages = sum(height == 16 for height in heights(picture, factor))
    for kind, blocks in ((Encoder, 2), (Decoder, 3)):
        seen.clear()
        for module in networks[kind].modules():
            if isinstance(module, Attention):
                module.register_forward_hook(note)
        coarse = picture // factor
        inside = (1, 1, *(picture,) * 3) if kind is Encoder else (1, 8, *(coarse,) * 3)
        networks[kind](torch.empty(inside, device="meta"))
        middle = seen.index(coarse)
        assert seen.pop(middle) == coarse  # the one between encoder and decoder
        assert seen == [16] * (stages * blocks)


def test_attention_looks_at_every_place_and_keeps_what_came_in() -> None:
    with SeededTorch() as generator:
        generator.seed(1)
        layer = Attention(4)
        x = torch.randn(1, 4, 2, 3, 3)
    changed = x.clone()
    changed[..., 0, 0, 0] += torch.tensor([1.0, -2.0, 0.5, 3.0])
    away = (layer(changed) - layer(x))[0].abs().sum(0)
    assert (away > 0).all()
    torch.nn.init.zeros_(layer.outward.weight)
    torch.nn.init.zeros_(layer.outward.bias)
    assert torch.equal(layer(x), x)


@pytest.mark.parametrize("normalised", ["group", "spectral"])
def test_a_verdict_hangs_on_no_other_window(normalised: str) -> None:
    """Batch statistics of a batch of one are the window's own; here there are none."""
    with SeededTorch() as generator:
        generator.seed(1)
        critic = PatchDiscriminator(1, 0.0625, normalised).eval()  # type: ignore[arg-type]
        windows = torch.rand(3, 1, 16, 16, 16)
        alone = critic(windows[:1])
        together = critic(windows)[:1]
    assert torch.allclose(alone, together, atol=1e-6)
    assert alone.std() > 0
    encoder, decoder = pair(4, 16)
    for network in (critic, encoder, decoder):
        names = [type(m).__name__ for m in network.modules()]
        assert not [name for name in names if "BatchNorm" in name]


def test_patches_are_those_of_the_authors() -> None:
    with torch.device("meta"):
        critic = PatchDiscriminator(3)
        assert critic(torch.empty(2, 3, 64, 64, 64)).shape == (2, 1, 8, 8, 8)
        assert critic(torch.empty(1, 3, 16, 16, 16)).shape == (1, 1, 2, 2, 2)


def test_spectral_normalisation_bounds_the_weights() -> None:
    with SeededTorch() as generator:
        generator.seed(2)
        critic = PatchDiscriminator(1, 0.0625, "spectral")
        for _ in range(30):
            critic(torch.rand(1, 1, 16, 16, 16))
    weight = critic.last.weight.detach().flatten(1)
    assert float(torch.linalg.matrix_norm(weight, 2)) == pytest.approx(1.0, abs=0.02)
