"""Whose weights a sweep keeps: those of trials on a front or near one, as fronts move.

A point is near a front while its distortion is within some percent of the lowest at or under its
own rate, as in `best --at RATE --within 5%`. The fronts are those that pages, `best`, `export` and
`allocate` read: the sweep's objectives, the full pose under each total rate, each part under its
own (there the front alone); of single seeds and of means over them. Points that break a declared
limit count in no front but those of parts. Only weights go (`codec/`): tokens, scores and
reconstructions stay. What goes is written down first, so a kill between two removals loses nothing
else and is made up for on resume. A sweep with generators keeps every codec, since one that is
proposed later may ask for it.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.fronts import RATES, full_pose_of
from analysis.indicators import nondominated
from cluster.mean_fronts import MeanFront
from search_spaces.budget import is_rate
from search_spaces.families import codecs_of, generators
from search_spaces.limits import Limit, keeps_all, limits
from search_spaces.objectives import Objective
from search_spaces.record import CODEC_FOLDER, TRIALS_FOLDER
from search_spaces.spec import SweepSpec

Row = Mapping[str, Any]
Record = Callable[..., object]
ALL, FRONT = "all", "front"
GOING = ".codec-going"
"""What a codec's folder is called while its files are removed."""


@dataclass(eq=False)
class _Front:
    """One front and the points that it is made of.

    Attributes:
        goals: objectives.
        wanted: limits on results; the front is of points that keep them all.
        values: (front, objectives), signed so that lower is better.
        own: trial -> (points, objectives) of it.
        means: of points over seeds: objectives, then the limited metrics, which means are to keep.
    """

    goals: tuple[Objective, ...]
    wanted: tuple[Limit, ...]
    values: np.ndarray
    own: dict[str, np.ndarray] = field(default_factory=dict)
    means: MeanFront = field(init=False)
    close: dict[str, bool] = field(default_factory=dict)
    """trial -> whether it is near the front as it stands, as far as that was asked."""

    def __post_init__(self) -> None:
        self.means = MeanFront(len(self.goals), self._keeps)

    def add(self, trial: str, rows: Sequence[Row]) -> None:
        found = []
        for row in rows:
            point = np.array([g.sign * _number(row.get(g.column("val"))) for g in self.goals])
            if np.isfinite(point).all():
                if keeps_all(row, self.wanted):
                    found.append(point)
                limited = [_number(row.get(limit.column())) for limit in self.wanted]
                key = (str(row.get("config_hash", trial)), int(row.get("depth", 0)))
                self.means.add(key, trial, np.concatenate([point, limited]))
        self.own[trial] = np.array(found).reshape(-1, len(self.goals))
        every = np.concatenate([self.values, self.own[trial]])
        on_front = nondominated(every)
        self.close.pop(trial, None)
        # Points that are equal say the same of a front; it would grow with every trial.
        values = np.unique(every[on_front], axis=0)
        if not np.array_equal(values, self.values):
            self.close.clear()
        self.values = values

    def near(self, within: float, among: Collection[str]) -> set[str]:
        """Of some trials those with a point on or near the front, alone or in a mean over seeds.

        What is asked for grows with `among`, not with the sweep: a trial whose weights went is not
        asked for again, and a front only moves away from it.
        """
        rates = np.array([is_rate(g) for g in self.goals])
        fresh = sorted(t for t in among if t not in self.close and len(self.own.get(t, ())))
        if fresh:
            points = [self.own[trial] for trial in fresh]
            close = near_front(np.concatenate(points), self.values, rates, within)
            starts = np.cumsum([0, *map(len, points[:-1])])
            found = np.logical_or.reduceat(close, starts).tolist()
            self.close.update(zip(fresh, found, strict=True))
        kept = {trial for trial in among if self.close.get(trial)}
        if not self.means.repeated:
            return kept
        names, means = self.means.of(among)
        close = near_front(means, self.means.front, rates, within)
        return kept.union(*(n for n, near in zip(names, close, strict=True) if near))

    def _keeps(self, limited: np.ndarray) -> bool:
        pairs = zip(self.wanted, limited.tolist(), strict=True)
        return all(limit.kept(value) for limit, value in pairs)


def near_front(
    values: np.ndarray, front: np.ndarray, rates: np.ndarray, within: float
) -> np.ndarray:
    """Whether each point is on a front, or so near that some percent would put it there.

    Args:
        values: (points, objectives), lower is better.
        front: (front, objectives) of non-dominated points.
        rates: (objectives,) which are rates, that nothing is allowed in.
        within: percent of the others.

    Returns:
        bool (points,).
    """
    bar = front + np.where(rates, 0.0, within / 100) * np.abs(front)
    over = values[:, None] - bar[None]
    return np.asarray(~((over >= 0).all(-1) & (over > 0).any(-1)).any(-1))


