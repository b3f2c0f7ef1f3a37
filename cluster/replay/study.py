"""What other searchers would have cost on a recorded sweep: runs over seeds, in simulated time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analysis.fronts import hypervolume_history
from analysis.log import Log
from cluster.replay.arm import OnRecorded, ReplayedSweep
from cluster.replay.recorded import RecordedSweep, Row
from cluster.replay.simulator import Trace, simulate
from cluster.schedulers.decisions import make_rule
from cluster.searchers.proposer import Proposer, make_searcher
from cluster.wanted import Wanted
from search_spaces.errors import BadInput
from search_spaces.limits import limits
from search_spaces.objectives import Objective, objectives
from search_spaces.spec import SweepSpec, check_spec, parse_spec

FRACTIONS = (0.9, 0.95, 0.99)
DRAWS = 2000


@dataclass(frozen=True)
class Middle:
    """A median over seeds with its bootstrap 95 % interval; None is never."""

    median: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Standing:
    """What one searcher with one rule made of the sweep.

    Attributes:
        searcher, scheduler: by name.
        reached: fraction of the recorded hypervolume -> share of the recorded seconds.
        hypervolume: at the end, in units of the recorded one.
        finished, stopped, moved: trials per seed, means.
    """

    searcher: str
    scheduler: str
    reached: Mapping[str, Middle]
    hypervolume: Middle
    finished: float
    stopped: float
    moved: float


class Replay:
    """A recorded sweep, ready to be searched again."""

    def __init__(self, log: Log) -> None:
        """Reads a sweep.

        Raises:
            BadInput: nothing in it finished.
        """
        self.folder = log.folder
        self.spec = parse_spec(log.sweep["spec"], str(log.folder))
        self.table = RecordedSweep(log, self.spec)
        if log.facts is None or not self.table.rows:
            raise BadInput(f"{log.folder}: no trial finished, so there is nothing to replay")
        self.facts = log.facts
        self.reference: dict[str, float] = log.sweep["reference_point"]
        self.goals: Sequence[Objective] = objectives(self.spec.objectives)
        self.volume = float(self._volumes(self.table.rows)[-1])
        if not self.volume > 0:
            raise BadInput(f"{log.folder}: its front has no hypervolume to be reached")

    def arm(self, searcher: str, scheduler: str, seed: int) -> tuple[ReplayedSweep, OnRecorded]:
        """The searcher and rule that a sweep so set would have.

        Raises:
            BadInput: no such searcher or rule, they do not go together, or the record has no
                curves for a rule.
        """
        spec = self._spec_of(searcher, scheduler, seed)
        if scheduler != "none" and not set(spec.search.rungs) & set(self.table.shares):
            raise BadInput(
                f"{self.folder} has no points at rungs, so nothing can be stopped in it; "
                "--scheduler none, or record a sweep of codecs that train in steps"
            )
        inner = make_searcher(spec, self.goals, self.facts, self.reference)
        rule = make_rule(scheduler, inner, seed=seed, rungs=spec.search.rungs)
        table = OnRecorded(inner, self.table, Wanted(spec, self.facts))
        proposer = Proposer(spec, self.facts, self.goals, table, _unrecorded, rule=rule)
        return ReplayedSweep(proposer, self.table), table

    def run(self, searcher: str, scheduler: str, seed: int, workers: int) -> tuple[Trace, int]:
        """One run at the recorded budget; its trace and how many proposals were moved."""
        arm, table = self.arm(searcher, scheduler, seed)
        horizon = self.table.seconds / workers * (1 + 1e-9)
        return simulate(self.table, arm, workers=workers, horizon=horizon, seed=seed), table.moves

    def standing(
        self, searcher: str, scheduler: str, seeds: Iterable[int], workers: int
    ) -> Standing:
        """Runs of several seeds."""
        shares: dict[str, list[float]] = {f"{f:g}": [] for f in FRACTIONS}
        ends, counts = [], []
        budget = self.table.seconds / workers
        for seed in seeds:
            trace, moved = self.run(searcher, scheduler, seed, workers)
            times, volumes = self._over_time(trace)
            for fraction in FRACTIONS:
                at = np.flatnonzero(volumes >= fraction * self.volume * (1 - 1e-12))
                shares[f"{fraction:g}"].append(times[at[0]] / budget if len(at) else math.inf)
            ends.append(float(volumes[-1]) / self.volume if len(volumes) else 0.0)
            counts.append((trace.finished, trace.stopped, moved))
        finished, stopped, moves = np.mean(counts, axis=0).tolist()
        reached = {name: middle(found) for name, found in shares.items()}
        return Standing(searcher, scheduler, reached, middle(ends), finished, stopped, moves)

    def _over_time(self, trace: Trace) -> tuple[np.ndarray, np.ndarray]:
        """(points,) time, and hypervolume of finished trials then."""
        ended = {int(str(r["ask"])): r for r in trace.rows if r["event"] == "done"}
        asked = {int(str(r["ask"])): r["config"] for r in trace.rows if r["event"] == "asked"}
        times: list[float] = []
        rows: list[Row] = []
        for number, row in ended.items():
            points = self.table.points(dict(asked[number]), 1.0)  # type: ignore[call-overload]
            rows.extend(points)
            times.extend([float(str(row["time"]))] * len(points))
        return np.array(times), self._volumes(rows) if rows else np.zeros(0)

    def _volumes(self, rows: Sequence[Row]) -> np.ndarray:
        columns = [o.column("val") for o in self.goals]
        signs = np.array([o.sign for o in self.goals], float)
        values = np.array([[row.get(c, math.nan) for c in columns] for row in rows], float) * signs
        wanted = limits(self.spec.constraints)
        broken = [not all(w.kept(row.get(w.column(), math.nan)) for w in wanted) for row in rows]
        values[broken] = math.nan
        corner = signs * [self.reference[o.name] for o in self.goals]
        return hypervolume_history(values, corner)

    def _spec_of(self, searcher: str, scheduler: str, seed: int) -> SweepSpec:
        document = self.spec.model_dump(mode="json")
        document["search"] |= {
            "sampler": searcher, "stopping": scheduler, "seed": seed, "seeds": 1,
            "stop_when": "none", "repeat_front": 0, "warm_start": (),
            "trials": max(self.spec.search.trials, len(self.table.trials)),
        }  # fmt: skip
        spec = parse_spec(document, "replay")
        check_spec(spec)
        return spec


def middle(values: Sequence[float]) -> Middle:
    """A median and its interval, from resampling the seeds.

    >>> middle([0.5, 0.5, 0.5])
    Middle(median=0.5, low=0.5, high=0.5)
    """
    found = np.array(values, float)
    rng = np.random.default_rng(0)
    drawn = np.sort(found[rng.integers(len(found), size=(DRAWS, len(found)))], axis=1)
    medians = np.sort(drawn[:, (len(found) - 1) // 2])  # the lower one: never has no mean
    low, high = medians[int(0.025 * DRAWS)], medians[int(0.975 * DRAWS) - 1]
    middle_one = np.sort(found)[(len(found) - 1) // 2]
    return Middle(*(float(v) if math.isfinite(v) else None for v in (middle_one, low, high)))


def as_json(replay: Replay, standings: Sequence[Standing], workers: int, seeds: int) -> Any:
    """What `--json` prints."""
    return {
        "sweep": str(replay.folder),
        "workers": workers,
        "seeds": seeds,
        "recorded": {
            "trials": len(replay.table.trials),
            "seconds": replay.table.seconds,
            "hypervolume": replay.volume,
        },
        "standings": [asdict(s) for s in standings],
    }


def _unrecorded(event: str, **fields: Any) -> None:
    """A replay leaves no log."""
