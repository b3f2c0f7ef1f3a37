"""Finite scalar quantization: a few dimensions, each rounded to a few steps; no codebook to learn.

Mentzer et al., https://arxiv.org/abs/2309.15505, and its residual form, each level of which rounds
what is left on a finer scale. Linear maps lead from the latent to the few dimensions and back; they
are trained with the networks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from vector_quantize_pytorch import FSQ, ResidualFSQ

from trainables.quantizers.quantizer import Weighted, dropout_draw


class FiniteScalarQuantizer(Weighted):
    """One level of rounding."""

    def __init__(self, dim: int, steps: Sequence[int]) -> None:
        """A quantizer of vectors of width `dim` with so many steps in each rounded dimension."""
        super().__init__()
        self.levels = 1
        self.library = FSQ(levels=list(steps), dim=dim)

    def quantize(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One training step; gradients go straight through the rounding, and there is no loss."""
        self.refuse_quantizing()
        quantized, indices = self.library(latents[None])
        return quantized[0], indices[0][:, None].long(), latents.new_zeros(())

    @torch.no_grad()
    def indices(self, latents: Tensor) -> Tensor:
        """Rounded: (tokens, dim) -> (tokens, 1)."""
        found = self.library(latents[None])[1]
        return torch.as_tensor(found[0][:, None].long())

    @torch.no_grad()
    def decode(self, indices: Tensor, depth: int | None = None) -> Tensor:
        """(tokens, 1) -> (tokens, dim)."""
        self.checked_depth(depth)
        return torch.as_tensor(self.library.indices_to_codes(indices[:, 0][None])[0])


class ResidualFiniteScalarQuantizer(Weighted):
    """Several levels of rounding."""

    def __init__(self, dim: int, steps: Sequence[int], levels: int, dropout: float = 0.0) -> None:
        """As `FiniteScalarQuantizer`; `dropout` is the share of the steps with fewer levels."""
        super().__init__()
        self.levels = levels
        self._dropout = dropout
        self.library = ResidualFSQ(levels=list(steps), num_quantizers=levels, dim=dim)

    def quantize(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One training step; gradients go straight through the rounding, and there is no loss."""
        self.refuse_quantizing()
        cut = dropout_draw(self._dropout, self.levels)
        self.library.quantize_dropout = cut is not None
        quantized, indices = self.library(latents[None], rand_quantize_dropout_fixed_seed=cut)
        return quantized[0], indices[0].long(), latents.new_zeros(())

    @torch.no_grad()
    def indices(self, latents: Tensor) -> Tensor:
        """Rounded level by level: (tokens, dim) -> (tokens, levels)."""
        training = self.library.training
        found = self.library.eval()(latents[None])[1]
        self.library.train(training)
        return torch.as_tensor(found[0].long())

    @torch.no_grad()
    def decode(self, indices: Tensor, depth: int | None = None) -> Tensor:
        """What the first `depth` levels add up to: (tokens, levels) -> (tokens, dim)."""
        known = indices.clone()
        known[:, self.checked_depth(depth) :] = -1  # the library adds nothing for these
        return torch.as_tensor(self.library.get_output_from_indices(known[None])[0])