class Retention:
    """Removes weights that no front needs any more."""

    def __init__(
        self,
        spec: SweepSpec,
        goals: Sequence[Objective],
        folder: Path,
        record: Record,
        removed: Callable[[str], object] = lambda trial: None,
    ) -> None:
        """Of the sweep in `folder`; `record(event, **fields)` makes an event durable.

        `removed(trial)` is told of weights that go, where they lie elsewhere too.
        """
        self._removed = removed
        self._retain: str = spec.run.retain
        self._within = spec.run.retain_within
        if {g.name for g in generators()} & set(codecs_of(spec.space)):
            self._retain = ALL
        self._goals = tuple(goals)
        self._wanted = limits(spec.constraints)
        self._trials = folder / TRIALS_FOLDER
        self._record = record
        self._fronts: list[_Front] = []
        self._kept: set[str] = set()
        self._pinned: set[str] = set()

    def take_up(self, events: Iterable[Mapping[str, Any]]) -> None:
        """What an earlier process kept and removed; removals that it did not get to are made."""
        points: dict[str, dict[Any, Row]] = {}
        gone: set[str] = set()
        for event in events:
            kind = event["event"]
            if kind == "point":
                points.setdefault(event["trial"], {})[event["row"].get("depth")] = event["row"]
            elif kind == "done":
                self._enter(event["trial"], list(points.get(event["trial"], {}).values()))
            elif kind == "pruned":
                gone.add(event["trial"])
            elif kind == "restored":
                gone.discard(event["trial"])
                self._pinned.add(event["trial"])
        self._kept -= gone
        for trial in sorted(gone):
            self._removed(trial)
        self.remove([*sorted(gone), *self._going()])

    def done(self, trial: str, rows: Sequence[Row]) -> list[str]:
        """A trial ended with its points: its weights, or others', may go.

        Returns:
            Trials whose weights are to be removed, by `remove`, once that is durable.
        """
        self._enter(trial, rows)
        return self._going()

    def _enter(self, trial: str, rows: Sequence[Row]) -> None:
        if not self._fronts and rows:
            self._fronts = [
                # What `allocate` composes of parts keeps limits or not as a whole.
                _Front(goals, () if _of_part(goals) else self._wanted, np.empty((0, len(goals))))
                for goals in fronts_of(rows, self._goals)
            ]
        self._kept.add(trial)
        for one in self._fronts:
            one.add(trial, rows)

    def _going(self) -> list[str]:
        """Weights that no front needs; that they go is written down."""
        if self._retain == ALL:
            return []
        near: set[str] = set()
        if self._retain == FRONT:
            near = near.union(
                *(
                    one.near(0.0 if _of_part(one.goals) else self._within, self._kept)
                    for one in self._fronts
                )
            )
        going = sorted(self._kept - near - self._pinned)
        for trial in going:
            self._record("pruned", trial=trial)
            self._removed(trial)
            self._kept.discard(trial)
        return going

    def remove(self, trials: Iterable[str]) -> None:
        """Removes weights that are written down as gone."""
        for trial in trials:
            self._remove(trial)

    def _remove(self, trial: str) -> None:
        """A folder that is half gone has another name: nobody takes it for a codec."""
        codec, going = self._trials / trial / CODEC_FOLDER, self._trials / trial / GOING
        # What cannot be removed costs room and nothing else.
        with contextlib.suppress(OSError):
            if codec.is_dir():
                shutil.rmtree(going, ignore_errors=True)
                codec.rename(going)
            shutil.rmtree(going)


def fronts_of(rows: Sequence[Row], goals: Sequence[Objective]) -> list[tuple[Objective, ...]]:
    """Objectives of every front that something is read from, as far as points have them."""
    columns = {str(c) for row in rows for c in row}
    rmse = full_pose_of(columns)
    pairs = [(rate, rmse) for rate in RATES.values()]
    stem, unit = rmse.split("_full_")
    for column in sorted(columns):
        part = column.removeprefix("rate_nominal_").removesuffix("_bps")
        if column.startswith("rate_nominal_") and part != "bps":
            pairs.append((column, f"{stem}_{part}_{unit}"))
    found = [tuple(Objective(name) for name in pair) for pair in pairs]
    there = [pair for pair in found if all(o.column("val") in columns for o in pair)]
    return list(dict.fromkeys([tuple(goals), *there]))


def _of_part(goals: Sequence[Objective]) -> bool:
    """Whether a front's rate is that of one part."""
    return any(is_rate(g) and g.scope for g in goals)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
