"""Fronts against brute force, and the traps of moocore."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.fronts import (
    NoAnswer,
    best_at,
    front,
    hypervolume,
    hypervolume_history,
    nondominated,
    objective_values,
    signed_reference,
)
from search_spaces.errors import BadInput

PAIR = ("rate_nominal_bps", "rmse_full_cm")
# Few distinct values, so that ties and duplicates are common; holes as trials leave them.
cells = st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, np.nan, np.inf, -np.inf])
tables = st.integers(2, 4).flatmap(
    lambda d: st.integers(0, 9).flatmap(lambda n: arrays(float, (n, d), elements=cells))
)


def brute_front(values: np.ndarray) -> list[bool]:
    finite = [bool(np.isfinite(row).all()) for row in values]

    def beats(a: np.ndarray, b: np.ndarray) -> bool:
        return all(x <= y for x, y in zip(a, b, strict=True)) and any(a < b)

    return [
        finite[i] and not any(finite[j] and beats(values[j], values[i]) for j in range(len(values)))
        for i in range(len(values))
    ]


def brute_volume(values: np.ndarray, reference: np.ndarray) -> float:
    """Counts the unit cells of a grid that some point dominates; values are whole numbers."""
    values = values[np.isfinite(values).all(axis=1)]
    low = int(values.min(initial=0))
    axes = [range(low, int(r)) for r in reference]
    return float(sum(any(all(row <= c) for row in values) for c in itertools.product(*axes)))


@settings(max_examples=150, deadline=None)
@given(tables)
def test_front_is_the_brute_force_front(values: np.ndarray) -> None:
    before = values.copy()
    assert nondominated(values).tolist() == brute_front(values)
    np.testing.assert_array_equal(values, before)


@settings(max_examples=100, deadline=None)
@given(tables)
def test_hypervolume_counts_cells(values: np.ndarray) -> None:
    reference = np.full(values.shape[1], 4.0)
    found = hypervolume(values, reference)
    assert found.value == pytest.approx(brute_volume(values, reference))
    finite = np.isfinite(values).all(axis=1)
    assert found.dropped == int((~finite).sum())
    assert found.clipped == sum(bool((row >= 4).any()) for row in values[finite])


@settings(max_examples=60, deadline=None)
@given(tables)
def test_history_is_the_hypervolume_of_each_prefix(values: np.ndarray) -> None:
    reference = np.full(values.shape[1], 4.5)
    expected = [hypervolume(values[: i + 1], reference).value for i in range(len(values))]
    assert hypervolume_history(values, reference) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(tables, st.randoms(use_true_random=False), st.floats(0.1, 100))
def test_order_and_units_change_no_front(values: np.ndarray, random, scale: float) -> None:
    order = list(range(len(values)))
    random.shuffle(order)
    scaled = values.copy()
    scaled[:, 0] *= scale
    assert nondominated(scaled[order]).tolist() == nondominated(values)[order].tolist()


def test_a_diverged_trial_does_not_erase_the_front() -> None:
    values = np.array([[np.nan, 0.5], [1, 2], [2, 1], [-np.inf, 9]])
    assert nondominated(values).tolist() == [False, True, True, False]


def test_reference_point_needs_a_value_per_objective() -> None:
    with pytest.raises(BadInput, match="2 finite values"):
        hypervolume(np.ones((3, 2)), [1.0])
    with pytest.raises(BadInput, match="rmse_full_cm"):
        signed_reference(PAIR, {"rate_nominal_bps": 1.0})


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "point": list("abcd"),
            "codec": ["kmeans", "kmeans", "rqvae", "rqvae"],
            "config_hash": list("abcd"),
            "depth": 1,
            "seed": 0,
            "rate_nominal_bps": [180.0, 270.0, 180.0, 360.0],
            "val_rate_model_bps": [100.0, 90.0, 170.0, 300.0],
            "val_rate_stream_bps": [190.0, 185.0, 170.0, 400.0],
            "val_rmse_full_cm": [5.0, 4.0, 6.0, np.nan],
            "test_rmse_full_cm": [9.0, 1.0, 0.0, 0.0],
            "val_utilisation_body_pct": [50.0, 60.0, 70.0, 10.0],
        }
    )


def test_front_of_a_frame_names_what_it_dropped() -> None:
    found = front(frame(), PAIR)
    assert found.rows["point"].tolist() == ["a", "b"]
    assert found.dropped == 1
    assert front(frame(), PAIR, split="test").rows["point"].tolist() == ["c"]


def test_directions_come_from_the_metric() -> None:
    names = ("rate_nominal_bps", "utilisation_body_pct")
    assert objective_values(frame(), names)[0].tolist() == [180.0, -50.0]
    assert front(frame(), names).rows["point"].tolist() == ["c"]


def test_a_column_that_is_missing_is_named() -> None:
    with pytest.raises(BadInput, match="val_rmse_body_cm"):
        front(frame(), ("rate_nominal_bps", "rmse_body_cm"))


def test_best_is_the_lowest_distortion_that_fits() -> None:
    assert best_at(frame(), 200, which="nominal")["point"] == "a"
    assert best_at(frame(), 270, which="nominal")["point"] == "b"
    assert best_at(frame(), 95, which="model")["point"] == "b"


def test_best_counts_bytes_unless_told_otherwise() -> None:
    assert best_at(frame(), 187)["point"] == "b"
    assert best_at(frame(), 184)["point"] == "c"


@pytest.mark.parametrize("older", ["without the column", "with holes for it"])
def test_best_of_an_older_sweep_names_the_nominal_rate(older: str) -> None:
    points = frame().drop(columns="val_rate_stream_bps")
    if older == "with holes for it":
        points["val_rate_stream_bps"] = np.nan
    with pytest.raises(BadInput, match=r"stream rate.*--rate nominal") as caught:
        best_at(points, 9999)
    assert "\n" not in str(caught.value)
    assert best_at(points, 9999, which="nominal")["point"] == "b"


def test_best_reads_no_test_column() -> None:
    noisy = frame()
    noisy["test_rmse_full_cm"] = ["no", "number", "at", "all"]
    assert best_at(noisy, 9999).to_dict() == best_at(frame(), 9999).to_dict()
    assert not [c for c in best_at(frame(), 9999).index if c.startswith("test_")]


def test_best_says_what_comes_nearest() -> None:
    with pytest.raises(NoAnswer, match=r"100 bits/s .* nearest is a \(kmeans\) at 180") as caught:
        best_at(frame(), 100, which="nominal")
    assert caught.value.nearest is not None and caught.value.nearest["point"] == "a"
    with pytest.raises(BadInput, match="nominal, entropy, model, stream"):
        best_at(frame(), 100, which="true")
    with pytest.raises(NoAnswer, match="yet"):
        best_at(frame().iloc[:0], 100)


def test_best_judges_seeds_by_their_mean() -> None:
    lucky = frame()
    lucky["config_hash"] = ["x", "x", "y", "z"]
    lucky["rate_nominal_bps"] = 180.0
    lucky["seed"] = [0, 1, 0, 0]
    lucky["val_rmse_full_cm"] = [9.0, 1.0, 4.0, 8.0]
    assert best_at(lucky, 200, which="nominal")["point"] == "c"
