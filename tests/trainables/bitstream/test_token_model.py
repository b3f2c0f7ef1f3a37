"""The token model: what it prices is what the coder spends, whatever the tokens."""

from __future__ import annotations

import math
import pickle
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainables.bitstream.entropy_coder import CorruptStream, SymbolDecoder, SymbolEncoder
from trainables.bitstream.token_model import TokenModel

SIZES = (1, 2, 3, 8, 300)


def smooth(
    rng: np.random.Generator, lengths: tuple[int, ...], alphabet: tuple[int, ...], hold: float = 0.8
) -> list[np.ndarray]:
    """Recordings whose tokens stay for a while and then go where this token often goes.

    Finer levels change with the coarser one, and sometimes alone.
    """
    usual = [np.random.default_rng(7).integers(0, size, (size, 3)) for size in alphabet]
    recordings = []
    for length in lengths:
        out = np.zeros((length, len(alphabet)), np.int32)
        token = [0] * len(alphabet)
        for t in range(length):
            change = rng.random() > hold
            for q, size in enumerate(alphabet):
                change = change or rng.random() < 0.1
                if change:
                    seldom = rng.random() < 0.1
                    token[q] = int(rng.integers(size) if seldom else rng.choice(usual[q][token[q]]))
            out[t] = token
        recordings.append(out)
    return recordings


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[int, ...], list[np.ndarray], list[np.ndarray]]:
    """An alphabet of 1 to 3 levels, recordings to fit and others to code."""
    alphabet = tuple(draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=3)))

    def recording(longest: int) -> np.ndarray:
        n = draw(st.integers(0, longest))
        columns = [draw(arrays(np.int32, n, elements=st.integers(0, s - 1))) for s in alphabet]
        whole = np.column_stack(columns).reshape(n, len(alphabet))
        return np.repeat(whole, draw(st.integers(1, 4)), axis=0)

    train = [recording(40) for _ in range(draw(st.integers(0, 4)))]
    return alphabet, train * draw(st.integers(1, 6)), [recording(25) for _ in range(2)]


def coded(model: TokenModel, recording: np.ndarray, chunk: int | None = None) -> bytes:
    """One recording under a model, chunks of a length one after another in one coder."""
    encoder = SymbolEncoder()
    states = [model.start(q) for q in range(recording.shape[1])]
    for part in np.split(recording, range(chunk, len(recording), chunk)) if chunk else [recording]:
        for q in range(recording.shape[1]):
            coarser = part[:, q - 1] if q else None
            model.encode_level(encoder, q, part[:, q], coarser, states[q])
    return encoder.finish()


def decoded(
    model: TokenModel, data: bytes, shape: tuple[int, int], chunk: int | None = None
) -> np.ndarray:
    decoder = SymbolDecoder(data)
    states = [model.start(q) for q in range(shape[1])]
    out = np.full(shape, -1, np.int32)
    for part in np.split(out, range(chunk, len(out), chunk)) if chunk else [out]:
        for q in range(shape[1]):
            coarser = part[:, q - 1] if q else None
            part[:, q] = model.decode_level(decoder, q, len(part), coarser, states[q])
    decoder.finish()
    return out


@given(cases(), st.sampled_from([None, 0, 1]), st.sampled_from([None, 1, 7]))
@settings(max_examples=120, deadline=None)
def test_round_trip_at_the_price_told(
    case: tuple[tuple[int, ...], list[np.ndarray], list[np.ndarray]],
    order: int | None,
    chunk: int | None,
) -> None:
    alphabet, train, test = case
    model = TokenModel.fit(train, alphabet, order)
    assert model.order == order or order is None
    other = TokenModel.from_arrays(alphabet, model.arrays())
    for recording in test:
        data = coded(model, recording, chunk)
        assert np.array_equal(decoded(other, data, recording.shape, chunk), recording)
        bits = model.bits(recording)
        assert bits.shape == (len(alphabet),) and (bits >= 0).all() and np.isfinite(bits).all()
        assert abs(8 * len(data) - bits.sum()) <= 64 + 1e-3 * bits.sum()
    assert np.allclose(model.stream_bits(test), [model.bits(r) for r in test])
    assert np.array_equal(other.stream_bits(test), model.stream_bits(test))


