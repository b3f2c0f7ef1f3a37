"""RQ-VAE: the codec contract, and training's own promises."""

from __future__ import annotations

from typing import ClassVar

from search_spaces.space import Config
from trainables.codecs.contract import CodecContract


class TestRQVAEContract(CodecContract):
    config: ClassVar[Config] = {
        "codec": "rqvae", "codebook_size": 8, "quantizer_depth": 3, "hidden_dim": 32,
        "latent_dim": 8, "batch_frames": 128, "max_steps": 40, "learning_rate": 5e-3, "decay": 0.9,
    }  # fmt: skip
