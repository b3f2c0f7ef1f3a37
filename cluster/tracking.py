"""A finished or interrupted sweep, replayed from its log into a tracker."""

from __future__ import annotations

import fcntl
from pathlib import Path

from rich.console import Console

from analysis.dashboards import check_tracker, make_tracker, mirror
from analysis.log import Log, read_log
from cluster.storage.log_file import LOCK_NAME
from cluster.watching import load_plugins_of
from search_spaces.errors import BadInput
from search_spaces.record import STATUSES


def replay(
    folder: Path, name: str, console: Console, *, clips: bool = True, workspace: bool = False
) -> int:
    """Mirrors what a tracker does not have yet; says how much that was and where it lies.

    Args:
        folder: the sweep directory.
        name: of the tracker.
        console: where to say it.
        clips: whether motion may be uploaded, where the sweep and its data allow it.
        workspace: whether a workspace is saved in W&B too.

    Returns:
        How many trials were written.

    Raises:
        BadInput: no sweep there, no such tracker, or it cannot be used.
    """
    check_tracker(name)
    if workspace and name != "wandb":
        raise BadInput(f"--workspace is of wandb, not of {name}; leave it out")
    log = read_log(folder)
    if _being_mirrored(folder, name, log):
        raise BadInput(f"{folder} is running and mirrors itself in {name}; wait for its end")
    load_plugins_of(folder)
    tracker = make_tracker(name, clips=clips)
    try:
        written = mirror(folder, tracker)
    except (BadInput, KeyboardInterrupt):
        raise
    except Exception as error:  # of a library or a network: what was written stays in the ledger
        words = " ".join(str(error).split())[:300] or type(error).__name__
        raise BadInput(f"{name} failed: {words}; give the command again to go on") from error
    ended = len({e["trial"] for e in log.of(*STATUSES)})
    place = f": {tracker.place}" if tracker.place else ""
    console.print(
        f"{name}: {written} trial(s) written, {ended - written} there already{place}",
        highlight=False,
        soft_wrap=True,
    )
    if workspace:
        from analysis.dashboards.wandb_workspace import save_workspace

        console.print(f"workspace: {save_workspace(log)}", highlight=False, soft_wrap=True)
    return written


def _being_mirrored(folder: Path, name: str, log: Log) -> bool:
    """Whether the sweep runs now with the same tracker: two mirrors would write a trial twice."""
    lock = folder / LOCK_NAME
    run = (log.sweep.get("spec") or {}).get("run") or {}
    if run.get("track") != name or not lock.is_file():
        return False
    with lock.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
