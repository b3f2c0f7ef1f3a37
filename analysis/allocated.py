"""What sharing a rate between parts gained: `allocation.csv` beside the sweep's own points.

A trial codes every part with one configuration. A composed point takes each part from whichever
trial serves it best; it was chosen on validation, and decoded on validation and test. Gains are
read at the rates of the sweep's own front (same seed), once as error saved at the same bits and
once as bits saved at the same error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.labels import unit_label
from search_spaces.errors import BadInput
from search_spaces.record import ALLOCATION_FILE

RATES = {"nominal": "rate_nominal_bps", "model": "val_rate_model_bps"}
"""Rates that add over parts -> column of their total."""


@dataclass(frozen=True)
class Gain:
    """One of the sweep's own front points, and what sharing makes of its rate and of its error.

    Attributes:
        point: of the sweep.
        rate: bits per second.
        val, test: full-pose RMSE of the sweep's own point.
        shares: part -> bits per second of the composed point of at most that rate.
        composed_rate: their sum.
        composed_val, composed_test: its RMSE; `val` and `test` where nothing composed is better.
        cheaper: least rate of a composed point whose validation error is no larger.
        hands, composed_hands: RMSE of the hands on test, what the split costs them; NaN without.
        kept_shares, kept_val, kept_test: of the best composed point of at most that rate whose
            hands are no worse on validation; those of the sweep's own point where there is none.
    """

    point: str
    rate: float
    val: float
    test: float
    shares: dict[str, float]
    composed_rate: float
    composed_val: float
    composed_test: float
    cheaper: float
    hands: float = math.nan
    composed_hands: float = math.nan
    kept_shares: dict[str, float] = field(default_factory=dict)
    kept_val: float = math.nan
    kept_test: float = math.nan

    @property
    def less_val(self) -> float:
        """Share of the validation error that is saved."""
        return 1 - self.composed_val / self.val

    @property
    def less_test(self) -> float:
        """Share of the test error that is saved; it may be negative, since test chose nothing."""
        return 1 - self.composed_test / self.test

    @property
    def less_kept(self) -> float:
        """Share of the test error that is saved with hands that are no worse on validation."""
        return 1 - self.kept_test / self.test

    @property
    def saved(self) -> float:
        """Share of the bits that is saved at the same validation error."""
        return 1 - self.cheaper / self.rate


@dataclass(frozen=True)
class Allocation:
    """What `ratefront allocate` left in a sweep directory.

    Attributes:
        which: the rate that was shared.
        parts: in order.
        table: rows of `allocation.csv`.
        own: the sweep's points of the same seed, all of them.
        gains: along the sweep's own front, by rising rate.
        unit: of errors.
        stale: points that it names and the sweep no longer has, or the sweep has grown since.
    """

    which: str
    parts: tuple[str, ...]
    table: pd.DataFrame
    own: pd.DataFrame
    gains: tuple[Gain, ...]
    unit: str
    stale: bool

    @property
    def rate_column(self) -> str:
        """Column of the total rate."""
        return RATES[self.which]

    @property
    def mean_less_val(self) -> float:
        """Share of the validation error saved at the same bits, mean over the own front."""
        return _mean([g.less_val for g in self.gains])

    @property
    def mean_less_test(self) -> float:
        """The same of the test error."""
        return _mean([g.less_test for g in self.gains])

    @property
    def mean_less_kept(self) -> float:
        """Share of the test error saved at the same bits with hands no worse; NaN without hands."""
        return _mean([g.less_kept for g in self.gains])

    @property
    def mean_hands(self) -> float:
        """What the hands' RMSE on test changes by at the same bits, as a share; NaN without."""
        return _mean([g.composed_hands / g.hands - 1 for g in self.gains if g.hands])

    @property
    def mean_saved(self) -> float:
        """Share of the bits saved at the same validation error, mean over the own front."""
        return _mean([g.saved for g in self.gains])


