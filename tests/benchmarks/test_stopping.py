"""Evidence of stopping: the same orders under both rules, and what each costs."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.search.recorded import Row
from benchmarks.search.stopping import RUNGS, Recorded, middle, run


def rows(count: int) -> list[Row]:
    """Curves that keep their order: of equal rate and length, the lower the number the better."""
    shares = np.array([*RUNGS, 1.0])
    return [
        Row({"number": i}, np.array([100.0]), shares, 10 * shares, np.array([[9.0 + i]] * 4))
        for i in range(count)
    ]


def test_without_stopping_everything_is_run_to_its_end() -> None:
    table = Recorded([*rows(9), Row({}, np.ones(1), np.ones(1), np.ones(1), np.ones((1, 1)))])
    assert len(table.reports) == 9, "what has no curve cannot be stopped"
    made = run(table, "none", 3)
    assert made.spent == pytest.approx(1) and made.stopped == 0
    assert made.volumes[-1] == pytest.approx(1) and made.by(0.0) == 0
    assert made.until(2.0) == np.inf and made.until(1.0) <= 1
    order = np.random.default_rng(3).permutation(9)
    assert made.until(1.0) == pytest.approx((1 + list(order).index(0)) / 9), "trial 0 is the best"


def test_halving_spends_less_and_loses_nothing_where_curves_keep_their_order() -> None:
    table = Recorded(rows(27))
    for seed in range(3):
        made = run(table, "halving", seed)
        assert made.stopped > 9 and made.spent < 0.8
        assert made.volumes[-1] == pytest.approx(1)
        assert made.until(1.0) <= run(table, "none", seed).until(1.0) + 1e-9


def test_the_middle_of_infinities_has_no_mean() -> None:
    assert middle([1.0, np.inf]) == (1.0, 1.0, np.inf)
