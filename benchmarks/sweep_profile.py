"""Where the time of a whole sweep goes: every process, and every step of trials and driver.

Runs `ratefront sweep rate_distortion` as a person does, on embedded motion or a folder of files,
with trials in Tune's own processes (`local`) or in Train's worker groups (`group`), one at a time
on one core's threads. Processor seconds of processes are read from the operating system while the
sweep runs; those of steps come from a plugin that every process loads
(`sweep_profile_steps/stopwatch.py`). A step's seconds are its own, without those within it; wall
seconds of steps that run side by side add up to more than the sweep took.

Usage: python benchmarks/sweep_profile.py [--quick] [--data FOLDER,...] [--placement local,group]
                                          [--size reduced] [--trials N] [--set KEY=VALUE ...]
The last line is one JSON object: for each run the shares of all processor seconds that training,
evaluation, starting, the page and the rest have, and the seconds of a trial.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

PLUGIN = Path(__file__).parent / "sweep_profile_steps" / "stopwatch.py"
TRIALS = "processes of trials"
GROUPS = (
    ("training", ("training",)),
    ("evaluation", ("evaluation",)),
    ("codec initialisation", ("codec initialisation",)),
    ("checkpoint and artefacts", ("checkpoint", "artefacts", "trial: ")),
    ("data", ("data",)),
    ("bounds and trivial rows", ("bounds",)),
    ("store and reports", ("store", "report to Tune", "retention")),
    ("page", ("page",)),
    ("start of processes", ("start of", "end of Ray")),
    ("between trials", ("between trials", "driver while")),
)


class Processes:
    """Processor seconds of a process and all that descend from it, by kind."""

    def __init__(self, root: int) -> None:
        """Of a process that has just been started."""
        self._known = {root}
        self._root, self._ticks = root, os.sysconf("SC_CLK_TCK")
        self.seconds: dict[int, tuple[str, float]] = {}

    def look(self) -> None:
        """Reads what has been used so far."""
        for pid, parent, name, ticks in _all_processes():
            if parent in self._known or pid in self._known:
                self._known.add(pid)
                before = self.seconds.get(pid, ("", 0.0))[0]
                # Ray names its processes after what they do just now.
                kind = before if before in ("driver", TRIALS) else _kind(name)
                kind = "driver" if pid == self._root else kind
                self.seconds[pid] = (kind, ticks / self._ticks)

    def by_kind(self) -> dict[str, float]:
        """Kind -> processor seconds, the most first."""
        sums: dict[str, float] = {}
        for kind, seconds in self.seconds.values():
            sums[kind] = sums.get(kind, 0.0) + seconds
        return dict(sorted(sums.items(), key=lambda item: -item[1]))


def _all_processes() -> Iterator[tuple[int, int, str, int]]:
    """Process, parent, name and processor ticks of every process that can be read."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            head, _, tail = (folder / "stat").read_text().rpartition(")")
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        fields = tail.split()
        name = line.strip() or head.partition("(")[2]
        yield int(folder.name), int(fields[1]), name, int(fields[11]) + int(fields[12])


def _kind(name: str) -> str:
    if name.startswith("ray::") and "IDLE" in name:
        return "Ray workers without work"
    if "ImplicitFunc" in name or "RayTrainWorker" in name or "run_job" in name:
        return TRIALS
    return "Train's own processes" if name.startswith("ray::") else "Ray's servers"


def profile(data: str, placement: str, options: argparse.Namespace) -> dict[str, float]:
    """Runs one sweep and prints its tables; returns the shares of processor seconds."""
    with tempfile.TemporaryDirectory() as place:
        measured = Path(place) / "measured"
        measured.mkdir()
        command = [
            str(Path(sys.executable).with_name("ratefront")), "sweep", "rate_distortion",
            "--data", data, "--out", f"{place}/sweep", "--size", options.size,
            "--trials", str(options.trials), "--concurrency", "1", "--placement", placement,
            "--plugin", str(PLUGIN), *(x for s in options.set for x in ("--set", s)),
        ]  # fmt: skip
        environment = {**os.environ, "RATEFRONT_PROFILE": str(measured)}
        began = time.perf_counter()
        sweep = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        processes = Processes(sweep.pid)
        while sweep.poll() is None:
            processes.look()
            time.sleep(0.2)
        wall = time.perf_counter() - began
        if sweep.returncode:
            raise SystemExit(f"the sweep ended with {sweep.returncode}: {' '.join(command)}")
        files = [json.loads(file.read_text()) for file in sorted(measured.glob("*.json"))]
    steps: dict[str, list[float]] = {}
    for step, sums in (item for file in files for item in file["steps"].items()):
        steps[step] = [a + b for a, b in zip(steps.get(step, [0, 0, 0]), sums, strict=True)]
    return _tables(f"{data}, {placement}, {options.trials} trials", steps, processes, wall)


def _tables(
    title: str, steps: dict[str, list[float]], processes: Processes, wall: float
) -> dict[str, float]:
    kinds = processes.by_kind()
    total = sum(kinds.values())
    print(f"\n{title}: {wall:.0f} s of wall time, {total:.0f} s of processors")
    for kind, seconds in kinds.items():
        print(f"  {kind:44s} {seconds:8.1f} s {seconds / total:6.1%}")
    print(f"  {'step':44s} {'processor':>10s} {'share':>6s} {'wall':>10s} {'calls':>8s}")
    for step, (own_wall, processor, calls) in sorted(steps.items(), key=lambda s: -s[1][1]):
        print(
            f"  {step:44s} {processor:8.2f} s {processor / total:6.1%} {own_wall:8.2f} s "
            f"{int(calls):8d}"
        )
    shares = {
        group: sum(s[1] for step, s in steps.items() if step.startswith(names)) / total
        for group, names in GROUPS
    }
    shares["Ray and the rest"] = 1 - sum(shares.values())
    for group, share in shares.items():
        print(f"  {group:44s} {share:6.1%}")
    sys.stdout.flush()
    return {group: round(share, 3) for group, share in shares.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Profiles every asked combination of data and placement."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="embedded, local, 6 trials")
    parser.add_argument("--data", default="embedded", help="folders of motion, or embedded")
    parser.add_argument("--placement", default="", help="of local, group")
    parser.add_argument("--size", default="reduced", choices=("debug", "reduced", "full"))
    parser.add_argument("--trials", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="as ratefront sweep has it")
    options = parser.parse_args(argv)
    options.trials = options.trials or (6 if options.quick else 12)
    placements = options.placement or ("local" if options.quick else "local,group")
    found = {
        f"{Path(data).name}, {placement}": profile(data, placement, options)
        for data in options.data.split(",")
        for placement in placements.split(",")
    }
    machine = {"cores": os.cpu_count(), "machine": platform.platform()}
    print(json.dumps({"benchmark": "sweep_profile", "shares": found, **machine}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
