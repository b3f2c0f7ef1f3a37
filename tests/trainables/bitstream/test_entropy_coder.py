"""Round trips under any table, sizes near the ideal, and nothing but one error on damaged data."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.errors import BadInput
from trainables.bitstream.entropy_coder import (
    MAX_SYMBOLS,
    CorruptStream,
    SymbolDecoder,
    SymbolEncoder,
    Table,
)

SIZES = (1, 2, 3, 17, 300, 4096, 65536)


def skewed(rng: np.random.Generator, size: int) -> np.ndarray:
    """Counts of at least 1, the largest up to a thousand million."""
    return np.maximum(1, rng.pareto(0.2, size).clip(0, 1e9)).astype(np.int64)


Step = tuple[str, np.ndarray, np.ndarray]


def steps_of(rng: np.random.Generator, number: int) -> list[Step]:
    """What to write: how, under which counts, which symbols."""
    chosen = []
    for _ in range(number):
        size = int(rng.choice(SIZES))
        kind = str(rng.choice(["uniform", "counts", "one", "weighted"]))
        chosen.append((kind, skewed(rng, size), rng.integers(0, size, rng.integers(0, 6))))
    return chosen


def written(steps: list[Step]) -> SymbolEncoder:
    encoder = SymbolEncoder()
    for kind, counts, symbols in steps:
        if kind == "uniform":
            encoder.uniform(symbols, len(counts))
        elif kind == "counts":
            encoder.counts(symbols, Table(counts))
        else:
            table, weights = Table(counts), counts.astype(float)
            for symbol in symbols.tolist():
                if kind == "one":
                    encoder.one(symbol, table)
                else:
                    encoder.weighted(symbol, weights)
    return encoder


def read(decoder: SymbolDecoder, steps: list[Step]) -> list[np.ndarray]:
    found = []
    for kind, counts, symbols in steps:
        table, n = Table(counts), len(symbols)
        if kind == "uniform":
            found.append(decoder.uniform(n, len(counts)))
        elif kind == "counts":
            found.append(decoder.counts(n, table))
        elif kind == "one":
            found.append(np.array([decoder.one(table) for _ in range(n)], int))
        else:
            found.append(np.array([decoder.weighted(counts.astype(float)) for _ in range(n)], int))
    return found


@given(st.integers(0, 2**32 - 1), st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_round_trip(seed: int, number: int) -> None:
    steps = steps_of(np.random.default_rng(seed), number)
    encoder = written(steps)
    data = encoder.finish()
    assert len(data) == 4 * encoder.words
    decoder = SymbolDecoder(data)
    for (_, _, symbols), found in zip(steps, read(decoder, steps), strict=True):
        assert np.array_equal(symbols, found)
    decoder.finish()


@pytest.mark.parametrize("size", [2, 512, 65536])
def test_every_symbol_is_encodable_under_the_most_skewed_counts(size: int) -> None:
    counts = np.ones(size, np.int64)
    counts[size // 2] = 1 << 40
    symbols = np.arange(size)
    encoder = SymbolEncoder()
    encoder.counts(symbols, Table(counts))
    assert np.array_equal(SymbolDecoder(encoder.finish()).counts(size, Table(counts)), symbols)
    # at most the 24 bits that the coder leaves to each
    assert 32 * encoder.words <= 24 * size + 64


def test_size_is_the_ideal_one() -> None:
    rng = np.random.default_rng(0)
    for size in (2, 30, 512, 4096):
        counts = skewed(rng, size)
        symbols = rng.choice(size, 20_000, p=counts / counts.sum())
        ideal = -np.log2(counts / counts.sum())[symbols].sum()
        encoder = SymbolEncoder()
        encoder.counts(symbols, Table(counts))
        assert abs(8 * len(encoder.finish()) - ideal) <= 64 + 1e-3 * ideal
        encoder = SymbolEncoder()
        encoder.uniform(symbols, size)
        assert abs(8 * len(encoder.finish()) - len(symbols) * np.log2(size)) <= 64


def test_one_symbol_alone_costs_nothing() -> None:
    encoder = SymbolEncoder()
    one = Table(np.array([7]))
    encoder.uniform(np.zeros(5, int), 1)
    encoder.counts(np.zeros(5, int), one)
    encoder.one(0, one)
    encoder.weighted(0, np.ones(1))
    assert encoder.words == 0 and encoder.finish() == b""
    decoder = SymbolDecoder(b"")
    assert decoder.uniform(3, 1).tolist() == decoder.counts(3, one).tolist() == [0, 0, 0]
    assert decoder.one(one) == decoder.weighted(np.ones(1)) == 0


def test_what_is_sealed_may_go_on_as_if_it_was_not() -> None:
    rng = np.random.default_rng(3)
    steps = steps_of(rng, 12)
    whole = written(steps).finish()
    encoder = written(steps[:5])
    assert encoder.finish() == written(steps[:5]).finish()
    rest = written(steps[5:])  # a coder of its own, to be sure that the two differ
    assert rest.finish() != whole
    for kind, counts, symbols in steps[5:]:
        encoder.finish()
        if kind == "uniform":
            encoder.uniform(symbols, len(counts))
        elif kind == "counts":
            encoder.counts(symbols, Table(counts))
        else:
            for symbol in symbols.tolist():
                encoder.one(symbol, Table(counts))  # the same table as weights give
    assert encoder.finish() == whole


def test_bytes_are_pinned() -> None:
    # Little-endian words, and a table's rounding: a change of either would strand every file.
    encoder = SymbolEncoder()
    encoder.uniform(np.array([1, 2, 3, 4, 5, 6]), 7)
    encoder.counts(np.array([0, 3, 1, 2, 0, 0]), Table(np.array([1000, 3, 1, 77])))
    encoder.weighted(1, np.array([3.0, 1.0, 0.0]))
    assert encoder.finish().hex() == "17f5c6315ce14762"


def test_a_symbol_outside_is_refused() -> None:
    encoder = SymbolEncoder()
    table = Table(np.array([1, 2, 3]))
    calls: list[Callable[[], Any]] = [
        lambda: encoder.uniform(np.array([0, 5]), 5),
        lambda: encoder.uniform(np.array([-1]), 5),
        lambda: encoder.counts(np.array([3]), table),
        lambda: encoder.counts(np.array([1]), Table(np.array([4]))),
        lambda: encoder.uniform(np.array([0]), 0),
        lambda: encoder.uniform(np.array([0]), MAX_SYMBOLS + 1),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"symbols"):
            call()
    assert encoder.words == 0


@pytest.mark.parametrize(
    "counts",
    [
        np.zeros(0, int),
        np.ones((2, 2), int),
        np.ones(3),
        np.array([1, 0, 2]),
        np.array([1, -4]),
        np.array([1 << 53, 1]),
        np.ones(MAX_SYMBOLS + 1, int),
    ],
)
def test_what_is_no_table_is_refused(counts: np.ndarray) -> None:
    with pytest.raises(ValueError, match="table"):
        Table(counts)


def test_tables_travel_without_their_cache() -> None:
    table = Table(np.array([5, 1, 2]))
    encoder = SymbolEncoder()
    encoder.one(2, table)
    for other in (pickle.loads(pickle.dumps(table)), copy.deepcopy(table)):
        assert SymbolDecoder(encoder.finish()).one(other) == 2


@given(st.integers(0, 2**32 - 1), st.binary(max_size=40))
@settings(max_examples=300, deadline=None)
def test_damage_is_one_error_or_symbols_of_the_alphabet(seed: int, data: bytes) -> None:
    steps = steps_of(np.random.default_rng(seed), 6)
    try:
        decoder = SymbolDecoder(data)
        for (_, counts, symbols), found in zip(steps, read(decoder, steps), strict=True):
            assert len(found) == len(symbols) and (found < len(counts)).all() and (found >= 0).all()
        decoder.finish()
    except CorruptStream as error:
        assert "encode the recording again" in str(error) and isinstance(error, BadInput)


def test_words_that_nobody_read_are_found() -> None:
    encoder = SymbolEncoder()
    encoder.uniform(np.arange(50), 64)
    decoder = SymbolDecoder(encoder.finish())
    assert decoder.uniform(30, 64).tolist() == list(range(30))
    with pytest.raises(CorruptStream):
        decoder.finish()
    with pytest.raises(CorruptStream, match="5 bytes"):
        SymbolDecoder(b"12345")


def test_a_symbol_that_cannot_come_is_damage() -> None:
    # Every symbol of constriction's table can be read, one of weight 0 as well.
    weights = np.array([1.0, 0.0, 1.0])
    encoder = SymbolEncoder()
    encoder.weighted(1, weights)
    with pytest.raises(CorruptStream):
        SymbolDecoder(encoder.finish()).weighted(weights)
