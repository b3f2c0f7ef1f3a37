"""What follows a token once it changes: the table of one level's contexts.

A context is a token; its entries are the tokens that came right after its runs on train, with
counts. Escape method C (Moffat 1990, IEEE Trans. Commun. 38(11)): with k entries that came n times
in all, an entry costs log2((n + k) / count) and anything else log2((n + k) / k), after which the
token is sent as if there were no context.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from trainables.bitstream.entropy_coder import Table

COUNT_TYPE = np.uint16
"""Counts of entries as stored; a context that came more often is scaled down to fit."""

NONE = -1
"""In place of a token: nothing came before."""


@dataclass(frozen=True)
class Prices:
    """What contexts make of a row of changes, one value each.

    Attributes:
        bits: (changes,) spent in contexts: on an entry or on an escape, 0 where there is none.
        found: (changes,) the token was an entry; nothing more is sent.
        context: (changes,) place of the context in the table, `NONE` where there is none.
    """

    bits: np.ndarray
    found: np.ndarray
    context: np.ndarray


@dataclass(frozen=True, eq=False)
class Context:
    """One context, ready for the coder.

    Attributes:
        symbols: its entries.
        places: entry -> place in `symbols`.
        table: of the entries, with the escape behind them.
    """

    symbols: list[int]
    places: dict[int, int]
    table: Table


@dataclass(frozen=True, eq=False)
class Contexts:
    """The contexts of one level that are worth their place.

    Attributes:
        previous: (contexts,) int64 ascending: the tokens that are contexts.
        starts: (contexts + 1,) int64: where the entries of each begin and end.
        symbols: (entries,) int64, ascending within a context, never the context itself.
        counts: (entries,) int64, 1 to 65535.
    """

    previous: np.ndarray
    starts: np.ndarray
    symbols: np.ndarray
    counts: np.ndarray
    _built: dict[int, Context] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def none(cls) -> Contexts:
        """No context at all."""
        empty = np.zeros(0, np.int64)
        return cls(empty, np.zeros(1, np.int64), empty, empty)

    @classmethod
    def count(cls, previous: np.ndarray, symbols: np.ndarray, alphabet: int) -> Contexts:
        """Every context of a row of changes.

        Args:
            previous: (changes,) the token before, `NONE` where there is none.
            symbols: (changes,) the token that came.
            alphabet: tokens that there are.
        """
        known = previous != NONE
        pairs, counts = np.unique(previous[known] * alphabet + symbols[known], return_counts=True)
        contexts, first = np.unique(pairs // alphabet, return_index=True)
        starts = np.append(first, len(pairs)).astype(np.int64)
        return cls(contexts, starts, pairs % alphabet, _storable(counts, starts))

    @property
    def sizes(self) -> np.ndarray:
        """(contexts,) entries of each."""
        return np.diff(self.starts)

    def storage_bits(self, alphabet: int) -> np.ndarray:
        """(contexts,) what each takes on disk: token, size, entries and their counts."""
        token, count = 8 * token_type(alphabet).itemsize, 8 * np.dtype(COUNT_TYPE).itemsize
        return token + count + self.sizes * (token + count)

    def prices(self, previous: np.ndarray, symbols: np.ndarray, alphabet: int) -> Prices:
        """What a row of changes costs in its contexts; arguments as for `count`."""
        context = _find(self.previous, previous)
        if not len(self.previous):
            return Prices(np.zeros(len(symbols)), np.zeros(len(symbols), bool), context)
        pairs = np.repeat(self.previous, self.sizes) * alphabet + self.symbols
        entry = _find(pairs, previous * alphabet + symbols)
        found = (context != NONE) & (entry != NONE)
        sizes = self.sizes[context]
        total = np.add.reduceat(self.counts, self.starts[:-1])[context] + sizes
        bits = np.log2(total / np.where(found, self.counts[entry], sizes))
        return Prices(np.where(context == NONE, 0.0, bits), found, context)

    def kept(self, keep: np.ndarray) -> Contexts:
        """Those contexts alone for which `keep` (contexts,) is true."""
        sizes = self.sizes
        entries = np.repeat(keep, sizes)
        starts = np.concatenate([[0], np.cumsum(sizes[keep])]).astype(np.int64)
        return Contexts(self.previous[keep], starts, self.symbols[entries], self.counts[entries])

    def context(self, previous: int) -> Context | None:
        """The context of a token, built when it is first asked for; None where there is none."""
        built = self._built.get(previous)
        if built is None:
            place = int(np.searchsorted(self.previous, previous))
            if place == len(self.previous) or self.previous[place] != previous:
                return None
            entries = slice(self.starts[place], self.starts[place + 1])
            symbols = self.symbols[entries].tolist()
            built = Context(
                symbols,
                {symbol: i for i, symbol in enumerate(symbols)},
                Table(np.append(self.counts[entries], len(symbols))),
            )
            self._built[previous] = built
        return built


def token_type(alphabet: int) -> np.dtype:
    """Smallest unsigned integer that holds every token of an alphabet."""
    return np.min_scalar_type(max(alphabet - 1, 0))


def _find(among: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Places of values in an ascending array, `NONE` where they are not in it."""
    if not len(among):
        return np.full(len(wanted), NONE)
    place = np.searchsorted(among, wanted).clip(max=len(among) - 1)
    return np.where(among[place] == wanted, place, NONE)


def _storable(counts: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Counts scaled per context so that the largest fits `COUNT_TYPE`; none falls below 1."""
    limit = int(np.iinfo(COUNT_TYPE).max)
    if not len(counts) or counts.max() <= limit:
        return counts
    largest = np.repeat(np.maximum.reduceat(counts, starts[:-1]), np.diff(starts))
    scaled = np.maximum(counts * limit // np.maximum(largest, limit), 1)
    return np.asarray(scaled, np.int64)
