import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy as scipy_entropy

from trainables.metrics.codebook import (
    codebook_use,
    entropy_bits,
    perplexity,
    usage_counts,
    utilisation,
)

K = 16


def test_one_code():
    counts = usage_counts(np.full(100, 3), K)
    assert perplexity(counts) == 1.0
    assert entropy_bits(counts) == 0.0
    assert utilisation(counts) == 1 / K


def test_all_codes_alike():
    counts = usage_counts(np.tile(np.arange(K), 7), K)
    assert perplexity(counts) == pytest.approx(K)
    assert entropy_bits(counts) == pytest.approx(math.log2(K))
    assert utilisation(counts) == 1.0


def test_halves_and_quarters():
    counts = usage_counts(np.array([0, 0, 1, 2]), 4)
    assert counts.tolist() == [2, 1, 1, 0]
    assert entropy_bits(counts) == 1.5
    assert perplexity(counts) == pytest.approx(2**1.5)
    assert utilisation(counts) == 0.75


def test_levels_stand_alone_and_are_averaged():
    tokens = np.column_stack([np.zeros(8, np.int64), np.arange(8) % 4])
    use = codebook_use(tokens, (2, 4))
    assert use.utilisation == (0.5, 1.0) and use.mean_utilisation == 0.75
    assert use.perplexity == pytest.approx((1.0, 4.0)) and use.mean_perplexity == 2.5
    assert use.entropy_bits == (0.0, 2.0) and use.mean_entropy_bits == 1.0


def test_no_tokens_is_nan():
    use = codebook_use(np.zeros((0, 2), np.int64), (4, 8))
    assert all(math.isnan(v) for v in (*use.utilisation, *use.perplexity, use.mean_entropy_bits))


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8, np.uint16])
def test_any_integer_type(kind):
    assert usage_counts(np.array([0, 3, 3], kind), 4).tolist() == [1, 0, 0, 2]


@pytest.mark.parametrize("indices", [[-1, 0], [0, 4]])
def test_codes_outside_the_alphabet_are_refused(indices):
    with pytest.raises(ValueError, match="alphabet"):
        usage_counts(np.array(indices), 4)


def test_wrong_shapes_and_types_are_refused():
    with pytest.raises(ValueError, match="integers"):
        usage_counts(np.zeros((3, 2), np.int64), 4)
    with pytest.raises(ValueError, match="integers"):
        usage_counts(np.zeros(3), 4)
    with pytest.raises(ValueError, match="alphabet"):
        codebook_use(np.zeros((3, 2), np.int64), (4,))


@given(arrays(np.int64, st.integers(1, 200), elements=st.integers(0, K - 1)))
@settings(max_examples=60, deadline=None)
def test_bounds_and_scipy(indices):
    counts = usage_counts(indices, K)
    assert counts.sum() == len(indices) and counts.dtype == np.int64
    assert entropy_bits(counts) == pytest.approx(float(scipy_entropy(counts, base=2)), abs=1e-9)
    used = utilisation(counts) * K
    assert used == len(set(indices.tolist()))
    assert 1.0 <= perplexity(counts) <= used + 1e-9  # never more than the codes used
    shuffled = np.random.default_rng(0).permutation(counts)  # the names of codes mean nothing
    assert perplexity(shuffled) == pytest.approx(perplexity(counts))


def test_inputs_are_not_mutated():
    tokens = np.arange(8).reshape(4, 2)
    tokens.flags.writeable = False
    codebook_use(tokens, (8, 8))
