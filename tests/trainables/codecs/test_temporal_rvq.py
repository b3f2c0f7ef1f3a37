"""Temporal RVQ: the codec contract at two compressions, and what time adds."""

from __future__ import annotations

from typing import ClassVar

from search_spaces.space import Config
from trainables.codecs.contract import CodecContract


class TestTemporalRVQContract(CodecContract):
    config: ClassVar[Config] = {
        "codec": "temporal_rvq", "codebook_size": 8, "quantizer_depth": 3, "hidden_dim": 32,
        "latent_dim": 8, "batch_frames": 256, "max_steps": 40, "learning_rate": 5e-3, "decay": 0.9,
        "compression": 4, "window": 32,
    }  # fmt: skip
