"""Small codecs that train side by side, on invented motion."""

from __future__ import annotations

from typing import Any

import numpy as np

from search_spaces.families import complete
from tests.trainables.tiny import make_clips, spec
from trainables.codecs.codec import Codec
from trainables.codecs.registry import codec_class
from trainables.motion.dataset import prepare
from trainables.motion.part_data import PartData

STEPS = 24
SMALL: dict[str, Any] = {
    "quantizer_backend": "fused", "hidden_dim": 16, "latent_dim": 8, "batch_frames": 32,
    "max_steps": STEPS, "epochs": 1000, "quantizer_depth": 2, "codebook_size": 16,
}  # fmt: skip
WINDOWED: dict[str, Any] = {"window": 16, "compression": 4, "batch_frames": 64}


def part(frames: int = 70) -> PartData:
    """A body."""
    return prepare(spec(), make_clips(5, frames)).parts["body"]


def codec(data: PartData, seed: int = 0, family: str = "rqvae", **changes: Any) -> Codec:
    """An untrained codec of a family, small unless said otherwise."""
    small = SMALL if family == "rqvae" else {**SMALL, **WINDOWED}
    config = complete({"codec": family, **small, **changes})
    return codec_class(family)(config, data.name, data.dimensions, data.fps, seed)


def one_of_each(data: PartData, family: str = "rqvae", **changes: Any) -> list[Codec]:
    """Codecs that differ in everything that members of one pack may differ in."""
    return [
        codec(
            data, seed, family, codebook_size=(16, 5, 9)[seed % 3], quantizer_depth=1 + seed % 4,
            learning_rate=1e-3 * (1 + seed), commitment=0.1 + 0.2 * seed, decay=0.9 + 0.02 * seed,
            dead_code_share=(0.05, 0.25)[seed % 2], quantizer_dropout=(0.0, 0.5)[seed % 2],
            **{"loss.position": (0.0, 1.0, 3.0)[seed % 3], **changes},
        )
        for seed in range(4)
    ]  # fmt: skip


def distance(one: Codec, other: Codec) -> float:
    """The largest difference of anything that two codecs learnt."""
    first, second = one.arrays(), other.arrays()
    return max(float(np.abs(first[name] - second[name]).max()) for name in first)