@given(cases(), st.sampled_from([None, 0, 1]))
@settings(max_examples=60, deadline=None)
def test_a_prefix_of_the_levels_costs_the_same_alone(
    case: tuple[tuple[int, ...], list[np.ndarray], list[np.ndarray]], order: int | None
) -> None:
    alphabet, train, test = case
    model = TokenModel.fit(train, alphabet, order)
    for depth in range(1, len(alphabet) + 1):
        cut = model.cut(depth)
        assert cut.alphabet == alphabet[:depth]
        again = TokenModel.from_arrays(cut.alphabet, cut.arrays())
        for recording in test:
            kept = recording[:, :depth]
            bits = model.bits(recording)[:depth]
            assert np.array_equal(cut.bits(kept), bits)
            assert np.array_equal(model.bits(kept), bits)
            assert coded(model, kept) == coded(cut, kept) == coded(again, kept)
        if order is not None:  # and fitting the prefix alone gives the same model
            alone = TokenModel.fit([t[:, :depth] for t in train], cut.alphabet, order)
            assert all(np.array_equal(a, alone.arrays()[n]) for n, a in cut.arrays().items())


def test_order_0_is_counts_and_one() -> None:
    tokens = [np.array([[0, 6], [0, 1]]), np.array([[2, 6]])]
    model = TokenModel.fit(tokens, (4, 7), 0)
    assert model.levels[0].counts.tolist() == [3, 1, 2, 1]
    assert model.levels[1].counts.tolist() == [1, 2, 1, 1, 1, 1, 3]
    assert model.order == 0 and model.saved_bits == 0 and model.table_bits == 8 * 11
    assert model.bits(np.array([[2, 0]])) == pytest.approx([math.log2(7 / 2), math.log2(10)])


def test_order_1_by_hand() -> None:
    # One level, 3 tokens; train: 0 0 0 1 | 2. Choices: repeat, repeat, change.
    train = [np.array([[0], [0], [0], [1]]), np.array([[2]])]
    model = TokenModel.fit(train, (3,), 1)
    level = model.levels[0]
    assert level.repeats is not None and level.repeats[0].tolist() == [2, 3]
    assert level.counts.tolist() == [2, 2, 2]  # changes to 0, 1 and 2, and one each
    assert not len(level.contexts.previous)
    # 2 comes first; 2 again; 1; 1 again; 2. Each change adds 1 to its token's count.
    price = [
        6 / 2,
        5 / 3,
        6 / 2 * 4 / 2,  # a change, 2 of 6; then 1 of what is left without 2 (its 3 of 7)
        7 / 4,
        8 / 3 * 5 / 3,  # then 2 (3) of 8 without 1 (3)
    ]
    tokens = np.array([[2], [2], [1], [1], [2]])
    assert model.bits(tokens) == pytest.approx([sum(map(math.log2, price))])


def test_contexts_by_hand() -> None:
    # 0 1 0 2 0 1 0 2 ...: 1 and 2 are followed by 0 always; 0 by either, which saves nothing.
    train = [np.array([0, 1, 0, 2] * 500)[:, None]]
    model = TokenModel.fit(train, (4,), 1)
    level = model.levels[0]
    assert level.contexts.previous.tolist() == [1, 2]
    assert level.contexts.symbols.tolist() == [0, 0]
    assert level.contexts.counts.tolist() == [500, 499]
    assert level.repeats is not None and level.counts.tolist() == [1001, 501, 501, 1]
    change = math.log2(level.repeats[0].sum() / level.repeats[0, 0])
    head = math.log2(2004 / 501)
    known, unknown = model.bits(np.array([[1], [0]])), model.bits(np.array([[1], [3]]))
    assert known == pytest.approx([head + change + math.log2(501 / 500)])
    # The escape is 1 of 501. Then 3 (1 of 2004) without 1 (501); the head added 2004 // 128 to 1,
    # which is left out.
    assert unknown == pytest.approx([head + change + math.log2(501) + math.log2(2004 - 501)])


