"""RQ-VAE: a per-frame autoencoder whose latent is coded by residual quantization.

Klezovich et al., section 3.3: three linear layers with ReLU on each side, Q levels of D codes,
log2(D) x Q bits per frame and part. Any prefix of the levels decodes, so one training is a curve.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from trainables.codecs.batches import Batches, FrameBatches
from trainables.codecs.neural import NeuralCodec, blockwise
from trainables.codecs.segments import Context
from trainables.motion.part_data import PartData
from trainables.networks.autoencoder import Autoencoder
from trainables.networks.frame_mlp import frame_decoder, frame_encoder


class RQVAECodec(NeuralCodec):
    """Per-frame residual quantization of one part."""

    family: ClassVar[str] = "rqvae"

    def encoder(self) -> nn.Module:
        """Three linear layers."""
        return frame_encoder(self.dimensions, self.whole("hidden_dim"), self.whole("latent_dim"))

    def decoder(self) -> nn.Module:
        """Three linear layers."""
        return frame_decoder(self.dimensions, self.whole("hidden_dim"), self.whole("latent_dim"))

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
