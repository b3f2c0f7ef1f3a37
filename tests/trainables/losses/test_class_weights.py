"""Class weights and the loss of a classifier of codes, against what the paper prints."""

from __future__ import annotations

import math

import pytest
import torch

from search_spaces.speech_families import REWEIGHTINGS
from trainables.losses.class_weights import class_weights, weighted_loss

SHARES = torch.tensor([0.7, 0.2, 0.099, 0.001, 0.0])


@pytest.mark.parametrize("kind", REWEIGHTINGS)
def test_even_use_weighs_all_alike_and_the_mean_weight_is_one(kind: str) -> None:
    even = class_weights(torch.full((8,), 1 / 8), kind, 10.0)
    assert torch.allclose(even, torch.ones(8))
    uneven = class_weights(SHARES, kind, 10.0)
    assert float((uneven * SHARES).sum()) == pytest.approx(1.0)
    assert torch.isfinite(uneven).all() and (uneven.diff() >= -1e-6).all()


def test_what_each_map_does() -> None:
    shares = torch.tensor([0.8, 0.2])
    x = 1 / (2 * shares)
    expected = {
        "none": torch.ones(2), "log": torch.log1p(x), "sqrt": x.sqrt(), "linear": x,
        "square": x**2, "exp": x.exp(),
    }  # fmt: skip
    for kind, weights in expected.items():
        wanted = weights / (weights * shares).sum()
        assert torch.allclose(class_weights(shares, kind, 1e6), wanted), kind


def test_weights_are_bounded_where_the_printed_ones_are_not() -> None:
    """Equation 10 has 1 / p: infinite for a code that no token has."""
    printed = 1 / SHARES
    assert math.isinf(float(printed.max()))
    for kind in REWEIGHTINGS:
        loose, tight = (class_weights(SHARES, kind, clip).max() for clip in (1e3, 10.0))
        assert float(tight) < 50 and float(tight) <= float(loose)


def test_the_loss_says_which_code_is_right_where_the_printed_sum_does_not() -> None:
    """Equation 10 sums over all classes: the same prediction costs the same whatever is right."""
    logits = torch.tensor([[3.0, 0.0, 0.0]])
    weights = torch.ones(3)

    def printed(right: int) -> float:
        return float((-logits.log_softmax(1) * weights).sum())

    assert printed(0) == printed(1)
    losses = [float(weighted_loss(logits, torch.tensor([right]), weights)) for right in (0, 1)]
    assert losses[0] < losses[1]
    assert losses[0] == pytest.approx(-float(logits.log_softmax(1)[0, 0]))


def test_rare_codes_count_more() -> None:
    logits, right = torch.zeros(2, 2), torch.tensor([0, 1])
    weights = class_weights(torch.tensor([0.9, 0.1]), "linear", 100.0)
    rows = [float(weighted_loss(logits[i : i + 1], right[i : i + 1], weights)) for i in (0, 1)]
    assert rows[1] / rows[0] == pytest.approx(9.0)


def test_an_unknown_map() -> None:
    with pytest.raises(ValueError, match="one of none"):
        class_weights(SHARES, "cubic", 10.0)
