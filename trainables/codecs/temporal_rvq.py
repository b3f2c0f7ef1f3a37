"""Temporal RVQ: a convolutional autoencoder that codes several frames in one token.

The motion tokenizer of T2M-GPT (https://arxiv.org/abs/2301.06052) and MoMask
(https://arxiv.org/abs/2312.00063), trained on windows and run over recordings of any length, a
segment at a time. A recording's tail is filled with its last frame up to a whole token, which
counts in the rate, and is cut off after decoding.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from trainables.codecs.batches import Batches, WindowBatches
from trainables.codecs.neural import NeuralCodec
from trainables.codecs.segments import Context
from trainables.motion.part_data import PartData
from trainables.networks.temporal_resnet import OverTime, temporal_decoder, temporal_encoder


class TemporalRVQCodec(NeuralCodec):
    """Residual quantization of one part at a lower frame rate."""

    family: ClassVar[str] = "temporal_rvq"

    def encoder(self) -> nn.Module:
        """Strided convolutions with dilated residual blocks."""
        return temporal_encoder(
            self.dimensions, self.whole("hidden_dim"), self.whole("latent_dim"), self.compression
        )

    def decoder(self) -> nn.Module:
        """Its mirror image, with nearest-neighbour upsampling."""
        return temporal_decoder(
            self.dimensions, self.whole("hidden_dim"), self.whole("latent_dim"), self.compression
        )

    def context(self) -> Context:
        """What the networks say that they reach; not known where a subclass brought others."""
        encoder, decoder = self.model.encoder, self.model.decoder
        if isinstance(encoder, OverTime) and isinstance(decoder, OverTime):
            return Context(encoder.reach, decoder.reach)
        return Context()

    def batches(self, data: PartData, world_size: int) -> Batches:
        """Windows at random places of the recordings."""
        return WindowBatches(
            data.lengths,
            self.whole("window"),
            self.whole("batch_frames"),
            self.whole("epochs"),
            self.whole("max_steps"),
            self.seed,
            least=world_size,
        )
