"""The probability model of one part's tokens: what the model rate prices and the coder spends.

Fitted on train and saved with the codec, as integers alone, so that a decoder elsewhere finds the
same tables. Order 0 (counts of each level) or order 1 (the token before and the coarser level; see
`level_model`), whichever describes train's tokens and itself in fewer bits. A context of order 1 is
kept only where it saves more on train than it takes on disk. A level never depends on a finer one,
so a prefix of the levels costs the same alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trainables.bitstream.contexts import Contexts
from trainables.bitstream.entropy_coder import SymbolDecoder, SymbolEncoder
from trainables.bitstream.level_model import REPEAT_TRUST, LevelModel, LevelState, Steps
from trainables.bitstream.model_arrays import levels_from_arrays, levels_to_arrays

MAX_ALPHABET = 1 << 16


@dataclass(frozen=True, eq=False)
class TokenModel:
    """Model of one part's tokens.

    Attributes:
        alphabet: tokens of each level.
        levels: model of each level, all of one order.
        saved: (levels,) float64 bits that each level's order 1 saved on train over order 0, its
            larger table counted; zeros at order 0.
    """

    alphabet: tuple[int, ...]
    levels: tuple[LevelModel, ...]
    saved: np.ndarray

    @classmethod
    def fit(
        cls, tokens: Sequence[np.ndarray], alphabet: Sequence[int], order: int | None = None
    ) -> TokenModel:
        """The model that describes train in the fewest bits, its own storage counted.

        Args:
            tokens: per recording (tokens, levels) integers.
            alphabet: tokens of each level, 1 to 65536.
            order: 0 or 1 where it is not for train to say.

        Raises:
            ValueError: tokens do not fit the alphabet.
        """
        if order not in (None, 0, 1):
            raise ValueError(f"order must be 0 or 1, got {order}")
        alphabet = tuple(int(size) for size in alphabet)
        if not all(1 <= size <= MAX_ALPHABET for size in alphabet):
            raise ValueError(f"alphabets have 1 to {MAX_ALPHABET} tokens, got {alphabet}")
        columns = _columns(tokens, alphabet)
        plain = [_fit_order_0(c, size) for c, size in zip(columns, alphabet, strict=True)]
        nothing = np.zeros(len(alphabet))
        if order == 0:
            return cls(alphabet, tuple(plain), nothing)
        levels, saved = [], []
        for q, size in enumerate(alphabet):
            coarser = columns[q - 1] if q else None
            levels.append(_fit_order_1(columns[q], coarser, size))
            described = [
                m.bits(columns[q], coarser).sum() + _storage_bits((m,))
                for m in (plain[q], levels[q])
            ]
            saved.append(described[0] - described[1])
        if order is None and sum(saved) <= 0:
            return cls(alphabet, tuple(plain), nothing)
        return cls(alphabet, tuple(levels), np.array(saved))

    @property
    def order(self) -> int:
        """0 or 1."""
        return int(any(level.repeats is not None for level in self.levels))

    @property
    def saved_bits(self) -> float:
        """Bits that order 1 saved on train over order 0, its larger tables counted."""
        return float(self.saved.sum())

    @property
    def table_bits(self) -> int:
        """Bits of its tables as stored."""
        return _storage_bits(self.levels)

    def bits(self, recording: np.ndarray) -> np.ndarray:
        """Ideal code length of each level's stream of one recording.

        Args:
            recording: (tokens, levels) integers; finer levels may be left out.

        Returns:
            (levels,) float64: what `encode_level` spends, up to the coder's rounding.

        Raises:
            ValueError: tokens do not fit the alphabet.
        """
        return self.stream_bits([recording])[0]

    def stream_bits(self, recordings: Sequence[np.ndarray]) -> np.ndarray:
        """`bits` of every recording at once: (recordings, levels) float64.

        Raises:
            ValueError: tokens do not fit the alphabet, or recordings differ in levels.
        """
        depth = recordings[0].shape[-1] if recordings else len(self.alphabet)
        columns = _columns(recordings, self.alphabet[:depth])
        bits = [
            self.levels[q].bits(columns[q], columns[q - 1] if q else None)
            for q in range(len(columns))
        ]
        return np.stack(bits, axis=1) if bits else np.zeros((len(recordings), 0))

    def start(self, level: int) -> LevelState:
        """State of a level at the head of a recording; one for all of its chunks."""
        return self.levels[level].start()

    def encode_level(
        self,
        encoder: SymbolEncoder,
        level: int,
        column: np.ndarray,
        coarser: np.ndarray | None = None,
        state: LevelState | None = None,
    ) -> None:
        """Writes one level's tokens of a recording, or of its next chunk.

        Args:
            encoder: written to.
            level: which.
            column: (tokens,) of the level.
            coarser: (tokens,) of the level before; None at level 0.
            state: `start` of the level at the recording's first chunk, and the same object at
                every later one; None where the recording is one chunk.

        Raises:
            ValueError: a token is outside the alphabet.
        """
        model = self.levels[level]
        model.encode(encoder, column, coarser, model.start() if state is None else state)

    def decode_level(
        self,
        decoder: SymbolDecoder,
        level: int,
        number: int,
        coarser: np.ndarray | None = None,
        state: LevelState | None = None,
    ) -> np.ndarray:
        """What `encode_level` wrote: (number,) int32; arguments as there.

        Raises:
            CorruptStream: the data is damaged.
        """
        model = self.levels[level]
        state = model.start() if state is None else state
        return model.decode(decoder, number, coarser, state)

    def cut(self, depth: int) -> TokenModel:
        """The model of the first `depth` levels."""
        return replace(
            self,
            alphabet=self.alphabet[:depth],
            levels=self.levels[:depth],
            saved=self.saved[:depth],
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, by name, in the smallest types: what `from_arrays` takes."""
        return {"saved_bits": self.saved, **levels_to_arrays(self.levels)}

    @classmethod
    def from_arrays(cls, alphabet: Sequence[int], arrays: Mapping[str, np.ndarray]) -> TokenModel:
        """The model that `arrays` gave, every value checked.

        Raises:
            BadInput: an array is missing, or holds what no model of this alphabet has.
        """
        sizes = tuple(int(size) for size in alphabet)
        levels, saved = levels_from_arrays(sizes, arrays)
        return cls(sizes, levels, saved)


