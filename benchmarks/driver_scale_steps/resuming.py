"""`ratefront resume` of a sweep of many finished trials and one that was under way, as a person
gives it; where its time goes is read from the log that it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from search_spaces.record import LOG_FILE


def resume(folder: Path) -> dict[str, float]:
    """Seconds of a resumed sweep's stretches, and its greatest memory.

    Returns:
        `read`: from the command to the log being read and the data prepared; `replay`: from there
        to the first trial at work, Ray's start among it; `trial`: of the one that was left; `page`:
        tables, figures and report; `all`; `peak_mib`.
    """
    size = (folder / LOG_FILE).stat().st_size
    command = [str(Path(sys.executable).with_name("ratefront")), "resume", str(folder)]
    began = time.time()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    ended = time.time()
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    with (folder / LOG_FILE).open() as log:
        log.seek(size)
        times = {event["event"]: event["time"] for event in map(json.loads, log)}
    return {
        "read": times["resumed"] - began,
        "replay": times["started"] - times["resumed"],
        "trial": times["finished"] - times["started"],
        "page": ended - times["finished"],
        "all": ended - began,
        "peak_mib": used.ru_maxrss / 1024,
    }
