"""EG-VQVAE: a motion VQ-VAE whose codes are guided towards even use.

EGGesture (ACM MM 2024), sections 3.1 and 3.2. Encoder and decoder are the 1-D convolutional ResNet
of `temporal_rvq`, and so are windows, tails and segments; what is added is the entropy guidance
(`trainables.quantizers.guidance`) and a start from principal components. With `guidance.weight` 0
it is the vanilla motion VQ-VAE, which has the same first weights, batches and random numbers, so
that the two are paired seed by seed.
"""

from __future__ import annotations

from typing import ClassVar

from trainables.codecs.temporal_rvq import TemporalRVQCodec
from trainables.motion.part_data import PartData
from trainables.networks.autoencoder import Autoencoder
from trainables.networks.temporal_resnet import OverTime
from trainables.networks.temporal_start import start_principal

_START_FRAMES = 16_384  # that the first weights are made of


class EGVQVAECodec(TemporalRVQCodec):
    """Temporal residual quantization of one part, guided by the entropy of code use."""

    family: ClassVar[str] = "eg_vqvae"

    def start(self, model: Autoencoder, data: PartData) -> None:
        """At random, or as principal components of tokens' frames and the way back."""
        encoder, decoder = model.encoder, model.decoder
        if self.option("network_start", "random") == "random":
            return
        if isinstance(encoder, OverTime) and isinstance(decoder, OverTime):
            sample = self.batches(data, 1).sample(_START_FRAMES)
            mean, scale = (each.cpu().numpy() for each in (model.mean, model.scale))
            start_principal(encoder, decoder, (data.features[sample.rows] - mean) / scale)
