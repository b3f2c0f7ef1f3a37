"""3-D convolutional ResNet encoder and decoder of the heatmap VQ-GAN, for F4 to F32.

Five stages of residual blocks at 64, 64, 128, 128 and 256 channels. The encoder halves time, height
and width after each of its first log2 F stages, and the decoder doubles them before each of the
same stages on the way back, so that a picture comes out at the size it went in for every F (the
authors' decoder doubles four times at most, which leaves F32 at half the size). Stages attend to
themselves where the true height is the one asked for; the authors count heights from 16 down
whatever they are. Widths are the published ones times a share.

"Adversarially refined VQ-GAN with dense motion tokenization", section III-B, and its code.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (64, 64, 128, 128, 256)
_GROUPS = 32
_EPS = 1e-6
_LONE = 20_480
"""A lone sample of so many channels x frames x rows or fewer is slow in torch 2.13 on a CPU; below
so many numbers halving it costs more than it saves."""


def channels(width: float) -> tuple[int, ...]:
    """Channels of the stages at a share of the published widths, even and at least 4.

    >>> channels(0.25)
    (16, 16, 32, 32, 64)
    """
    return tuple(max(4, 2 * round(w * width / 2)) for w in WIDTHS)


def groups(of: int) -> int:
    """Groups to normalise channels in: at most 32, of two channels or more.

    Of one channel a group would know its mean alone.

    >>> groups(64), groups(256), groups(16), groups(6)
    (32, 32, 8, 3)
    """
    return max(g for g in range(1, _GROUPS + 1) if of % g == 0 and (of // g > 1 or of == 1))


def norm(of: int) -> nn.GroupNorm:
    """Group normalisation, which is of each sample by itself: a batch of one is as good."""
    return nn.GroupNorm(groups(of), of, eps=_EPS)


class Conv3d(nn.Conv3d):
    """A convolution of 3 x 3 x 3 that takes a lone small sample on a CPU in two halves of time.

    Torch's fast path there takes batches, or large samples; the halves are a batch, with the frames
    between them in both. One to three and a half times as fast where it applies, and equal but for
    rounding.
    """

    def forward(self, x: Tensor) -> Tensor:
        """As of `nn.Conv3d`."""
        stride, pad = int(self.stride[0]), int(self.padding[0])
        frames = (x.shape[2] + 2 * pad - 3) // stride + 1
        if not self._slow(x) or frames % 2:
            return super().forward(x)
        x = functional.pad(x, (0, 0, 0, 0, pad, pad))
        first = frames // 2 * stride
        halves = torch.cat([x[:, :, : first - stride + 3], x[:, :, first:]])
        found = functional.conv3d(halves, self.weight, self.bias, stride, (0, pad, pad))
        return torch.cat(found.chunk(2), 2)

    def _slow(self, x: Tensor) -> bool:
        one = x.shape[0] == 1 and x.device.type == "cpu"
        return one and x[0, ..., 0].numel() <= _LONE <= x.numel() and x.dtype == torch.float32


class ResBlock(nn.Module):
    """Normalise, swish, convolve, twice; and the input, projected where the width changes."""

    def __init__(self, inside: int, outside: int) -> None:
        """(batch, inside, T, H, W) -> (batch, outside, T, H, W)."""
        super().__init__()
        self.norm1, self.norm2 = norm(inside), norm(outside)
        self.conv1 = Conv3d(inside, outside, 3, padding=1)
        self.conv2 = Conv3d(outside, outside, 3, padding=1)
        self.shortcut = nn.Conv3d(inside, outside, 1) if inside != outside else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        h = self.conv1(functional.silu(self.norm1(x)))
        h = self.conv2(functional.silu(self.norm2(h)))
        return torch.as_tensor(self.shortcut(x) + h)


class Attention(nn.Module):
    """Every place attends to every other in time and space; added to what came in.

    The authors' block adds to the normalised input; here the residual is the input.
    """

    def __init__(self, width: int) -> None:
        """One head of all channels."""
        super().__init__()
        self.norm = norm(width)
        self.inward = nn.Conv3d(width, 3 * width, 1)
        self.outward = nn.Conv3d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, width, T, H, W) -> the same."""
        q, k, v = self.inward(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, -1)
        h = functional.scaled_dot_product_attention(q, k, v)
        return torch.as_tensor(x + self.outward(h.transpose(1, 2).reshape(x.shape)))


