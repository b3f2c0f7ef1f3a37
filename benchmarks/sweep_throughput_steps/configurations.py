"""What both sides train, and packs are timed on."""

from __future__ import annotations

import numpy as np

from search_spaces.space import Config

SHAPE: Config = {
    "codec": "rqvae", "hidden_dim": 64, "latent_dim": 16, "batch_frames": 64, "epochs": 1_000_000,
}  # fmt: skip


def listed(trials: int, steps: int) -> list[Config]:
    """Configurations of a search, drawn at random."""
    rng = np.random.default_rng(12)
    return [
        {
            **SHAPE,
            "max_steps": steps,
            "codebook_size": int(rng.choice([16, 64, 256])),
            "quantizer_depth": int(rng.integers(1, 9)),
            "learning_rate": float(np.exp(rng.uniform(np.log(3e-4), np.log(5e-3)))),
            "commitment": float(np.exp(rng.uniform(np.log(0.02), np.log(1.0)))),
            "decay": float(rng.uniform(0.9, 0.99)),
            "loss.position": float(rng.choice([0.0, 0.3, 1.0, 3.0])),
        }
        for _ in range(trials)
    ]
