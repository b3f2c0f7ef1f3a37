"""Starts of k-means: drawn centres are points, swaps pay, empty centres are put to use."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from trainables.clustering.blocked import BlockedPoints
from trainables.clustering.seeding import draw, swap


def _clumps(rng: np.random.Generator) -> np.ndarray:
    """Twenty clumps of fifty, far from each other."""
    centres = rng.normal(size=(20, 4)) * 50
    return (np.repeat(centres, 50, 0) + rng.normal(size=(1000, 4))).astype(np.float32)


def test_drawn_centres_are_different_points() -> None:
    rng = np.random.default_rng(0)
    rows = _clumps(rng)
    centres = draw(BlockedPoints(rows), 137, rng)
    assert centres.shape == (137, 4)
    assert {c.tobytes() for c in centres} <= {r.tobytes() for r in rows}
    assert len({c.tobytes() for c in centres}) == 137


def test_draws_go_where_the_points_are_far() -> None:
    rng = np.random.default_rng(0)
    points = BlockedPoints(_clumps(rng))
    points.assign(draw(points, 30, rng))
    assert len(np.unique(np.repeat(np.arange(20), 50)[points.first() > 100])) <= 1


def test_fewer_distinct_points_than_centres_repeat() -> None:
    rng = np.random.default_rng(0)
    rows = np.repeat(_clumps(rng)[:3], 10, 0)
    centres = draw(BlockedPoints(rows), 5, rng)
    assert centres.shape == (5, 4) and len(np.unique(centres, axis=0)) == 3


def test_swaps_lower_the_inertia() -> None:
    rng = np.random.default_rng(1)
    rows = _clumps(rng)
    points = BlockedPoints(rows)
    centres = rows[:20]  # all in one clump
    total = []
    for _ in range(30):
        points.assign(centres)
        total.append(float(points.first().sum()))
        centres, moved = swap(points, centres, 0.2, rng)
        assert 0 <= moved <= 4
    assert all(b <= a * 1.0001 for a, b in pairwise(total))
    assert total[-1] < 0.01 * total[0]


def test_a_centre_without_points_is_the_first_to_go() -> None:
    rng = np.random.default_rng(2)
    rows = _clumps(rng)
    points = BlockedPoints(rows)
    centres = rows[::100].copy()  # half of the clumps have one
    centres[3] = 1e4
    points.assign(centres)
    moved, swaps = swap(points, centres, 0.05, rng)
    assert swaps == 1
    assert not np.array_equal(moved[3], centres[3])
    assert (np.delete(moved, 3, 0) == np.delete(centres, 3, 0)).all()