def test_order_is_chosen_by_what_it_saves_on_train() -> None:
    rng = np.random.default_rng(0)
    still = smooth(rng, (400, 400), (32, 32))
    model = TokenModel.fit(still, (32, 32))
    plain = TokenModel.fit(still, (32, 32), 0)
    assert model.order == 1
    spent = [m.stream_bits(still).sum() + m.table_bits for m in (plain, model)]
    assert model.saved_bits == pytest.approx(spent[0] - spent[1])
    assert model.saved_bits > 0.5 * plain.stream_bits(still).sum()
    independent = [rng.integers(0, 32, (800, 2))]
    assert TokenModel.fit(independent, (32, 32)).order == 0
    assert TokenModel.fit(independent, (32, 32), 1).saved_bits < 0


def test_a_context_is_kept_where_it_saves_more_than_it_takes() -> None:
    rng = np.random.default_rng(1)
    few, many = (smooth(rng, (n,), (32,)) for n in (100, 20_000))
    assert not len(TokenModel.fit(few, (32,), 1).levels[0].contexts.previous)
    model = TokenModel.fit(many, (32,), 1)
    assert len(model.levels[0].contexts.previous) > 20
    without = TokenModel.from_arrays(
        (32,),
        {
            name: np.zeros_like(a) if name == "contexts" else a[:0]
            for name, a in model.arrays().items()
            if name not in ("counts", "repeats", "saved_bits")
        }
        | {name: model.arrays()[name] for name in ("counts", "repeats", "saved_bits")},
    )
    # On other motion of the kind as well: the contexts pay, storage and all.
    other = smooth(np.random.default_rng(2), (20_000,), (32,))
    saved = without.stream_bits(other).sum() - model.stream_bits(other).sum()
    assert saved > model.table_bits - without.table_bits


def test_a_change_of_the_coarser_level_tells() -> None:
    rng = np.random.default_rng(3)
    train, test = (smooth(rng, (3000,), (16, 16)) for _ in range(2))
    together = TokenModel.fit(train, (16, 16)).stream_bits(test)[0, 1]
    alone = TokenModel.fit([t[:, 1:] for t in train], (16,)).stream_bits([t[:, 1:] for t in test])
    assert together < 0.8 * alone[0, 0]


def test_no_context_reaches_over_recordings() -> None:
    rng = np.random.default_rng(4)
    train, test = smooth(rng, (500,), (8, 8)), smooth(rng, (60, 50, 1, 0, 40), (8, 8))
    model = TokenModel.fit(train, (8, 8), 1)
    bits = model.stream_bits(test)
    order = [4, 2, 0, 3, 1]
    assert np.array_equal(model.stream_bits([test[i] for i in order]), bits[order])
    # Two recordings teach their changes and no seam: 0 is never seen to go to 1.
    halves = [np.zeros((50, 1), int), np.ones((50, 1), int)]
    seen = TokenModel.fit(halves, (2,), 1).levels[0].repeats
    assert seen is not None and seen[0, 0] == 1


def test_what_a_recording_shows_is_learnt_on_the_way() -> None:
    # Train never shows tokens 8 to 15; a recording of those alone soon costs what it should.
    rng = np.random.default_rng(5)
    train = smooth(rng, (3000,), (16,), hold=0.0)
    train = [t % 8 for t in train]
    model = TokenModel.fit(train, (16,), 1)
    changes = np.tile(np.arange(8, 16), 200)[:, None]
    early, late = model.bits(changes[:100])[0] / 100, model.bits(changes)[0] / len(changes)
    assert late < 3.5 and early > 5  # there are 3 bits in 8 tokens


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("size", [2, 512, 4096, 65536])
def test_every_token_is_encodable_after_any(order: int, size: int) -> None:
    rng = np.random.default_rng(6)
    train = [np.repeat(np.minimum(rng.geometric(0.3, 4000), size) - 1, 3)[:, None]]
    model = TokenModel.fit(train, (size,), order)
    tokens = rng.permutation(np.concatenate([np.arange(size)[: 1 << 12], [size - 1, 0, 0]]))
    recording = tokens[:, None].astype(np.int64)
    data = coded(model, recording)
    assert np.array_equal(decoded(model, data, recording.shape), recording)


