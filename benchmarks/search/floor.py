"""What share of a budget a volume costs at least, on a table whose trials are all known.

Three numbers beside a searcher's share. No order of trials reaches the volume before
`earliest_share`: even with a worker for each trial, none of which is ever stopped, reports come no
sooner than a trial's own length. `omniscient_share` is reached: somebody who knows every report
beforehand picks the one that adds most volume per second, again and again, of those below some
length, and gives what was picked to the workers, longest first; the best length counts.
`told_share` is the median of somebody who knows beforehand which family (values of keys that others
depend on, as the codec) holds most of the front, and runs its trials to their ends in random order.
Of a task that is no table all are of the trials that were sampled, so the first bounds nobody
else's.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.search.arms import make_arm
from benchmarks.search.problem import Scale, Task, scale_of
from benchmarks.search.recorded import Codecs, OnTable
from benchmarks.search.scoring import Points, share_to_reach, volume
from cluster.replay.simulator import Report, simulate

CAPS = 10
"""Lengths above which nothing is picked, that are tried."""


@dataclass(frozen=True)
class Pick:
    """A trial run up to one of its reports.

    Attributes:
        seconds: from its start.
        points: (n, 2) of all its reports so far.
    """

    seconds: float
    points: np.ndarray


def picks_of(task: Task, count: int, seed: int = 0) -> list[Pick]:
    """Every report of every trial of a table, or of a sample of `count` configurations."""
    found = []
    for config in task.sample(count, seed)[0]:
        reached = np.zeros((0, 2))
        for report in task.run(config, seed):
            points = np.asarray(report.points, float)[:, :2]
            reached = np.vstack([reached, points[np.isfinite(points).all(axis=1)]])
            found.append(Pick(report.seconds, reached))
    return found


def floor_of(task: Task, workers: int, seeds: int, sample: int) -> dict[str, float]:
    """The shares of a task, for the mean volume that random search ends with.

    Args:
        task: any.
        workers: side by side.
        seeds: of random search, and of random orders.
        sample: configurations to pick from, where the task is no table.
    """
    scale = scale_of(task)
    ends = []
    for seed in range(seeds):
        made = make_arm("random", task, scale, seed, workers)
        trace = simulate(
            task, OnTable(made, task) if isinstance(task, Codecs) else made,
            workers=workers, horizon=scale.horizon(workers), seed=seed,
        )  # fmt: skip
        points = np.vstack([p for _, _, p in trace.points])[:, :2]
        ends.append(volume(points[np.isfinite(points).all(axis=1)], scale.reference))
    goal = float(np.mean(ends))
    picks = picks_of(task, sample)
    return {
        "goal": goal / scale.volume,
        "earliest_share": earliest_share(picks, scale, goal, workers),
        "omniscient_share": omniscient_share(picks, scale, goal, workers),
        "told_share": told_share(_fullest(task, scale, sample), scale, goal, workers, seeds),
    }


def told_share(
    trials: Sequence[Sequence[Report]], scale: Scale, goal: float, workers: int, seeds: int
) -> float:
    """Median share of the budget at which trials in random order have brought the volume.

    Args:
        trials: reports of each; all of them are run to their ends.
        scale: reference and budget.
        goal: volume.
        workers: side by side.
        seeds: random orders.
    """
    horizon, found = scale.horizon(workers), []
    for seed in range(seeds):
        points: list[tuple[float, bool, np.ndarray]] = []
        busy = [0.0] * workers
        for i in np.random.default_rng(seed).permutation(len(trials)):
            begun = heapq.heappop(busy)
            points += [(begun + r.seconds, False, r.points) for r in trials[i]]
            heapq.heappush(busy, begun + trials[i][-1].seconds)
        in_time: Points = sorted(points, key=lambda point: point[0])
        found.append(share_to_reach(in_time, scale.reference, goal, horizon, finals=False))
    return float(np.median(found))


def _fullest(task: Task, scale: Scale, count: int) -> list[Sequence[Report]]:
    """Trials of the family whose ends together have the most volume."""
    parameters = task.space.parameters
    gates = [p.name for p in parameters if any(p.name in other.when for other in parameters)]
    families: dict[tuple[object, ...], list[Sequence[Report]]] = defaultdict(list)
    for config in task.sample(count, 0)[0]:
        families[tuple(config.get(name) for name in gates)].append(task.run(config, 0))

    def whole(trials: Sequence[Sequence[Report]]) -> float:
        ends = np.vstack([np.asarray(t[-1].points, float)[:, :2] for t in trials])
        return volume(ends[np.isfinite(ends).all(axis=1)], scale.reference)

    return max(families.values(), key=whole)


def earliest_share(picks: Sequence[Pick], scale: Scale, goal: float, workers: int) -> float:
    """Share of the budget before which no report can have brought the volume; infinite if none.

    Args:
        picks: of the task.
        scale: its reference and budget.
        goal: volume.
        workers: side by side in the budget.
    """
    ordered = sorted(picks, key=lambda p: p.seconds)
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        reached = np.vstack([p.points for p in ordered[: middle + 1]])
        low, high = (
            (low, middle) if volume(reached, scale.reference) >= goal else (middle + 1, high)
        )
    return ordered[low].seconds / scale.horizon(workers) if low < len(ordered) else float("inf")


def omniscient_share(picks: Sequence[Pick], scale: Scale, goal: float, workers: int) -> float:
    """Share of the budget at which greedy picks, known beforehand, have brought the volume.

    Arguments as of `earliest_share`.
    """
    lengths = np.quantile([p.seconds for p in picks], np.linspace(0.1, 1.0, CAPS))
    spans = [_span([p for p in picks if p.seconds <= most], scale, goal, workers)
             for most in lengths]  # fmt: skip
    return min(spans) / scale.horizon(workers)


def _span(picks: Sequence[Pick], scale: Scale, goal: float, workers: int) -> float:
    """Seconds until greedy picks have brought the volume; infinite where they never do."""
    reached, so_far, chosen = np.zeros((0, 2)), 0.0, []
    # What a pick adds shrinks as others come, so a stale value is a bound from above.
    queue = [(-np.inf, i) for i in range(len(picks))]
    while so_far < goal and queue:
        _, i = heapq.heappop(queue)
        gain = volume(np.vstack([reached, picks[i].points]), scale.reference) - so_far
        rate = gain / max(picks[i].seconds, 1e-9)
        if queue and -queue[0][0] > rate:
            heapq.heappush(queue, (-rate, i))
            continue
        if gain <= 0:
            return float("inf")
        reached, so_far = np.vstack([reached, picks[i].points]), so_far + gain
        chosen.append(picks[i].seconds)
    if so_far < goal:
        return float("inf")
    busy = [0.0] * workers
    for seconds in sorted(chosen, reverse=True):
        heapq.heappush(busy, heapq.heappop(busy) + seconds)
    return max(busy)
