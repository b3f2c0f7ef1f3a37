"""The Fréchet distance: pins, symmetry, its bias at n, and its name."""

from __future__ import annotations

import math

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.objectives import Direction
from search_spaces.speech_metrics import FeatureSpace
from trainables.metrics.frechet import (
    array_hash,
    frechet_bias,
    frechet_distance,
    frechet_floor,
    frechet_score,
)

SPACE = FeatureSpace("weights", "data", "normaliser", 4)


def test_pins() -> None:
    sample = np.random.default_rng(0).normal(size=(1000, 240))
    assert 0 <= frechet_distance(sample, sample.copy()) < 1e-6
    assert frechet_distance(sample, sample + 1) == pytest.approx(240)
    assert frechet_distance(sample, sample - 0.5) == pytest.approx(60)
    mean, spread = sample.mean(0), np.cov(sample, rowvar=False).trace()
    assert frechet_distance(sample, 2 * sample) == pytest.approx(mean @ mean + spread)


def test_symmetric_and_never_negative_even_where_a_covariance_is_singular() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(50, 8)), rng.normal(size=(60, 8)) @ rng.normal(size=(8, 8))
    first[:, 3:] = 0.0
    found = frechet_distance(first, second)
    assert found == pytest.approx(frechet_distance(second, first)) and found > 0
    flat = np.ones((20, 8))
    assert frechet_distance(flat, flat) == 0.0
    assert frechet_distance(flat, flat + 2) == pytest.approx(32)


def test_closed_form_of_gaussians_that_commute() -> None:
    rng = np.random.default_rng(2)
    draw = rng.normal(size=(200_000, 3))
    found = frechet_distance(draw * [1, 2, 3], draw[::-1] * [2, 2, 1] + [1, 0, 0])
    assert found == pytest.approx(1 + 1 + 0 + 4, rel=0.02)


@pytest.mark.parametrize("n", [300, 1000])
def test_bias_is_what_two_alike_sets_score(n: int) -> None:
    """Of N(0, I) in 240 dimensions: about 98 at 300 and 29.5 at 1000."""
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(2, n, 240))
    formula = frechet_bias(np.sqrt(2) * np.vstack([np.eye(240), -np.eye(240)]) * np.sqrt(120), n, n)
    assert formula == pytest.approx(240 * 241 / (2 * n) + 480 / n, rel=0.01)
    assert frechet_distance(first, second) == pytest.approx(formula, rel=0.05)


def test_bias_of_uneven_spreads_is_the_mean_over_draws() -> None:
    rng = np.random.default_rng(4)
    scale, n = np.array([3.0, 1.0, 0.3, 0.1]), 100
    drawn = [frechet_distance(*(rng.normal(size=(2, n, 4)) * scale)) for _ in range(300)]
    assert frechet_bias(rng.normal(size=(50_000, 4)) * scale, n, n) == pytest.approx(
        np.mean(drawn), rel=0.1
    )


def test_score_has_truth_bias_and_name() -> None:
    rng = np.random.default_rng(5)
    real, made = rng.normal(size=(80, 4)), rng.normal(size=(60, 4)) + 3
    score = frechet_score(made, real, SPACE, rng)
    assert score.n == 60 and score.least == 40
    assert score.metric.stem == f"fid_{SPACE.digest}_n60_d4"
    assert score.metric.direction is Direction.MIN
    assert score.value > 30 > 3 > score.truth > score.bias > 0
    assert frechet_floor(real, np.random.default_rng(0)) < 3


def test_below_ten_vectors_a_dimension_it_cannot_be_said() -> None:
    rng = np.random.default_rng(6)
    score = frechet_score(rng.normal(size=(39, 4)), rng.normal(size=(500, 4)), SPACE, rng)
    assert score.said == "cannot be said (n = 39, needs 40)" and math.isnan(score.value)


def test_the_name_changes_with_each_of_weights_data_and_normaliser() -> None:
    names = {
        FeatureSpace(*what).digest
        for what in (("w", "d", "n", 4), ("x", "d", "n", 4), ("w", "x", "n", 4),
                     ("w", "d", "x", 4), ("w", "d", "n", 5))
    }  # fmt: skip
    assert len(names) == 5
    with pytest.raises(BadInput, match="weights"):
        FeatureSpace("", "d", "n", 4)
    assert array_hash(np.zeros(3)) != array_hash(np.zeros((3, 1))) != array_hash(np.ones((3, 1)))


def test_wrong_features() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="of one d"):
        frechet_distance(np.zeros((5, 3)), np.zeros((5, 4)))
    with pytest.raises(ValueError, match="two features"):
        frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="must be"):
        frechet_score(np.zeros((50, 3)), np.zeros((50, 3)), SPACE, rng)
    broken = np.full((50, 4), np.nan)
    assert math.isnan(frechet_distance(broken, np.zeros((50, 4))))
    assert "not defined" in frechet_score(broken, np.zeros((50, 4)), SPACE, rng).said
