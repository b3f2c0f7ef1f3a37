"""`ratefront allocate`: how a total rate is best shared between body and hands.

Every part of every finished trial is decoded alone (validation), compositions that are predicted to
be on the front are decoded together (validation and test), and set beside the sweep's own points,
which code all parts alike.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from analysis.allocated import RATES, gains_over
from analysis.allocation import Composition, PartPoint, best_compositions
from analysis.labels import number
from analysis.media import of_heatmaps
from cluster.composed import motion_of
from search_spaces.errors import BadInput
from search_spaces.record import (
    ALLOCATION_FILE,
    CODEC_FOLDER,
    REPORT_FILE,
    TOKENS_FILE,
    TRIALS_FOLDER,
)
from search_spaces.units import Yardstick

if TYPE_CHECKING:
    import pandas as pd

    from analysis.log import Log
    from trainables.codecs.codec import Codec
    from trainables.composition import PartDecoded
    from trainables.motion.dataset import MotionData

MOST_VERIFIED = 48
"""Compositions that are decoded; thinned evenly in rate where the predicted front has more."""

_WORTH_A_LINE = 0.005


@dataclass(frozen=True)
class _Columns:
    """Names of columns: of the rate that is shared, and of errors in the unit of the data."""

    which: str
    yardstick: Yardstick

    @property
    def unit(self) -> str:
        return self.yardstick.column_unit

    @property
    def total(self) -> str:
        return RATES[self.which]

    def rate_of(self, part: str) -> str:
        nominal = self.which == "nominal"
        return f"rate_nominal_{part}_bps" if nominal else f"val_rate_model_{part}_bps"

    @property
    def val(self) -> str:
        return f"val_rmse_full_{self.unit}"

    @property
    def test(self) -> str:
        return f"test_rmse_full_{self.unit}"

    @property
    def hands(self) -> str:
        return f"val_rmse_hands_{self.unit}"

    @property
    def predicted(self) -> str:
        return f"predicted_rmse_full_{self.unit}"

    @property
    def alike(self) -> tuple[str, str, str]:
        """Point of parts coded alike, and its errors on validation and test."""
        return "alike_point", f"alike_{self.val}", f"alike_{self.test}"

    def in_columns(self, error: float) -> float:
        """An error in the unit of coordinates -> in that of columns."""
        return 100 * self.yardstick.factor("cm") * error


def allocate(folder: Path, which: str, console: Console) -> Path:
    """Finds and verifies compositions; writes `allocation.csv` into the sweep and prints gains.

    A report that is there (and the study, where the sweep is one) is made anew, with what was
    gained.

    Args:
        folder: a sweep directory whose motion is still where it was.
        which: rate that is shared, `nominal` or `model`; both add over parts.
        console: where to print.

    Raises:
        BadInput: no sweep, motion that changed, fewer than two parts, or no such rate.
    """
    if which not in RATES:
        raise BadInput(f"--rate {which}: must be nominal or model, which add over parts")
    from analysis.log import read_log
    from analysis.points import points_frame
    from trainables.composition import unavoidable
    from trainables.plugins import load_plugins

    log = read_log(folder)
    load_plugins(log.sweep["spec"].get("plugins", ()))
    frame = points_frame(log)
    if log.facts is None or frame.empty:
        raise BadInput(f"{folder}: has no finished operating point; let a trial end first")
    columns = _Columns(which, log.facts.yardstick)
    if of_heatmaps(log):
        raise BadInput(
            f"{folder}: heatmaps are one part, so there are no bits to share among parts"
        )
    if columns.val not in frame:
        raise BadInput(
            f"{folder}: none of its points has {columns.val}, which is what parts are shared by; "
            "name a sweep of codecs"
        )
    if len(log.facts.parts) < 2:
        raise BadInput(f"{folder}: codes one part, so there is nothing to share")
    data = motion_of(log, folder)
    frame = frame[frame["seed"] == frame["seed"].min()]
    decoded = _Decoded(log, data, frame)
    parts: dict[str, list[PartPoint]] = {p: [] for p in log.facts.part_names}
    for row in decoded.kept.to_dict("records"):
        for part in parts:
            alone = decoded.of("val", part, str(row["point"]))
            rate = float(row[columns.rate_of(part)])
            parts[part].append(PartPoint(str(row["point"]), rate, alone.squared))
    base = unavoidable(data, "val")
    found = _thinned(best_compositions(parts, base))
    found += _hands_kept(parts, base, decoded.kept, columns)
    # A composition that both ways lead to is decoded once.
    found = list({tuple(c.points.values()): c for c in found}.values())
    rows = [_verified(data, decoded, composition, columns) for composition in found]
    table = _with_equal_bits(rows, frame, columns).assign(points_counted=len(frame))
    place = log.folder / ALLOCATION_FILE
    table.to_csv(place, index=False)
    _print(table, frame, log.facts.part_names, columns, console)
    console.print(f"allocation: {place}", highlight=False, soft_wrap=True)
    taken = shlex.join(["ratefront", "export", str(folder), "--composed", "--row", "NUMBER"])
    console.print(f"a row as a codec: {taken} -o codec/", highlight=False, soft_wrap=True)
    if (log.folder / REPORT_FILE).is_file():
        _show(folder, log, console)
    return place


def _show(folder: Path, log: Log, console: Console) -> None:
    from analysis.report import build_report
    from analysis.study.page import build_study, is_study

    console.print(f"report: {build_report(folder)}", highlight=False, soft_wrap=True)
    if is_study(log) and (study := build_study(folder)) is not None:
        console.print(f"study: {study}", highlight=False, soft_wrap=True)


def _hands_kept(
    parts: dict[str, list[PartPoint]], base: np.ndarray, frame: pd.DataFrame, columns: _Columns
) -> list[Composition]:
    """For each point of the own front, what at most its bits give with hands that err no more.

    The full pose hardly sees the fingers, so a split that is best for it starves the hands.
    """
    hands = [p for p in parts if p.endswith("hand")]
    if not hands or len(hands) == len(parts):
        return []
    total, found, lowest = columns.total, [], np.inf
    for row in frame.sort_values([total, columns.val]).to_dict("records"):
        if not row[columns.val] < lowest:
            continue
        lowest = row[columns.val]
        allowed = dict(parts)
        for hand in hands:
            own = next(p for p in parts[hand] if p.point == row["point"])
            most = own.squared.mean() * (1 + 1e-9)
            allowed[hand] = [p for p in parts[hand] if p.squared.mean() <= most]
        best = [c for c in best_compositions(allowed, base) if c.rate <= row[total] * (1 + 1e-9)]
        found += best[-1:]
    return found


class _Decoded:
    """Parts of operating points, decoded alone; each once.

    Attributes:
        kept: rows of the points whose tokens and codecs were kept.
    """

    def __init__(self, log: Log, data: MotionData, frame: pd.DataFrame) -> None:
        self._trials, self._data = log.folder / TRIALS_FOLDER, data
        # Retention keeps what stands on a front of a part: nothing else can be composed of.
        there = [
            (self._trials / str(t) / TOKENS_FILE).is_file()
            and (self._trials / str(t) / CODEC_FOLDER).is_dir()
            for t in frame["trial"]
        ]
        self.kept = frame[there]
        if self.kept.empty:
            raise BadInput(f"{log.folder}: no trial kept its tokens and codecs; run it again")
        self._rows = {str(r["point"]): r for r in self.kept.to_dict("records")}
        self._codecs: dict[tuple[str, str], Codec] = {}
        self._parts: dict[tuple[str, str, str], PartDecoded] = {}

    def of(self, split: str, part: str, point: str) -> PartDecoded:
        """One part of a point on a split."""
        key = (split, part, point)
        if key not in self._parts:
            from trainables.composition import part_alone

            row = self._rows[point]
            place = self._trials / str(row["trial"])
            with np.load(place / TOKENS_FILE) as tokens:
                names = [clip.recording for clip in self._data.splits[split]]
                given = [tokens[f"{split}/{part}/{name}"] for name in names]
            codec = self._codec(str(row["trial"]), part)
            self._parts[key] = part_alone(self._data, split, part, codec, given, int(row["depth"]))
        return self._parts[key]

    def _codec(self, trial: str, part: str) -> Codec:
        from trainables.codecs.codec import load_codec

        if (trial, part) not in self._codecs:
            folder = self._trials / trial / CODEC_FOLDER / part
            self._codecs[trial, part] = load_codec(folder)
        return self._codecs[trial, part]


def _thinned(front: list[Composition]) -> list[Composition]:
    if len(front) <= MOST_VERIFIED:
        return front
    chosen = np.unique(np.linspace(0, len(front) - 1, MOST_VERIFIED).round().astype(int))
    return [front[i] for i in chosen]


def _verified(
    data: MotionData, decoded: _Decoded, composition: Composition, columns: _Columns
) -> dict[str, Any]:
    """A composition decoded together: what it is, what was predicted, what came out."""
    from trainables.composition import composed_scores

    # Parts that all come from one point are that point, and nothing was composed.
    composed = len(set(composition.points.values())) > 1
    row: dict[str, Any] = {
        "composed": composed,
        columns.predicted: columns.in_columns(composition.rmse),
    }
    for part, point in composition.points.items():
        row[f"{part}_point"] = point
        row[f"{part}_bps"] = composition.rates[part]
    row[columns.total] = composition.rate
    for split in ("val", "test"):
        parts = {p: decoded.of(split, p, point) for p, point in composition.points.items()}
        row.update(composed_scores(data, split, parts))
    return row


def _with_equal_bits(
    rows: list[dict[str, Any]], frame: pd.DataFrame, columns: _Columns
) -> pd.DataFrame:
    """Verified compositions with the best sweep point at or under each one's rate beside them."""
    import pandas as pd

    total, val = columns.total, columns.val
    table = pd.DataFrame(rows).sort_values(total)
    beside = []
    for rate in table[total]:
        affordable = frame[frame[total] <= rate * (1 + 1e-9)]
        best = affordable.loc[affordable[val].idxmin()] if len(affordable) else None
        beside.append(
            (best["point"], best[val], best[columns.test])
            if best is not None
            else ("", np.nan, np.nan)
        )
    for name, values in zip(columns.alike, zip(*beside, strict=True), strict=True):
        table[name] = values
    lowest = table[val].cummin().shift(fill_value=np.inf)
    table["on_front"] = (table[val] < lowest) & ~(table[f"alike_{val}"] < table[val])
    return table


