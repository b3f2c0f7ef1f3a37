"""One cell is one (task, arm, seed): run once, written as one file, never run twice."""

from __future__ import annotations

import gzip
import json
import os
import platform
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.arms import make_arm
from benchmarks.search.problem import Scale, Task
from benchmarks.search.recorded import Codecs, OnTable
from benchmarks.search.scoring import share_to_reach, times, volume_over_time
from cluster.replay.simulator import Arm, Report, simulate
from search_spaces.space import Config

PACKAGES = (
    "optuna", "ray", "numpy", "scipy", "moocore", "syne-tune", "neural-pipeline-search",
    "ax-platform", "botorch", "smac", "deephyper", "optunahub", "torch",
)  # fmt: skip


FAILED = ".failed.txt"


@dataclass(frozen=True)
class Cell:
    """A run's identity."""

    task: str
    arm: str
    seed: int
    workers: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.task}--{self.arm}--s{self.seed}--w{self.workers}"


class CellFailed(Exception):
    """An arm ended in an error of its own; its first line says which."""


def run_cell(cell: Cell, task: Task, scale: Scale, folder: Path) -> Path:
    """Runs a cell unless its file is there; returns the file.

    Raises:
        ImportError: the arm's library is not here.
        CellFailed: the arm raised, now or when the cell was tried before. Its error is kept beside
            the traces; without that file the cell is tried again.
    """
    path = folder / f"{cell.name}.json.gz"
    if path.is_file():
        return path
    failure = folder / f"{cell.name}{FAILED}"
    if failure.is_file():
        raise CellFailed(failure.read_text().splitlines()[0])
    try:
        found = _simulated(cell, task, scale)
    except ImportError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        folder.mkdir(parents=True, exist_ok=True)
        failure.write_text(f"{said}\n\n{traceback.format_exc()}")
        raise CellFailed(said) from error
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".part-{os.getpid()}")
    with gzip.open(part, "wt") as out:
        json.dump(found, out, default=float)
    part.replace(path)
    return path


def _simulated(cell: Cell, task: Task, scale: Scale) -> dict[str, Any]:
    made = make_arm(cell.arm, task, scale, cell.seed, cell.workers)
    arm = OnTable(made, task) if isinstance(task, Codecs) else made
    horizon = scale.horizon(cell.workers)
    began = time.time()
    trace = simulate(
        Continued(task, made),
        arm,
        workers=cell.workers,
        horizon=horizon,
        seed=cell.seed,
        charge_asking=True,
    )
    return {
        "task": cell.task, "arm": cell.arm, "seed": cell.seed, "workers": cell.workers,
        "reference": list(scale.reference), "volume": scale.volume, "horizon": horizon,
        "asked": trace.asked, "finished": trace.finished, "stopped": trace.stopped,
        "asking_seconds": trace.asking_seconds, "slowest_ask": trace.slowest_ask,
        "wall_seconds": time.time() - began,
        "versions": _versions(), "machine": platform.platform(), "cores": os.cpu_count(),
        "events": trace.rows,
    }  # fmt: skip


def read_cell(path: Path) -> dict[str, Any]:
    """A cell's file."""
    with gzip.open(path, "rt") as source:
        found: dict[str, Any] = json.load(source)
    return found


def points_of(cell: Mapping[str, Any]) -> list[tuple[float, bool, np.ndarray]]:
    """(time, whether a trial's end, points) in order of time."""
    return [
        (e["time"], e["event"] == "done", np.asarray(e["points"], float))
        for e in cell["events"]
        if e["event"] != "asked"
    ]


@dataclass(frozen=True, eq=False)
class Continued:
    """A task on which an arm's paused trials go on at no cost from where they were (`resumed`)."""

    task: Task
    arm: Arm

    def run(self, config: Config, seed: int) -> Sequence[Report]:
        """What is left of a trial's reports."""
        done = float(getattr(self.arm, "resumed", 0.0))
        reports = self.task.run(config, seed)
        spent = max((r.seconds for r in reports if r.share <= done), default=0.0)
        return [replace(r, seconds=r.seconds - spent) for r in reports if r.share > done]


@dataclass(frozen=True, eq=False)
class Scored:
    """A cell's numbers; volumes are shares of the random sample's.

    Attributes:
        anytime: (times,) volume of every report so far.
        finals: (times,) volume of trials' ends so far.
    """

    anytime: np.ndarray
    finals: np.ndarray
    cell: Mapping[str, Any]

    @property
    def area(self) -> float:
        """Mean of the anytime volume over log-spaced times."""
        return float(self.anytime.mean())

    @property
    def final(self) -> float:
        """Volume of the ends at the end."""
        return float(self.finals[-1])

    def share(self, goal: float, *, finals: bool = False) -> float:
        """Share of the budget at which a volume (share of the sample's) is reached."""
        reference = tuple(self.cell["reference"])
        return share_to_reach(
            points_of(self.cell), reference, goal * self.cell["volume"], self.cell["horizon"],
            finals=finals,
        )  # fmt: skip


def scored(cell: Mapping[str, Any]) -> Scored:
    """Volumes over time of a cell."""
    at = times(cell["horizon"])
    reference = tuple(cell["reference"])
    points = points_of(cell)
    anytime, finals = (
        volume_over_time(points, reference, at, finals=f) / cell["volume"] for f in (False, True)
    )
    return Scored(anytime, finals, cell)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