def test_an_alphabet_of_one_costs_nothing() -> None:
    recording = np.zeros((20, 2), int)
    for order in (0, 1):
        model = TokenModel.fit([recording], (1, 1), order)
        assert model.bits(recording).tolist() == [0, 0] and coded(model, recording) == b""
        assert np.array_equal(decoded(model, b"", (20, 2)), recording)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_damage_is_one_error_or_tokens_of_the_alphabet(seed: int) -> None:
    rng = np.random.default_rng(seed)
    alphabet = (8, 300)
    train, (test,) = (
        smooth(np.random.default_rng(0), (400,), alphabet),
        smooth(rng, (60,), alphabet),
    )
    model = TokenModel.fit(train, alphabet, int(rng.integers(2)))
    data = bytearray(coded(model, test))
    kind = rng.integers(4)
    if kind == 0:
        data = data[: rng.integers(len(data))]
    elif kind == 1:
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    elif kind == 2:
        data = bytearray(rng.bytes(len(data)))
    else:
        data += rng.bytes(4)
    try:
        found = decoded(model, bytes(data), test.shape)
    except CorruptStream:
        return
    assert found.shape == test.shape and found.min() >= 0 and (found.max(0) < alphabet).all()


@pytest.mark.parametrize(
    ("tokens", "alphabet", "said"),
    [
        (np.zeros((3, 1), int), (4, 4), r"\(tokens, 2\)"),
        (np.zeros((3, 2)), (4, 4), "integers"),
        (np.full((3, 2), 4), (5, 4), "alphabet"),
        (np.full((3, 2), -1), (5, 4), "alphabet"),
        (np.zeros((3, 1), int), (0,), "alphabets"),
        (np.zeros((3, 1), int), (65537,), "alphabets"),
    ],
)
def test_tokens_must_fit(tokens: np.ndarray, alphabet: tuple[int, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TokenModel.fit([tokens], alphabet)
    if min(alphabet) > 0:
        model = TokenModel.fit([], (4,) * len(alphabet), 1)
        if tokens.size and tokens.dtype.kind == "i" and tokens[0, 0] != 0:
            with pytest.raises(ValueError, match="alphabet"):
                model.bits(tokens)
            with pytest.raises(ValueError, match="tokens"):
                model.encode_level(SymbolEncoder(), 0, tokens[:, 0])
    with pytest.raises(ValueError, match="order"):
        TokenModel.fit([], (4,), 2)


def test_models_travel_to_other_processes() -> None:
    train = smooth(np.random.default_rng(0), (2000,), (16, 16))
    model = TokenModel.fit(train, (16, 16), 1)
    data = coded(model, train[0])  # caches built
    other = pickle.loads(pickle.dumps(model))
    assert np.array_equal(decoded(other, data, train[0].shape), train[0])


def test_fitting_is_quick() -> None:
    rng = np.random.default_rng(0)
    levels = np.repeat(rng.integers(0, 512, (20_000, 8)), 3, axis=0)
    single = np.repeat(rng.integers(0, 4096, (20_000, 1)), 3, axis=0)
    # Each stands for 0.2 s or less; the limits leave room for a busy machine.
    for tokens, alphabet, limit in ((levels, (512,) * 8, 4.0), (single, (4096,), 1.2)):
        began = time.process_time()
        TokenModel.fit(np.array_split(tokens, 10), alphabet)
        assert time.process_time() - began < limit
