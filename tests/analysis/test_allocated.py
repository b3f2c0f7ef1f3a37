"""What sharing gained, against numbers worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from analysis.allocated import gains_over, read_allocation
from search_spaces.errors import BadInput
from search_spaces.record import ALLOCATION_FILE

PARTS = ("body", "hand")


def _own() -> pd.DataFrame:
    rows = [("a", 100, 10.0, 11.0, 2.0), ("b", 200, 8.0, 9.0, 1.0), ("c", 250, 8.5, 9.5, 1.0),
            ("d", 400, 6.0, 6.5, 0.5)]  # fmt: skip
    columns = ["point", "rate_nominal_bps", "val_rmse_full_cm", "test_rmse_full_cm",
               "test_rmse_hands_cm"]  # fmt: skip
    own = pd.DataFrame(rows, columns=columns).assign(seed=0)
    return own.assign(val_rmse_hands_cm=own["test_rmse_hands_cm"])


def _table() -> pd.DataFrame:
    rows = [
        ("a", 50, "a", 50, 10.0, 11.0, 2.0, False, True),
        ("b", 100, "a", 50, 7.6, 8.4, 2.0, True, True),
        ("d", 200, "a", 50, 5.9, 6.6, 2.0, True, True),
        ("d", 300, "d", 90, 5.95, 6.2, 0.5, True, False),
    ]
    columns = ["body_point", "body_bps", "hand_point", "hand_bps", "val_rmse_full_cm",
               "test_rmse_full_cm", "test_rmse_hands_cm", "composed", "on_front"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    table = table.assign(val_rmse_hands_cm=table["test_rmse_hands_cm"], points_counted=4)
    return table.assign(rate_nominal_bps=table["body_bps"] + table["hand_bps"])


def test_gains_by_hand() -> None:
    first, second, third = gains_over(_own(), _table(), PARTS, "nominal")
    assert (first.point, first.shares, first.less_val, first.saved) == ("a", {}, 0.0, 0.0)
    assert second.shares == {"body": 100.0, "hand": 50.0} and second.composed_rate == 150
    assert second.kept_shares == {} and math.isclose(second.kept_test, 9.0), "all have worse hands"
    assert third.kept_shares == {"body": 300.0, "hand": 90.0} and third.kept_test == 6.2
    assert third.less_kept == pytest.approx(1 - 6.2 / 6.5)
    assert second.less_val == pytest.approx(1 - 7.6 / 8) and second.saved == pytest.approx(0.25)
    assert (second.hands, second.composed_hands) == (1.0, 2.0), "what it costs the hands"
    assert third.point == "d", "c is dominated, so no front point"
    assert third.less_val == pytest.approx(1 - 5.9 / 6) and third.saved == pytest.approx(0.375)
    assert third.less_test == pytest.approx(1 - 6.6 / 6.5), "negative, since test chose nothing"


def test_means_and_staleness(tmp_path: Path) -> None:
    assert read_allocation(tmp_path, _own()) is None
    _table().to_csv(tmp_path / ALLOCATION_FILE, index=False)
    found = read_allocation(tmp_path, _own())
    assert found is not None and found.parts == PARTS and found.which == "nominal"
    assert found.mean_saved == pytest.approx((0 + 0.25 + 0.375) / 3)
    assert found.mean_less_val == pytest.approx((0 + 0.05 + (1 - 5.9 / 6)) / 3)
    assert found.mean_less_kept == pytest.approx((0 + 0 + (1 - 6.2 / 6.5)) / 3)
    assert found.mean_hands == pytest.approx((0 + 1 + 3) / 3)
    assert not found.stale and found.unit == "cm"
    more = pd.concat([_own(), _own().iloc[:1].assign(point="e")])
    grown = read_allocation(tmp_path, more)
    assert grown is not None and grown.stale
    fewer = read_allocation(tmp_path, _own().assign(point=["x", "b", "c", "d"]))
    assert fewer is not None and fewer.stale


def test_another_table_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ALLOCATION_FILE).write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="run it again"):
        read_allocation(tmp_path, _own())
