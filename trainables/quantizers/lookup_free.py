"""Lookup-free quantization: a code is the signs of a few dimensions.

Yu et al., https://arxiv.org/abs/2310.05737, on the sphere as in Zhao et al.,
https://arxiv.org/abs/2406.07548: linear maps lead to log2(codebook_size) dimensions of unit length
and back. Off the sphere, commitment to the signs collapses to one code on small data. The loss is a
tenth of the entropy of single codes less that of the batch, so it is negative.
"""

from __future__ import annotations

import torch
from torch import Tensor
from vector_quantize_pytorch import LFQ

from trainables.quantizers.quantizer import Weighted

_ENTROPY = 0.1


class LookupFreeQuantizer(Weighted):
    """One level of signs. Trains in one worker alone: the batch's entropy is no mean of shares'.

    The library means to average code probabilities over workers, and drops what it has averaged
    (`maybe_distributed_mean` ignores the result of a reduction that leaves its input as it was).
    """

    def __init__(self, dim: int, codebook_size: int) -> None:
        """A quantizer of vectors of width `dim` with a power of 2 of codes."""
        super().__init__()
        self.levels = 1
        self.library = LFQ(
            dim=dim,
            codebook_size=codebook_size,
            entropy_loss_weight=_ENTROPY,
            spherical=True,
        )

    def quantize(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One training step; gradients go straight through the signs."""
        self.refuse_quantizing()
        quantized, indices, loss = self.library(latents[None])
        return quantized[0], indices[0][:, None].long(), loss

    @torch.no_grad()
    def indices(self, latents: Tensor) -> Tensor:
        """Signs: (tokens, dim) -> (tokens, 1)."""
        training = self.library.training
        found = self.library.eval()(latents[None])[1]
        self.library.train(training)
        return torch.as_tensor(found[0][:, None].long())

    @torch.no_grad()
    def decode(self, indices: Tensor, depth: int | None = None) -> Tensor:
        """(tokens, 1) -> (tokens, dim)."""
        self.checked_depth(depth)
        return torch.as_tensor(self.library.indices_to_codes(indices[:, 0][None])[0])
