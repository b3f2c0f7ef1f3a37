"""Encoder, quantizer and decoder in one module, with the scaling of what they see."""

from __future__ import annotations

import torch
from torch import nn

from trainables.quantizers.quantizer import Quantizer


class Autoencoder(nn.Module):
    """Encoder, quantizer and decoder, with the scaling of the features they see."""

    def __init__(
        self, encoder: nn.Module, quantizer: Quantizer, decoder: nn.Module, dimensions: int
    ) -> None:
        """Scaling is the identity until training sets it."""
        super().__init__()
        self.encoder = encoder
        self.quantizer = quantizer
        self.decoder = decoder
        self.register_buffer("mean", torch.zeros(dimensions))
        self.register_buffer("scale", torch.ones(dimensions))

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        return torch.device(self.mean.device)
