"""What successive halving gains and costs on recorded codecs, in random order, one at a time.

    python -m benchmarks.search.stopping [TABLE] [--seeds 20]

Trials are the rows of a packed codec table that have a curve, rungs those of its shares that are
nearest to 0.03, 0.1 and 0.3; nobody proposes, so what differs is the rule alone. Both rules see the
same orders (paired). Printed are medians with 95 % intervals, resampled over orders: hypervolume of
what finished by the time in which so many trials train in full on average, over that of all; the
share of all seconds until 90, 95 and 99 % of it; and what is left of it in the end. The last line
is JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.fronts import hypervolume_history
from benchmarks.search.recorded import TABLE, Codecs, Row
from cluster.replay.simulator import Report, simulate
from cluster.schedulers.halving import SuccessiveHalving
from cluster.schedulers.rule import NeverStop, StoppingRule
from search_spaces.space import Config, Value

RUNGS = (0.03, 0.1, 0.3)
FRACTIONS = (0.9, 0.95, 0.99)
BUDGETS = (8, 12, 16)
"""Trials of mean length."""
BEYOND = 1.0001
DRAWS = 2000
RULES = ("none", "halving")


class Recorded:
    """Trials by number."""

    def __init__(self, rows: Sequence[Row]) -> None:
        """Of rows with a curve."""
        self.reports = [_reports(row) for row in rows if len(row.shares) > 1]
        self.seconds = sum(r[-1].seconds for r in self.reports)
        self.ends = np.concatenate([r[-1].points for r in self.reports])
        self.corner = self.ends.max(axis=0) * BEYOND
        self.full = float(hypervolume_history(self.ends, self.corner)[-1])

    def run(self, config: Config, seed: int) -> Sequence[Report]:
        """The recorded trial."""
        return self.reports[int(config["number"])]


def _reports(row: Row) -> list[Report]:
    places = [int(np.argmin(np.abs(row.shares - rung))) for rung in RUNGS]
    kept = [*zip(RUNGS, places, strict=True), (1.0, len(row.shares) - 1)]
    return [
        Report(share, float(row.seconds[i]), np.column_stack([row.rates, row.distortion[i]]))
        for share, i in kept
    ]


class InOrder:
    """An arm that takes trials in a given order and asks a rule about each."""

    def __init__(self, order: Sequence[int], rule: StoppingRule) -> None:
        """Nothing was taken yet."""
        self._order, self._rule, self.taken = list(order), rule, 0

    def ask(self) -> dict[str, Value] | None:
        """The next one."""
        if self.taken == len(self._order):
            return None
        self.taken += 1
        return {"number": self._order[self.taken - 1]}

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """As the rule says."""
        return self._rule.go_on(ask, share, points)

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """To the rule too."""
        self._rule.ended(ask, points)


@dataclass(frozen=True)
class Run:
    """One order under one rule: share of all seconds and hypervolume at each point's end."""

    times: np.ndarray
    volumes: np.ndarray
    stopped: int
    spent: float

    def by(self, time: float) -> float:
        """Hypervolume of what had finished by then."""
        return float(np.max(self.volumes[self.times <= time], initial=0.0))

    def until(self, fraction: float) -> float:
        """Share of the seconds; infinite where it is never reached."""
        return float(np.min(self.times[self.volumes >= fraction - 1e-9], initial=np.inf))


def run(table: Recorded, name: str, seed: int) -> Run:
    """One order, drawn from the seed, under one rule."""
    order = np.random.default_rng(seed).permutation(len(table.reports)).tolist()
    halving = SuccessiveHalving(seed=seed, rungs=RUNGS)
    rule: StoppingRule = halving if name == "halving" else NeverStop()
    trace = simulate(table, InOrder(order, rule), workers=1, horizon=table.seconds * BEYOND)
    times, points = [], []
    for event in trace.rows:
        if event["event"] == "done":
            ended = table.reports[order[int(str(event["ask"]))]][-1].points
            points.append(ended)
            times += [float(str(event["time"])) / table.seconds] * len(ended)
    volumes = hypervolume_history(np.concatenate(points), table.corner) / table.full
    spent = float(str(trace.rows[-1]["time"])) / table.seconds
    return Run(np.array(times), volumes, trace.stopped, spent)


def middle(values: Sequence[float]) -> tuple[float, float, float]:
    """Median and the ends of its interval, the lower of two middle ones taken."""
    found, rng = np.sort(values), np.random.default_rng(0)
    drawn = np.sort(rng.choice(found, (DRAWS, len(found))), axis=1)
    medians = np.sort(drawn[:, (len(found) - 1) // 2])
    low, high = medians[int(0.025 * DRAWS)], medians[int(0.975 * DRAWS) - 1]
    return float(found[(len(found) - 1) // 2]), float(low), float(high)


def _said(values: Sequence[float]) -> str:
    return "{:.3f} [{:.3f}, {:.3f}]".format(*middle(values))


def main(argv: Sequence[str] | None = None) -> None:
    """Reads the command line, runs both rules, prints tables and JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", nargs="?", type=Path, default=TABLE, help="a packed codec table")
    parser.add_argument("--seeds", type=int, default=20, help="orders")
    args = parser.parse_args(argv)
    table = Recorded(Codecs(args.table).rows)
    count, seeds = len(table.reports), range(args.seeds)
    runs = {name: [run(table, name, seed) for seed in seeds] for name in RULES}
    print(f"{count} trials with curves, {table.seconds:.0f} s, {args.seeds} orders")
    gains = {}
    for budget in BUDGETS:
        none, halving = ([r.by(budget / count) for r in runs[name]] for name in RULES)
        gains[budget] = [h - n for h, n in zip(halving, none, strict=True)]
        better = sum(g > 0 for g in gains[budget])
        print(f"{budget} trials: none {_said(none)}, halving {_said(halving)}, "
              f"difference {_said(gains[budget])}, better in {better}")  # fmt: skip
    for name in RULES:
        until = ", ".join(
            f"{f:.0%} at {_said([r.until(f) for r in runs[name]])}" for f in FRACTIONS
        )
        stopped, spent = (
            np.mean([getattr(r, k) for r in runs[name]]) for k in ("stopped", "spent")
        )
        print(f"{name}: {until}, end {_said([r.volumes[-1] for r in runs[name]])}, "
              f"stopped {stopped:.1f}, seconds used {spent:.2f}")  # fmt: skip
    found = {str(budget): middle(gains[budget])[0] for budget in BUDGETS}
    end = middle([float(r.volumes[-1]) for r in runs["halving"]])[0]
    print(json.dumps({"benchmark": "stopping", "trials": count, "gain": found, "end": end}))


if __name__ == "__main__":
    main()
