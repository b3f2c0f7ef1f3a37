"""The tables of docs/evidence/search.md, from published traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.search.cells import Scored
from benchmarks.search.scoring import bootstrap
from benchmarks.search.summary import OURS, PILOTS, Runs

LCBENCH = ("126029", "167200", "189908")
RATIO_HEAD = (
    "task", "seeds", "share until random's volume, median (worst seed)",
    "share until the best stock sampler's", "final over the best peer's",
    "area over the best peer's", "final over GPSampler's", "area over GPSampler's",
)  # fmt: skip
ARM_HEAD = (
    "arm", "seeds", "share of the budget until random's volume, median", "area, mean",
    "final volume, mean", "trials begun", "ms a proposal",
)  # fmt: skip


def ratio_table(tasks: Mapping[str, Mapping[str, Any]], runs: Runs) -> str:
    """A line a task: ours against others, with 95 % intervals over seeds.

    Args:
        tasks: of `headline`.
        runs: task -> arm -> seed -> run.
    """
    rows = []
    for name in sorted(tasks, key=_place):
        found = tasks[name]
        if "random_budget_share" not in found:
            continue
        row = [_shown(name), str(len(runs[name][OURS]))]
        share = found["random_budget_share"]
        row.append(f"{_median(share, 3)} ({_number(share['worst'], 2)})")
        bridge = found.get("bridge_budget_share")
        row.append(f"{_median(bridge, 2)} (`{bridge['against']}`)" if bridge else "–")
        for key in ("final_hv_vs_best_peer", "area_vs_best_peer"):
            row.append(f"{_median(found[key], 2)} (`{found[key]['against']}`)")
        for key in ("final_vs_gpsampler", "area_vs_gpsampler"):
            row.append(_median(found[key], 2) if key in found else "–")
        rows.append(row)
    return _table(RATIO_HEAD, rows)


def arm_table(arms: Mapping[str, Mapping[int, Scored]]) -> str:
    """A line an arm of one task, by area."""
    goal = float(np.mean([r.anytime[-1] for r in arms["random"].values()]))
    rows = []
    by_area = sorted(
        arms.items(), key=lambda arm: -float(np.mean([r.area for r in arm[1].values()]))
    )
    for name, runs in by_area:
        shares = np.array([r.share(goal) for r in runs.values()])
        cells = [r.cell for r in runs.values()]
        rows.append([
            f"**`{name}`**" if name == OURS else f"`{name}`",
            str(len(runs)),
            _interval(float(np.median(shares)), bootstrap(shares), 3),
            _mean([r.area for r in runs.values()]),
            _mean([r.final for r in runs.values()]),
            f"{np.mean([c['asked'] for c in cells]):.0f}",
            f"{1e3 * np.mean([c['asking_seconds'] / max(c['asked'], 1) for c in cells]):.0f}",
        ])  # fmt: skip
    return _table(ARM_HEAD, rows)


def _place(task: str) -> tuple[int, str]:
    order = (task == "codecs", task in LCBENCH, task.startswith("known-"), task not in PILOTS)
    return next((i for i, is_it in enumerate(order) if is_it), len(order)), task


def _shown(task: str) -> str:
    if task in LCBENCH:
        return f"LCBench `{task}`"
    return f"pilot `{task}`" if task in PILOTS else f"`{task}`"


def _median(found: Mapping[str, Any], digits: int) -> str:
    return _interval(found["value"], found["interval"], digits)


def _mean(values: Sequence[float]) -> str:
    return _interval(float(np.mean(values)), bootstrap(np.array(values), "mean"), 3)


def _interval(value: float, bounds: Sequence[float], digits: int) -> str:
    middle, low, high = (_number(v, digits) for v in (value, *bounds))
    return middle if middle == low == high else f"{middle} [{low}, {high}]"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "never"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])
