"""Gives a cluster's machines back when nobody has used them for a while. Runs on their head.

Looks at Ray's jobs, not at whoever submitted them: a driver that died, a job that failed and one
that ended leave an idle cluster alike, and so does a head whose Ray is gone. The machines end
themselves (`ray down` on the head), so that nobody's laptop must be awake for it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cluster.places.head_job import DASHBOARD

LOOK_SECONDS = 30.0
_LIVE = ("PENDING", "RUNNING")


def watch(
    busy: Callable[[], bool],
    minutes: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Returns when a cluster has been idle for so many minutes.

    Args:
        busy: whether it has something to do; an error counts as no.
        minutes: of idleness, in one piece.
        clock: seconds.
        sleep: between two looks.
    """
    used = clock()
    while clock() - used < 60 * minutes:
        sleep(LOOK_SECONDS)
        try:
            live = busy()
        except Exception as error:  # Ray's client raises what its server and the network do
            print(f"ratefront: no answer from Ray ({type(error).__name__})", flush=True)
            live = False
        if live:
            used = clock()


def replace_earlier(place: Path) -> None:
    """Ends the watch of an earlier start, which would count from then, and writes down this one.

    Args:
        place: of the file with its process number.
    """
    with contextlib.suppress(OSError, ValueError):
        earlier = int(place.read_text())
        # A number is used again: only a process that watches is ended.
        if b"cluster.places.idle" in Path(f"/proc/{earlier}/cmdline").read_bytes():
            os.kill(earlier, signal.SIGTERM)
    place.write_text(str(os.getpid()))


def main(argv: list[str] | None = None) -> int:
    """Watches, then takes the cluster down; the exit code is that of `ray down`."""
    parser = argparse.ArgumentParser(prog="python -m cluster.places.idle", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--config", type=Path, required=True, help="of the launcher, on the head")
    parser.add_argument("--dashboard", default=DASHBOARD)
    parser.add_argument("--pid", type=Path, required=True, help="file for this process's number")
    given = parser.parse_args(argv)
    replace_earlier(given.pid.expanduser())

    def busy() -> bool:
        from ray.job_submission import JobSubmissionClient

        jobs = JobSubmissionClient(given.dashboard).list_jobs()
        return any(job.status.value in _LIVE for job in jobs)

    watch(busy, given.minutes)
    print(f"ratefront: idle for {given.minutes:g} minutes; the machines are given back", flush=True)
    config = str(given.config.expanduser())
    return subprocess.run(["ray", "down", "--yes", config], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
