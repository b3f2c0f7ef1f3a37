"""L1 diversity: pins of both readings, brute force, and too few clips."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trainables.metrics.diversity import (
    diversity_between,
    diversity_within,
    frame_mean,
    pairwise_half,
)


def test_pins() -> None:
    assert pairwise_half(np.ones((5, 4, 3))) == 0 == frame_mean([np.ones((9, 3))])
    two = np.array([[0.0, 0, 0], [1, 1, 1]])
    assert pairwise_half(two) == pytest.approx(1.5) == frame_mean([two])
    assert math.isnan(pairwise_half(two[:1])) and math.isnan(frame_mean([]))


def test_pairwise_is_the_double_sum() -> None:
    clips = np.random.default_rng(0).normal(size=(9, 5, 2, 3))
    total = sum(np.abs(a - b).sum() for a in clips for b in clips)
    assert pairwise_half(clips) == pytest.approx(total / (2 * 9 * 8))
    assert pairwise_half(3 * clips) == pytest.approx(3 * pairwise_half(clips))


def test_the_readings_differ_by_root_two_on_noise() -> None:
    """So many independent frames: half the mean distance over the distance to the mean."""
    noise = np.random.default_rng(0).normal(size=(400, 30))
    assert pairwise_half(noise) / frame_mean([noise]) == pytest.approx(2**-0.5, rel=0.01)


def test_frames_weigh_alike_and_inputs_stay() -> None:
    long, short = np.random.default_rng(1).normal(size=(30, 3)), np.zeros((10, 3))
    kept = long.copy()
    assert frame_mean([long, short]) == pytest.approx(0.75 * frame_mean([long]))
    assert np.array_equal(kept, long)


def test_corpus_values_in_centimetres_beside_the_truth() -> None:
    rng = np.random.default_rng(0)
    made = [rng.normal(size=(int(f), 4, 3)) for f in rng.integers(20, 40, 45)]
    real = [2 * m for m in made]
    for measured, name in ((diversity_between, "l1div_pairwise_half_cm"),
                           (diversity_within, "l1div_frame_mean_cm")):  # fmt: skip
        score = measured(made, real)
        assert score.metric.objective() == name
        assert score.truth == pytest.approx(2 * score.value)
        assert score.can_be_said
    assert diversity_within(made, real).value == pytest.approx(100 * frame_mean(made))
    assert diversity_between(made, real).n == 40 and diversity_within(made, real).n == 45


def test_fewer_than_forty_cannot_be_said() -> None:
    few = [np.random.default_rng(0).normal(size=(20, 4, 3))] * 39
    for score in (diversity_between(few, few), diversity_within(few, few)):
        assert score.said == "cannot be said (n = 39, needs 40)"
        assert math.isnan(score.value) and math.isnan(score.truth) and not score.can_be_said
    with pytest.raises(ValueError, match="give as many"):
        diversity_within(few, few[:3])
