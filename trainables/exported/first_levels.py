"""A trained codec of fewer levels: what an exported codec codes of a part that has more.

Decoding a prefix of the levels of a residual codec is free, so parts of one codec may stop at
different depths. Here such a part is a codec like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from trainables.codecs.codec import BLOCK_FRAMES, Codec, Tokens
from trainables.motion.part_data import PartData
from trainables.runtime import Runtime


def at_depths(codecs: Mapping[str, Codec], depths: Mapping[str, int]) -> dict[str, Codec]:
    """Part -> its codec at its depth."""
    return {
        part: codec if depths[part] == codec.levels else FirstLevels(codec, depths[part])
        for part, codec in codecs.items()
    }


class FirstLevels(Codec):
    """The first levels of a trained codec."""

    def __init__(self, whole: Codec, depth: int) -> None:
        """Of a codec that has at least `depth` levels.

        Raises:
            ValueError: it has fewer, or none are asked for.
        """
        if not 1 <= depth <= whole.levels:
            raise ValueError(f"depth must be from 1 to {whole.levels}, got {depth}")
        super().__init__(whole.config, whole.part, whole.dimensions, whole.fps, whole.seed)
        self.trained_share = whole.trained_share
        self._whole, self._depth = whole, depth

    @property
    def alphabet(self) -> tuple[int, ...]:
        """Alphabet sizes of the levels that are coded."""
        return self._whole.alphabet[: self._depth]

    @property
    def compression(self) -> int:
        """Frames per token."""
        return self._whole.compression

    def fit(self, data: PartData, runtime: Runtime, until: float = 1.0) -> dict[str, float]:
        """Trains all levels, as they are trained together."""
        return self._whole.fit(data, runtime, until)

    def encode(self, features: np.ndarray) -> Tokens:
        """Features (frames, dimensions) -> the first levels of their tokens."""
        found = self._whole.encode(features)
        kept = found.indices[:, : self._depth]
        return Tokens(kept, self.alphabet, found.rate_hz, found.frames)

    def decode(self, tokens: Tokens, depth: int | None = None) -> np.ndarray:
        """Tokens -> features (frames, dimensions) float32, from at most these levels."""
        return self._whole.decode(tokens, min(depth or self._depth, self._depth))

    def decode_blocks(
        self, tokens: Tokens, depth: int | None = None, frames: int = BLOCK_FRAMES
    ) -> Iterator[np.ndarray]:
        """What `decode` gives, in blocks."""
        return self._whole.decode_blocks(tokens, min(depth or self._depth, self._depth), frames)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learnt, of all levels."""
        return self._whole.arrays()

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes what `arrays` gave."""
        self._whole.load_arrays(arrays)

    def training_state(self) -> dict[str, Any]:
        """That of all levels."""
        return self._whole.training_state()

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        """Goes back to a `training_state`."""
        self._whole.load_training_state(state)
