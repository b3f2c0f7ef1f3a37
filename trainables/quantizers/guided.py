"""Residual quantization whose training is told how evenly the codes are used."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from trainables.quantizers.fused_residual_vq import FusedResidualQuantizer
from trainables.quantizers.guidance import EntropyGuidance
from trainables.quantizers.quantizer import Quantizer
from trainables.quantizers.residual_vq import ResidualQuantizer


class _Guided(Quantizer):
    """A quantizer, number by number, that also estimates the use of its codes.

    The estimate draws its noise after everything that a step of the quantizer draws, so that two
    trainings which differ in the weight of the guidance alone are paired: same first weights, same
    data, same random numbers of the quantizer.
    """

    def __init__(
        self,
        dim: int,
        codebook_size: int,
        levels: int,
        guidance: EntropyGuidance,
        **options: Any,
    ) -> None:
        """Codebooks that are not initialised yet; `options` are those of the quantizer."""
        super().__init__(dim, codebook_size, levels, **options)
        self.guidance = guidance

    def guidance_loss(self, latents: Tensor, indices: Tensor) -> Tensor | None:
        """The entropy loss of a step's latents (tokens, dim) and their codes (tokens, levels)."""
        loss: Tensor = self.guidance(latents, self.codebooks, indices)
        return loss


class GuidedQuantizer(_Guided, ResidualQuantizer):
    """A guided `ResidualQuantizer`."""


class GuidedFusedQuantizer(_Guided, FusedResidualQuantizer):
    """A guided `FusedResidualQuantizer`."""
