"""1-D convolutional ResNet over time, as in T2M-GPT (https://arxiv.org/abs/2301.06052).

Each halving of the frame rate is a strided convolution followed by dilated residual blocks; the
decoder mirrors it with nearest-neighbour upsampling. There is no normalisation over time, so what
lies beyond the receptive field of a frame cannot touch it, whatever a recording's length, and a
long recording may be run in segments that overlap by `OverTime.reach`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

DILATIONS = (3,)
"""Of the residual blocks of a stage: one, which sees some 0.7 s to either side after two halvings
at 30 fps. Three, as in T2M-GPT, cost twice the time and came no nearer in hundreds of steps."""


def halvings(compression: int) -> int:
    """How often a compression of 1, 2, 4, ... halves the frame rate."""
    stages = compression.bit_length() - 1
    if compression < 1 or compression != 1 << stages:
        raise ValueError(f"compression must be a power of two, got {compression}")
    return stages


class ResidualBlock(nn.Module):
    """x + conv1(relu(dilated conv3(relu(x)))) over (batch, channels, time)."""

    def __init__(self, channels: int, dilation: int) -> None:
        """A block that reaches `dilation` steps to either side."""
        super().__init__()
        self.wide = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.narrow = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time) -> the same shape."""
        hidden = self.wide(functional.relu(x))
        return x + torch.as_tensor(self.narrow(functional.relu(hidden)))


def _blocks(channels: int) -> list[nn.Module]:
    return [ResidualBlock(channels, dilation) for dilation in DILATIONS]


class OverTime(nn.Module):
    """Convolutions over the second-last axis: (batch, time, channels) outside.

    Attributes:
        reach: tokens to either side that a token (of an encoder) or its frames (of a decoder) see,
            at most.
    """

    def __init__(self, layers: list[nn.Module], reach: int) -> None:
        """Layers over (batch, channels, time)."""
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.reach = reach

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, channels) -> the same with other time and channels."""
        return torch.as_tensor(self.layers(x.transpose(1, 2))).transpose(1, 2)


def temporal_encoder(dimensions: int, hidden: int, latent: int, compression: int) -> OverTime:
    """(batch, time, dimensions) -> (batch, time / compression, latent); time a multiple of it."""
    layers: list[nn.Module] = [nn.Conv1d(dimensions, hidden, 3, padding=1), nn.ReLU()]
    for _ in range(halvings(compression)):
        layers += [nn.Conv1d(hidden, hidden, 4, stride=2, padding=1), *_blocks(hidden)]
    if compression == 1:
        layers += _blocks(hidden)
    reach = -(-receptive_reach(compression) // compression)
    return OverTime([*layers, nn.Conv1d(hidden, latent, 3, padding=1)], reach)


def temporal_decoder(dimensions: int, hidden: int, latent: int, compression: int) -> OverTime:
    """(batch, tokens, latent) -> (batch, tokens * compression, dimensions)."""
    layers: list[nn.Module] = [nn.Conv1d(latent, hidden, 3, padding=1), nn.ReLU()]
    for _ in range(halvings(compression)):
        layers += _blocks(hidden)
        layers += [nn.Upsample(scale_factor=2, mode="nearest")]
        layers += [nn.Conv1d(hidden, hidden, 3, padding=1)]
    if compression == 1:
        layers += _blocks(hidden)
    layers += [nn.ReLU(), nn.Conv1d(hidden, dimensions, 3, padding=1)]
    return OverTime(layers, decoder_reach(compression))


def receptive_reach(compression: int) -> int:
    """Frames to either side that the encoder lets a token of its own frames see, at most."""
    reach, step = 1, 1
    for _ in range(halvings(compression)):
        reach += step + sum(DILATIONS) * 2 * step
        step *= 2
    if compression == 1:
        reach += sum(DILATIONS)
    return reach + step


def decoder_reach(compression: int) -> int:
    """Tokens to either side that the decoder lets the frames of a token see, at most."""
    reach = 1  # of the last convolution, in frames; from there back to the tokens
    for _ in range(halvings(compression)):
        reach = -(-(reach + 1) // 2) + sum(DILATIONS)
    if compression == 1:
        reach += sum(DILATIONS)
    return reach + 1
