"""Residual quantization whose training is told how evenly the codes are used."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

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
        codebook_weight: float | None = None,
        **options: Any,
    ) -> None:
        """Codebooks that are not initialised yet; `options` are those of the quantizer.

        Args:
            dim, codebook_size, levels: of the quantizer.
            guidance: the estimate.
            codebook_weight: EGGesture's beta where it weighs what draws codes to latents, as
                equation 4 prints it, and not what draws latents to codes.
            options: of the quantizer.
        """
        super().__init__(dim, codebook_size, levels, **options)
        self.guidance = guidance
        self._beta = codebook_weight

    def quantize(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As the quantizer's; the loss is divided by a beta that weighs the codes' own term.

        The quantizer has one term for both, |z - e|^2. As printed the loss is |z - sg e|^2 +
        beta |sg z - e|^2, and the caller multiplies by beta: so |z - sg e|^2 is added 1 / beta - 1
        times.
        """
        # Laid over a quantizer, whose own step comes next.
        quantized, indices, loss = super().quantize(latents)  # type: ignore[safe-super]
        if self._beta is not None:
            loss = loss + (1 / self._beta - 1) * self._commitment(latents, indices)
        return quantized, indices, loss

    def _commitment(self, latents: Tensor, indices: Tensor) -> Tensor:
        """Mean squared distance to codes that stay, summed over the levels that were used."""
        total, residual = latents.new_zeros(()), latents
        for level, codes in enumerate(self.codebooks.detach()):
            chosen = indices[:, level]
            if bool((chosen < 0).any()):
                break
            near = codes[chosen]
            total = total + functional.mse_loss(residual, near)
            residual = residual - near
        return total

    def guidance_loss(self, latents: Tensor, indices: Tensor) -> Tensor | None:
        """The entropy loss of a step's latents (tokens, dim) and their codes (tokens, levels)."""
        loss: Tensor = self.guidance(latents, self.codebooks, indices)
        return loss


class GuidedQuantizer(_Guided, ResidualQuantizer):
    """A guided `ResidualQuantizer`."""


class GuidedFusedQuantizer(_Guided, FusedResidualQuantizer):
    """A guided `FusedResidualQuantizer`."""
