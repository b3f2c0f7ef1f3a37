"""Claims E3 and E5 to E7 of the second paper, judged by sweeps of motion from speech."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.claims import FAILED, HELD, OPEN, Verdict
from analysis.eggesture.gestures import Cell, GestureSweep
from analysis.eggesture.usage import Estimate

FID = "test_fid_squared"
LEAST_SEEDS = 3
"""Trainings of a cell, with fewer of which nothing is judged."""
_MILD, _STRONG = ("log", "sqrt", "linear"), ("square", "exp")


def judge_gestures(sweep: GestureSweep, size: str) -> dict[str, Verdict]:
    """Claim -> verdict and why, of the claims that the sweep's table is about."""
    judges = {"table1": ("E3", _improves), "table2": ("E3", _improves), "table3": ("E5", _linear),
              "table5": ("E6", _joint), "grid": ("E7", _best)}  # fmt: skip
    if sweep.table not in judges:
        return {}
    claim, judge = judges[sweep.table]
    if size == "debug":
        return {claim: (OPEN, "networks of debug size train for seconds")}
    few = [c.label for c in sweep.cells if len(c.values.get(FID, {})) < LEAST_SEEDS]
    if few:
        return {
            claim: (
                OPEN,
                f"needs {LEAST_SEEDS} trainings of every cell with a Fréchet distance; "
                f"{few[0]} has fewer",
            )
        }
    return {claim: judge(sweep)}


def _said(found: Estimate) -> str:
    return f"{found.mean:+.3g} [{found.low:+.3g}, {found.high:+.3g}]"


def _improves(sweep: GestureSweep) -> Verdict:
    ours = sweep.cell(**{"speech.joint": True})
    others = [c for c in sweep.cells if not c.has(**{"speech.joint": True})]
    if ours is None or not others:
        return OPEN, "needs EGGesture and what it is compared with"
    best = min(others, key=lambda c: c.of(FID).mean)
    apart = ours.less(best, FID)
    percent = -100 * apart.mean / best.of(FID).mean
    why = (
        f"the Fréchet distance is {percent:.1f} % below that of the best other system here "
        f"({best.label}): {_said(apart)}, paired by seed; systems of the paper were not run, and "
        "held means the interval of the difference below 0"
    )
    return (HELD if apart.sign < 0 else FAILED), why


def _linear(sweep: GestureSweep) -> Verdict:
    cells = {str(c.config["speech.reweighting"]): c for c in sweep.cells
             if not c.has(**{"speech.joint": True})}  # fmt: skip
    if missing := [k for k in ("none", *_MILD, *_STRONG) if k not in cells]:
        return OPEN, f"needs the codec of two stages with weights {missing[0]}"
    means = {k: c.of(FID).mean for k, c in cells.items()}
    best = min(means, key=lambda k: means[k])
    hurts = [cells[k].less(cells["none"], FID) for k in _STRONG]
    gain = cells["linear"].less(cells["none"], FID)
    why = (
        f"smallest mean Fréchet distance: {best}; linear less none {_said(gain)}; square less none "
        f"{_said(hurts[0])}, exp less none {_said(hurts[1])}; held means linear smallest, and "
        "square and exp above none by their intervals"
    )
    return (HELD if best == "linear" and all(h.sign > 0 for h in hurts) else FAILED), why


def _joint(sweep: GestureSweep) -> Verdict:
    whole = next((c for c in sweep.cells if c.label == "EGGesture"), None)
    ablated = [c for c in sweep.cells if c is not whole and c.paper is not None]
    without = sweep.cell(**{"speech.joint": False})
    if whole is None or without is None or len(ablated) < 2:
        return OPEN, "needs EGGesture and both of its ablations"
    costs = {c.label: c.less(whole, FID) for c in ablated}
    why = "; ".join(f"{label}: {_said(cost)}" for label, cost in costs.items())
    first = max(costs, key=lambda label: costs[label].mean) == without.label
    held = first and costs[without.label].sign > 0
    return (HELD if held else FAILED), (
        f"what each ablation adds to the Fréchet distance, paired by seed: {why}; held means that "
        "joint training adds most, and its interval lies above 0"
    )


def _best(sweep: GestureSweep) -> Verdict:
    asked = ("guidance.decay", "commitment", "speech.gamma")
    paper = dict(zip(asked, (0.95, 0.1, 500.0), strict=True))
    best: Cell = min(sweep.cells, key=lambda c: c.of(FID).mean)
    if sweep.cell(**paper) is None:
        return OPEN, "the paper's values are not in the grid"
    named = _values(best, asked)
    why = f"smallest mean Fréchet distance at {named}, of {len(sweep.cells)} cells; the paper's " \
          f"grid is not given"  # fmt: skip
    return (HELD if best.has(**paper) else FAILED), why


def _values(cell: Cell, keys: Sequence[str]) -> str:
    return " ".join(f"{float(cell.config[k]):g}" for k in keys)
