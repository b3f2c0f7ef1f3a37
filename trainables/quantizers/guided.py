"""Residual quantization whose training is told how evenly the codes are used."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from trainables.quantizers.fused_residual_vq import FusedResidualQuantizer
from trainables.quantizers.guidance import EntropyGuidance
from trainables.quantizers.residual_vq import ResidualQuantizer


class GuidedQuantizer(ResidualQuantizer):
    """A `ResidualQuantizer`, number by number, that also estimates the use of its codes.

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
        """Codebooks that are not initialised yet; `options` as `ResidualQuantizer` has them."""
        super().__init__(dim, codebook_size, levels, **options)
        self.guidance = guidance

    def guidance_loss(self, latents: Tensor, indices: Tensor) -> Tensor | None:
        """The entropy loss of a step's latents (tokens, dim) and their codes (tokens, levels)."""
        loss: Tensor = self.guidance(latents, self.codebooks, indices)
        return loss


class GuidedFusedQuantizer(FusedResidualQuantizer):
    """A `FusedResidualQuantizer` that does what a `GuidedQuantizer` does."""

    def __init__(
        self,
        dim: int,
        codebook_size: int,
        levels: int,
        guidance: EntropyGuidance,
        **options: Any,
    ) -> None:
        """Codebooks that are not initialised yet; `options` as `FusedResidualQuantizer` has."""
        super().__init__(dim, codebook_size, levels, **options)
        self.guidance = guidance

    def guidance_loss(self, latents: Tensor, indices: Tensor) -> Tensor | None:
        """The entropy loss of a step's latents (tokens, dim) and their codes (tokens, levels)."""
        loss: Tensor = self.guidance(latents, self.codebooks, indices)
        return loss
