"""How likely each token of one level is.

Order 0 is one table: counts on train, plus one. Order 1 sends a token in steps, each under what
train has taught and the recording has shown so far:

1. *Repeat or change*, by whether the coarser level's token has just changed (level 0: one case).
2. A change within its *context*, the token before, where train made that context worth its place;
   or the escape from it (`contexts`).
3. Else the token itself under counts of changes, the token before left out.

The tables of 1 and 3 go on counting while a recording is sent: those of train weigh as much as
`REPEAT_TRUST` tokens, and a change counts as 1/`CHANGE_SHARE` of train's. So a signer that train
has not seen is learnt on the way, on both sides alike. The first token of a recording has nothing
before it and begins at 3. All is integers, below 2**53, where float64 is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from trainables.bitstream.contexts import NONE, Contexts
from trainables.bitstream.entropy_coder import SymbolDecoder, SymbolEncoder, Table

REPEAT_TRUST = 32
"""Tokens that train's counts of repeats weigh as much as, at most."""

CHANGE_SHARE = 128
"""Changes in a recording that weigh as much as all of train's."""


@dataclass(eq=False)
class LevelState:
    """Where a level stands within a recording; made by `LevelModel.start`, kept over chunks.

    Attributes:
        counts: (alphabet,) float64 integers: counts of changes so far.
        repeats: counts of [change, repeat] so far, where the coarser level [stood, changed].
        last: the token before, `NONE` at the head.
        coarser: the coarser level's token before, `NONE` at the head.
    """

    counts: np.ndarray
    repeats: list[np.ndarray]
    last: int = NONE
    coarser: int = NONE


