"""What a trial prints, in its own folder, so that it is found by the trial's name.

Ray keeps what a process prints by process, on the machine where it ran, and a process runs many
trials. So while a trial runs its process prints into `trial.log` of the trial's folder; every
attempt adds to it, and one that fails adds why.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from search_spaces.errors import BadInput
from search_spaces.record import TRIALS_FOLDER

TRIAL_LOG = "trial.log"


@contextlib.contextmanager
def trial_log(folder: Path, rank: int = 0) -> Iterator[None]:
    """Both outputs of this process, its libraries' too, go into the trial's log meanwhile.

    Args:
        folder: of the trial.
        rank: of the worker; others than the first have logs of their own.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = (folder / _name(rank)).open("ab", buffering=0)
    except OSError:  # a full disk ends the trial where it matters, not here
        yield
        return
    kept = [(number, os.dup(number)) for number in (1, 2)]
    said = f"{_head()}\n"
    try:
        with contextlib.suppress(OSError):
            log.write(said.encode())
        _flush()
        for number, _ in kept:
            os.dup2(log.fileno(), number)
        try:
            yield
        except Exception:  # not the end of a trial that is stopped
            with contextlib.suppress(OSError):
                log.write(traceback.format_exc().encode())
            raise
    finally:
        _flush()
        for number, before in kept:
            os.dup2(before, number)
            os.close(before)
        log.close()


def add_to_trial_log(folder: Path, note: str = "", error: BaseException | None = None) -> None:
    """Says in a trial's log where an attempt begins, or why it failed, where its process trains
    several trials and prints for all of them at once."""
    said = "".join(traceback.format_exception(error)) if error else f"{_head()} {note}\n"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / TRIAL_LOG).open("ab") as log:
            log.write(said.encode())


def read_trial_logs(folder: Path, word: str) -> str:
    """What a trial of a sweep printed, all its attempts and workers.

    Args:
        folder: the sweep directory.
        word: name of a trial, or its beginning.

    Raises:
        BadInput: no trial fits, several do, or it has printed nothing.
    """
    trials = folder / TRIALS_FOLDER
    if not trials.is_dir():
        raise BadInput(f"{folder} is no sweep directory; give the one that was named by --out")
    found = sorted(p for p in trials.iterdir() if p.name.startswith(word))
    found = [p for p in found if p.name == word] or found
    if len(found) != 1:
        names = ", ".join(p.name for p in found[:4])
        many = f"{len(found)} trials fit ({names})" if found else "no trial is called so"
        raise BadInput(f"--trial {word}: {many}; {folder / 'trials.csv'} lists them")
    logs = sorted(found[0].glob("trial*.log"))
    if not logs:
        raise BadInput(f"--trial {word}: {found[0].name} has printed nothing")
    return "".join(log.read_text(encoding="utf-8", errors="replace") for log in logs)


def _head() -> str:
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    return f"-- {now} {socket.gethostname()} pid {os.getpid()}"


def _name(rank: int) -> str:
    return TRIAL_LOG if rank == 0 else f"trial-worker{rank}.log"


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
