"""Reading the append-only log of a sweep: the one source that every table and page is made from.

Nothing here writes. A line that was torn by a crash (the last one, or one before an event that
another process takes the sweep up with) is dropped and counted; any other line that cannot be read
is an error with its number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from analysis.statistics import is_rate
from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.objectives import Objective, objectives
from search_spaces.record import LOG_FILE, RECORD_VERSION, STATUSES, TAKEN_UP

Event = dict[str, Any]
BATCH = 256
"""Lines of the log that are read together."""
WAITING = "waiting for the sweep to begin"
"""What is shown of a log without a first event."""


@dataclass(frozen=True)
class Log:
    """Events of a sweep in the order they were written.

    Attributes:
        folder: the sweep directory.
        events: every readable event.
        torn: lines dropped because a crash cut them short.
    """

    folder: Path
    events: tuple[Event, ...]
    torn: int = 0

    def of(self, *kinds: str) -> Iterator[Event]:
        """Events of some kinds, in order."""
        return (e for e in self.events if e["event"] in kinds)

    @cached_property
    def sweep(self) -> Event:
        """The event that opened the sweep (the last one, where a resume wrote it anew)."""
        return self._last("sweep")

    @cached_property
    def name(self) -> str:
        """What the sweep is called."""
        return str(self.sweep.get("name") or self.sweep.get("sweep") or self.folder.name)

    @cached_property
    def facts(self) -> DataFacts | None:
        """Facts of the data; None where the sweep ended before it had any."""
        event = self._last("data")
        return DataFacts.model_validate(event["facts"]) if event else None

    @cached_property
    def bounds(self) -> tuple[Event, ...]:
        """Rows of the bounds (mean pose, nearest training frame), columns as in points."""
        return tuple(self._last("bounds").get("rows", ()))

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """What the sweep optimised."""
        return objectives(self.sweep.get("objectives", ()))

    @cached_property
    def rate(self) -> Objective:
        """The total rate that the sweep searched: nominal unless its objectives name another."""
        for objective in self.objectives:
            if is_rate(objective.name) and not objective.scope:
                return objective
        return Objective("rate_nominal_bps")

    @cached_property
    def looked_enough(self) -> str:
        """Why the sweep ended by itself before its last trial; "" where it did not."""
        return next((str(e.get("reason", "")) for e in self.of("enough")), "")

    @cached_property
    def last(self) -> Event:
        """What the sweep said last, weights apart that were trained again since; {} where empty."""
        return next((e for e in reversed(self.events) if e["event"] != "restored"), {})

    @cached_property
    def over(self) -> bool:
        """Whether nobody works on it: it finished, or was interrupted."""
        return self.last.get("event") in ("finished", "interrupted")

    @cached_property
    def unfinished(self) -> tuple[str, ...]:
        """Trials that were proposed or started and have no end yet."""
        begun = [str(e["trial"]) for e in self.of("proposed", "started")]
        ended = {str(e["trial"]) for e in self.of(*STATUSES)}
        return tuple(dict.fromkeys(t for t in begun if t not in ended))

    @cached_property
    def clock(self) -> tuple[float, ...]:
        """Seconds of running time at each event: pauses before a sweep is taken up are left out."""
        running, before, clock = 0.0, None, []
        for event in self.events:
            now = float(event.get("time", before or 0.0))
            if before is not None and event["event"] not in TAKEN_UP:
                running += max(0.0, now - before)
            before = now
            clock.append(running)
        return tuple(clock)

    @property
    def elapsed(self) -> float:
        """Seconds of running time in all."""
        return self.clock[-1] if self.clock else 0.0

    def _last(self, kind: str) -> Event:
        return next((e for e in reversed(self.events) if e["event"] == kind), {})


def read_log(folder: Path | str, *, begun: bool = True) -> Log:
    """The log of a sweep directory.

    Args:
        folder: the sweep directory.
        begun: whether a log without a `sweep` event is an error; a resume takes one.

    Raises:
        BadInput: there is no log, a line in its middle is damaged, or a newer version of Ratefront
            wrote it.
    """
    folder = Path(folder)
    path = folder / LOG_FILE
    if not path.is_file():
        raise BadInput(
            f"{folder} is no sweep directory (it holds no {LOG_FILE}); "
            "give the folder that was named by --out"
        )
    events: list[Event] = []
    torn, pending = 0, 0
    for number, event in _numbered(path):
        if pending and event is not None and event["event"] not in TAKEN_UP:
            raise BadInput(
                f"{path}, line {pending}: not a JSON event; the log is damaged there, put back a "
                "whole copy"
            )
        pending = number if event is None else 0
        if event is None:
            torn += 1
        else:
            events.append(event)
    log = Log(folder, tuple(events), torn)
    if begun and not log.sweep:
        raise BadInput(f"{path} has no 'sweep' event; the sweep ended before it began")
    _check_version(path, log.sweep)
    return log


def _numbered(path: Path) -> Iterator[tuple[int, Event | None]]:
    """Number of each line that is not empty, and its event; None where it holds none."""
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = ((n, line) for n, line in enumerate(file, 1) if line.strip())
        while batch := list(islice(lines, BATCH)):
            numbers, texts = zip(*batch, strict=True)
            yield from zip(numbers, _parsed(texts), strict=True)


def _parsed(lines: Sequence[str]) -> list[Event | None]:
    """Event of each line. Lines read together share the names of their keys, which is most of the
    memory of a long log, and are read sooner; where one is damaged, each is read alone."""
    try:
        found = json.loads(f"[{','.join(lines)}]")
    except ValueError:
        found = []
    if len(found) != len(lines):
        found = [_alone(line) for line in lines]
    return [e if isinstance(e, dict) and isinstance(e.get("event"), str) else None for e in found]


def _alone(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def as_log(sweep: Path | str | Log) -> Log:
    """The log of a sweep directory; one that was read already as it is."""
    return sweep if isinstance(sweep, Log) else read_log(sweep)


def record_version(sweep: Event) -> int:
    """Version of the record that a `sweep` event was written in; 1 where it does not say."""
    versions = sweep.get("versions") or sweep.get("version")
    inner = versions.get("record") if isinstance(versions, dict) else versions
    said = sweep.get("record_version", inner)
    return said if isinstance(said, int) else 1


def _check_version(path: Path, sweep: Event) -> None:
    written = record_version(sweep)
    if written > RECORD_VERSION:
        raise BadInput(
            f"{path} has record version {written}, this Ratefront reads up to {RECORD_VERSION}; "
            "upgrade ratefront"
        )
