"""Token models as arrays for a file, in the smallest types, and back with every value checked.

Levels lie one after another in each array:

- `counts` (sum of alphabets,): of tokens at order 0, of changes at order 1;
- order 1 alone: `repeats` (levels, 2, 2); `contexts` (levels,), how many each level has;
  `previous` and `sizes` (contexts,), the token that each is and how many entries it has; `symbols`
  and `followers` (entries,), what followed and how often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from search_spaces.errors import BadInput
from trainables.bitstream.contexts import COUNT_TYPE, Contexts, token_type
from trainables.bitstream.level_model import LevelModel

MAX_TOTAL = 1 << 32
"""Of a level's counts: what a recording adds to them stays far below 2**53."""

REPEAT_TYPE = np.uint8
"""Counts of repeats as stored: they are at most `REPEAT_TRUST`."""

ORDER_1 = ("repeats", "contexts", "previous", "sizes", "symbols", "followers")


def levels_to_arrays(levels: Sequence[LevelModel]) -> dict[str, np.ndarray]:
    """Arrays of levels, all of one order."""
    counts = np.concatenate([np.zeros(0, np.int64), *(level.counts for level in levels)])
    arrays = {"counts": counts.astype(np.min_scalar_type(int(counts.max(initial=0))))}
    repeats = [level.repeats for level in levels if level.repeats is not None]
    if not repeats:
        return arrays
    token = token_type(max(level.alphabet for level in levels))
    contexts = [level.contexts for level in levels]
    return arrays | {
        "repeats": np.stack(repeats).astype(REPEAT_TYPE),
        "contexts": np.array([len(c.previous) for c in contexts], np.uint32),
        "previous": np.concatenate([c.previous for c in contexts]).astype(token),
        "sizes": np.concatenate([c.sizes for c in contexts]).astype(COUNT_TYPE),
        "symbols": np.concatenate([c.symbols for c in contexts]).astype(token),
        "followers": np.concatenate([c.counts for c in contexts]).astype(COUNT_TYPE),
    }


def levels_from_arrays(
    alphabet: Sequence[int], arrays: Mapping[str, np.ndarray]
) -> tuple[tuple[LevelModel, ...], np.ndarray]:
    """Levels, and what each saved: (levels,) float64.

    Raises:
        BadInput: an array is missing, or holds what no model of this alphabet has.
    """
    levels = len(alphabet)
    saved = _array(arrays, "saved_bits", "f", (levels,))
    _demand(bool(np.isfinite(saved).all()), "saved_bits are not finite")
    _demand(all(1 <= size <= 1 << 16 for size in alphabet), f"alphabets {tuple(alphabet)}")
    counts = _split(_array(arrays, "counts", "u", (sum(alphabet),)), alphabet)
    for level in counts:
        _demand(int(level.min()) >= 1, "a count is below 1")
        _demand(int(level.sum()) < MAX_TOTAL, "counts are too large")
    if not any(name in arrays for name in ORDER_1):
        return tuple(LevelModel(level) for level in counts), saved
    repeats = _array(arrays, "repeats", "u", (levels, 2, 2)).astype(np.int64)
    _demand(
        bool(((repeats >= 1) & (repeats <= np.iinfo(REPEAT_TYPE).max)).all()),
        "a count of repeats is out of range",
    )
    number = _array(arrays, "contexts", "u", (levels,)).astype(np.int64)
    _demand(bool((number <= np.array(alphabet)).all()), "more contexts than tokens")
    total = int(number.sum())
    sizes = _array(arrays, "sizes", "u", (total,)).astype(np.int64)
    entries = [int(part.sum()) for part in _split(sizes, number)]
    columns = {
        "previous": _split(_array(arrays, "previous", "u", (total,)), number),
        "sizes": _split(sizes, number),
        "symbols": _split(_array(arrays, "symbols", "u", (sum(entries),)), entries),
        "followers": _split(_array(arrays, "followers", "u", (sum(entries),)), entries),
    }
    return tuple(
        LevelModel(
            counts[q],
            repeats[q],
            _contexts(alphabet[q], *(columns[name][q] for name in columns)),
        )
        for q in range(levels)
    ), saved


def _contexts(
    alphabet: int,
    previous: np.ndarray,
    sizes: np.ndarray,
    symbols: np.ndarray,
    followers: np.ndarray,
) -> Contexts:
    """The contexts of one level, checked."""
    _demand(bool((np.diff(previous) > 0).all()), "contexts are not ascending")
    _demand(bool((sizes >= 1).all()), "a context is empty")
    owner = np.repeat(previous, sizes)
    ascending = (np.diff(symbols) > 0) | (np.diff(owner) > 0)
    _demand(bool(ascending.all()), "entries are not ascending")
    _demand(
        int(previous.max(initial=0)) < alphabet and int(symbols.max(initial=0)) < alphabet,
        "a token is outside its alphabet",
    )
    _demand(bool((symbols != owner).all()), "a token follows itself")
    _demand(
        bool(((followers >= 1) & (followers <= np.iinfo(COUNT_TYPE).max)).all()),
        "a count of a context is out of range",
    )
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Contexts(previous, starts, symbols, followers)


def _split(array: np.ndarray, lengths: Sequence[int] | np.ndarray) -> list[np.ndarray]:
    return [a.astype(np.int64) for a in np.split(array, np.cumsum(lengths)[:-1])][: len(lengths)]


def _array(
    arrays: Mapping[str, np.ndarray], name: str, kind: str, shape: tuple[int, ...]
) -> np.ndarray:
    array = arrays.get(name)
    _demand(array is not None, f"{name} is missing")
    assert array is not None
    _demand(
        array.dtype.kind == kind and array.shape == shape,
        f"{name} is {array.shape} of {array.dtype}, not {shape} of kind {kind!r}",
    )
    # small enough that no sum of them overflows
    _demand(kind != "u" or int(array.max(initial=0)) < MAX_TOTAL, f"{name} holds too large a value")
    return array


def _demand(holds: bool, fault: str) -> None:
    if not holds:
        raise BadInput(f"token model: {fault}; export the codec again")
