import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainables.bitstream.level_model import LevelModel
from trainables.bitstream.token_model import TokenModel
from trainables.metrics.rate import (
    FLAG_BITS,
    cross_entropy_rate_bps,
    entropy_rate_bps,
    few_tokens_warning,
    level_counts,
    model_bits,
    model_rate_bps,
)

ALPHABET = (4, 7)


def tokens_of(rng, lengths, alphabet=ALPHABET, concentration=0.3):
    """Recordings whose codes come with unequal chances."""
    shares = [rng.dirichlet(np.full(size, concentration)) for size in alphabet]
    return [
        np.column_stack([rng.choice(len(p), n, p=p) for p in shares]).astype(np.int32)
        for n in lengths
    ]


@st.composite
def recordings(draw):
    """1 to 4 recordings of 0 to 30 tokens under ALPHABET."""
    return [
        np.column_stack(
            [draw(arrays(np.int64, n, elements=st.integers(0, size - 1))) for size in ALPHABET]
        )
        for n in draw(st.lists(st.integers(0, 30), min_size=1, max_size=4))
    ]


def model_of(*counts):
    """A model of order 0 with these counts."""
    levels = tuple(LevelModel(np.array(c, np.int64)) for c in counts)
    return TokenModel(tuple(len(c) for c in counts), levels, np.zeros(len(counts)))


def nominal_bits(tokens, alphabet=ALPHABET):
    return sum(len(t) for t in tokens) * sum(math.log2(size) for size in alphabet)


def test_one_code_costs_nothing_and_uniform_costs_nominal():
    still = [np.zeros((30, 2), np.int64)]
    assert entropy_rate_bps(still, ALPHABET, 2.0) == 0.0
    even = [np.tile(np.arange(4), 10)[:, None], np.tile(np.arange(4), 5)[:, None]]
    assert entropy_rate_bps(even, (4,), 2.0) == pytest.approx(60 * 2 / 2.0)


def test_entropy_is_pooled_over_recordings_and_summed_over_levels():
    first, second = np.zeros((8, 2), np.int64), np.ones((8, 2), np.int64)
    # Each recording alone says nothing; together every token is one bit, on both levels.
    assert entropy_rate_bps([first, second], (2, 2), 4.0) == pytest.approx(16 * 2 / 4.0)


def test_no_tokens_no_rate():
    assert entropy_rate_bps([], ALPHABET, 1.0) == 0.0
    empty = [np.zeros((0, 2), np.int64)]
    assert entropy_rate_bps(empty, ALPHABET, 1.0) == 0.0
    model = TokenModel.fit(empty, ALPHABET)
    assert model_rate_bps([], model, 1.0) == 0.0
    assert model_rate_bps(empty, model, 1.0) == 2 * FLAG_BITS


def test_price_by_hand():
    model = model_of([2, 1, 1])  # 1, 2 and 2 bits
    tokens = [np.array([[0], [0], [0], [1]]), np.array([[1], [2], [2]])]
    assert model.stream_bits(tokens).tolist() == [[5.0], [6.0]]
    # The second recording is cheaper uniform: 3 log2 3 = 4.75 bits.
    assert model_bits(tokens, model) == pytest.approx(np.array([[6.0], [1 + 3 * math.log2(3)]]))
    assert cross_entropy_rate_bps(tokens, model, 2.0) == pytest.approx(5.5)
    assert model_rate_bps(tokens, model, 2.0) == pytest.approx((7 + 3 * math.log2(3)) / 2)


@pytest.mark.parametrize("order", [0, 1])
def test_a_code_unseen_on_train_can_be_sent(order):
    model = TokenModel.fit([np.zeros((1000, 2), np.int64)], ALPHABET, order)
    unseen = [np.column_stack([[3, 2, 3, 2, 3], [6, 5, 6, 5, 6]])]
    assert math.isfinite(cross_entropy_rate_bps(unseen, model, 1.0))
    assert cross_entropy_rate_bps(unseen, model, 1.0) > model_rate_bps(unseen, model, 1.0)
    # A table that misleads is not used: nominal and the flags, nothing more.
    assert model_rate_bps(unseen, model, 1.0) <= nominal_bits(unseen) + 2 + 1e-9


def test_uniform_tables_give_nominal_and_the_flags():
    tokens = tokens_of(np.random.default_rng(0), (20, 5))
    model = model_of(*(np.full(size, 9) for size in ALPHABET))
    assert model_rate_bps(tokens, model, 1.0) == pytest.approx(nominal_bits(tokens) + 4)


def test_the_model_rate_nears_the_entropy_on_much_of_the_same_motion():
    rng = np.random.default_rng(5)
    everything = tokens_of(rng, (20_000, 20_000))
    model = TokenModel.fit(everything[:1], ALPHABET, 0)
    entropy = entropy_rate_bps(everything[1:], ALPHABET, 100.0)
    rate = model_rate_bps(everything[1:], model, 100.0)
    assert entropy <= rate < 1.01 * entropy
    assert rate < 0.9 * nominal_bits(everything[1:]) / 100.0