@dataclass(frozen=True, eq=False)
class LevelModel:
    """Model of one level.

    Attributes:
        counts: (alphabet,) int64 of at least 1: of tokens (order 0) or of changes (order 1).
        repeats: (2, 2) int64 of at least 1: [coarser stood, changed][change, repeat]; None is
            order 0.
        contexts: what follows a token; none at order 0.
    """

    counts: np.ndarray
    repeats: np.ndarray | None = None
    contexts: Contexts = field(default_factory=Contexts.none)
    _table: Table = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_table", Table(self.counts))

    @property
    def alphabet(self) -> int:
        """Tokens that there are."""
        return len(self.counts)

    @property
    def increment(self) -> int:
        """What a change in a recording adds to its token's count."""
        return max(1, int(self.counts.sum()) // CHANGE_SHARE)

    def start(self) -> LevelState:
        """State at the head of a recording."""
        repeats = [] if self.repeats is None else list(self.repeats.astype(np.float64))
        return LevelState(self.counts.astype(np.float64), repeats)

    def encode(
        self,
        encoder: SymbolEncoder,
        column: np.ndarray,
        coarser: np.ndarray | None,
        state: LevelState,
    ) -> None:
        """Writes the next tokens of a level.

        Args:
            encoder: written to.
            column: (tokens,) integers in the alphabet.
            coarser: (tokens,) of the level above at the same times; None at level 0.
            state: of this recording; moved on.

        Raises:
            ValueError: a token is outside the alphabet.
        """
        if self.repeats is None:
            encoder.counts(column, self._table)
            return
        if column.size and not 0 <= column.min() <= column.max() < self.alphabet:
            raise ValueError(f"tokens {column.min()}..{column.max()} leave 0..{self.alphabet - 1}")

        def one(table: Table, symbol: int) -> int:
            encoder.one(symbol, table)
            return symbol

        def weighted(weights: np.ndarray, symbol: int) -> int:
            encoder.weighted(symbol, weights)
            return symbol

        moved = _moved(coarser, len(column), state)
        self._walk(column.tolist(), moved, state, one, weighted)

    def decode(
        self, decoder: SymbolDecoder, number: int, coarser: np.ndarray | None, state: LevelState
    ) -> np.ndarray:
        """The next `number` tokens of a level, (number,) int32; arguments as for `encode`.

        Raises:
            CorruptStream: the data is damaged.
        """
        if self.repeats is None:
            return decoder.counts(number, self._table)
        moved = _moved(coarser, number, state)
        tokens = self._walk(
            [NONE] * number,
            moved,
            state,
            lambda table, _: decoder.one(table),
            lambda weights, _: decoder.weighted(weights),
        )
        return np.array(tokens, np.int32)

    def _walk(
        self,
        tokens: list[int],
        moved: list[int],
        state: LevelState,
        one: Callable[[Table, int], int],
        weighted: Callable[[np.ndarray, int], int],
    ) -> list[int]:
        """The steps of the module's opening, for both sides: a decoder ignores what it is given."""
        if self.alphabet == 1:
            return [0] * len(tokens)
        increment, last, counts = self.increment, state.last, state.counts
        walked = []
        for token, case in zip(tokens, moved, strict=True):
            if last != NONE:
                repeats = state.repeats[case]
                repeated = weighted(repeats, int(token == last))
                repeats[repeated] += 1
                if repeated:
                    walked.append(last)
                    continue
            last = self._change(token, last, counts, one, weighted)
            counts[last] += increment
            walked.append(last)
        state.last = last
        return walked

    def _change(
        self,
        token: int,
        last: int,
        counts: np.ndarray,
        one: Callable[[Table, int], int],
        weighted: Callable[[np.ndarray, int], int],
    ) -> int:
        """A token that is not the last."""
        context = self.contexts.context(last) if len(self.contexts.previous) else None
        if context is not None:
            escape = len(context.symbols)
            place = one(context.table, context.places.get(token, escape))
            if place != escape:
                return context.symbols[place]
        if last == NONE:
            return weighted(counts, token)
        left_out, counts[last] = counts[last], 0.0
        token = weighted(counts, token)
        counts[last] = left_out
        return token

    def bits(
        self, columns: Sequence[np.ndarray], coarser: Sequence[np.ndarray] | None
    ) -> np.ndarray:
        """Ideal code length of every recording's level.

        Args:
            columns: per recording (tokens,).
            coarser: the level above of the same recordings; None at level 0.

        Returns:
            (recordings,) float64 bits.
        """
        if self.alphabet == 1 or not columns:
            return np.zeros(len(columns))
        if self.repeats is None:
            price = np.log2(self.counts.sum() / self.counts)
            return np.array([price[column].sum() for column in columns])
        steps = Steps.of(columns, coarser)
        found = self.contexts.prices(steps.previous, steps.symbols, self.alphabet)
        changes = found.bits + np.where(found.found, 0.0, self.change_bits(steps))
        return np.bincount(steps.recording, changes, len(columns)) + np.bincount(
            steps.choice_recording, self._choice_bits(steps), len(columns)
        )

    def change_bits(self, steps: Steps) -> np.ndarray:
        """(changes,) bits of each under the counts of changes, without its context."""
        if self.alphabet == 1:
            return np.zeros(len(steps.symbols))
        rank = _rank(steps.recording * self.alphabet + steps.symbols)
        grown, before = self.increment, steps.previous != NONE
        weight = self.counts[steps.symbols] + grown * rank
        total = self.counts.sum() + grown * _rank(steps.recording)
        # the token before is the change before this one: it has come once more than its rank says
        left_out = self.counts[steps.previous] + grown * (np.append(0, rank[:-1]) + 1)
        return np.log2((total - np.where(before, left_out, 0)) / weight)

    def _choice_bits(self, steps: Steps) -> np.ndarray:
        """(choices,) bits of repeat or change."""
        assert self.repeats is not None  # of order 1
        case = 2 * steps.choice_recording + steps.moved
        weight = self.repeats[steps.moved, steps.repeated] + _rank(2 * case + steps.repeated)
        return np.log2((self.repeats[steps.moved].sum(1) + _rank(case)) / weight)


@dataclass(frozen=True, eq=False)
class Steps:
    """Recordings of one level as order 1 sees them: choices to repeat, and changes.

    Attributes:
        recording: (changes,) which recording.
        previous: (changes,) the token before, `NONE` at a head.
        symbols: (changes,) the token.
        choice_recording: (choices,) which recording; every token but the heads is a choice.
        moved: (choices,) 1 where the coarser level changed, else 0.
        repeated: (choices,) 1 where the token is the one before, else 0.
    """

    recording: np.ndarray
    previous: np.ndarray
    symbols: np.ndarray
    choice_recording: np.ndarray
    moved: np.ndarray
    repeated: np.ndarray

    @classmethod
    def of(cls, columns: Sequence[np.ndarray], coarser: Sequence[np.ndarray] | None) -> Steps:
        """The steps of recordings; arguments as for `LevelModel.bits`."""
        lengths = [len(column) for column in columns]
        recording = np.repeat(np.arange(len(columns)), lengths)
        tokens = _joined(columns)
        head = np.ones(len(tokens), bool)
        head[1:] = recording[1:] != recording[:-1]
        previous = np.where(head, NONE, np.roll(tokens, 1))
        change, choice = tokens != previous, ~head
        moved = np.zeros(len(tokens), np.int64)
        if coarser is not None:
            above = _joined(coarser)
            moved = (above != np.roll(above, 1)).astype(np.int64)
        return cls(
            recording[change],
            previous[change],
            tokens[change],
            recording[choice],
            moved[choice],
            (~change)[choice].astype(np.int64),
        )


def _moved(coarser: np.ndarray | None, number: int, state: LevelState) -> list[int]:
    """Whether the coarser level changed at each token; moves the state on to its last."""
    if coarser is None or number == 0:
        return [0] * number
    before = np.concatenate([[state.coarser], coarser[:-1]])
    state.coarser = int(coarser[-1])
    return (coarser != before).astype(int).tolist()


def _joined(columns: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int64), *columns]).astype(np.int64, copy=False)


def _rank(keys: np.ndarray) -> np.ndarray:
    """How often each key came before in the row: (n,) int64."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.ones(len(keys), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    place = np.arange(len(keys))
    rank = np.empty(len(keys), np.int64)
    rank[order] = place - np.maximum.accumulate(np.where(first, place, 0))
    return rank
