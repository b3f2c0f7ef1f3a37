"""Per-frame encoder and decoder: three linear layers each, ReLU between them, none after the last.

The network of Klezovich et al., section 3.3, whose widths are not given there: the second hidden
layer is half as wide as the first, and the decoder mirrors the encoder. How the layers start is not
given either: at random, or so that encoder and decoder are a projection on the principal components
of the features and back. A linear path beside the layers, which the paper has not, is an option.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def frame_encoder(
    dimensions: int, hidden: int, latent: int, linear_path: bool = False
) -> nn.Module:
    """(..., dimensions) -> (..., latent)."""
    layers = _three_layers(dimensions, hidden, max(hidden // 2, 1), latent)
    return WithLinearPath(layers) if linear_path else layers


def frame_decoder(
    dimensions: int, hidden: int, latent: int, linear_path: bool = False
) -> nn.Module:
    """(..., latent) -> (..., dimensions)."""
    layers = _three_layers(latent, max(hidden // 2, 1), hidden, dimensions)
    return WithLinearPath(layers) if linear_path else layers


class WithLinearPath(nn.Module):
    """layers(x) + path(x)."""

    def __init__(self, layers: nn.Sequential) -> None:
        """A linear path around layers, from as many features to as many."""
        super().__init__()
        self.layers = layers
        self.path = nn.Linear(layers[0].in_features, layers[-1].out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return torch.as_tensor(self.layers(x) + self.path(x))


@torch.no_grad()
def start_linear(network: nn.Module, into: Tensor, out_of: Tensor, spread: float) -> None:
    """Sets a `frame_encoder` or `frame_decoder` to the linear map `out_of @ into`.

    A linear path becomes the map, and the layers beside it give nothing at first. Three layers
    alone hold each row of `into` as two units of opposite sign, since relu(x) - relu(-x) = x: so
    the first rows only, half as many as the narrowest layer has units. Other units keep their
    weights and wait for the last layer to take them up.

    Args:
        network: whose weights are set.
        into: (rank, in), the more important rows first.
        out_of: (out, rank).
        spread: of what `into` gives; hidden units are divided by it.
    """
    if isinstance(network, WithLinearPath):
        network.path.weight.copy_(out_of @ into)
        network.path.bias.zero_()
        network.layers[-1].weight.zero_()
        network.layers[-1].bias.zero_()
        return
    first, second, last = (m for m in network.children() if isinstance(m, nn.Linear))
    kept = min(len(into), first.out_features // 2, second.out_features // 2)
    into, out_of, pairs = into[:kept] / spread, out_of[:, :kept] * spread, 2 * kept
    same = torch.eye(kept, device=into.device)
    first.weight[:pairs] = torch.cat([into, -into])
    second.weight[:pairs] = 0
    second.weight[:pairs, :pairs] = torch.cat([torch.cat([same, -same], 1)] * 2)
    second.weight[kept:pairs, :pairs] *= -1
    last.weight.zero_()
    last.weight[:, :pairs] = torch.cat([out_of, -out_of], 1)
    for layer, units in ((first, pairs), (second, pairs), (last, len(last.bias))):
        layer.bias[:units] = 0


def _three_layers(first: int, second: int, third: int, last: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Linear(second, third),
        nn.ReLU(),
        nn.Linear(third, last),
    )
