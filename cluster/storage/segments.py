"""The log of a sweep in a bucket: immutable objects that are numbered without a gap.

`log/0000000007.jsonl` is what one write made durable: a line that says who wrote it (number, epoch,
nonce of the owner), then events. It is made only if nobody made it (`conditional`), so two owners
never write the same number: the one that comes second learns that it was taken over, and stops. An
owner begins with a segment that holds no event. The log of another is read after that, so nothing
can be acknowledged behind its back.

Segments stay as they are for good. Every so many of them are kept together, too (`joined/`), for
those who read: a log of fifty thousand writes is some hundred objects.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from cluster.storage.bucket import Bucket
from cluster.storage.lease import Lease, owner
from cluster.storage.patience import Denied, Lost
from search_spaces.errors import BadInput

SEGMENTS, JOINED = "log", "joined"
JOIN = 256
"""Segments that are kept together."""
_READERS = 16


@dataclass(frozen=True)
class Segment:
    """One write.

    Attributes:
        number: its place in the log, from 1.
        epoch: of its owner.
        nonce: of its owner.
        who: its owner, in words.
        events: lines, each with its end; empty where an owner began.
    """

    number: int
    epoch: int
    nonce: str
    who: str
    events: bytes

    def stored(self) -> bytes:
        """As it stands in the bucket."""
        said = {"segment": self.number, "epoch": self.epoch, "nonce": self.nonce, "who": self.who}
        return json.dumps(said, separators=(",", ":")).encode() + b"\n" + self.events


@dataclass
class SegmentReader:
    """Reads a log, and what was added since.

    Attributes:
        last: number of the last segment read.
        modified: when the last event was written, in seconds of the service's clock.
        epochs: trial -> epoch of the owner that wrote its points down.
    """

    bucket: Bucket
    last: int = 0
    modified: float = 0.0
    epochs: dict[str, int] = field(default_factory=dict)

    def read(self) -> list[Segment]:
        """Segments after the last one that was read, in order.

        Raises:
            BadInput: one is missing or damaged.
        """
        listed = self.bucket.listed(SEGMENTS)
        there = {_number(kept.key): kept.modified for kept in listed}
        new = sorted(n for n in there if n > self.last)
        if not new:
            return []
        if new != list(range(self.last + 1, new[-1] + 1)):
            gap = next(n for n in range(self.last + 1, new[-1]) if n not in there)
            raise BadInput(f"{self.bucket.location}: segment {gap} of the log is missing")
        found = self._joined(new) if len(new) >= JOIN else {}
        with ThreadPoolExecutor(_READERS) as readers:
            alone = [n for n in new if n not in found]
            for segment in readers.map(self._one, alone):
                found[segment.number] = segment
        segments = [found[n] for n in new]
        self.take(segments)
        # That an owner began, and did nothing, makes no page out of date.
        told = [s.number for s in segments if s.events]
        self.modified = there[told[-1]] if told else self.modified
        return segments

    def take(self, segments: Iterable[Segment]) -> None:
        """Counts segments as read."""
        for segment in segments:
            self.last = segment.number
            for line in segment.events.splitlines():
                if b'"event":"point"' in line:
                    self.epochs[str(json.loads(line)["trial"])] = segment.epoch

    def _one(self, number: int) -> Segment:
        found = self.bucket.read(key_of(number))
        return self._parsed(found[0] if found else b"", number)

    def _joined(self, new: list[int]) -> dict[int, Segment]:
        keys = [k.key for k in self.bucket.listed(JOINED) if _number(k.key) > new[0]]
        with ThreadPoolExecutor(_READERS) as readers:
            found = [f[0] for f in readers.map(self.bucket.read, keys) if f is not None]
        parts: dict[int, Segment] = {}
        for data in found:
            lines: list[bytes] = []
            for line in [*data.splitlines(keepends=True), b'{"segment":']:
                if line.startswith(b'{"segment":') and lines:
                    segment = self._parsed(b"".join(lines))
                    parts[segment.number] = segment
                    lines = []
                lines.append(line)
        return {n: parts[n] for n in new if n in parts}

    def _parsed(self, data: bytes, number: int = 0) -> Segment:
        first, _, events = data.partition(b"\n")
        try:
            said = json.loads(first)
            found = Segment(
                int(said["segment"]), int(said["epoch"]), str(said["nonce"]), str(said["who"]),
                events,
            )  # fmt: skip
        except (ValueError, KeyError, TypeError):
            found = None
        if found is None or number not in (0, found.number):
            raise BadInput(
                f"{self.bucket.location}: segment {number or '?'} of the log is damaged; put back "
                "a whole copy"
            )
        return found


class SegmentWriter:
    """The one owner of a log; reads it whole before it writes."""

    def __init__(self, bucket: Bucket, lease: Lease) -> None:
        """Fences off whoever wrote before: nothing of theirs is added after this.

        Raises:
            BadInput: the log is damaged, or another took over meanwhile.
        """
        self._bucket = bucket
        self._lease = lease
        self._who = owner({"pid": os.getpid(), "host": socket.gethostname()})
        self.reader = SegmentReader(bucket)
        self.segments: list[Segment] = []
        while True:
            self.segments += self.reader.read()
            fence = self._next(b"")
            if self._made(fence):
                break
        self._wrote(fence)

    def append(self, events: bytes) -> None:
        """Makes lines durable.

        Raises:
            Fenced: another owner has taken over; nothing was written.
            Lost: there was no connection for long; nothing more may be written by this owner.
            Denied: the service refused.
        """
        segment = self._next(events)
        if self._lease.taken or not self._made(segment):
            by = self._lease.taken or self._taken_by(segment.number)
            raise Fenced(
                f"{self._bucket.location} was taken over by {by}; this driver stops, and nothing "
                "that it was still doing counts"
            )
        self._wrote(segment)
        if segment.number % JOIN == 0:
            self._join(segment.number)

    def _made(self, segment: Segment) -> bool:
        """Whether it stands there now, by this call or by one whose answer was lost."""
        if self._bucket.create(key_of(segment.number), segment.stored()):
            return True
        found = self._bucket.read(key_of(segment.number))
        return found is not None and found[0] == segment.stored()

    def _next(self, events: bytes) -> Segment:
        lease = self._lease
        return Segment(self.reader.last + 1, lease.epoch, lease.nonce, self._who, events)

    def _wrote(self, segment: Segment) -> None:
        self.reader.take([segment])
        self.segments.append(segment)

    def _taken_by(self, number: int) -> str:
        found = self._bucket.read(key_of(number))
        return self.reader._parsed(found[0], number).who if found else "another process"

    def _join(self, last: int) -> None:
        """For readers alone, so it may fail: then they read what it is made of."""
        whole = b"".join(s.stored() for s in self.segments if last - JOIN < s.number <= last)
        self.segments = []
        try:
            self._bucket.create(f"{JOINED}/{last:010d}.jsonl", whole)
        except (Lost, Denied):
            return


class Fenced(BadInput):
    """Another owner writes this sweep now."""


def key_of(number: int) -> str:
    """Where a segment stands."""
    return f"{SEGMENTS}/{number:010d}.jsonl"


def _number(key: str) -> int:
    word = key.rpartition("/")[2].partition(".")[0]
    return int(word) if word.isdecimal() else 0
