"""The contract of a codec: fit, encode to tokens, decode a prefix of levels, save and load.

One codec codes one part. Features are float32 (frames, dimensions), as `PartData` describes them.
Tokens carry alphabet and rate, so a rate can always be computed and never be forgotten. What is
saved is JSON and safetensors, never pickle, so that a stranger's codec runs no code.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.families import family_of
from search_spaces.space import Config, Value
from trainables.motion.part_data import PartData
from trainables.runtime import Runtime

CODEC_VERSION = 1
CONFIG_NAME = "codec.json"
WEIGHTS_NAME = "model.safetensors"

BLOCK_FRAMES = 4096
"""Frames of a decoded block, unless a caller says otherwise."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """Discrete tokens of one part of one recording.

    Attributes:
        indices: (tokens, levels) int32, each in [0, alphabet of its level).
        alphabet: alphabet size of each level.
        rate_hz: tokens per second (frames per second over compression).
        frames: frames that they decode to; a padded tail is cut off after decoding.
    """

    indices: np.ndarray
    alphabet: tuple[int, ...]
    rate_hz: float
    frames: int

    def __post_init__(self) -> None:
        if self.indices.ndim != 2 or self.indices.shape[1] != len(self.alphabet):
            raise ValueError(
                f"indices must be (tokens, {len(self.alphabet)}), got {self.indices.shape}"
            )
        if self.indices.size and (
            self.indices.min() < 0 or (self.indices.max(0) >= np.array(self.alphabet)).any()
        ):
            raise ValueError(f"indices must lie in [0, alphabet) of {self.alphabet}")


class Codec(ABC):
    """A codec of one part.

    Lifecycle: construct, `fit` (once, or in shares), then `encode`/`decode` any recording.
    """

    family: ClassVar[str]
    """Name of its `CodecFamily`."""

    def __init_subclass__(cls, **options: Any) -> None:
        """A class with a `decode` of its own and no `decode_blocks` has one block.

        Blocks that it inherited would be those of another decoding.
        """
        super().__init_subclass__(**options)
        if "decode" in vars(cls) and "decode_blocks" not in vars(cls):
            cls.decode_blocks = Codec.decode_blocks  # type: ignore[method-assign]

    def __init__(
        self, config: Mapping[str, Value], part: str, dimensions: int, fps: float, seed: int
    ) -> None:
        """A codec that is not trained yet.

        Args:
            config: a complete configuration of its family.
            part: the part it codes; keys given for that part apply.
            dimensions: features per frame.
            fps: frames per second.
            seed: of this part's codec; everything random in it follows from this.
        """
        self.config: Config = dict(config)
        self.part = part
        self.dimensions = dimensions
        self.fps = fps
        self.seed = seed
        self.trained_share = 0.0

    @property
    def alphabet(self) -> tuple[int, ...]:
        """Alphabet size of each level."""
        return family_of(self.config).alphabet(self.config, self.part)

    @property
    def levels(self) -> int:
        """Quantizer levels."""
        return len(self.alphabet)

    @property
    def compression(self) -> int:
        """Frames per token."""
        return family_of(self.config).compression(self.config, self.part)

    def training_steps(self, data: PartData, world_size: int) -> int | None:
        """Steps of the whole budget; None where it is not counted in steps."""
        return None

    @abstractmethod
    def fit(self, data: PartData, runtime: Runtime, until: float = 1.0) -> dict[str, float]:
        """Trains on to a share of the training budget, from where it stands.

        `fit(until=0.5)` then `fit(until=1.0)` gives the same codec as `fit(until=1.0)` alone. A
        codec that trains in one shot does nothing before 1. Sees training data only.

        Returns:
            Losses of the last stretch by name, empty where nothing was trained.
        """

    @abstractmethod
    def encode(self, features: np.ndarray) -> Tokens:
        """Features (frames, dimensions) of one recording -> tokens. Deterministic."""

    @abstractmethod
    def decode(self, tokens: Tokens, depth: int | None = None) -> np.ndarray:
        """Tokens -> features (frames, dimensions) float32, from the first `depth` levels."""

    def decode_blocks(
        self, tokens: Tokens, depth: int | None = None, frames: int = BLOCK_FRAMES
    ) -> Iterator[np.ndarray]:
        """What `decode` gives, in blocks (frames, dimensions) float32 that follow each other.

        Put end to end, the blocks are `decode` to the bit. A codec whose decoding looks across
        frames cannot be cut by just anyone, so this is one block, whatever `frames` says; a codec
        that can be cut overrides it and gives `frames` at a time, fewer in the last block. Nothing
        is decoded, and no fault raised, before the first block is asked for.
        """
        yield self.decode(tokens, depth)

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learnt, by name: what `load_arrays` needs to decode alike."""

    @abstractmethod
    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes what `arrays` gave."""

    @abstractmethod
    def training_state(self) -> dict[str, Any]:
        """All that `fit` needs to go on where it stands: tensors, numbers and text only.

        Loaded again by `load_training_state`, saved with `torch.save` and read with
        `weights_only=True`.
        """

    @abstractmethod
    def load_training_state(self, state: Mapping[str, Any]) -> None:
        """Goes back to a `training_state`."""

    def parameters(self) -> int:
        """Numbers learnt, codebooks included."""
        return int(sum(a.size for a in self.arrays().values()))

    def save(self, folder: Path) -> None:
        """Writes `codec.json` and `model.safetensors` into a folder that it makes."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        arrays = {k: np.ascontiguousarray(v) for k, v in self.arrays().items()}
        save_file(arrays, folder / WEIGHTS_NAME)
        text = json.dumps(self.described(), indent=1, sort_keys=True)
        (folder / CONFIG_NAME).write_text(text + "\n")

    def described(self) -> dict[str, Any]:
        """All but what was learnt: what `codec_from` needs beside `arrays`."""
        return {
            "codec_version": CODEC_VERSION,
            "family": self.family,
            "config": self.config,
            "part": self.part,
            "dimensions": self.dimensions,
            "fps": self.fps,
            "seed": self.seed,
            "alphabet": list(self.alphabet),
            "compression": self.compression,
        }


