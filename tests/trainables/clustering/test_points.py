"""Both places of points: nearest, second nearest, gains and sums by brute force; bounds."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.clustering import blocked
from trainables.clustering.blocked import BlockedPoints
from trainables.clustering.device import DevicePoints
from trainables.clustering.points import Points

PLACES = pytest.mark.parametrize("place", ["blocked", "threads", "torch"])


def _points(place: str, rows: np.ndarray) -> Points:
    if place == "torch":
        return DevicePoints(rows, "cpu")
    return BlockedPoints(rows, threads=2 if place == "threads" else 1)


def _rows(count: int = 9000, features: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, features)).astype(np.float32)


def _squared(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return ((rows[:, None].astype(np.float64) - centres[None]) ** 2).sum(2)


@PLACES
@pytest.mark.parametrize("k", [2, 3, 64, 65, 200])
def test_nearest_and_second_are_those_of_brute_force(place: str, k: int) -> None:
    rows, centres = _rows(), _rows(k, seed=1)
    points = _points(place, rows)
    points.assign(centres)
    squared = _squared(rows, centres)
    ordered = np.sort(squared, 1)
    assert points.exact
    assert np.allclose(points.first(), ordered[:, 0], atol=1e-4)
    assert np.allclose(points.second(), ordered[:, 1], atol=1e-4)
    assert np.allclose(squared[np.arange(len(rows)), points.labels], ordered[:, 0], atol=1e-4)


@PLACES
def test_one_centre_has_no_second(place: str) -> None:
    points = _points(place, _rows(100))
    points.assign(_rows(1, seed=1))
    assert np.isinf(points.second()).all() and not points.labels.any()


@PLACES
def test_sums_follow_the_labels(place: str) -> None:
    rows = _rows()
    points = _points(place, rows)
    for seed in (1, 2, 3):
        points.assign(_rows(70, seed=seed))
        sums, counts = points.sums(70)
        brute = np.zeros((70, 5))
        np.add.at(brute, points.labels, rows.astype(np.float64))
        assert np.allclose(sums, brute, atol=1e-3)  # float32 within a block
        assert np.array_equal(counts, np.bincount(points.labels, minlength=70))


@PLACES
def test_gains_and_nearer_are_those_of_brute_force(place: str) -> None:
    rows, centres, new = _rows(), _rows(40, seed=1), _rows(13, seed=2)
    points = _points(place, rows)
    points.assign(centres)
    first, squared = points.first(), _squared(rows, new)
    gains = np.maximum(first[:, None] - squared, 0).sum(0)
    assert np.allclose(points.gains(new, first), gains, rtol=1e-3)
    expected = np.minimum(first, squared.min(1))
    assert np.allclose(points.nearer(new, first), expected, atol=1e-4)
    assert np.array_equal(points.rows(np.array([4, 2])), rows[[4, 2]])


@pytest.mark.parametrize("size", [0.01, 0.2, 2.0])
def test_bounds_without_relaxation_miss_nothing(
    size: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocked, "GROUP", 8)
    rng = np.random.default_rng(3)
    rows, centres = _rows(), _rows(150, seed=1)
    points = BlockedPoints(rows)
    points.assign(centres)
    for _ in range(8):
        moved = (centres + rng.normal(size=centres.shape) * size / 3).astype(np.float32)
        points.follow(moved, np.linalg.norm(moved - centres, axis=1), True)
        centres = moved
        squared = _squared(rows, centres)
        taken = squared[np.arange(len(rows)), points.labels]
        assert points.exact
        assert np.allclose(taken, squared.min(1), atol=1e-4)


def test_relaxed_bounds_miss_little_and_say_so() -> None:
    rng = np.random.default_rng(3)
    rows, centres = _rows(3000, 30), _rows(100, 30, seed=1)
    points = BlockedPoints(rows)
    points.assign(centres)
    before = points.labels.copy()
    moved = (centres + rng.normal(size=centres.shape) * 0.05).astype(np.float32)
    points.follow(moved, np.linalg.norm(moved - centres, axis=1), False)
    assert not points.exact
    squared = _squared(rows, moved)
    nearest = squared.argmin(1)
    assert (before != nearest).mean() > 0.02, "the case asks for nothing"
    assert (points.labels != nearest).mean() < 0.1 * (before != nearest).mean()


def test_bounds_stay_within_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocked, "BOUND_BYTES", 9000 * 4 * 2)
    points = BlockedPoints(_rows())
    centres = _rows(500, seed=1)
    points.assign(centres)
    assert points._lower.nbytes <= blocked.BOUND_BYTES
    squared = _squared(_rows(), centres)
    assert np.allclose(points.first(), squared.min(1), atol=1e-4)
