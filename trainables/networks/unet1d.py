"""1-D U-Net over time for flow matching: the estimator of Matcha-TTS, section 2.2.

(https://arxiv.org/abs/2309.03199.) Residual convolution blocks with the time of the flow added,
transformer blocks with snake activations (https://arxiv.org/abs/2006.08195), one halving of the
frame rate and back. Frames that are not there (a padded tail) are held at zero throughout.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

TAPS = 15
"""Frames of the filters beside the U-Net: half a second at 30 frames a second."""

GROUPS = 8
"""Of group normalisation: widths are multiples of it."""

_TIME_SCALE = 1000.0
"""Times of the flow lie in [0, 1]; sinusoids were made for whole steps of a thousand."""


class TimeEmbedding(nn.Module):
    """Sinusoids of a time, and two layers: (batch,) -> (batch, 4 * width)."""

    def __init__(self, width: int) -> None:
        """As many sinusoids as `width`, half of them cosines."""
        super().__init__()
        self.width = width
        self.layers = nn.Sequential(
            nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 4 * width)
        )

    def forward(self, time: Tensor) -> Tensor:
        """Times in [0, 1]."""
        half = self.width // 2
        steps = torch.arange(half, device=time.device, dtype=time.dtype)
        angles = time[:, None] * _TIME_SCALE * torch.exp(-math.log(10000.0) * steps / (half - 1))
        return torch.as_tensor(self.layers(torch.cat([angles.sin(), angles.cos()], dim=1)))


class ConvBlock(nn.Module):
    """Convolution over three frames, group normalisation, Mish: (batch, channels, time)."""

    def __init__(self, inner: int, outer: int) -> None:
        """From `inner` to `outer` channels."""
        super().__init__()
        self.convolution = nn.Conv1d(inner, outer, 3, padding=1)
        self.norm = nn.GroupNorm(GROUPS, outer)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`mask` (batch, 1, time) is 0 where there is no frame."""
        return functional.mish(self.norm(self.convolution(x * mask))) * mask


