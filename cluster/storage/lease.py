"""Who may write a sweep in a bucket: a lease that its owner renews.

The lease is manners, not safety: it keeps a second driver from starting beside the first, and lets
one take over from a machine that died. Nobody compares clocks of two machines: a lease has run out
where the one who waits saw it unchanged for its whole term by a clock that only goes forward. What
keeps an owner from writing that was only asleep is the log itself (`segments`).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from cluster.storage.bucket import Bucket
from cluster.storage.patience import Denied, Lost
from search_spaces.errors import BadInput
from search_spaces.record import OWNER_FILE

LEASE_SECONDS = 45.0
"""How long an owner may be silent before another takes over; `RATEFRONT_LEASE_SECONDS`."""
_BEATS = 4.5
"""Renewals in a term."""


def lease_seconds() -> float:
    """The term of a lease: the same for all drivers of a sweep."""
    said = os.environ.get("RATEFRONT_LEASE_SECONDS", "")
    try:
        seconds = float(said) if said else LEASE_SECONDS
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86400:
        raise BadInput(f"RATEFRONT_LEASE_SECONDS: must be a number of seconds, got {said!r}")
    return seconds


class Lease:
    """Held by this process until `close`.

    Attributes:
        epoch: number of this ownership; each owner's is higher than those before.
        nonce: of this owner, which no other has.
        taken: who took it from us, "" while it is ours.
    """

    def __init__(
        self,
        bucket: Bucket,
        *,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Takes the lease, waiting for one that is not renewed to run out.

        Args:
            bucket: of the sweep.
            seconds: its term.
            clock: seconds that only go forward.
            sleep: waits so many of them.

        Raises:
            BadInput: another process holds and renews it.
        """
        self._bucket = bucket
        self.seconds = seconds or lease_seconds()
        self._clock, self._sleep = clock, sleep
        self.nonce = secrets.token_hex(8)
        self.epoch = 0
        self.taken = ""
        self._beat = 0
        self._version = ""
        self._since = time.time()
        while not self._version:
            self._take()
        self._over = threading.Event()
        self._renewing = threading.Thread(target=self._renew, daemon=True, name="lease")
        self._renewing.start()

    def _take(self) -> None:
        found = self._bucket.read(OWNER_FILE)
        if found is None:
            self.epoch = 1
            version = self._bucket.create(OWNER_FILE, self._said())
        else:
            held, version = _read(found[0]), found[1]
            if not held.get("released"):
                self._await_end(held, version)
            self.epoch = int(held.get("epoch", 0)) + 1
            version = self._bucket.replace(OWNER_FILE, self._said(), version)
        # An answer that was lost on the way looks as if somebody else had been faster.
        self._version = version or self._ours()

    def _ours(self) -> str:
        found = self._bucket.read(OWNER_FILE)
        if found is not None and _read(found[0]).get("nonce") == self.nonce:
            return found[1]
        return ""

    def _await_end(self, held: dict[str, Any], version: str) -> None:
        until = self._clock() + self.seconds
        while self._clock() < until:
            self._sleep(self.seconds / (2 * _BEATS))
            found = self._bucket.read(OWNER_FILE)
            if found is None or found[1] != version:
                now = _read(found[0]) if found is not None else {}
                if found is None or now.get("released"):
                    return  # it ended meanwhile; the replacement fails, and all begins anew
                raise BadInput(
                    f"{self._bucket.location} is being written by {owner(now)}; wait for it or "
                    "stop it"
                )

    def _renew(self) -> None:
        while not self._over.wait(self.seconds / _BEATS):
            # Without a connection nobody else can take over either; if one did, the log says so.
            with contextlib.suppress(Lost, Denied):
                self._renew_once()
            if self.taken:
                return

    def _renew_once(self) -> None:
        self._beat += 1
        version = self._bucket.replace(OWNER_FILE, self._said(), self._version, self.seconds)
        if not version:
            version = self._ours()
        if version:
            self._version = version
            return
        found = self._bucket.read(OWNER_FILE)
        self.taken = owner(_read(found[0])) if found is not None else "another process"

    def _said(self, released: bool = False) -> bytes:
        said = {
            "host": socket.gethostname(), "pid": os.getpid(), "since": self._since,
            "epoch": self.epoch, "nonce": self.nonce, "beat": self._beat,
        }  # fmt: skip
        return json.dumps({**said, "released": True} if released else said).encode()

    def close(self) -> None:
        """Gives it back, where it is still ours; what cannot be sent runs out by itself."""
        self._over.set()
        self._renewing.join()
        if not self.taken:
            with contextlib.suppress(Lost, Denied):
                self._bucket.replace(OWNER_FILE, self._said(True), self._version, self.seconds)


def owner(held: dict[str, Any]) -> str:
    """Who holds a lease, in words."""
    if "pid" in held and "host" in held:
        return f"process {held['pid']} on {held['host']}"
    return "another process"


def _read(data: bytes) -> dict[str, Any]:
    try:
        said = json.loads(data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
