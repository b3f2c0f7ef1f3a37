"""`python -m benchmarks.search run|summary|record`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.search.arms import ARMS
from benchmarks.search.cells import Cell, run_cell
from benchmarks.search.problem import Task, scale_of
from benchmarks.search.summary import headline, read_runs

TRACES = Path(__file__).parents[2] / "docs" / "evidence" / "search"


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run cells that have no trace yet")
    run.add_argument("--lcbench", type=Path, help="folder with LCBench's model.onnx")
    run.add_argument("--table", type=Path, help="recorded codec table (.parquet)")
    run.add_argument("--instances", default="", help="of LCBench, separated by commas")
    run.add_argument("--arms", default="ratefront,random", help=", ".join(ARMS))
    run.add_argument("--seeds", type=int, default=3)
    run.add_argument("--workers", type=int, default=4)
    run.add_argument("--minutes", type=float, default=120.0, help="no cell begins after that")
    run.add_argument("--out", type=Path, required=True, help="folder of traces")
    run.add_argument("--json", action="store_true", help="only the last line")
    summary = commands.add_parser("summary", help="headline ratios of traces")
    summary.add_argument("--traces", type=Path, default=TRACES)
    summary.add_argument("--json", action="store_true", help="only the last line")
    args = parser.parse_args()
    if args.command == "run":
        _run(args)
    else:
        _summary(args)


def _tasks(args: argparse.Namespace) -> list[Task]:
    tasks: list[Task] = []
    if args.table is not None:
        from benchmarks.search.recorded import Codecs

        tasks.append(Codecs(args.table))
    wanted = [i for i in args.instances.split(",") if i]
    if wanted and args.lcbench is None:
        sys.exit("--instances are LCBench's: name its folder with --lcbench")
    if wanted:
        from benchmarks.search.lcbench import LCBench

        tasks += [LCBench(args.lcbench, instance) for instance in wanted]
    if not tasks:
        sys.exit("nothing to run: give --lcbench with --instances, or --table")
    return tasks


def _run(args: argparse.Namespace) -> None:
    began = time.monotonic()
    arms = [a for a in args.arms.split(",") if a]
    unknown = [a for a in arms if a not in ARMS]
    if unknown:
        sys.exit(f"no arm {', '.join(unknown)}; there are {', '.join(ARMS)}")
    paths: list[Path] = []
    missing: dict[str, str] = {}
    tasks = [(task, scale_of(task)) for task in _tasks(args)]
    for seed in range(args.seeds):
        for task, scale in tasks:
            for arm in arms:
                if time.monotonic() - began > 60 * args.minutes or arm in missing:
                    continue
                cell = Cell(task.name, arm, seed, args.workers)
                try:
                    paths.append(run_cell(cell, task, scale, args.out))
                except ImportError as error:
                    missing[arm] = str(error)
                    print(f"{arm}: not run, {error}", file=sys.stderr)
                    continue
                if not args.json:
                    print(f"{cell.name}: {time.monotonic() - began:.0f} s", flush=True)
    found = headline(read_runs(paths)) if paths else {"benchmark": "search", "tasks": {}}
    found["cells"] = [p.name for p in paths]
    found["not_run"] = missing
    print(json.dumps(found))


def _summary(args: argparse.Namespace) -> None:
    paths = sorted(args.traces.glob("*.json.gz"))
    if not paths:
        sys.exit(f"{args.traces}: no traces; make some with `python -m benchmarks.search run`")
    found = headline(read_runs(paths))
    if not args.json:
        for task, arms in found["tasks"].items():
            print(task)
            for name, arm in sorted(arms["arms"].items(), key=lambda p: -p[1]["area"]["mean"]):
                area, final = arm["area"], arm["final"]
                print(
                    f"  {name:24s} area {area['mean']:.3f} [{area['interval'][0]:.3f}, "
                    f"{area['interval'][1]:.3f}]  final {final['mean']:.3f} "
                    f"[{final['interval'][0]:.3f}, {final['interval'][1]:.3f}]  "
                    f"ask {1e3 * arm['ask_seconds']:.0f} ms  seeds {arm['seeds']}"
                )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
