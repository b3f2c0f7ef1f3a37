"""Attainment surfaces over seeds, and what is said where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.attainment import attainment

THREE = np.array([[1, 3], [2, 2], [3, 1], [1.5, 3.5], [2.5, 1.5], [1, 4], [4, 1.0]])
RUNS = [1, 1, 1, 2, 2, 3, 3]


def test_three_seeds_by_hand() -> None:
    found = attainment(THREE, RUNS, np.array([5.0, 5.0]))
    assert found.needed == {25.0: 1, 50.0: 2, 75.0: 3}
    assert found.surfaces[25.0].tolist() == [[1, 3], [2, 2], [2.5, 1.5], [3, 1]]
    assert found.surfaces[50.0].tolist() == [[1, 4], [1.5, 3.5], [2.5, 2], [3, 1.5], [4, 1]]
    assert found.surfaces[75.0].tolist() == [[1.5, 4], [4, 1.5]]
    assert found.runs == 3 and found.deviation > 0 and not found.reason


def test_order_and_names_of_seeds_change_nothing() -> None:
    order = np.random.default_rng(0).permutation(len(THREE))
    names = np.array(["c", "c", "c", "a", "a", "b", "b"])[order]
    again = attainment(THREE[order], names)
    for level, surface in attainment(THREE, RUNS).surfaces.items():
        assert again.surfaces[level].tolist() == surface.tolist()


def test_a_seed_without_a_finite_point_attains_nothing_and_is_counted() -> None:
    values = np.vstack([THREE, [[np.nan, 0.1]]])
    found = attainment(values, [*RUNS, 4])
    assert found.dropped == 1 and found.runs == 3
    assert found.surfaces[50.0].tolist() == attainment(THREE, RUNS).surfaces[50.0].tolist()


def test_one_seed_is_its_own_front_and_says_so() -> None:
    found = attainment(THREE[:3], [0, 0, 0], np.array([5.0, 5.0]))
    assert found.surfaces[75.0].tolist() == THREE[:3].tolist()
    assert "one seed" in found.reason and math.isnan(found.deviation)


@pytest.mark.parametrize(("values", "words"), [
    (np.empty((0, 2)), "no finite point"), (np.ones((2, 4)), "two or three"),
])  # fmt: skip
def test_where_there_is_no_surface_the_reason_is_given(values: np.ndarray, words: str) -> None:
    found = attainment(values, list(range(len(values))))
    assert words in found.reason and all(not len(s) for s in found.surfaces.values())
