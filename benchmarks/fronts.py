"""Fronts, statistics and report of many operating points: time and memory, beside Optuna and pymoo.

Three parts. *Cloud*: fronts, hypervolume, attainment over ten seeds and indicators of a million
points of two objectives. *Peers*: non-dominated sort and hypervolume of the same points by
`analysis.indicators`, by Optuna's private functions and by pymoo, in turn within one call; pymoo is
installed for this alone, in an environment of its own (`make bench-peers`), and left out where that
is missing. *Sweep*: a log of ten thousand trials with eight prefixes each is read, averaged over
seeds, and its front statistics are made; and its whole report is built, tables, figures and page;
each in a fresh process, whose peak memory is told.

Seconds are of the processor, the least of the repeats: what else the machine does adds to the wall.

Usage: python benchmarks/fronts.py [--quick]
The last line is one JSON object: `cloud_seconds`, `sweep_seconds`, `sweep_peak_mib`,
`report_seconds`, `report_wall_seconds`, `report_peak_mib`, and how many times longer each peer
took (`optuna_sort_times`, `pymoo_hypervolume_times`, ...).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fronts_steps.invented_sweep import write_sweep

from analysis.attainment import attainment
from analysis.indicators import Box, hypervolume, indicators, nondominated, ranks

PEERS = Path(__file__).resolve().parent.parent / ".venv-peers" / "bin" / "python"
CORNER = np.array([9000.0, 25.0])
PYMOO = """
import json, sys, time
import numpy as np
from pymoo.indicators.hv import HV
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting
values = np.load(sys.argv[1])
found = {}
for name, run in (("sort", lambda: NonDominatedSorting().do(values)),
                  ("hypervolume", lambda: HV(ref_point=np.array([9000.0, 25.0]))(values))):
    run()
    start = time.process_time()
    result = run()
    found[name] = time.process_time() - start
    found[name + "_result"] = len(result) if name == "sort" else float(result)
print(json.dumps(found))
"""


def cloud(count: int, rng: np.random.Generator) -> np.ndarray:
    """Operating points in the shape of a rate–distortion cloud: float (points, 2)."""
    rates = np.exp(rng.uniform(np.log(30), np.log(9000), count))
    return np.column_stack([rates, (3 + 16 * np.exp(-rates / 900)) * rng.lognormal(0, 0.15, count)])


def seconds(run: Callable[[], object], repeats: int = 3) -> float:
    """Least processor time of a few runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def cloud_rows(count: int, rng: np.random.Generator) -> dict[str, float]:
    """Seconds of what is made of a cloud of points."""
    values = cloud(count, rng)
    seeds = rng.integers(10, size=count)
    box = Box.below(CORNER, values)
    front = values[nondominated(values)]
    return {
        "front": seconds(lambda: nondominated(values)),
        "hypervolume": seconds(lambda: hypervolume(values, CORNER)),
        "attainment": seconds(lambda: attainment(values, seeds, CORNER), 1),
        "indicators": seconds(lambda: indicators(values, front, box), 1),
    }


