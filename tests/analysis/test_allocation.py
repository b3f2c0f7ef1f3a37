"""Sharing a rate between parts: against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from analysis.allocation import Composition, PartPoint, best_compositions


def _points(rng: np.random.Generator, part: str, number: int, recordings: int) -> list[PartPoint]:
    return [
        PartPoint(f"{part}{i}", float(rng.integers(1, 60)), rng.uniform(0.1, 2, recordings))
        for i in range(number)
    ]


@pytest.mark.parametrize("seed", range(8))
def test_the_front_is_that_of_every_combination(seed: int) -> None:
    """With one recording error and squares rise together, and nothing is lost on the way."""
    rng = np.random.default_rng(seed)
    base = np.array([0.05])
    parts = {p: _points(rng, p, 7, 1) for p in ("body", "right_hand", "left_hand")}
    found = best_compositions(parts, base)
    every = [
        (sum(c.rate for c in chosen), float(np.sqrt(sum(c.squared[0] for c in chosen) - 0.1)))
        for chosen in itertools.product(*parts.values())
    ]
    free = {
        (r, e)
        for r, e in every
        if not any(r2 <= r and e2 <= e and (r2, e2) != (r, e) for r2, e2 in every)
    }
    assert [(c.rate, pytest.approx(c.rmse)) for c in found] == sorted(free)
    for composition in found:
        assert composition.rate == sum(composition.rates.values())
        assert set(composition.points) == set(parts)


def test_rate_rises_and_error_falls_along_the_front() -> None:
    rng = np.random.default_rng(1)
    parts = {
        part: [PartPoint(f"{n}", float(n), rng.uniform(1, 1.5, 5) / n) for n in range(1, 30)]
        for part in ("body", "hands")
    }
    found = best_compositions(parts, np.full(5, 0.02))
    assert len(found) > 20
    assert all(a.rate < b.rate and a.rmse > b.rmse for a, b in itertools.pairwise(found))


def test_without_parts_there_is_what_cannot_be_avoided() -> None:
    (nothing,) = best_compositions({}, np.array([4.0, 16.0]))
    assert nothing.rate == 0 and nothing.rmse == 3.0
    assert Composition({}, {}, np.array([-1e-12])).rmse == 0.0
