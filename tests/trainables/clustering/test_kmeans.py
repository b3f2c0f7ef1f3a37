"""Our k-means: against scikit-learn, against every partition, and what it owes its caller."""

from __future__ import annotations

from importlib import import_module
from itertools import product
from types import ModuleType

import numpy as np
import pytest
from sklearn.cluster import KMeans

from search_spaces.errors import BadInput
from trainables.clustering import Clustering, kmeans
from trainables.clustering.device import DevicePoints


def _blobs(count: int, features: int, seed: int = 0) -> np.ndarray:
    """Points about a hundred centres of unlike size and spread."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(100, features)) * 2
    chosen = rng.choice(100, count, p=rng.dirichlet(np.ones(100)))
    spread = rng.uniform(0.1, 1.0, 100)[chosen, None]
    return (centres[chosen] + rng.normal(size=(count, features)) * spread).astype(np.float32)


def _noise(count: int, features: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, features)).astype(np.float32)


def _module() -> ModuleType:
    return import_module("trainables.clustering.kmeans")  # the package's name is the function


def _ours(points: np.ndarray, k: int, seed: int = 0, **options: object) -> Clustering:
    return kmeans(points, k, np.random.default_rng(seed), **options)  # type: ignore[arg-type]


def _inertia(points: np.ndarray, centres: np.ndarray) -> float:
    gaps = points[:, None].astype(np.float64) - centres[None]
    return float((gaps**2).sum(2).min(1).sum())


@pytest.mark.parametrize("points", [_blobs(6000, 12), _noise(6000, 12)], ids=["blobs", "noise"])
@pytest.mark.parametrize("k", [5, 90, 200])
def test_as_good_as_scikit_learn(points: np.ndarray, k: int) -> None:
    seeds = range(3)
    theirs = [KMeans(k, n_init=1, random_state=s).fit(points).inertia_ for s in seeds]
    ours = [_ours(points, k, s).inertia for s in seeds]
    assert np.mean(ours) < 1.005 * np.mean(theirs)


def test_a_start_from_a_sample_is_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    points = _blobs(6000, 12)
    theirs = [KMeans(60, n_init=1, random_state=s).fit(points).inertia_ for s in range(3)]
    monkeypatch.setattr(_module(), "SAMPLE", 1000)
    ours = [_ours(points, 60, s).inertia for s in range(3)]
    assert np.mean(ours) < 1.005 * np.mean(theirs)


def test_never_below_the_best_of_all_partitions() -> None:
    points = _noise(8, 2)
    best = np.inf
    for labels in product(range(3), repeat=8):
        groups = [points[np.array(labels) == g] for g in range(3)]
        best = min(best, sum(float(((g - g.mean(0)) ** 2).sum()) for g in groups if len(g)))
    found = [_ours(points, 3, seed).inertia for seed in range(10)]
    assert min(found) == pytest.approx(best, rel=1e-5)
    assert all(f > best * (1 - 1e-5) for f in found)


@pytest.mark.parametrize("device", ["cpu", "torch"])
def test_centres_are_means_and_facts_are_true(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if device == "torch":
        monkeypatch.setattr(_module(), "BlockedPoints", lambda p, t: DevicePoints(p, "cpu"))
    points = _blobs(3000, 6)
    found = _ours(points, 40)
    assert found.converged and found.empty == 0 and 2 < found.iterations < 300
    assert found.centres.dtype == np.float32
    assert found.inertia == pytest.approx(_inertia(points, found.centres), rel=1e-4)
    gaps = ((points[:, None] - found.centres[None]) ** 2).sum(2)
    labels = gaps.argmin(1)
    means = np.array([points[labels == j].mean(0) for j in range(40)])
    assert np.abs(means - found.centres).max() < 0.05


def test_torch_and_numpy_go_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    points = _blobs(3000, 6)
    here = _ours(points, 40)
    monkeypatch.setattr(_module(), "BlockedPoints", lambda p, t: DevicePoints(p, "cpu"))
    there = _ours(points, 40)
    assert there.inertia == pytest.approx(here.inertia, rel=0.02)
    assert there.converged


def test_one_centre_is_the_mean() -> None:
    points = _noise(500, 4) + 1000  # far from the origin, where float32 products would cancel
    found = _ours(points, 1)
    assert np.allclose(found.centres, points.mean(0, dtype=np.float64), rtol=1e-6)
    variance = points.astype(np.float64).var(0).sum()
    assert found.inertia == pytest.approx(500 * variance, rel=1e-3)


def test_as_many_centres_as_points_lose_nothing() -> None:
    points = _noise(50, 3)
    found = _ours(points, 50)
    assert found.inertia < 1e-5 and found.empty == 0
    assert np.allclose(np.sort(found.centres[:, 0]), np.sort(points[:, 0]), atol=1e-6)


def test_duplicates_leave_centres_empty_and_say_so() -> None:
    points = np.repeat(_noise(7, 3), 20, axis=0)
    found = _ours(points, 12)
    assert found.inertia < 1e-4
    assert found.empty == 5
    assert np.isfinite(found.centres).all()
    assert _ours(points, 7).empty == 0 and _ours(points, 7).inertia < 1e-4


def test_a_crowd_of_duplicates_does_not_hide_the_rest() -> None:
    rare = _noise(30, 3)
    points = np.concatenate([np.zeros((5000, 3), np.float32), rare])
    assert _ours(points, 31).inertia < 1e-2 * (rare**2).sum()


def test_same_seed_same_bits_with_any_number_of_threads() -> None:
    points = _blobs(20_000, 8)
    one, two, again = _ours(points, 70), _ours(points, 70, threads=2), _ours(points, 70)
    assert np.array_equal(one.centres, again.centres)
    assert np.array_equal(one.centres, two.centres)
    assert (one.inertia, one.iterations) == (two.inertia, two.iterations)
    assert not np.array_equal(one.centres, _ours(points, 70, seed=1).centres)


def test_limit_of_iterations_holds() -> None:
    points = _noise(3000, 8)
    for limit in (1, 2, 5, 20):
        found = _ours(points, 50, max_iter=limit, tol=0.0)
        assert found.iterations <= limit and not found.converged
    assert _ours(points, 50, max_iter=1).inertia < 1.5 * _ours(points, 50).inertia


def test_data_are_left_as_they_were() -> None:
    points = _blobs(500, 4)
    before = points.copy()
    _ours(points, 9)
    assert np.array_equal(points, before)


@pytest.mark.parametrize("k", [0, 6])
def test_more_centres_than_points_are_refused(k: int) -> None:
    with pytest.raises(BadInput, match="as many points"):
        _ours(_noise(5, 2), k)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_points_that_are_not_finite_are_refused(odd: float) -> None:
    points = _noise(50, 2)
    points[3, 1] = odd
    with pytest.raises(BadInput, match="finite"):
        _ours(points, 4)
