"""How far one driver reaches: trials, trials at a time, reports a second, and the way back.

Five parts, each beside its peer in the same run; every measurement is a process of its own.

1. *Trials*: ten thousand that return at once, 16 at a time, through the product's own driver
   (store, books, searcher, stopping rule, retention, Tune adapter) and through a bare
   `ray.tune.Tuner`; and fewer of one second each. Seconds, processor seconds and memory of the
   driver for each trial.
2. *At a time*: 8, 32, 64 and 128 trials as processes, as far as memory reaches. Trials last the
   longer the more there are, so that the first has not ended before the last has begun.
3. *Without Ray*: a thousand at a time by `FakeExecutor`, which runs nothing and hands the driver
   what trials would have said: what the driver itself does for a report.
4. *Resume*: `ratefront resume` of the sweeps that part 3 left with one trial under way.
5. Ray's own published figures, quoted.

Exponents are slopes on logarithmic axes of what grows with the number of trials (a constant start
is taken off where it is known): 1 is linear.

Usage: python benchmarks/driver_scale.py [--quick] [--trials N] [--parts 1,2,3,4]
                                         [--one-second N] [--levels 8,32,64,128]
The last line is one JSON object with what a trial, a report and a resumed trial cost.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from driver_scale_steps.fake_executor import fake_sweep
from driver_scale_steps.invented_points import Forms
from driver_scale_steps.light_sweep import SETTINGS
from driver_scale_steps.resuming import resume
from driver_scale_steps.tune_trials import free_mib, through_ratefront, through_tuner

MARKS = (250, 500, 1000, 2000, 4000, 10_000)
AT_A_TIME, FAKE_AT_A_TIME = 16, 1000
PROCESS_MIB, SPARE_MIB = 90.0, 4000.0
"""Of a trial's process before it was measured, and what the machine keeps."""
LASTS_SECONDS, EACH_SECONDS = 10.0, 1.0
"""A trial of part 2, at least and for each of those at a time: two cores begin more than one a
second."""
PUBLISHED = (
    "Ray's documentation (Tune, scalability): 10,000 one-second trials on one node of 16 CPUs took "
    "715 s against an ideal 625 s; 1,000 trials at a time at a result a second 175 s against 100 s."
)
SIDES: Mapping[str, Callable[..., dict[str, Any]]] = {
    "ratefront": through_ratefront, "bare Tuner": through_tuner,
}  # fmt: skip


