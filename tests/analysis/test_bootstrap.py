"""Resampling recordings and signers: draws, pooling, fronts of every resample, intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.bootstrap import (
    averaged,
    clip_table,
    draw,
    front_of,
    hypervolumes,
    on_front,
    percentile_interval,
    pooled,
    resampled_scores,
)
from analysis.indicators import hypervolume, nondominated
from search_spaces.record import CLIP_COLUMNS


def clips(rows: list[tuple[str, str, str, float, int]]) -> pd.DataFrame:
    """Point, recording, signer, value, frames."""
    full = [("t", p, r, s, "val", "full", "rmse_full_cm", v, n) for p, r, s, v, n in rows]
    return pd.DataFrame(full, columns=list(CLIP_COLUMNS))


def test_clips_of_one_recording_are_weighted_by_their_frames() -> None:
    table = clip_table(
        clips([("a", "r1", "ada", 1.0, 30), ("a", "r1", "ada", 4.0, 10), ("a", "r0", "ben", 7.0, 5),
               ("b", "r0", "ben", np.nan, 5), ("b", "r1", "ada", 2.0, 40)]),
        "rmse_full_cm",
    )  # fmt: skip
    assert table.recordings == ("r0", "r1") and table.signers == ("ben", "ada")
    rows = table.of(["b", "a", "nobody"])
    assert rows[1].tolist() == [7.0, 1.75]
    assert np.isnan(rows[0, 0]) and rows[0, 1] == 2.0 and np.isnan(rows[2]).all()


def test_other_metrics_and_splits_are_left_alone() -> None:
    frame = clips([("a", "r0", "", 1.0, 10)])
    other = frame.assign(metric="rmse_body_cm", value=5.0)
    test = frame.assign(split="test", value=9.0)
    table = clip_table(pd.concat([frame, other, test]), "rmse_full_cm")
    assert table.values.tolist() == [[1.0]]


def test_recordings_are_drawn_as_often_as_there_are() -> None:
    drawn = draw(["a", "b", "c"], ["", "", ""], np.random.default_rng(0), 500)
    assert drawn.unit == "recording" and drawn.units == 3
    assert (drawn.weights.sum(axis=1) == 3).all()
    assert drawn.weights.mean(axis=0) == pytest.approx(np.ones(3), abs=0.1)
    assert "3 recordings" in drawn.note


def test_signers_are_drawn_with_all_of_their_recordings() -> None:
    signers = ["ada", "ada", "ben", "cy"]
    drawn = draw(["r0", "r1", "r2", "r3"], signers, np.random.default_rng(0), 300)
    assert drawn.unit == "signer" and drawn.units == 3
    assert (drawn.weights[:, 0] == drawn.weights[:, 1]).all()
    per_signer = drawn.weights[:, [0, 2, 3]]
    assert (per_signer.sum(axis=1) == 3).all()


@pytest.mark.parametrize("signers", [["ada"] * 3, ["ada", "ben", ""]])
def test_unknown_or_single_signers_leave_recordings_to_be_drawn(signers: list[str]) -> None:
    assert draw(["a", "b", "c"], signers, np.random.default_rng(0), 2).unit == "recording"


def test_one_recording_cannot_be_resampled() -> None:
    assert "cannot be resampled" in draw(["a"], [""], np.random.default_rng(0), 3).note


def test_pooling_is_the_mean_over_what_was_drawn() -> None:
    values = np.array([[1.0, 2.0, 6.0], [1.0, np.nan, 5.0]])
    weights = np.array([[1.0, 1.0, 1.0], [0.0, 3.0, 0.0], [2.0, 0.0, 1.0]])
    assert pooled(values[:1], weights)[0].tolist() == [3.0, 2.0, 8 / 3]
    second = pooled(values, weights)[1]
    assert second[[0, 2]].tolist() == [3.0, 7 / 3] and np.isnan(second[1])


def test_seeds_are_averaged_and_what_is_not_finite_left_out() -> None:
    values = np.array([[1.0], [3.0], [np.nan], [8.0]])
    found = averaged(values, np.array([0, 0, 1, 1]), 2)
    assert found.tolist() == [[2.0], [8.0]]


CASES = st.integers(0, 100_000)


def case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rates = rng.integers(1, 7, 10).astype(float)
    scores = rng.integers(0, 9, (10, 4)).astype(float)
    scores[rng.random(scores.shape) < 0.1] = np.nan
    return rates, scores


@settings(max_examples=50, deadline=None)
@given(CASES)
def test_fronts_and_hypervolumes_of_all_resamples_are_moocore_s(seed: int) -> None:
    rates, scores = case(seed)
    mask = on_front(rates, scores)
    order = np.argsort(rates, kind="stable")
    volumes = hypervolumes(rates[order], scores[order], np.array([6.0, 7.0]))
    for i in range(scores.shape[1]):
        values = np.column_stack([rates, scores[:, i]])
        assert mask[:, i].tolist() == nondominated(values).tolist()
        assert volumes[i] == pytest.approx(hypervolume(values, [6.0, 7.0]).value)
        rows = front_of(rates[order], scores[order, i])
        assert {tuple(v) for v in values[order][rows]} == {tuple(v) for v in values[mask[:, i]]}


@settings(max_examples=30, deadline=None)
@given(CASES)
def test_leaving_out_what_is_on_no_front_changes_no_hypervolume(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rates = rng.integers(1, 9, 12).astype(float)
    groups = np.repeat(np.arange(12), 2)
    values = rng.random((24, 5)) * 10
    weights = draw(list("abcde"), [""] * 5, rng, 40).weights
    kept, scores = resampled_scores(values, groups, 12, weights, rates)
    assert (np.diff(rates[kept]) >= 0).all()
    everything = averaged(pooled(values, weights), groups, 12)
    order = np.argsort(rates, kind="stable")
    corner = np.array([10.0, 9.0])
    assert hypervolumes(rates[kept], scores, corner) == pytest.approx(
        hypervolumes(rates[order], everything[order], corner)
    )


def test_an_interval_of_a_mean_is_that_of_the_normal_law() -> None:
    rng = np.random.default_rng(0)
    sample = rng.normal(5, 2, 400)
    drawn = draw([str(i) for i in range(400)], [""] * 400, rng, 4000)
    found = percentile_interval(pooled(sample[None], drawn.weights)[0])
    half = 1.96 * sample.std(ddof=1) / 20
    assert (found.low, found.high) == pytest.approx(
        (sample.mean() - half, sample.mean() + half), abs=0.02
    )


def test_what_is_undefined_too_often_has_no_interval() -> None:
    values = np.arange(100.0)
    values[:20] = np.nan
    found = percentile_interval(values)
    assert np.isnan(found.low) and "20 %" in found.reason and not found.excludes_zero
    assert percentile_interval(values[20:]).excludes_zero
    assert percentile_interval(np.empty(0)).reason


def test_of_no_configurations_none_is_on_the_front() -> None:
    assert on_front(np.empty(0), np.empty((0, 7))).shape == (0, 7)