def frame_blocks(
    codec: Codec, tokens: Tokens, depth: int | None, frames: int
) -> Iterator[np.ndarray]:
    """`decode_blocks` of a codec with one token per frame that decodes each frame by itself.

    Raises:
        ValueError: frames below 1, once the first block is asked for.
    """
    if frames < 1:
        raise ValueError(f"a block must have at least 1 frame, got {frames}")
    for start in range(0, len(tokens.indices), frames):
        some = tokens.indices[start : start + frames]
        yield codec.decode(Tokens(some, tokens.alphabet, tokens.rate_hz, len(some)), depth)


def codec_from(described: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Codec:
    """The trained codec that gave this description and these arrays. Runs no code of theirs.

    Raises:
        BadInput: of another version or an unknown family, or arrays that do not fit.
        KeyError, TypeError, ValueError: the description is damaged.
    """
    from trainables.codecs.registry import codec_class

    version = described.get("codec_version")
    if version != CODEC_VERSION:
        raise BadInput(
            f"codec version {version} is not {CODEC_VERSION}; use the release that wrote it"
        )
    codec = codec_class(str(described["family"]))(
        dict(described["config"]),
        str(described["part"]),
        int(described["dimensions"]),
        float(described["fps"]),
        int(described["seed"]),
    )
    codec.load_arrays(arrays)
    codec.trained_share = 1.0
    return codec


def load_codec(folder: Path) -> Codec:
    """Reads a codec that `save` wrote. Runs no code from the folder.

    Raises:
        BadInput: the folder holds no codec, a newer one, or one of an unknown family.
    """
    from safetensors.numpy import load_file

    try:
        described = json.loads((folder / CONFIG_NAME).read_text())
        arrays = load_file(folder / WEIGHTS_NAME)
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder}: no codec can be read here ({error})") from None
    try:
        return codec_from(described, arrays)
    except BadInput as error:
        raise BadInput(f"{folder}: {error}") from None
