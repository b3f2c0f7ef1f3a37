"""RQ-VAE: a per-frame autoencoder whose latent is coded by residual quantization.

Klezovich et al., section 3.3: three linear layers with ReLU on each side, Q levels of D codes,
log2(D) x Q bits per frame and part. Any prefix of the levels decodes, so one training is a curve.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from trainables.codecs.batches import Batches, FrameBatches
from trainables.codecs.neural import NeuralCodec, blockwise
from trainables.codecs.segments import Context
from trainables.motion.part_data import PartData
from trainables.networks.autoencoder import Autoencoder
from trainables.networks.frame_mlp import frame_decoder, frame_encoder, start_linear

_ROWS = 16_384  # training frames whose products are summed at a time
_LEAST_SPREAD = 1e-3  # of scaled features along their first component, which is 1 or more


class RQVAECodec(NeuralCodec):
    """Per-frame residual quantization of one part."""

    family: ClassVar[str] = "rqvae"

    def encoder(self) -> nn.Module:
        """Three linear layers."""
        return frame_encoder(self.dimensions, *self._widths(), self._linear_path())

    def decoder(self) -> nn.Module:
        """Three linear layers."""
        return frame_decoder(self.dimensions, *self._widths(), self._linear_path())

    def start(self, model: Autoencoder, data: PartData) -> None:
        """At random, or as the projection on principal components of scaled features and back.

        From there residual quantization of the latents is that of the features: what K-Means does
        with one level is where training starts, and not what it has to find.
        """
        if self.option("network_start", "random") == "random":
            return
        components, spread = principal(data.features, data.mean, self.scale_of(data))
        # One pose has no components, and what is not finite the loss will say.
        if not (np.isfinite(components).all() and spread[0] > _LEAST_SPREAD):
            return
        rank = min(self.whole("latent_dim"), len(components))
        rows = torch.from_numpy(components[:rank]).to(model.device)
        latents = torch.eye(self.whole("latent_dim"), device=model.device)[:rank]
        start_linear(model.encoder, rows, latents.T, float(spread[0]))
        start_linear(model.decoder, latents, rows.T, float(spread[0]))

    def batches(self, data: PartData, world_size: int) -> Batches:
        """Shuffled single frames."""
        return FrameBatches(
            len(data.features),
            self.whole("batch_frames"),
            self.whole("epochs"),
            self.whole("max_steps"),
            self.seed,
        )

    def context(self) -> Context:
        """None: each frame is coded by itself."""
        return Context(encoder=0, decoder=0)

    def latents(self, model: Autoencoder, scored: Tensor) -> Tensor:
        """Frame by frame, in blocks of one size."""
        return blockwise(model.encoder, scored)

    def reconstruction(self, model: Autoencoder, quantized: Tensor) -> Tensor:
        """Frame by frame, in blocks of one size."""
        return blockwise(model.decoder, quantized)

    def _widths(self) -> tuple[int, int]:
        return self.whole("hidden_dim"), self.whole("latent_dim")

    def _linear_path(self) -> bool:
        return bool(self.option("linear_path", False))


def principal(
    features: np.ndarray, mean: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Principal components (dimensions, dimensions) of scaled features, largest first, as rows.

    Returns:
        Components and their standard deviations (dimensions,), float32; NaN where a feature is
        not finite. Of each component the largest entry is positive.
    """
    total = np.zeros((features.shape[1], features.shape[1]))
    for first in range(0, len(features), _ROWS):
        rows = (features[first : first + _ROWS].astype(np.float64) - mean) / scale
        total += rows.T @ rows
    if not np.isfinite(total).all():
        nothing = np.full(total.shape, np.nan, np.float32)
        return nothing, nothing[0]
    variances, columns = np.linalg.eigh(total / len(features))
    components = columns.T[::-1]
    largest = np.abs(components).argmax(1)[:, None]
    signs = np.sign(np.take_along_axis(components, largest, 1))
    spread = np.sqrt(np.maximum(variances[::-1], 0))
    return (components * signs).astype(np.float32), spread.astype(np.float32)
