"""What a store asks of the place that a sweep lies in; `medium` gives the one of a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from cluster.storage.location import Location


class Medium(Protocol):
    """The place of one sweep, owned by this process until `close`.

    Attributes:
        name: what a person calls it.
        log: what a person calls its log.
        folder: where its files lie for this process.
        together: whether writes cost a request or a flush each, so that they are worth gathering.
        location: of the bucket, None for a folder.
        epoch: number of this ownership; 0 for a folder.
    """

    name: str
    log: str
    folder: Path
    together: bool
    location: Location | None
    epoch: int

    def workplace(self, scratch: Path) -> Path:
        """Where trials work on every machine: the sweep's folder, or one in a session's scratch."""

    def probe(self) -> Callable[[], str]:
        """What a node runs to see whether it can write, read and delete there: "", or its fault."""

    def torn(self) -> bool:
        """Whether the log's last line was cut off by a crash."""

    def write(self, lines: bytes) -> None:
        """Makes lines durable; an OSError where it cannot, and then nothing of them stands."""

    def remove_weights(self, trial: str) -> None:
        """A trial's codec is gone from `folder`; it goes from elsewhere once that is written."""

    def send(self, trial: str = "") -> None:
        """What changed in `folder` beside the log is made durable; a trial's artefacts by name."""

    def abandon(self, made: Sequence[Path]) -> None:
        """A refused start leaves nothing behind; `made` are the folders that it made."""

    def close(self) -> None:
        """Gives the place back."""