class ResnetBlock(nn.Module):
    """Two convolution blocks with the time added between them, beside a shortcut."""

    def __init__(self, inner: int, outer: int, time: int) -> None:
        """From `inner` to `outer` channels; `time` is the width of the time's embedding."""
        super().__init__()
        self.first, self.second = ConvBlock(inner, outer), ConvBlock(outer, outer)
        self.time = nn.Linear(time, outer)
        self.shortcut = nn.Conv1d(inner, outer, 1)

    def forward(self, x: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        """(batch, inner, time) -> (batch, outer, time)."""
        hidden = self.first(x, mask) + self.time(functional.mish(time))[:, :, None]
        return torch.as_tensor(self.second(hidden, mask) + self.shortcut(x * mask))


class Snake(nn.Module):
    """x + sin²(a x) / b with a and b learnt per channel, on a logarithmic scale."""

    def __init__(self, channels: int) -> None:
        """Starts with a = b = 1."""
        super().__init__()
        self.frequency = nn.Parameter(torch.zeros(channels))
        self.magnitude = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(..., channels)."""
        return x + torch.sin(x * self.frequency.exp()) ** 2 / (self.magnitude.exp() + 1e-9)


class TransformerBlock(nn.Module):
    """Attention of every frame to every frame, then a layer four times as wide."""

    def __init__(self, channels: int, heads: int, head_width: int, dropout: float) -> None:
        """`heads` of `head_width` each, whatever the channels."""
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.projections = nn.Linear(channels, 3 * heads * head_width, bias=False)
        self.gather = nn.Linear(heads * head_width, channels)
        self.wide = nn.Sequential(
            nn.Linear(channels, 4 * channels), Snake(4 * channels), nn.Dropout(dropout),
            nn.Linear(4 * channels, channels),
        )  # fmt: skip

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(batch, channels, time), mask (batch, 1, time)."""
        hidden = x.transpose(1, 2)
        split = self.projections(self.before(hidden)).unflatten(2, (3, self.heads, -1))
        query, keys, values = split.permute(2, 0, 3, 1, 4)
        seen = None if bool(mask.all()) else mask[:, None].bool()
        found = functional.scaled_dot_product_attention(query, keys, values, attn_mask=seen)
        hidden = hidden + self.gather(found.transpose(1, 2).flatten(2))
        hidden = hidden + self.wide(self.between(hidden))
        return torch.as_tensor(hidden.transpose(1, 2) * mask)


class _Stage(nn.Module):
    def __init__(self, inner: int, width: int, blocks: int, attention: tuple[int, int, float]):
        super().__init__()
        self.resnet = ResnetBlock(inner, width, 4 * width)
        self.transformers = nn.ModuleList(
            TransformerBlock(width, *attention) for _ in range(blocks)
        )

    def forward(self, x: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        x = self.resnet(x, mask, time)
        for block in self.transformers:
            x = block(x, mask)
        return x


class Unet1d(nn.Module):
    """Where a path of the flow ends: (batch, time, features), condition, time -> the same shape.

    The condition stands beside the motion on the channels, frame by frame. Beside the U-Net, whose
    channels may be fewer than the features, a filter over `TAPS` frames leads from every feature of
    motion and condition to its own end, its taps a function of the flow's time: most of what noise
    hides is found by smoothing, and what is left of it in a sample shows as jerk.
    """

    def __init__(
        self,
        features: int,
        condition: int,
        width: int,
        *,
        blocks: int = 1,
        middle: int = 2,
        heads: int = 2,
        head_width: int = 64,
        dropout: float = 0.05,
    ) -> None:
        """A network of `width` channels with `blocks` transformer blocks a stage.

        Raises:
            ValueError: the width is no multiple of 8, or the condition is too small.
        """
        super().__init__()
        if width % GROUPS or condition < features:
            raise ValueError(
                f"width {width} must be a multiple of {GROUPS}, and {condition} condition channels "
                f"hold {features} features"
            )
        attention = (heads, head_width, dropout)
        self.time = TimeEmbedding(width)
        self.down = nn.ModuleList(
            [_Stage(features + condition, width, blocks, attention),
             _Stage(width, width, blocks, attention)]
        )  # fmt: skip
        self.shorten = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.at_half = nn.Conv1d(width, width, 3, padding=1)
        self.middle = nn.ModuleList(_Stage(width, width, blocks, attention) for _ in range(middle))
        self.up = nn.ModuleList(_Stage(2 * width, width, blocks, attention) for _ in range(2))
        self.lengthen = nn.ConvTranspose1d(width, width, 4, stride=2, padding=1)
        self.at_full = nn.Conv1d(width, width, 3, padding=1)
        self.last = ConvBlock(width, width)
        self.out = nn.Conv1d(width, features, 1)
        self.taps = nn.Linear(4 * width, 2 * features * TAPS)
        nn.init.zeros_(self.taps.weight)
        # At the start a path ends at the condition, smoothed: a staircase of codes would have to
        # be unlearnt first, and most of training is too short for that.
        first = torch.zeros(2, features, TAPS)
        first[1] = torch.hann_window(TAPS + 2, periodic=False)[1:-1] * (2 / (TAPS + 1))
        self.taps.bias.data.copy_(first.flatten())

    def forward(
        self, x: Tensor, condition: Tensor, time: Tensor, valid: Tensor | None = None
    ) -> Tensor:
        """Where the paths end.

        Args:
            x: (batch, time, features).
            condition: (batch, time, condition), the motion's features first.
            time: (batch,) in [0, 1].
            valid: (batch, time) bool, False where a recording is over; all frames where left out.
        """
        frames = x.shape[1]
        odd = frames % 2
        both = functional.pad(torch.cat([x, condition], dim=2).transpose(1, 2), (0, odd))
        if valid is None:
            valid = x.new_ones(x.shape[:2], dtype=torch.bool)
        mask = functional.pad(valid.to(x.dtype)[:, None], (0, odd))
        half = mask[:, :, ::2]
        at = self.time(time)
        full = self.down[0](both, mask, at)
        low = self.down[1](self.shorten(full * mask), half, at)
        hidden = self.at_half(low * half)
        for stage in self.middle:
            hidden = stage(hidden, half, at)
        hidden = self.up[0](torch.cat([hidden, low], dim=1), half, at)
        hidden = self.lengthen(hidden * half)
        hidden = self.up[1](torch.cat([hidden, full], dim=1), mask, at)
        hidden = self.last(self.at_full(hidden * mask), mask)
        end = (self.out(hidden * mask) * mask).transpose(1, 2)[:, :frames]
        seen = valid.to(x.dtype)[..., None]
        both = torch.cat([x, condition[..., : x.shape[2]]], dim=2) * seen
        taps = self.taps(functional.silu(at)).unflatten(1, (-1, TAPS))
        direct = filtered(both, taps)
        own, told = direct.chunk(2, dim=2)
        return torch.as_tensor(end + (own + told) * seen)


def filtered(signals: Tensor, taps: Tensor) -> Tensor:
    """Every signal under its own filter, zero beyond both ends.

    Args:
        signals: (batch, time, signals).
        taps: (batch, signals, taps), an odd number of them, centred.
    """
    batch, time, count = signals.shape
    flat = signals.transpose(1, 2).reshape(1, batch * count, time)
    kernels = taps.reshape(batch * count, 1, -1)
    found = functional.conv1d(flat, kernels, padding=kernels.shape[2] // 2, groups=batch * count)
    return found.reshape(batch, count, time).transpose(1, 2)
