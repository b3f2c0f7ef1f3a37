"""Per-frame encoder and decoder: three linear layers each, ReLU between them, none after the last.

The network of Klezovich et al., section 3.3, whose widths are not given there: the second hidden
layer is half as wide as the first, and the decoder mirrors the encoder.
"""

from __future__ import annotations

from torch import nn


def frame_encoder(dimensions: int, hidden: int, latent: int) -> nn.Module:
    """(..., dimensions) -> (..., latent)."""
    return _three_layers(dimensions, hidden, max(hidden // 2, 1), latent)


def frame_decoder(dimensions: int, hidden: int, latent: int) -> nn.Module:
    """(..., latent) -> (..., dimensions)."""
    return _three_layers(latent, max(hidden // 2, 1), hidden, dimensions)


def _three_layers(first: int, second: int, third: int, last: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Linear(second, third),
        nn.ReLU(),
        nn.Linear(third, last),
    )
