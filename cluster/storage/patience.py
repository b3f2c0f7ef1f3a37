"""Requests that are tried again while a connection is lost, and what is told when it stays so."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

from search_spaces.errors import BadInput

T = TypeVar("T")
TRIAL_SECONDS = 60.0
"""How long a trial tries to send what it left, before it fails."""
DRIVER_SECONDS = 600.0
"""How long the driver tries: longer, so that it is there to write down which trials failed."""
_FIRST, _LONGEST = 0.2, 10.0


class Lost(OSError):
    """No answer, or one that says to try again."""


class Denied(BadInput):
    """An answer that will not change by asking again: no rights, no such bucket."""


def patience(seconds: float) -> float:
    """`RATEFRONT_STORAGE_SECONDS` where it is set, in proportion: it is a trial's patience."""
    said = os.environ.get("RATEFRONT_STORAGE_SECONDS", "")
    try:
        return seconds * float(said) / TRIAL_SECONDS if said else seconds
    except ValueError:
        raise BadInput(f"RATEFRONT_STORAGE_SECONDS: must be a number, got {said!r}") from None


def persist(call: Callable[[], T], seconds: float) -> T:
    """Calls until there is an answer, waiting twice as long each time, ten seconds at most.

    Args:
        call: raises `Lost` where it may be called again.
        seconds: after which the last `Lost` is raised.
    """
    until = time.monotonic() + seconds
    pause = _FIRST
    while True:
        try:
            return call()
        except Lost:
            if time.monotonic() + pause > until:
                raise
        # Many workers lose a connection at once; they are not to come back at once.
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(_LONGEST, 2 * pause)
