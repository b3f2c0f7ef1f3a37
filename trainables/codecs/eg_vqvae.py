"""EG-VQVAE: a motion VQ-VAE whose codes are guided towards even use.

EGGesture (ACM MM 2024), sections 3.1 and 3.2. Encoder and decoder are the 1-D convolutional ResNet
of `temporal_rvq`, and so are windows, tails and segments; what is added is the entropy guidance
(`trainables.quantizers.guidance`). With `guidance.weight` 0 it is the vanilla motion VQ-VAE, which
has the same first weights, batches and random numbers, so that the two are paired seed by seed.
"""

from __future__ import annotations

from typing import ClassVar

from trainables.codecs.temporal_rvq import TemporalRVQCodec


class EGVQVAECodec(TemporalRVQCodec):
    """Temporal residual quantization of one part, guided by the entropy of code use."""

    family: ClassVar[str] = "eg_vqvae"
