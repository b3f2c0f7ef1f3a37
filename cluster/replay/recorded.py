"""A recorded sweep as a tabulated problem: configurations, curves at rungs, seconds, all prefixes.

What a searcher proposes and the sweep never ran is moved to the nearest recorded configuration of
the same codec that finished and was not taken yet, and the searcher is told which one it was: so
nothing between is made up, and nobody is told of one configuration the values of another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analysis.log import Log
from cluster.replay.simulator import Report
from cluster.searchers.rate_aware.encoding import Encoding
from search_spaces.families import is_generator
from search_spaces.space import Config, Space, canonical
from search_spaces.spec import SweepSpec

Row = Mapping[str, Any]
OTHER_CODEC = 1e3
"""Distance to configurations of another codec, which are taken when the codec has none left."""


@dataclass(eq=False)
class Recorded:
    """One trial of the log.

    Attributes:
        config: complete.
        curve: (share, seconds since its start, points by ascending depth), ascending.
        end: seconds and points; no points where it did not finish.
        seen_end: points of its end as rungs see them; none where that is all of validation.
        scoring: seconds of scoring at rungs.
    """

    config: Config
    curve: list[tuple[float, float, list[Row]]] = field(default_factory=list)
    end: tuple[float, list[Row]] = (0.0, [])
    seen_end: list[Row] = field(default_factory=list)
    scoring: float = 0.0


class RecordedSweep:
    """Every trial that ended; of several seeds of a configuration the first that finished."""

    def __init__(self, log: Log, spec: SweepSpec) -> None:
        """Reads a log; refused proposals and generators, which nothing is drawn from, are out."""
        self.spec = spec
        self.trials: dict[str, Recorded] = {}
        for recorded in _trials(log):
            known = self.trials.get(canonical(recorded.config))
            if known is None or not known.end[1]:
                self.trials[canonical(recorded.config)] = recorded
        finished = [r for r in self.trials.values() if r.end[1]]
        self._finished = [canonical(r.config) for r in finished]
        self._encoding = Encoding(spec.space)
        self._proposals = [proposal_of(spec.space, r.config) for r in finished]
        self._x = self._encoding.encode_all(self._proposals) if finished else np.zeros((0, 1))
        self._codecs = np.array([str(r.config["codec"]) for r in finished])

    @property
    def shares(self) -> tuple[float, ...]:
        """Shares at which any trial reported points."""
        return tuple(sorted({share for r in self.trials.values() for share, _, _ in r.curve}))

    @property
    def seconds(self) -> float:
        """What the sweep cost: of all trials, to their ends."""
        return sum(r.end[0] for r in self.trials.values())

    @property
    def rows(self) -> list[Row]:
        """Operating points of finished trials."""
        return [row for r in self.trials.values() for row in r.end[1]]

    def has(self, config: Config) -> bool:
        """Whether the sweep ran it."""
        return canonical(config) in self.trials

    def nearest(self, proposal: Config, taken: set[str]) -> Config | None:
        """The proposal to run instead; None where all are taken."""
        free = np.array([name not in taken for name in self._finished], bool)
        if not free.any():
            return None
        apart = np.linalg.norm(self._x - self._encoding.encode_all([proposal]), axis=1)
        codec = str(self.spec.configuration(proposal)["codec"])
        apart = apart + OTHER_CODEC * (self._codecs != codec)
        apart[~free] = math.inf
        return dict(self._proposals[int(np.argmin(apart))])

    def run(self, config: Config, seed: int) -> Sequence[Report]:
        """Its reports; the points themselves are asked for by `points`."""
        recorded = self.trials[canonical(config)]
        empty = np.zeros((0, 0))
        found = [Report(share, seconds, empty) for share, seconds, _ in recorded.curve]
        return [*found, Report(1.0, recorded.end[0], empty)]

    def points(self, config: Config, share: float) -> list[Row]:
        """What it reported at a share; none at 1 where it did not finish."""
        recorded = self.trials[canonical(config)]
        if share >= 1.0:
            return recorded.end[1]
        return next(points for at, _, points in recorded.curve if at == share)

    def seen_end(self, config: Config) -> list[Row]:
        """What rungs see of its end; none where that is what its end reported."""
        return self.trials[canonical(config)].seen_end


def proposal_of(space: Space, config: Config) -> Config:
    """The values of a configuration that a searcher chooses."""
    return {p.name: config[p.name] for p in space.active(config)}


def _trials(log: Log) -> list[Recorded]:
    found: dict[str, Recorded] = {}
    for event in log.events:
        kind, trial = event["event"], str(event.get("trial", ""))
        if kind == "proposed" and not is_generator(event["config"]):
            found.setdefault(trial, Recorded(event["config"]))
        if trial not in found:
            continue
        one = found[trial]
        if kind == "progress" and "points" in event:
            row = event["row"]
            one.scoring = float(row.get("rung_seconds", 0.0))
            points: list[Row] = [{k: _number(v) for k, v in p.items()} for p in event["points"]]
            if row["share"] >= 1.0:
                one.seen_end = points
            else:
                seconds = float(row["train_seconds"]) + one.scoring
                one.curve.append((float(row["share"]), seconds, points))
        elif kind == "point":
            scoring = one.scoring
            row = {k: _number(v) if k.startswith("val_") else v for k, v in event["row"].items()}
            spent = float(row["train_seconds"]) + float(row.get("evaluate_seconds", 0.0))
            kept = [r for r in one.end[1] if r["depth"] != row["depth"]]
            one.end = (spent + scoring, [*kept, row])
        elif kind in ("stopped", "failed"):
            last = one.curve[-1][1] if one.curve else float(event.get("seconds") or 0.0)
            one.end = (last, [])
    return [r for r in found.values() if r.end[0] > 0]


def _number(value: Any) -> Any:
    return math.nan if value is None else value