def alone(run: Callable[..., Any], *given: Any) -> Any:
    """What a function returns in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(run, *given).result()


def exponent(sizes: Sequence[float], amounts: Sequence[float]) -> float:
    """Slope on logarithmic axes; what does not grow has none."""
    pairs = [(s, a) for s, a in zip(sizes, amounts, strict=True) if a > 0]
    if len(pairs) < 2:
        return float("nan")
    found = np.polyfit(*np.log(np.array(pairs)).T, 1)[0]
    return round(float(found), 2)


def real_forms(folder: Path) -> Forms:
    """A real sweep with a trial of each codec, for the form of what trials say."""
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    command = [
        str(Path(sys.executable).with_name("ratefront")), "sweep", "rate_distortion", "--data",
        "embedded", "--out", str(folder), "--size", "debug", "--trials", "3",
        "--concurrency", "1", *settings,
    ]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Forms.of_sweep(folder)


def many_trials(place: Path, forms: Forms, trials: int, one_second: int) -> dict[str, Any]:
    """Part 1."""
    print(f"\n1. trials through Ray, {AT_A_TIME} at a time")
    found: dict[str, Any] = {}
    for seconds, count in ((0.0, trials), (1.0, one_second))[: 2 if one_second else 1]:
        marks = sorted({m for m in MARKS if m < count} | {count})
        for side, run in SIDES.items():
            folder = place / f"many-{side.split()[0]}-{seconds:g}"
            it = alone(run, folder, forms, count, AT_A_TIME, seconds, marks)
            overhead = it["trial_seconds"] - seconds / AT_A_TIME
            sizes, curve = list(it["curve"]), list(it["curve"].values())
            memory = curve[-1][2] - curve[0][2]
            it |= {
                "overhead_ms": 1000 * overhead, "driver_ms": 1000 * it["driver_seconds"],
                "kib_a_trial": 1024 * memory / max(1, sizes[-1] - sizes[0]),
                "log_kib": it["log_bytes"] / count / 1024,
                "ray_kib": it["ray_bytes"] / count / 1024,
                "exponent": exponent(sizes, [c[0] - it["first_round"] for c in curve]),
                "driver_exponent": exponent(sizes, [c[1] for c in curve]),
            }  # fmt: skip
            found[f"{side}, {seconds:g} s"] = it
            ideal = f" (ideal {count * seconds / AT_A_TIME:.0f} s)" if seconds else ""
            print(
                f"  {side:10s} {count:6d} trials of {seconds:g} s: {it['wall']:7.1f} s{ideal}, "
                f"first round {it['first_round']:.1f} s, then {it['overhead_ms']:.2f} ms a trial "
                f"over the ideal, driver {it['driver_ms']:.2f} ms, memory "
                f"{it['kib_a_trial']:.1f} KiB a trial, log {it['log_kib']:.1f} KiB, Tune's files "
                f"{it['ray_kib']:.1f} KiB; exponent of time {it['exponent']}, of the driver's "
                f"{it['driver_exponent']}"
            )
            for size, (wall, processor, mib) in it["curve"].items():
                print(
                    f"    {size:6d} ended: {wall:7.1f} s, driver {processor:6.1f} s, {mib:.0f} MiB"
                )
            sys.stdout.flush()
    return found


def at_a_time(place: Path, forms: Forms, levels: Sequence[int]) -> dict[str, Any]:
    """Part 2: two rounds of trials that wait, so many processes at once."""
    print("\n2. at a time, as processes; two rounds of trials")
    found: dict[str, Any] = {}
    each = PROCESS_MIB
    for level in levels:
        seconds = max(LASTS_SECONDS, EACH_SECONDS * level)
        needed = level * each + SPARE_MIB
        if needed > free_mib():
            print(f"  {level}: stopped here: needs {needed:.0f} MiB, {free_mib():.0f} are free")
            break
        for side, run in SIDES.items():
            folder = place / f"at-{level}-{side.split()[0]}"
            it = alone(run, folder, forms, 2 * level, level, seconds, (2 * level,))
            each = max(PROCESS_MIB, it["trial_process_mib"])
            found[f"{side}, {level}"] = it
            other = it["wall"] - it["first_round"]
            print(
                f"  {level:4d} {side:10s} trials of {seconds:g} s, first round after "
                f"{it['first_round']:6.1f} s, the other in {other:6.1f} s, driver "
                f"{1000 * it['driver_seconds']:.1f} ms a trial, "
                f"{it['trial_processes']} processes of {it['trial_process_mib']:.0f} MiB"
            )
            sys.stdout.flush()
    for side in SIDES:
        mine = {int(name.rpartition(" ")[2]): it for name, it in found.items() if side in name}
        grown = exponent(list(mine), [it["driver_seconds"] for it in mine.values()])
        start = exponent(list(mine), [it["first_round"] for it in mine.values()])
        print(f"  {side}: exponent of the driver's seconds a trial {grown}, of the start {start}")
        found[f"{side}, exponents"] = {"driver": grown, "start": start}
    return found


def without_ray(place: Path, forms: Forms, sizes: Sequence[int]) -> dict[str, Any]:
    """Part 3; leaves a sweep of each size for part 4."""
    print(f"\n3. without Ray: FakeExecutor, {FAKE_AT_A_TIME} at a time")
    found: dict[str, Any] = {}
    for size in sizes:
        it = alone(fake_sweep, place / f"fake-{size}", forms, size, FAKE_AT_A_TIME, (*MARKS, size))
        busy = sum(it["seconds"].values())
        wall, processor, mib = it["curve"][size]
        it |= {
            "reports_a_second": it["calls"]["report"] / busy,
            "report_ms": 1000 * it["seconds"]["report"] / it["calls"]["report"],
            "trial_ms": 1000 * busy / size,
            "kib_a_trial": 1024 * (mib - it["before_mib"]) / size,
            "log_kib": it["log_bytes"] / size / 1024,
        }  # fmt: skip
        found[str(size)] = it
        print(
            f"  {size:6d} trials, {it['calls']['report']} reports: {wall:6.1f} s (driver "
            f"{processor:.1f} s, {it['write_seconds']:.1f} s of it writing and flushing), "
            f"{it['reports_a_second']:.0f} reports a second, {it['report_ms']:.2f} ms a report, "
            f"{it['trial_ms']:.2f} ms a trial, {it['kib_a_trial']:.0f} KiB of memory and "
            f"{it['log_kib']:.1f} KiB of log a trial"
        )
        sys.stdout.flush()
    spent = [found[str(s)]["curve"][s] for s in sizes]
    grown = {
        "processor": exponent(sizes, [c[1] for c in spent]),
        "log": exponent(sizes, [found[str(s)]["log_bytes"] for s in sizes]),
        "report": exponent(sizes, [found[str(s)]["report_ms"] for s in sizes]),
    }
    print(f"  exponents: {', '.join(f'{k} {v}' for k, v in grown.items())}")
    return {**found, "exponents": grown}


def resumed(place: Path, sizes: Sequence[int]) -> dict[str, Any]:
    """Part 4."""
    print("\n4. ratefront resume, all trials but one finished")
    found = {str(size): resume(place / f"fake-{size}") for size in sizes}
    for size, it in found.items():
        print(
            f"  {size:>6s} trials: first trial at work after {it['read'] + it['replay']:.1f} s "
            f"(command, data and log {it['read']:.1f}, replay and Ray {it['replay']:.1f}), page "
            f"{it['page']:.1f} s, in all {it['all']:.1f} s, at most {it['peak_mib']:.0f} MiB"
        )
    # What does not depend on the log: imports, data, Ray. Of two unknowns the fit knows one.
    starts = [found[str(s)]["read"] + found[str(s)]["replay"] for s in sizes]
    slope, fixed = np.polyfit(sizes, starts, 1)
    grown = exponent(sizes[1:], [s - starts[0] for s in starts[1:]])
    print(
        f"  {fixed:.1f} s and {1000 * slope:.2f} ms a finished trial; exponent beyond the smallest "
        f"{grown}"
    )
    return {**found, "exponent": grown, "ms_a_trial": 1000 * slope, "fixed_seconds": fixed}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the parts and prints their tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer trials; under ten minutes")
    parser.add_argument("--trials", type=int, default=0, help="most trials of parts 1, 3 and 4")
    parser.add_argument("--parts", default="1,2,3,4", help="of 1,2,3,4; 4 needs 3")
    parser.add_argument("--one-second", type=int, default=-1, help="trials of one second; 0: none")
    parser.add_argument("--levels", default="", help="trials at a time of part 2")
    options = parser.parse_args(argv)
    options.levels = options.levels or ("8,16" if options.quick else "8,32,64,128")
    if options.one_second < 0:
        options.one_second = 160 if options.quick else 960
    most = options.trials or (1000 if options.quick else 10_000)
    sizes = [s for s in (250, 1000, 4000, 10_000) if s < most] + [most]
    parts, found = options.parts.split(","), {}
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        forms = real_forms(place / "real")
        if "3" in parts:
            found["without_ray"] = without_ray(place, forms, sizes)
        if "4" in parts:
            found["resume"] = resumed(place, sizes)
        if "1" in parts:
            found["trials"] = many_trials(place, forms, most, options.one_second)
        if "2" in parts:
            levels = [int(level) for level in options.levels.split(",")]
            found["at_a_time"] = at_a_time(place, forms, levels)
    print(f"\n5. {PUBLISHED}")
    machine = {"cores": os.cpu_count(), "machine": platform.platform()}
    print(json.dumps({"benchmark": "driver_scale", **_headlines(found), **machine}))
    return 0


def _headlines(found: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, it in found.get("trials", {}).items():
        keys = ("overhead_ms", "driver_ms", "kib_a_trial", "log_kib", "exponent")
        said[name] = {key: round(it[key], 3) for key in keys}
    if fake := found.get("without_ray"):
        last = [v for k, v in fake.items() if k.isdigit()][-1]
        keys = ("reports_a_second", "report_ms", "trial_ms", "kib_a_trial", "log_kib")
        said["without_ray"] = {key: round(last[key], 3) for key in keys} | fake["exponents"]
    if back := found.get("resume"):
        said["resume"] = {k: back[k] for k in ("exponent", "ms_a_trial", "fixed_seconds")}
    for name, it in found.get("at_a_time", {}).items():
        if name.endswith("exponents"):
            said[f"at a time, {name}"] = it
    return said


if __name__ == "__main__":
    sys.exit(main())
