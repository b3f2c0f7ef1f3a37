"""LPIPS on VGG-16 features, from a local file of weights; nothing is downloaded.

Pictures of a window are shown one by one, each channel as grey, brought from 0..1 to the -1..1 that
the metric expects (the authors leave out that step) [https://arxiv.org/abs/1801.03924].

The file (`.safetensors`, or `.pth` of tensors alone) names convolutions as torchvision does,
`features.0.weight` to `features.28.bias`, and may hold the linear layers, `lin0` to `lin4`
(`lin0.model.1.weight` as published, or `lin0.weight`), each (1, channels, 1, 1). Without
these all channels count alike. Widths are the file's.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from search_spaces.errors import BadInput

STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""Places of VGG-16's convolutions in torchvision's list, by stage; pooling stands between."""
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_CHUNK = 64
"""Pictures at a time."""


class Lpips(nn.Module):
    """Perceptual distance of two windows of pictures; has no weights that learn."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        """The network that some weights make; KeyError or RuntimeError where they do not fit."""
        super().__init__()
        self.convs = nn.ParameterDict()
        for at in (place for stage in STAGES for place in stage):
            for kind in ("weight", "bias"):
                value = weights[f"features.{at}.{kind}"].float()
                self.convs[f"{at}_{kind}"] = nn.Parameter(value, requires_grad=False)
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))
        self.linear = False
        for at, stage in enumerate(STAGES):
            width = len(self.convs[f"{stage[-1]}_bias"])
            names = (f"lin{at}.model.1.weight", f"lin{at}.weight")
            found = next((weights[n] for n in names if n in weights), None)
            self.linear = self.linear or found is not None
            even = torch.full((1, width, 1, 1), 1.0 / width)
            self.register_buffer(f"lin{at}", even if found is None else found.float())

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Mean distance of the pictures of (batch, channels, T, H, W), 0 to 1, and others."""
        pictures = [x.flatten(0, 2)[:, None] for x in (one, other)]
        sums = [
            self._apart(a, b).sum()
            for a, b in zip(*(p.split(_CHUNK) for p in pictures), strict=True)
        ]
        return torch.stack(sums).sum() / len(pictures[0])

    def _apart(self, one: Tensor, other: Tensor) -> Tensor:
        """(pictures,) distances."""
        total = one.new_zeros(len(one), dtype=torch.float32)
        for at, (a, b) in enumerate(zip(self._seen(one), self._seen(other), strict=True)):
            away = (functional.normalize(a, eps=1e-10) - functional.normalize(b, eps=1e-10)) ** 2
            total = total + (away * self.get_buffer(f"lin{at}")).sum(1).mean((1, 2)).float()
        return total

    def _seen(self, pictures: Tensor) -> list[Tensor]:
        """Features of each stage that the pictures are large enough for."""
        x = (2 * pictures.expand(-1, 3, -1, -1) - 1 - self.shift) / self.scale
        found = []
        for at, stage in enumerate(STAGES):
            if at and min(x.shape[-2:]) < 2:
                break
            x = functional.max_pool2d(x, 2) if at else x
            for place in stage:
                weight, bias = self.convs[f"{place}_weight"], self.convs[f"{place}_bias"]
                x = functional.relu(functional.conv2d(x, weight, bias, padding=1))
            found.append(x)
        return found


def load_lpips(path: Path) -> tuple[Lpips, str]:
    """The network in a file, and the sha256 of the file (first 16 digits).

    Raises:
        BadInput: no such file, or not one of VGG-16 weights.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
        network = Lpips(dict(weights))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except Exception as error:
        said = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise BadInput(
            f"perceptual_weights={path}: no weights of VGG-16 can be read here ({said}); name a "
            "file with features.0.weight to features.28.bias, or leave it out"
        ) from None
    return network.eval(), digest