def _print(
    table: pd.DataFrame,
    frame: pd.DataFrame,
    parts: tuple[str, ...],
    columns: _Columns,
    console: Console,
) -> None:
    which, unit = columns.which, Yardstick(columns.yardstick.unit).column_unit
    _, alike_val, alike_test = columns.alike
    shown = Table(
        "row", f"{which} bits/s", *parts, f"alike {unit}", f"composed {unit}", "less by",
        f"hands {unit}",
        "test: alike", "composed",
        title="full-pose RMSE of parts coded alike and of the best split of the same rate",
    )  # fmt: skip
    for place in _spread(table, columns):
        row = table.iloc[place].to_dict()
        alike, composed = row[alike_val], row[columns.val]
        shown.add_row(
            str(place + 1), f"{row[columns.total]:.0f}", *(f"{row[f'{p}_bps']:.0f}" for p in parts),
            number(alike), number(composed),
            "" if np.isnan(alike) else f"{100 * (1 - composed / alike):.1f} %",
            number(float(row.get(columns.hands, np.nan))),
            number(row[alike_test]), number(row[columns.test]),
        )  # fmt: skip
    console.print(shown)
    off = (table[columns.predicted] / table[columns.val] - 1).abs().max()
    gains = gains_over(frame, table, parts, which)
    if gains:
        less = 100 * sum(g.less_val for g in gains) / len(gains)
        tested = 100 * sum(g.less_test for g in gains) / len(gains)
        saved = 100 * sum(g.saved for g in gains) / len(gains)
        console.print(
            f"against the sweep's own front ({len(gains)} points), at the same bits: "
            f"{_percent(less)} less RMSE on validation, {_percent(tested)} on test; at the same "
            f"RMSE: {_percent(saved)} fewer bits",
            highlight=False,
        )
        kept = [g.less_kept for g in gains if np.isfinite(g.less_kept)]
        if kept:
            console.print(
                f"with hands no worse (validation): {_percent(100 * sum(kept) / len(kept))} less "
                "RMSE on test",
                highlight=False,
            )
    console.print(
        f"{len(table)} compositions decoded; predictions were off by {100 * off:.2g} % at most",
        highlight=False,
    )


def _spread(table: pd.DataFrame, columns: _Columns) -> list[int]:
    """Places of rows that are worth a line: each better than the one before by half a percent."""
    lowest, kept = np.inf, []
    for place, row in enumerate(table.to_dict("records")):
        if row["on_front"] and row[columns.val] < (1 - _WORTH_A_LINE) * lowest:
            lowest = float(row[columns.val])
            kept.append(place)
    return kept


def _percent(value: float) -> str:
    """One decimal place, and no sign before a zero."""
    return f"{round(value, 1) + 0.0:.1f} %"
