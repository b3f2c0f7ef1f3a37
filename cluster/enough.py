"""When a whole sweep has looked enough: its last trials gained next to nothing.

Two measures. *Hypervolume per device-second*: what the window of last trials added for each second
that they took, against the mean over the sweep. *BD-rate*: bits that the front of now saves at
equal distortion against that of before the window; a front that reached further in the window,
which BD-rate does not see, is not done. Before `stop_after` trials have ended nothing is decided,
and neither where a measure is not defined.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.bd_rate import bd
from analysis.indicators import hypervolume, nondominated
from search_spaces.budget import HYPERVOLUME, StopWhen, curve_of, parse_stop_when
from search_spaces.limits import Limit, keeps_all
from search_spaces.objectives import Objective
from search_spaces.spec import SearchSpec

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """Why a sweep has looked enough.

    Attributes:
        reason: in words.
        gain: in percent, as the rule measures it.
        window: trials that it was measured over.
        seconds: device-seconds that they took.
    """

    reason: str
    gain: float
    window: int
    seconds: float


class Enough:
    """Follows the ends of trials."""

    def __init__(
        self,
        search: SearchSpec,
        goals: Sequence[Objective],
        reference: Mapping[str, float],
        wanted: Sequence[Limit] = (),
    ) -> None:
        """Nothing has ended yet.

        Args:
            search: with the rule, its window and the least number of trials.
            goals: objectives of the sweep.
            reference: corner of hypervolume by objective.
            wanted: limits on results, which points must keep to count.
        """
        self._rule: StopWhen | None = parse_stop_when(search.stop_when)
        self._window, self._least = search.stop_window, search.stop_after
        self._goals = tuple(goals)
        self._reference = reference
        self._wanted = tuple(wanted)
        self._seconds: list[float] = []
        self._passed: list[float] = []
        """Seconds up to each trial's end."""
        self._points: list[tuple[int, np.ndarray]] = []
        """Which trial's, counted from 0; those that none before it dominates, where there are any:
        no front ever needs the others."""
        self._front = np.empty((0, len(self._goals)))
        self._said: tuple[int, Verdict | None] = (0, None)
        """Trials that had ended at the last look, and what was seen."""

    def ended(self, seconds: float, rows: Sequence[Row] = ()) -> None:
        """A trial ended, after device-seconds; without rows where it was stopped or failed."""
        kept = [row for row in rows if keeps_all(row, self._wanted)]
        table = np.array([[_number(row.get(g.column("val"))) for g in self._goals] for row in kept])
        table = table.reshape(-1, len(self._goals)) * [g.sign for g in self._goals]
        together = np.concatenate([self._front, table])
        ahead = nondominated(together)
        if ahead[len(self._front) :].any():
            self._points.append((len(self._seconds), table[ahead[len(self._front) :]]))
        self._front = together[ahead]
        self._seconds.append(max(0.0, seconds))
        self._passed.append(self._seconds[-1] + (self._passed[-1] if self._passed else 0.0))

    def verdict(self) -> Verdict | None:
        """Whether that is enough; None where it is not, or cannot be said."""
        ended = len(self._seconds)
        if self._rule is None or ended < self._least:
            return None
        if self._said[0] != ended:
            self._said = (ended, self._look(ended))
        return self._said[1]

    def _look(self, ended: int) -> Verdict | None:
        assert self._rule is not None  # else nobody looks
        first = self._first_of_window()
        before, now = self._stacked(first), self._front
        spent, total = sum(self._seconds[first:]), self._passed[-1]
        by_volume = self._rule.measure == HYPERVOLUME
        gain = (
            self._volume_gain(before, now, spent, total) if by_volume else self._saved(before, now)
        )
        if gain is None or gain >= self._rule.percent:
            return None
        what = "hypervolume per device-second" if by_volume else "bits saved at equal distortion"
        share = " of its mean over the sweep" if by_volume else ""
        reason = (
            f"{what} over the last {ended - first} of {ended} trials ({spent:.3g} s): {gain:.3g} %"
            f"{share}, under {self._rule.percent:g} %"
        )
        return Verdict(reason, gain, ended - first, spent)

    def _first_of_window(self) -> int:
        ended = len(self._seconds)
        if self._window >= 1:
            return max(0, ended - int(self._window))
        late = bisect_right(self._passed, (1 - self._window) * self._passed[-1])
        return min(late, ended - 1)

    def _stacked(self, trials: int) -> np.ndarray:
        tables = [table for trial, table in self._points if trial < trials]
        return np.concatenate([np.empty((0, len(self._goals))), *tables])

    def _volume_gain(
        self, before: np.ndarray, now: np.ndarray, spent: float, total: float
    ) -> float | None:
        corner = np.array([g.sign * float(self._reference[g.name]) for g in self._goals])
        old, new = hypervolume(before, corner).value, hypervolume(now, corner).value
        if not new > 0 or not spent > 0:
            return None  # nothing was found yet that could stop growing
        return 100 * ((new - old) / spent) / (new / total)

    def _saved(self, before: np.ndarray, now: np.ndarray) -> float | None:
        places = curve_of([g.name for g in self._goals])
        assert places is not None and self._rule is not None  # refused with the spec
        old, new = (table[nondominated(table)][:, places] for table in (before, now))
        saved = bd(old, new).rate
        if not saved.defined:
            return None
        further = 1 - self._rule.percent / 100
        if (new.min(axis=0) < further * old.min(axis=0)).any():
            return None
        return -saved.value


def device_seconds(rows: Sequence[Row], otherwise: float) -> float:
    """What a trial that ended well took, pauses left out.

    Args:
        rows: of its points.
        otherwise: where they do not say.
    """
    if not rows or rows[-1].get("train_seconds") is None:
        return otherwise
    return float(rows[-1]["train_seconds"]) + float(rows[-1].get("evaluate_seconds") or 0.0)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
