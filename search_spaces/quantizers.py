"""Quantizers by name: what each may be told, and the alphabet of each level that follows.

`codebook_size` is what is asked for; what a level really holds is `level_size`. Finite scalar
quantization rounds each of a few dimensions to whole steps, so its alphabet is a product of small
numbers near the size asked for. Their training stands in `trainables.quantizers`.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping

from search_spaces.space import Value, int_for, value_for

QUANTIZERS = (
    "residual_vq", "grouped_residual_vq", "fsq", "residual_fsq", "lfq", "sim_vq",
)  # fmt: skip
"""Values of the key `quantizer`."""

FINITE_SCALAR = ("fsq", "residual_fsq")
ONE_LEVEL = ("fsq", "lfq")
"""Without residual levels: `quantizer_depth` is 1."""
LEARNED_CODEBOOKS = ("residual_vq", "grouped_residual_vq")
"""With codebooks that follow the latents, which may start, measure and revive in several ways."""

DEAD_CODES = ("redraw", "none", "cvq_closest", "cvq_random", "cvq_probabilistic")
"""Values of the key `dead_codes`."""

QUANTIZER_BACKENDS = ("library", "fused")
"""Values of the key `quantizer_backend`: vector-quantize-pytorch, or ours of the same results."""

_PUBLISHED = {
    2**8: (8, 6, 5),
    2**10: (8, 5, 5, 5),
    2**12: (7, 5, 5, 5, 5),
    2**14: (8, 8, 8, 6, 5),
    2**16: (8, 8, 8, 5, 5, 5),
}
"""Table 1 of https://arxiv.org/abs/2309.15505: at least 5 steps a dimension, as it recommends."""


@functools.cache
def fsq_steps(codebook_size: int) -> tuple[int, ...]:
    """Steps of each dimension of finite scalar quantization for a size asked for.

    The paper's table where it has the size; one dimension up to 8; else the product of 5 to 8
    (below 25, of 3 to 8) steps a dimension that is nearest to the size, the fewest dimensions
    first.

    >>> fsq_steps(1024), fsq_steps(8), fsq_steps(16), fsq_steps(512)
    ((8, 5, 5, 5), (8,), (4, 4), (8, 8, 8))
    """
    if codebook_size in _PUBLISHED:
        return _PUBLISHED[codebook_size]
    if codebook_size <= 8:
        return (codebook_size,)
    fewest = 3 if codebook_size < 25 else 5
    longest = math.ceil(math.log(codebook_size, fewest))
    products = (
        steps
        for length in range(2, longest + 1)
        for steps in itertools.combinations_with_replacement(range(8, fewest - 1, -1), length)
    )
    # Of equals the evenest: 4 x 4 before 8 x 2.
    return min(products, key=lambda s: (abs(math.prod(s) - codebook_size), len(s), max(s) - min(s)))


def option(config: Mapping[str, Value], name: str, part: str, default: Value) -> Value:
    """A key's value, or `default` in a configuration from before the key was there."""
    return value_for(config, name, part) if name in config else default


def quantizer_of(config: Mapping[str, Value], part: str) -> str:
    """Name of the quantizer of a part."""
    return str(option(config, "quantizer", part, QUANTIZERS[0]))


def groups_of(config: Mapping[str, Value], part: str) -> int:
    """Groups that a latent is cut into, each with codebooks of its own."""
    grouped = quantizer_of(config, part) == "grouped_residual_vq"
    return int(option(config, "groups", part, 1)) if grouped else 1


def level_size(quantizer: str, codebook_size: int) -> int:
    """Codes that a level really has.

    >>> [level_size(q, 256) for q in ("residual_vq", "fsq", "lfq")]
    [256, 240, 256]
    """
    return math.prod(fsq_steps(codebook_size)) if quantizer in FINITE_SCALAR else codebook_size


def quantized_alphabet(config: Mapping[str, Value], part: str) -> tuple[int, ...]:
    """Alphabet of each level; groups count as levels, all groups of a level side by side."""
    size = level_size(quantizer_of(config, part), int_for(config, "codebook_size", part))
    return (size,) * (int_for(config, "quantizer_depth", part) * groups_of(config, part))
