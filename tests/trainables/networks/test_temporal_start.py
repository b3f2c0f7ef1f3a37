"""First weights of the temporal ResNet: a projection on principal components, and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainables.networks.temporal_resnet import OverTime, temporal_decoder, temporal_encoder
from trainables.networks.temporal_start import start_principal


def networks(compression: int, hidden: int = 64, latent: int = 48) -> tuple[OverTime, OverTime]:
    torch.manual_seed(1)
    encoder = temporal_encoder(6, hidden, latent, compression)
    return encoder, temporal_decoder(6, hidden, latent, compression)


def slow_motion(rng: np.random.Generator, windows: int = 40, frames: int = 64) -> np.ndarray:
    """Six features that three slow waves move."""
    time = np.arange(frames) / 30
    waves = np.sin(
        2 * np.pi * rng.uniform(0.1, 0.6, (windows, 1, 3)) * time[None, :, None]
        + rng.uniform(0, 6, (windows, 1, 3))
    )
    return waves @ rng.normal(size=(3, 6))


@torch.no_grad()
def through(pair: tuple[OverTime, OverTime], windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    encoder, decoder = pair
    latents = encoder(torch.from_numpy(windows).float())
    return latents.double().numpy(), decoder(latents).double().numpy()


@pytest.mark.parametrize("compression", [1, 2, 4, 8])
def test_the_way_there_and_back_is_near_before_any_training(compression: int) -> None:
    windows = slow_motion(np.random.default_rng(0))
    pair = networks(compression)
    random = np.mean((through(pair, windows)[1] - windows) ** 2)
    assert start_principal(*pair, windows)
    latents, again = through(pair, windows)
    away = np.mean((again - windows) ** 2)
    assert away < 0.02 * np.mean(windows**2) < random
    # A projection on all components of a token's frames keeps lengths, and orders by variance.
    assert np.sum(latents**2) == pytest.approx(np.sum(windows**2), rel=1e-4)
    spread = np.mean(latents**2, axis=(0, 1))
    assert (np.diff(spread) <= 1e-6).all() and spread[3 * compression :].max() < 1e-6


def test_few_latents_are_the_most_important_ones() -> None:
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(30, 64, 6)) * [3.0, 2.0, 1.0, 0.1, 0.1, 0.1]
    pair = networks(1, hidden=16, latent=2)
    assert start_principal(*pair, windows)
    latents, again = through(pair, windows)
    assert np.abs(np.corrcoef(latents[..., 0].ravel(), windows[..., 0].ravel())[0, 1]) > 0.99
    left = np.mean((again - windows) ** 2) / np.mean(windows**2)
    assert 0.05 < left < 0.11  # of 14.03, 1.03 is of the other components


def test_channels_that_are_not_needed_can_still_learn() -> None:
    windows = slow_motion(np.random.default_rng(0))
    encoder, decoder = networks(4)
    assert start_principal(encoder, decoder, windows)
    optimiser = torch.optim.SGD([*encoder.parameters(), *decoder.parameters()], lr=0.1)
    wanted = torch.from_numpy(windows).float()
    for _ in range(3):
        optimiser.zero_grad()
        ((decoder(encoder(wanted)) - wanted) ** 2).mean().backward()
        optimiser.step()
    for network in (encoder, decoder):
        for weights in network.parameters():
            assert weights.grad is not None and bool((weights.grad != 0).any())


@pytest.mark.parametrize("value", [0.0, 2.5, np.nan])
def test_motion_without_components_leaves_the_weights(value: float) -> None:
    encoder, decoder = networks(2)
    before = [w.clone() for w in (*encoder.parameters(), *decoder.parameters())]
    assert not start_principal(encoder, decoder, np.full((3, 16, 6), value))
    after = [*encoder.parameters(), *decoder.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