def test_smooth_tokens_cost_far_less_than_their_entropy():
    rng = np.random.default_rng(6)
    train, test = (
        [np.repeat(t, rng.integers(1, 20, len(t)), axis=0) for t in tokens_of(rng, (200, 200))]
        for _ in range(2)
    )
    model = TokenModel.fit(train, ALPHABET)
    assert model_rate_bps(test, model, 1.0) < 0.5 * entropy_rate_bps(test, ALPHABET, 1.0)


@given(recordings(), recordings(), st.floats(0.1, 100.0))
@settings(max_examples=80, deadline=None)
def test_bounds(train, test, seconds):
    model = TokenModel.fit(train, ALPHABET, 0)
    entropy = entropy_rate_bps(test, ALPHABET, seconds)
    cross = cross_entropy_rate_bps(test, model, seconds)
    rate = model_rate_bps(test, model, seconds)
    nominal = nominal_bits(test) / seconds
    flags = FLAG_BITS * len(test) * len(ALPHABET) / seconds
    slack = 1e-9 * (1.0 + cross)
    assert 0.0 <= entropy <= nominal + slack
    assert entropy <= cross + slack
    assert rate <= nominal + flags + slack
    assert rate <= cross + flags + slack
    # Stream by stream, the entropy is a bound even where the coder may choose.
    for recording, bits in zip(test, model_bits(test, model), strict=True):
        assert entropy_rate_bps([recording], ALPHABET, 1.0) <= bits.sum() + 1e-9


@given(recordings(), recordings())
@settings(max_examples=80, deadline=None)
def test_order_1_never_passes_nominal_by_more_than_the_flag(train, test):
    model = TokenModel.fit(train, ALPHABET, 1)
    lengths = np.array([len(t) for t in test])[:, None]
    assert (model_bits(test, model) <= lengths * np.log2(ALPHABET) + FLAG_BITS + 1e-9).all()


def test_choosing_per_recording_can_beat_the_pooled_entropy():
    # What the module's opening warns of: one histogram cannot adapt, a flag per recording can.
    still, varied = np.zeros((400, 1), np.int64), np.tile(np.arange(4), 100)[:, None]
    model = TokenModel.fit([np.zeros((10_000, 1), np.int64)], (4,), 0)
    pooled = entropy_rate_bps([still, varied], (4,), 1.0)
    assert model_rate_bps([still, varied], model, 1.0) < pooled
    assert cross_entropy_rate_bps([still, varied], model, 1.0) > pooled


@given(recordings())
@settings(max_examples=30, deadline=None)
def test_order_of_recordings_and_tokens_changes_nothing_at_order_0(tokens):
    model = TokenModel.fit(tokens, ALPHABET, 0)
    turned = [t[::-1] for t in tokens[::-1]]
    assert np.array_equal(
        TokenModel.fit(turned, ALPHABET, 0).arrays()["counts"], model.arrays()["counts"]
    )
    for rate in (
        entropy_rate_bps(turned, ALPHABET, 1.0) - entropy_rate_bps(tokens, ALPHABET, 1.0),
        model_rate_bps(turned, model, 1.0) - model_rate_bps(tokens, model, 1.0),
    ):
        assert rate == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("order", [0, 1])
def test_a_prefix_of_the_levels_is_cheaper_by_the_rest(order):
    rng = np.random.default_rng(1)
    train, test = tokens_of(rng, (300,)), tokens_of(rng, (50, 60))
    model = TokenModel.fit(train, ALPHABET, order)
    first = [t[:, :1] for t in test]
    both = model_bits(test, model)
    assert model_rate_bps(first, model, 3.0) == pytest.approx(both[:, 0].sum() / 3.0)
    assert model_rate_bps(first, model.cut(1), 3.0) == pytest.approx(both[:, 0].sum() / 3.0)


def test_few_tokens_are_said():
    tokens = [np.zeros((30, 2), np.int64), np.zeros((39, 2), np.int64)]
    said = few_tokens_warning(tokens, ALPHABET)  # 69 < 10 x 7
    assert said is not None and "69 tokens" in said and "7 codes" in said
    assert few_tokens_warning([*tokens, np.zeros((1, 2), np.int64)], ALPHABET) is None


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_seconds_must_be_positive(seconds):
    tokens = [np.zeros((3, 2), np.int64)]
    with pytest.raises(ValueError, match="seconds"):
        entropy_rate_bps(tokens, ALPHABET, seconds)
    with pytest.raises(ValueError, match="seconds"):
        model_rate_bps(tokens, TokenModel.fit(tokens, ALPHABET), seconds)


def test_tokens_must_fit():
    with pytest.raises(ValueError, match=r"\(tokens, 2\)"):
        level_counts([np.zeros((3, 1), np.int64)], ALPHABET)
    model = TokenModel.fit([np.zeros((3, 2), np.int64)], ALPHABET)
    with pytest.raises(ValueError, match="alphabet"):
        model_rate_bps([np.full((3, 2), 5)], model, 1.0)


def test_inputs_are_not_mutated():
    tokens = tokens_of(np.random.default_rng(0), (20, 5))
    for array in tokens:
        array.flags.writeable = False
    for order in (0, 1):
        model_rate_bps(tokens, TokenModel.fit(tokens, ALPHABET, order), 1.0)
