"""Published traces to headline ratios: which share of a budget ours needs, and what it reaches."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.cells import Scored, read_cell, scored
from benchmarks.search.scoring import bootstrap

OURS = "ratefront"
OWN = "codecs"
PILOTS = ("167152", "167185", "189873")
"""Instances of LCBench on which the searcher was first tried."""
RATIOS = (
    "random_budget_share", "bridge_budget_share", "final_hv_vs_best_peer",
    "area_vs_best_peer", "area_vs_gpsampler", "final_vs_gpsampler",
)  # fmt: skip
BRIDGE = ("ray-optuna", "ray-optuna-asha", "ray-nsga2", "ray-gp")

Runs = Mapping[str, Mapping[str, Mapping[int, Scored]]]
"""task -> arm -> seed -> run."""


def read_runs(paths: Sequence[Path]) -> Runs:
    """Scores cells' files."""
    runs: dict[str, dict[str, dict[int, Scored]]] = defaultdict(lambda: defaultdict(dict))
    for path in sorted(paths):
        one = scored(read_cell(path))
        runs[one.cell["task"]][one.cell["arm"]][one.cell["seed"]] = one
    return runs


def shares(arms: Mapping[str, Mapping[int, Scored]], rival: str) -> np.ndarray:
    """(seeds,) share of the budget at which ours has the rival's mean final volume, anytime."""
    goal = float(np.mean([r.anytime[-1] for r in arms[rival].values()]))
    return np.array([run.share(goal) for run in arms[OURS].values()])


def best_arm(
    arms: Mapping[str, Mapping[int, Scored]],
    names: Sequence[str],
    score: Callable[[Scored], float],
) -> str | None:
    """The arm with the highest mean of a score among those that ran."""
    there = [n for n in names if arms.get(n)]
    return max(there, key=lambda n: np.mean([score(r) for r in arms[n].values()]), default=None)


def task_summary(arms: Mapping[str, Mapping[int, Scored]]) -> dict[str, Any]:
    """Headline ratios of one task; None where an arm is missing."""
    out: dict[str, Any] = {"arms": {name: _arm(runs) for name, runs in sorted(arms.items())}}
    if OURS not in arms:
        return out
    if "random" in arms:
        out["random_budget_share"] = _spread(shares(arms, "random"))
    stock = best_arm(arms, BRIDGE, lambda r: float(r.anytime[-1]))
    if stock:
        out["bridge_budget_share"] = {**_spread(shares(arms, stock)), "against": stock}
    peers = [n for n in arms if not n.startswith("ratefront")]
    best = best_arm(arms, peers, lambda r: r.final)
    if best:
        out["final_hv_vs_best_peer"] = {
            **_ratio(arms[OURS], arms[best], lambda r: r.final), "against": best,
        }  # fmt: skip
    best = best_arm(arms, peers, lambda r: r.area)
    if best:
        out["area_vs_best_peer"] = {
            **_ratio(arms[OURS], arms[best], lambda r: r.area), "against": best,
        }  # fmt: skip
    if "gpsampler" in arms:
        out["area_vs_gpsampler"] = _ratio(arms[OURS], arms["gpsampler"], lambda r: r.area)
        out["final_vs_gpsampler"] = _ratio(arms[OURS], arms["gpsampler"], lambda r: r.final)
    return out


def headline(runs: Runs) -> dict[str, Any]:
    """Medians over tasks with their intervals, and each task's own numbers.

    Tasks that pilots had seen count only where there are no others; `groups` gives the medians of
    the recorded codecs, of the other tasks, and of the pilots' apart.
    """
    tasks = {name: task_summary(arms) for name, arms in sorted(runs.items())}
    groups = {
        "codecs": [n for n in tasks if n == OWN],
        "others": [n for n in tasks if n != OWN and n not in PILOTS],
        "pilots": [n for n in tasks if n in PILOTS],
    }
    fresh = groups["codecs"] + groups["others"] or groups["pilots"]
    return {
        "benchmark": "search",
        **_medians([tasks[n] for n in fresh]),
        "groups": {
            name: {"tasks": names, **_medians([tasks[n] for n in names])}
            for name, names in groups.items()
            if names
        },
        "tasks": tasks,
    }


def _medians(tasks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in RATIOS:
        found = [t[name]["value"] for t in tasks if name in t]
        if found:
            # An interval over tasks says nothing of one task: then it is the one over its seeds.
            own = [t[name]["interval"] for t in tasks if name in t]
            out[name] = float(np.median(found))
            out[f"{name}_interval"] = list(bootstrap(np.array(found))) if found[1:] else own[0]
    worst = [t["random_budget_share"]["worst"] for t in tasks if "random_budget_share" in t]
    if worst:
        out["random_budget_share_worst_seed"] = max(worst)
    return out


def printed(found: Any) -> Any:
    """As JSON has it: a share that is never reached (infinite) is null."""
    if isinstance(found, Mapping):
        return {key: printed(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [printed(value) for value in found]
    if isinstance(found, float) and not math.isfinite(found):
        return None
    return found


def _arm(runs: Mapping[int, Scored]) -> dict[str, Any]:
    area = np.array([r.area for r in runs.values()])
    final = np.array([r.final for r in runs.values()])
    any_end = np.array([r.anytime[-1] for r in runs.values()])
    asks = [r.cell["asking_seconds"] / max(r.cell["asked"], 1) for r in runs.values()]
    return {
        "seeds": len(runs),
        "area": _mean(area),
        "final": _mean(final),
        "anytime_end": _mean(any_end),
        "asked": float(np.mean([r.cell["asked"] for r in runs.values()])),
        "ask_seconds": float(np.mean(asks)),
        "slowest_ask": max(r.cell["slowest_ask"] for r in runs.values()),
    }


def _mean(values: np.ndarray) -> dict[str, Any]:
    low, high = bootstrap(values, "mean")
    return {"mean": float(values.mean()), "interval": [low, high]}


def _spread(values: np.ndarray) -> dict[str, Any]:
    low, high = bootstrap(values)
    return {
        "value": float(np.median(values)), "interval": [low, high], "worst": float(values.max()),
        "seeds": len(values),
    }  # fmt: skip


def _ratio(
    ours: Mapping[int, Scored], theirs: Mapping[int, Scored], score: Callable[[Scored], float]
) -> dict[str, Any]:
    """Ratio of means over the seeds that both have, resampled in pairs."""
    both = sorted(set(ours) & set(theirs))
    a = np.array([score(ours[s]) for s in both])
    b = np.array([score(theirs[s]) for s in both])
    rng = np.random.default_rng(0)
    picks = rng.integers(len(both), size=(2000, len(both)))
    drawn = a[picks].mean(axis=1) / np.maximum(b[picks].mean(axis=1), 1e-12)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {
        "value": float(a.mean() / max(b.mean(), 1e-12)), "interval": [float(low), float(high)],
        "seeds": len(both),
    }  # fmt: skip