class Down(nn.Module):
    """Halves time, height and width by a strided convolution, padded behind."""

    def __init__(self, width: int) -> None:
        """Keeps the width."""
        super().__init__()
        self.conv = Conv3d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(..., T, H, W) -> (..., T/2, H/2, W/2)."""
        return torch.as_tensor(self.conv(functional.pad(x, (0, 1) * 3)))


class Up(nn.Module):
    """Doubles time, height and width by repetition and a convolution."""

    def __init__(self, width: int) -> None:
        """Keeps the width."""
        super().__init__()
        self.conv = Conv3d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(..., T, H, W) -> (..., 2T, 2H, 2W)."""
        return torch.as_tensor(self.conv(functional.interpolate(x, scale_factor=2.0)))


def halvings(factor: int) -> int:
    """log2 of a factor; ValueError where the stages cannot halve so often."""
    times = int(math.log2(factor))
    if 2**times != factor or not 1 <= times <= len(WIDTHS):
        raise ValueError(f"factor must be 2 to {2 ** len(WIDTHS)} and a power of 2, got {factor}")
    return times


def heights(picture: int, factor: int) -> tuple[int, ...]:
    """Height at each stage of the encoder.

    >>> heights(128, 8), heights(64, 32)
    ((128, 64, 32, 16, 16), (64, 32, 16, 8, 4))
    """
    return tuple(picture // 2 ** min(stage, halvings(factor)) for stage in range(len(WIDTHS)))


def _stage(inside: int, outside: int, blocks: int, attends: bool) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for block in range(blocks):
        layers.append(ResBlock(outside if block else inside, outside))
        if attends:
            layers.append(Attention(outside))
    return layers


def _middle(width: int) -> list[nn.Module]:
    return [ResBlock(width, width), Attention(width), ResBlock(width, width)]


class Encoder(nn.Module):
    """Windows of pictures to latents on a grid that is F times coarser in each direction."""

    def __init__(
        self, inward: int, latent: int, factor: int, picture: int,
        *, width: float = 1.0, blocks: int = 2, attention: int = 16,
    ) -> None:  # fmt: skip
        """Networks for windows of `inward` channels.

        Args:
            inward: channels of the input.
            latent: channels of the output.
            factor: F.
            picture: height of the input, where attention is placed from.
            width: share of the published widths.
            blocks: residual blocks a stage.
            attention: height of the stages that attend; 0 for none.
        """
        super().__init__()
        wide, times = channels(width), halvings(factor)
        layers: list[nn.Module] = [Conv3d(inward, wide[0], 3, padding=1)]
        for stage, (outside, height) in enumerate(zip(wide, heights(picture, factor), strict=True)):
            inside = wide[max(stage - 1, 0)]
            layers += _stage(inside, outside, blocks, height == attention)
            if stage < times:
                layers.append(Down(outside))
        layers += [*_middle(wide[-1]), norm(wide[-1]), nn.SiLU()]
        layers += [Conv3d(wide[-1], latent, 3, padding=1), nn.Conv3d(latent, latent, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inward, T, H, W) -> (batch, latent, T/F, H/F, W/F)."""
        return torch.as_tensor(self.layers(x))


class Decoder(nn.Module):
    """Latents back to windows of pictures; no activation at the end."""

    def __init__(
        self, outward: int, latent: int, factor: int, picture: int,
        *, width: float = 1.0, blocks: int = 3, attention: int = 16,
    ) -> None:  # fmt: skip
        """The encoder's mirror, as a rule with one more block a stage; arguments as there."""
        super().__init__()
        wide, times = channels(width), halvings(factor)
        layers: list[nn.Module] = [nn.Conv3d(latent, latent, 1)]
        layers += [Conv3d(latent, wide[-1], 3, padding=1), *_middle(wide[-1])]
        before = wide[-1]
        for stage in reversed(range(len(wide))):
            if stage < times:
                layers.append(Up(before))
            height = heights(picture, factor)[stage]
            layers += _stage(before, wide[stage], blocks, height == attention)
            before = wide[stage]
        layers += [norm(before), nn.SiLU()]
        self.layers = nn.Sequential(*layers)
        self.last = Conv3d(before, outward, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """(batch, latent, T/F, H/F, W/F) -> (batch, outward, T, H, W)."""
        return torch.as_tensor(self.last(self.layers(z)))
