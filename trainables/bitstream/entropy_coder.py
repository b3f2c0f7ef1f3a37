"""Range coding of integers under integer tables: the one module that imports constriction.

A table is a row of integer weights; a symbol's probability is its weight over their sum. Integers
below 2**53 and their sums are exact in float64, so two machines find the same table, which softmax
outputs would not give. constriction rounds a table to 24 bits and leaves every symbol at least
2**-24, so every symbol of a table can be sent, however skewed its counts. Bytes are little-endian
words of 32 bits.

A range coder cannot tell wrong data from right: it decodes something from nearly any bytes. Whether
a stream arrived whole is for the container's checksums to say.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import constriction
import numpy as np

from search_spaces.errors import BadInput

WORD_BYTES = 4
MAX_SYMBOLS = 1 << 17
"""Of one table: far below the 2**24 steps that its symbols share."""

MAX_TOTAL = 1 << 53
"""Sums of weights below this are exact in float64."""

_Decoded = TypeVar("_Decoded")


class CorruptStream(BadInput):
    """Coded data that no encoder wrote for this model."""


class Table:
    """An integer table for symbols that come one by one; built when it is first used.

    Attributes:
        counts: (symbols,) weights of at least 1.
    """

    __slots__ = ("_model", "counts")

    def __init__(self, counts: np.ndarray) -> None:
        """Raises ValueError where counts are no table."""
        self.counts = _checked(counts)
        self._model: Any = None

    def __reduce__(self) -> tuple[type[Table], tuple[np.ndarray]]:
        return Table, (self.counts,)

    @property
    def model(self) -> Any:
        """constriction's model of it, kept from the first use on."""
        if self._model is None:
            self._model = _categorical(self.counts, lazy=False)
        return self._model


class SymbolEncoder:
    """Writes symbols into one range coder.

    A table of one symbol costs nothing and writes nothing, in every method.
    """

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    @property
    def words(self) -> int:
        """Words of 32 bits that `finish` would give now: what a stream cut here needs."""
        return int(self._coder.num_words())

    def uniform(self, symbols: np.ndarray, size: int) -> None:
        """Writes an array of symbols in 0..size-1, all as likely.

        Raises:
            ValueError: a symbol is outside, or the size is no alphabet's.
        """
        symbols = _symbols(symbols, size)
        if size > 1 and symbols.size:
            self._coder.encode(symbols, _uniform(size))

    def counts(self, symbols: np.ndarray, table: Table) -> None:
        """Writes an array of symbols, all under one table.

        Raises:
            ValueError: a symbol is outside the table.
        """
        size = len(table.counts)
        symbols = _symbols(symbols, size)
        if size > 1 and symbols.size:
            self._coder.encode(symbols, table.model)

    def one(self, symbol: int, table: Table) -> None:
        """Writes one symbol under a table that is used again."""
        if len(table.counts) > 1:
            self._coder.encode(symbol, table.model)

    def weighted(self, symbol: int, weights: np.ndarray) -> None:
        """Writes one symbol under weights that change from symbol to symbol.

        Args:
            symbol: its weight is at least 1.
            weights: (symbols,) float64 that hold integers; 0 where a symbol cannot come.
        """
        if len(weights) > 1:
            self._coder.encode(symbol, _categorical(weights, lazy=True))

    def finish(self) -> bytes:
        """All that was written, sealed. Writing may go on after it, as if it were not called."""
        return bytes(self._coder.get_compressed().astype("<u4").tobytes())


class SymbolDecoder:
    """Reads what a `SymbolEncoder` wrote, asked in the same order under the same tables."""

    def __init__(self, data: bytes) -> None:
        """Takes the bytes of `SymbolEncoder.finish`.

        Raises:
            CorruptStream: they are not whole words.
        """
        if len(data) % WORD_BYTES:
            raise CorruptStream(
                f"coded tokens: {len(data)} bytes are no whole number of words of {WORD_BYTES}; "
                "encode the recording again"
            )
        words = np.frombuffer(data, "<u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)

    def uniform(self, number: int, size: int) -> np.ndarray:
        """Symbols of `SymbolEncoder.uniform`: (number,) int32."""
        if size == 1 or number == 0:
            return np.zeros(number, np.int32)
        return self._read(lambda: self._coder.decode(_uniform(size), number))

    def counts(self, number: int, table: Table) -> np.ndarray:
        """Symbols of `SymbolEncoder.counts`: (number,) int32."""
        if len(table.counts) == 1 or number == 0:
            return np.zeros(number, np.int32)
        return self._read(lambda: self._coder.decode(table.model, number))

    def one(self, table: Table) -> int:
        """Symbol of `SymbolEncoder.one`."""
        if len(table.counts) == 1:
            return 0
        return self._read(lambda: int(self._coder.decode(table.model)))

    def weighted(self, weights: np.ndarray) -> int:
        """Symbol of `SymbolEncoder.weighted`.

        Raises:
            CorruptStream: as any damage, or a symbol that cannot come.
        """
        if len(weights) == 1:
            return 0
        symbol = self._read(lambda: int(self._coder.decode(_categorical(weights, lazy=True))))
        if weights[symbol] == 0:
            raise _damaged()
        return symbol

    def finish(self) -> None:
        """To be called where everything was read.

        Raises:
            CorruptStream: words are left.
        """
        if not self._coder.maybe_exhausted():
            raise _damaged()

    @staticmethod
    def _read(decode: Callable[[], _Decoded]) -> _Decoded:
        try:
            return decode()
        except AssertionError:  # constriction's word for data that fits no table
            raise _damaged() from None


def _damaged() -> CorruptStream:
    return CorruptStream(
        "coded tokens: not what an encoder writes under this codec's token model; give the codec "
        "it was encoded with, or encode the recording again"
    )


def _categorical(weights: np.ndarray, *, lazy: bool) -> Any:
    # lazy changes the time that it takes, not the table
    return constriction.stream.model.Categorical(
        weights.astype(np.float64, copy=False), perfect=False, lazy=lazy
    )


@lru_cache(maxsize=64)
def _uniform(size: int) -> Any:
    return constriction.stream.model.Uniform(size)


def _checked(counts: np.ndarray) -> np.ndarray:
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or not 1 <= counts.size <= MAX_SYMBOLS:
        raise ValueError(f"a table is 1 to {MAX_SYMBOLS} integers, got {counts.shape}")
    if counts.min() < 1 or int(counts.sum(dtype=np.uint64)) >= MAX_TOTAL:
        raise ValueError("counts of a table are at least 1, so every symbol is sent, below 2**53")
    return counts


def _symbols(symbols: np.ndarray, size: int) -> np.ndarray:
    if not 1 <= size <= MAX_SYMBOLS:
        raise ValueError(f"an alphabet has 1 to {MAX_SYMBOLS} symbols, got {size}")
    if symbols.size and not (symbols.min() >= 0 and symbols.max() < size):
        raise ValueError(f"symbols {symbols.min()}..{symbols.max()} leave 0..{size - 1}")
    return np.ascontiguousarray(symbols, np.int32)
