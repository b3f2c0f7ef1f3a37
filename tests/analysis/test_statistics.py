"""Means over seeds and over recordings."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.statistics import mean_and_error, over_recordings, seed_means


def test_standard_error_by_hand() -> None:
    found = mean_and_error([1.0, 2.0, 3.0, math.nan, math.inf])
    assert (found.value, found.n) == (2.0, 3)
    assert found.error == pytest.approx(1 / math.sqrt(3))
    assert math.isnan(mean_and_error([4.0]).error)
    assert math.isnan(mean_and_error([]).value)


def points() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trial": ["b1", "a0", "a1", "b0"],
            "config_hash": ["b", "a", "a", "b"],
            "seed": [1, 0, 1, 0],
            "depth": 1,
            "share": 1.0,
            "learning_rate": [2.0, 1.0, 1.0, 2.0],
            "rate_nominal_bps": [1.1, 0.3, 0.3, 1.1],
            "val_rmse_full_cm": [3.0, 1.0, 2.0, np.nan],
            "train_seconds": [1.0, 1.0, 3.0, 3.0],
        }
    )


def test_seeds_become_means_in_order_of_appearance() -> None:
    means = seed_means(points())
    assert means["config_hash"].tolist() == ["b", "a"]
    assert means["trial"].tolist() == ["b0", "a0"]
    assert means["val_rmse_full_cm"].tolist() == [3.0, 1.5]
    assert means["val_rmse_full_cm_se"].tolist()[1] == pytest.approx(0.5)
    assert math.isnan(means["val_rmse_full_cm_se"].tolist()[0])
    assert means["train_seconds"].tolist() == [2.0, 2.0]
    assert means["seeds"].tolist() == [2, 2]
    assert means["rate_nominal_bps"].tolist() == [1.1, 0.3]
    assert "rate_nominal_bps_se" not in means.columns


def test_one_seed_stays_as_it_is() -> None:
    single = points().iloc[:2]
    pd.testing.assert_frame_equal(seed_means(single), single)


def test_a_seed_run_twice_counts_once_the_last_time() -> None:
    twice = pd.concat([points().iloc[:2], points().iloc[:1].assign(val_rmse_full_cm=7.0)])
    means = seed_means(twice)
    assert means["val_rmse_full_cm"].tolist() == [1.0, 7.0]
    assert "seeds" not in means.columns


def test_recordings_weigh_the_same_and_their_clips_by_frames() -> None:
    clips = pd.DataFrame(
        [
            ("t", "p", "one", "ada", "test", "full", "rmse_full_cm", 1.0, 10),
            ("t", "p", "one", "ada", "test", "full", "rmse_full_cm", 4.0, 20),
            ("t", "p", "two", "ada", "test", "full", "rmse_full_cm", 5.0, 1000),
            ("t", "p", "two", "ada", "val", "full", "rmse_full_cm", 9.0, 1000),
        ],
        columns=["trial", "point", "recording", "signer", "split", "part", "metric", "value", "n"],
    )
    table = over_recordings(clips).set_index("split")
    assert table.loc["test", "mean"] == pytest.approx(4.0)
    assert table.loc["test", "se"] == pytest.approx(1.0)
    assert table.loc["test", "recordings"] == 2
    assert math.isnan(table.loc["val", "se"])
    assert over_recordings(clips.iloc[:0]).empty