def error_column(frame: pd.DataFrame, split: str) -> str:
    """Column of the full-pose RMSE of a split, whatever its unit.

    Raises:
        BadInput: there is none.
    """
    start = f"{split}_rmse_full_"
    found = [c for c in frame.columns if c.startswith(start) and not c.endswith("_se")]
    if not found:
        raise BadInput(f"no column {start}*: sharing a rate needs the RMSE of the full pose")
    return str(found[0])


def read_allocation(folder: Path, points: pd.DataFrame) -> Allocation | None:
    """The allocation of a sweep directory; None where there is none.

    Args:
        folder: the sweep directory.
        points: its rows as in `points.csv`.

    Raises:
        BadInput: the file is no table of `ratefront allocate`.
    """
    place = folder / ALLOCATION_FILE
    if not place.is_file() or points.empty:
        return None
    try:
        table = pd.read_csv(place)
    except (OSError, ValueError) as error:
        raise BadInput(f"{place} cannot be read ({error}); run ratefront allocate again") from None
    which = next((w for w, column in RATES.items() if column in table.columns), None)
    names = [str(c).removesuffix("_point") for c in table.columns if str(c).endswith("_point")]
    parts = tuple(p for p in names if f"{p}_bps" in table.columns)
    if which is None or not parts or "on_front" not in table.columns:
        raise BadInput(f"{place} is no table of this ratefront allocate; run it again")
    own = points[points["seed"] == points["seed"].min()]
    named = {str(p) for part in parts for p in table[f"{part}_point"]}
    counted = set(table["points_counted"]) if "points_counted" in table else {len(own)}
    stale = not named <= set(own["point"]) or counted != {len(own)}
    val = error_column(points, "val")
    gains = gains_over(own, table, parts, which)
    return Allocation(which, parts, table, own, tuple(gains), unit_label(val), stale)


def gains_over(
    own: pd.DataFrame, table: pd.DataFrame, parts: Sequence[str], which: str
) -> list[Gain]:
    """Gains at each point of the sweep's own front (rate and full-pose RMSE on validation)."""
    rate, val, test = RATES[which], error_column(own, "val"), error_column(own, "test")
    hands = test.replace("_full_", "_hands_")
    known = hands in own.columns
    lowest, gains = math.inf, []
    for row in own.sort_values([rate, val]).to_dict("records"):
        if not row[val] < lowest:
            continue
        lowest = float(row[val])
        affordable = table[table[rate] <= row[rate] * (1 + 1e-9)]
        enough = table[table[val] <= row[val] * (1 + 1e-9)]
        best = affordable.loc[affordable[val].idxmin()] if len(affordable) else None
        if best is None or not best[val] < row[val]:
            best = None
        kept = _hands_kept(affordable, row, val)
        gains.append(
            Gain(
                point=str(row["point"]),
                rate=float(row[rate]),
                val=lowest,
                test=float(row[test]),
                shares={p: float(best[f"{p}_bps"]) for p in parts} if best is not None else {},
                composed_rate=float(best[rate]) if best is not None else float(row[rate]),
                composed_val=float(best[val]) if best is not None else lowest,
                composed_test=float(best[test]) if best is not None else float(row[test]),
                cheaper=min([float(row[rate]), *(float(r) for r in enough[rate])]),
                hands=float(row.get(hands, math.nan)),
                composed_hands=float((row if best is None else best).get(hands, math.nan)),
                kept_shares={p: float(kept[f"{p}_bps"]) for p in parts} if kept is not None else {},
                kept_val=float((row if kept is None else kept)[val]) if known else math.nan,
                kept_test=float((row if kept is None else kept)[test]) if known else math.nan,
            )
        )
    return gains


def _hands_kept(affordable: pd.DataFrame, row: Mapping[Any, Any], val: str) -> pd.Series | None:
    """The best of the rows that beat a point without worse hands, on validation."""
    hands = val.replace("_full_", "_hands_")
    if hands not in affordable or hands not in row:
        return None
    better = affordable[
        (affordable[hands] <= row[hands] * (1 + 1e-6)) & (affordable[val] < row[val])
    ]
    return better.loc[better[val].idxmin()] if len(better) else None


def _mean(values: Sequence[float]) -> float:
    known = [v for v in values if math.isfinite(v)]
    return sum(known) / len(known) if known else math.nan
