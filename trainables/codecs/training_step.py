"""What one training step of a neural codec minimises, and at which learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.codecs.batches import Batch
from trainables.losses.reconstruction import SCORED_FRAMES, ReconstructionLoss
from trainables.networks.autoencoder import Autoencoder
from trainables.quantizers.quantizer import dropout_draw

_FINAL_RATE = 0.05


def cosine(share: float) -> float:
    """1 at the start of the budget, 5 % at its end."""
    return _FINAL_RATE + (1 - _FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * share))


def decoded_levels(drawn: int | None, levels: int) -> int:
    """Levels that a step of the decoder alone decodes, from what quantizer dropout drew."""
    return levels if drawn is None else 1 + drawn % levels


@dataclass(frozen=True, eq=False)
class StepLosses:
    """Losses of batches of the training features.

    Attributes:
        model: that is trained.
        features: (frames, dimensions) all training features, scaled.
        reconstruction: errors of decoded frames.
        compression: frames per token.
        commitment: weight of what the quantizer adds.
        quantizer_dropout: share of the steps with fewer levels.
        guidance: weight of what the quantizer says of the use of its codes.
    """

    model: Autoencoder
    features: Tensor
    reconstruction: ReconstructionLoss
    compression: int
    commitment: float
    quantizer_dropout: float = 0.0
    guidance: float = 0.0

    def of(self, batch: Batch, own: Batch, decoder_only: bool = False) -> dict[str, Tensor]:
        """`loss` and what it is made of, means over valid frames.

        Args:
            batch: of all workers.
            own: the share of it that is scored; positions every so many frames.
            decoder_only: whether encoder and quantizer stay as they are. The commitment is 0 then.
        """
        rows = torch.from_numpy(own.rows).to(self.features.device)
        wanted = self.features.index_select(0, rows.view(-1)).view(*rows.shape, -1)
        valid: Tensor | None = None
        real: Tensor | None = None
        if own.valid is not None:
            valid = torch.from_numpy(own.valid).to(self.features.device)
            real = valid[:, :: self.compression]  # a token is real if its first frame is
        with torch.set_grad_enabled(not decoder_only):
            latents = self.model.encoder(wanted)
            flat = latents.reshape(-1, latents.shape[-1]) if real is None else latents[real]
            quantized, indices, commitment = self._quantized(flat, decoder_only)
        if real is None:
            quantized = quantized.view_as(latents)
        else:
            quantized = latents.new_zeros(latents.shape).index_put((real,), quantized)
        decoded = self.model.decoder(quantized)
        if valid is not None:
            decoded, wanted, rows = decoded[valid], wanted[valid], rows[valid]
        decoded, wanted = decoded.flatten(0, -2), wanted.flatten(0, -2)
        every = max(1, batch.frames // SCORED_FRAMES)
        errors = self.reconstruction.errors(decoded, wanted, rows.reshape(-1), every)
        total = self.commitment * commitment
        for name, error in errors.items():
            total = total + self.reconstruction.weight(name) * error
        found = {"loss.commitment": commitment, **errors}
        # After all else of the step, so that the noise of the guidance shifts no other.
        if self.guidance > 0 and not decoder_only:
            entropy = self.model.quantizer.guidance_loss(flat, indices)
            if entropy is not None:
                total = total + self.guidance * entropy
                found["loss.entropy"] = entropy
        return {"loss": total, **found}

    def _quantized(self, latents: Tensor, as_they_are: bool) -> tuple[Tensor, Tensor, Tensor]:
        quantizer = self.model.quantizer
        if as_they_are:
            cut = dropout_draw(self.quantizer_dropout, quantizer.levels)
            depth = decoded_levels(cut, quantizer.levels)
            indices = quantizer.indices(latents)
            return quantizer.decode(indices, depth), indices, latents.new_zeros(())
        return quantizer.quantize(latents)
