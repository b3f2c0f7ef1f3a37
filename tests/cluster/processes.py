"""Processes below a driver, from /proc: Ray's own and those of its trials."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process; its start tells it from a later one of the same number."""

    pid: int
    parent: int
    start: int
    state: str
    title: str


def look(pid: int) -> Process | None:
    """A process as it is now; None where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return None
    rest = stat.rpartition(")")[2].split()
    return Process(pid, int(rest[1]), int(rest[19]), rest[0], title)


def below(pid: int) -> list[Process]:
    """Every living process that descends from `pid`."""
    everyone = [look(int(p.name)) for p in Path("/proc").iterdir() if p.name.isdigit()]
    children: dict[int, list[Process]] = {}
    for process in everyone:
        if process is not None and process.state != "Z":
            children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    open_ = [pid]
    while open_:
        mine = children.get(open_.pop(), [])
        found += mine
        open_ += [p.pid for p in mine]
    return found


def is_trial(process: Process) -> bool:
    """Whether it is the actor of a Tune trial."""
    return process.title.startswith("ray::ImplicitFunc")


def gone(process: Process) -> bool:
    """Whether it has ended."""
    now = look(process.pid)
    return now is None or now.start != process.start or now.state == "Z"


def kill(process: Process) -> None:
    """Ends a process without a word of warning."""
    if not gone(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