def peer_rows(count: int, rng: np.random.Generator, folder: Path) -> dict[str, Any]:
    """Seconds of the same work by ours, Optuna's and pymoo's."""
    from optuna._hypervolume import compute_hypervolume
    from optuna.study._multi_objective import _fast_non_domination_rank

    values = cloud(count, rng)
    inside = values[(values < CORNER).all(axis=1)]
    found: dict[str, Any] = {
        "points": count,
        "ours": {
            "sort": seconds(lambda: ranks(values)),
            "hypervolume": seconds(lambda: hypervolume(values, CORNER)),
        },
        "optuna": {
            "sort": seconds(lambda: _fast_non_domination_rank(values)),
            "hypervolume": seconds(lambda: compute_hypervolume(inside, CORNER)),
        },
    }
    volume = hypervolume(values, CORNER).value
    assert abs(compute_hypervolume(inside, CORNER) / volume - 1) < 1e-9
    layers = int(ranks(values).max()) + 1
    assert int(_fast_non_domination_rank(values).max()) + 1 == layers
    if PEERS.is_file():
        np.save(folder / "values.npy", values)
        command = [str(PEERS), "-c", PYMOO, str(folder / "values.npy")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found["pymoo"] = json.loads(done.stdout.splitlines()[-1])
        assert abs(found["pymoo"].pop("hypervolume_result") / volume - 1) < 1e-9
        assert found["pymoo"].pop("sort_result") == layers
    return found


def sweep_stage(folder: Path) -> dict[str, float]:
    """Seconds and peak memory of a sweep's way from log to front statistics, in this process."""
    from analysis.front_statistics import front_statistics
    from analysis.points import clips_frame, points_frame, read_log, trials_frame
    from analysis.resampled import candidates
    from search_spaces.objectives import Objective

    rows: dict[str, float] = {}

    def step(name: str, run: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = run()
        rows[name] = time.process_time() - start
        return result

    log = step("read log", lambda: read_log(folder))
    points = step("points", lambda: points_frame(log))
    trials = step("trials", lambda: trials_frame(log))
    shown = [Objective(f"rmse_{s}_cm") for s in ("full", "body", "right_hand", "left_hand")]
    few = step("candidates", lambda: candidates(points, log.rate, shown))
    clips = step("clips", lambda: clips_frame(log, few))
    step("statistics", lambda: front_statistics(
        points, clips, rate=log.rate, reference=log.sweep["reference_point"], trials=trials,
        distortions=shown,
    ))  # fmt: skip
    rows["total"] = sum(rows.values())
    rows["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return rows


def report_stage(folder: Path) -> dict[str, float]:
    """Seconds of the processor and of the clock, peak memory and page of a sweep's report."""
    began, clock = time.process_time(), time.perf_counter()
    from analysis.report.report import build_report

    page = build_report(folder)
    return {
        "total": time.process_time() - began,
        "wall": time.perf_counter() - clock,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "page_mib": page.stat().st_size / 2**20,
    }


STAGES = {"statistics": sweep_stage, "report": report_stage}


def fresh(stage: str, folder: Path) -> dict[str, float]:
    """A stage in a process of its own."""
    command = [sys.executable, __file__, "--stage", stage, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Runs the parts and prints their rows, then one JSON object."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="a tenth of everything")
    options.add_argument("--stage", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.stage:
        stage, place = given.stage
        print(json.dumps(STAGES[stage](Path(place))))
        return
    scale = 10 if given.quick else 1
    rng = np.random.default_rng(0)
    made = cloud_rows(1_000_000 // scale, rng)
    print(f"cloud of {1_000_000 // scale:,} points, seconds:", _words(made))
    with tempfile.TemporaryDirectory() as name:
        peers = peer_rows(5_000 // (2 if given.quick else 1), rng, Path(name))
        for who in ("ours", "optuna", "pymoo"):
            if who in peers:
                print(f"{who}, {peers['points']:,} points, seconds:", _words(peers[who]))
        folder = Path(name) / "sweep"
        count = write_sweep(folder, 10_000 // scale, 8, 2 if given.quick else 4, rng)
        sweep, report = fresh("statistics", folder), fresh("report", folder)
    print(f"sweep of {count:,} points, seconds:", _words(sweep))
    print(f"report of {count:,} points, seconds:", _words(report))
    head: dict[str, Any] = {
        "cloud_seconds": round(sum(made.values()), 2),
        "sweep_points": count,
        "sweep_seconds": round(sweep["total"], 2),
        "sweep_peak_mib": round(sweep["peak_mib"]),
        "report_seconds": round(report["total"], 2),
        "report_wall_seconds": round(report["wall"], 2),
        "report_peak_mib": round(report["peak_mib"]),
    }
    for who in ("optuna", "pymoo"):
        for what in ("sort", "hypervolume"):
            taken = peers.get(who, {}).get(what)
            times = None if taken is None else round(taken / max(peers["ours"][what], 1e-9), 1)
            head[f"{who}_{what}_times"] = times
    print(json.dumps(head))


def _words(row: dict[str, float]) -> str:
    return ", ".join(f"{k} {v:.4g}" for k, v in row.items())


if __name__ == "__main__":
    main()
