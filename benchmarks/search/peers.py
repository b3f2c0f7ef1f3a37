"""Runs a peer's cells in the environment that `make bench-peers` built for it.

The same command runs there, in the repository's folder: simulator, tasks and scoring need neither
Ray nor torch, so a peer brings whatever versions it likes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = "--in-this-environment"


@dataclass(frozen=True)
class Outcome:
    """What a sitting in another environment left.

    Attributes:
        cells: files of cells.
        not_run: arm -> why.
        failed: cell -> error.
    """

    cells: tuple[Path, ...]
    not_run: Mapping[str, str]
    failed: Mapping[str, str]


def python_of(environment: str, root: Path = ROOT) -> Path:
    """Where its interpreter is, or would be."""
    return root / f".venv-peers-{environment}" / "bin" / "python"


def run_peers(
    environment: str, arms: Sequence[str], options: Sequence[str], out: Path, root: Path = ROOT
) -> Outcome:
    """Runs cells of some arms there.

    Args:
        environment: its name.
        arms: that it serves.
        options: of the command line, as they were given, without arms and folder.
        out: folder of traces.
        root: where the environments stand.
    """
    python = python_of(environment, root)
    if not python.is_file():
        missing = f"no environment {python.parents[1].name}; make it with `make bench-peers`"
        return Outcome((), dict.fromkeys(arms, missing), {})
    command = [str(python), "-m", "benchmarks.search", "run", *options, HERE, "--json",
               "--arms", ",".join(arms), "--out", str(out)]  # fmt: skip
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | threads | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    sys.stderr.write(done.stderr[-2000:])
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Outcome((), dict.fromkeys(arms, f"ended with {done.returncode}: {said}"), {})
    found = json.loads(lines[-1])
    return Outcome(tuple(out / name for name in found["cells"]), found["not_run"], found["failed"])