def _fit_order_0(columns: Sequence[np.ndarray], alphabet: int) -> LevelModel:
    """Counts and one each (Laplace), so that a token never seen on train can still be sent."""
    return LevelModel(_counts(np.concatenate([np.zeros(0, np.int64), *columns]), alphabet))


def _fit_order_1(
    columns: Sequence[np.ndarray], coarser: Sequence[np.ndarray] | None, alphabet: int
) -> LevelModel:
    steps = Steps.of(columns, coarser)
    seen = np.ones((2, 2), np.int64)
    np.add.at(seen, (steps.moved, steps.repeated), 1)
    trusted = np.minimum(seen.sum(1, keepdims=True), REPEAT_TRUST)
    repeats = np.maximum(np.rint(seen / seen.sum(1, keepdims=True) * trusted), 1).astype(np.int64)
    model = LevelModel(_counts(steps.symbols, alphabet), repeats)
    every = Contexts.count(steps.previous, steps.symbols, alphabet)
    prices = every.prices(steps.previous, steps.symbols, alphabet)
    inside = prices.found  # all but the heads of recordings
    gain = (model.change_bits(steps) - prices.bits)[inside]
    gains = np.bincount(prices.context[inside], gain, len(every.previous))
    return replace(model, contexts=every.kept(gains > every.storage_bits(alphabet)))


def _counts(tokens: np.ndarray, alphabet: int) -> np.ndarray:
    return np.bincount(tokens, minlength=alphabet).astype(np.int64) + 1


def _storage_bits(levels: Sequence[LevelModel]) -> int:
    return 8 * sum(array.nbytes for array in levels_to_arrays(levels).values())


def _columns(recordings: Sequence[np.ndarray], alphabet: Sequence[int]) -> list[list[np.ndarray]]:
    """Level -> column of every recording, int64.

    Raises:
        ValueError: a recording is not (tokens, levels) of integers inside the alphabet.
    """
    for recording in recordings:
        if recording.ndim != 2 or recording.shape[1] != len(alphabet):
            raise ValueError(
                f"tokens of a recording must be (tokens, {len(alphabet)}), got {recording.shape}"
            )
        if recording.dtype.kind not in "iu":
            raise ValueError(f"tokens must be integers, got {recording.dtype}")
        if recording.size and not (
            recording.min() >= 0 and (recording.max(axis=0) < np.array(alphabet)).all()
        ):
            raise ValueError(f"tokens leave the alphabet {tuple(alphabet)}")
    return [
        [np.ascontiguousarray(recording[:, q], np.int64) for recording in recordings]
        for q in range(len(alphabet))
    ]
