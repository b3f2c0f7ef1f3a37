"""Bits of coded heatmaps, beside the ratio of element counts that the paper calls compression.

A factor F divides time, height and width alike, so a window of T x S x S leaves T/F x S/F x S/F
tokens of log2(K) bits. "Compression 512x" is F^3: it counts elements, says nothing of bits, and is
the same for any codebook.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from search_spaces.errors import Refused


@dataclass(frozen=True)
class HeatmapRate:
    """What one window costs.

    Attributes:
        grid: tokens along time, height and width.
        bits: of a window, nominal.
        bps: bits per second of motion.
        element_ratio: elements of one channel over tokens (the paper's "compression factor").
        bit_ratio: bits of the target's values over bits of the tokens.
    """

    grid: tuple[int, int, int]
    bits: float
    bps: float
    element_ratio: float
    bit_ratio: float

    @property
    def tokens(self) -> int:
        """Of a window."""
        return math.prod(self.grid)


def heatmap_rate(
    factor: int,
    codes: int,
    *,
    window: int = 64,
    size: int = 128,
    fps: float = 29.97,
    channels: int = 1,
    value_bits: int = 32,
) -> HeatmapRate:
    """Rate of a codebook of `codes` at compression `factor` in time and space.

    Args:
        factor: F, a power of two.
        codes: K.
        window: frames.
        size: height and width, pixels.
        fps: frames per second.
        channels: of the target.
        value_bits: of one uncoded value: 32 of float32, 8 of a picture.

    >>> rate = heatmap_rate(8, 512)
    >>> rate.grid, rate.bits, rate.element_ratio, round(rate.bit_ratio)
    ((8, 16, 16), 18432.0, 512.0, 1820)

    Raises:
        Refused: the factor does not divide window and size into at least one token each.
        ValueError: the factor is no power of two, or there are fewer than two codes.
    """
    if factor < 1 or factor & (factor - 1):
        raise ValueError(f"factor must be a power of two, got {factor}")
    if codes < 2:
        raise ValueError(f"codes must be 2 or more, got {codes}")
    for what, length in (("window", window), ("size", size)):
        if length % factor:
            raise Refused(
                f"F{factor} does not divide a {what} of {length} into whole tokens; the least "
                f"{what} is {factor}"
            )
    grid = (window // factor, size // factor, size // factor)
    tokens = math.prod(grid)
    bits = tokens * math.log2(codes)
    values = window * size * size
    return HeatmapRate(
        grid, bits, bits * fps / window, values / tokens, channels * values * value_bits / bits
    )
