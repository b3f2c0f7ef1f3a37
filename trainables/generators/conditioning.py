"""The codec whose tokens a generator is given: read from where it was trained, and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.families import conditioning_codec, family_of
from search_spaces.inputs import Resolved, folder_hash
from search_spaces.space import Value
from trainables.codecs.codec import Codec, Tokens, load_codec
from trainables.motion.dataset import MotionData
from trainables.token_rates import Codecs


def load_conditioning(
    source: Resolved, data: MotionData, config: Mapping[str, Value]
) -> dict[str, Codec]:
    """Part -> trained codec.

    Raises:
        BadInput: its files are not those that were named, or it codes other features or has
            another alphabet than the configuration says.
    """
    place = Path(source.place)
    if (found := folder_hash(place)) != source.sha256:
        raise BadInput(f"{place}: the codec is {found}, and {source.sha256} was named")
    inner = conditioning_codec(config)
    codecs = {part: load_codec(place / part) for part in data.facts.part_names}
    for part, codec in codecs.items():
        wanted = (data.parts[part].dimensions, family_of(inner).alphabet(inner, part))
        if (codec.dimensions, codec.alphabet) != wanted or abs(codec.fps / data.fps - 1) > 1e-9:
            raise BadInput(
                f"{place}: the codec of {part} has {codec.dimensions} features, alphabet "
                f"{codec.alphabet} at {codec.fps:g} fps; here they are {wanted[0]}, {wanted[1]} "
                f"at {data.fps:g} fps"
            )
    return codecs


def joined(features: Mapping[str, np.ndarray], parts: Sequence[str]) -> np.ndarray:
    """Features (frames, dimensions) of all parts side by side, float32."""
    return np.concatenate([features[p] for p in parts], axis=1, dtype=np.float32)


def parted(features: np.ndarray, data: MotionData) -> dict[str, np.ndarray]:
    """What `joined` put side by side."""
    parts = data.facts.part_names
    ends = np.cumsum([data.parts[p].dimensions for p in parts])
    return dict(zip(parts, np.split(features, ends[:-1], axis=1), strict=True))


def decoded(codecs: Codecs, tokens: Mapping[str, Tokens]) -> np.ndarray:
    """What a recording's tokens decode to: (frames, dimensions of all parts) float32."""
    return joined({p: c.decode(tokens[p]) for p, c in codecs.items()}, list(codecs))
