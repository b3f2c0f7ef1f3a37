"""3-D PatchGAN discriminator: patches of a window are judged, each by one number.

Convolutions of 4 x 4 x 4, three of them with stride 2, at 64, 128, 256 and 512 channels
[https://arxiv.org/abs/1611.07004, in three dimensions]. The authors normalise over the batch, which
at one window a step is a window's own statistics in training and others' in evaluation; here it is
groups of channels of each window, or spectral normalisation of the weights, so no window's verdict
hangs on another's.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from trainables.networks.resnet3d import norm

WIDTHS = (64, 128, 256, 512)
_SLOPE = 0.2
_SPREAD = 0.02


class PatchDiscriminator(nn.Module):
    """Verdicts on patches, and the features that lead to them."""

    def __init__(
        self, inward: int, width: float = 1.0, normalised: Literal["group", "spectral"] = "group"
    ) -> None:
        """For windows of `inward` channels, 16 frames and pixels or more."""
        super().__init__()
        wide = [max(4, 2 * round(w * width / 2)) for w in WIDTHS]
        strides = (2, 2, 2, 1)
        self.blocks = nn.ModuleList()
        before = inward
        for at, (outside, stride) in enumerate(zip(wide, strides, strict=True)):
            conv: nn.Module = nn.Conv3d(before, outside, 4, stride=stride, padding=1)
            layers: list[nn.Module] = [_started(conv)]
            if normalised == "spectral":
                layers = [spectral_norm(conv)]
            elif at:
                layers.append(norm(outside))
            self.blocks.append(nn.Sequential(*layers, nn.LeakyReLU(_SLOPE)))
            before = outside
        last = _started(nn.Conv3d(before, 1, 4, padding=2))
        self.last = spectral_norm(last) if normalised == "spectral" else last

    def features(self, x: Tensor) -> list[Tensor]:
        """(batch, inward, T, H, W) -> what each block gives."""
        found = []
        for block in self.blocks:
            x = block(x)
            found.append(x)
        return found

    def judged(self, features: list[Tensor]) -> Tensor:
        """Verdicts from features: (batch, 1, patches in T, H and W)."""
        return torch.as_tensor(self.last(features[-1]))

    def forward(self, x: Tensor) -> Tensor:
        """Verdicts: (batch, inward, T, H, W) -> (batch, 1, patches in T, H and W)."""
        return self.judged(self.features(x))


def _started(conv: nn.Module) -> nn.Module:
    nn.init.normal_(conv.weight, 0.0, _SPREAD)
    nn.init.zeros_(conv.bias)
    return conv
