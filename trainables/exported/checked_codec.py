"""A part's codec made from files that may be a stranger's.

What the files say is checked against limits, against each other and against the arrays that are
there, before memory is taken for it; then the codec has to code a token and decode it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.families import families, family_of
from trainables.codecs.codec import Codec, codec_from
from trainables.codecs.registry import codec_class

FAULTS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip
"""What code that expects a sound file raises on one that was made up."""


def checked_codec(
    described: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    part: str,
    dimensions: int,
    fps: float,
) -> Codec:
    """The codec of a part.

    Args:
        described: what `Codec.described` said.
        arrays: everything learnt.
        part: that it must code.
        dimensions: features per frame that it must code.
        fps: frames per second that it must code.

    Raises:
        BadInput: it is of an unknown family, or damaged, or fits another part.
    """
    try:
        name = described["config"]["codec"]
        if name not in {f.name for f in families()}:
            raise BadInput(f"no codec {name!r} is known here; add the --plugin FILE that brings it")
        family = family_of(described["config"])
        family.complete(described["config"])
        if described["family"] != family.name:
            raise ValueError(f"a {described['family']} with the configuration of a {family.name}")
        if (described["part"], described["dimensions"]) != (part, dimensions) or (
            abs(described["fps"] / fps - 1) > 1e-9
        ):
            raise ValueError("it does not fit its features")
        for name, array in arrays.items():
            if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite numbers")
        if family.trained:
            _refuse_other_sizes(described, arrays)
        codec = codec_from(described, arrays)
        if list(codec.alphabet) != described["alphabet"] or (
            codec.compression != described["compression"]
        ):
            raise ValueError("alphabets or compression are not those of its configuration")
        _code_one_token(codec)
    except BadInput as error:
        raise BadInput(f"the codec of {part}: {error}") from None
    except FAULTS as error:
        raise BadInput(f"the codec of {part}: {first_line(error)}") from None
    return codec


def first_line(error: Exception) -> str:
    """What an error says, in one line; its kind where it says a key or nothing."""
    text = str(error).strip()
    if isinstance(error, KeyError):
        return f"{text} is missing"
    return text.splitlines()[0] if text else type(error).__name__


def _refuse_other_sizes(described: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Networks are as large as a configuration says, so the arrays must say the same first."""
    from trainables.codecs.neural import NeuralCodec

    made = codec_class(str(described["family"]))
    if not issubclass(made, NeuralCodec):
        return
    empty = made(
        described["config"], described["part"], described["dimensions"], described["fps"], 0
    )
    for name, shape in empty.shapes().items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} is {arrays[name].shape}, its configuration says {shape}")


def _code_one_token(codec: Codec) -> None:
    frames = codec.compression
    tokens = codec.encode(np.zeros((frames, codec.dimensions), np.float32))
    decoded = codec.decode(tokens, codec.levels)
    if tokens.indices.shape != (1, codec.levels) or decoded.shape != (frames, codec.dimensions):
        raise ValueError("it does not code what it says")
    if not np.isfinite(decoded).all():
        raise ValueError("it decodes to no numbers")
