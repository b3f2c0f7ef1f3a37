"""Locks of the operating system: a process that dies gives them back by dying."""

from __future__ import annotations

import errno
import fcntl
from typing import IO, Any

from search_spaces.errors import BadInput


def taken(lock: IO[Any]) -> bool:
    """Takes an open file's lock at once; False where another process has it.

    Raises:
        BadInput: its file system has no locks, so nobody could be kept out.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise BadInput(
            f"{lock.name}: its file system has no locks ({error.strerror}), so two processes could "
            "write there at once; take a folder on another one, or mount it with locks"
        ) from None
    return True
