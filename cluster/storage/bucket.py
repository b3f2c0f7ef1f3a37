"""Objects of one sweep in a bucket: files by pyarrow, single objects by `conditional`.

Keys are relative to the sweep's prefix. Every call is tried again while the connection is lost.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from cluster.storage.conditional import conditional, use_credentials
from cluster.storage.location import Location
from cluster.storage.patience import DRIVER_SECONDS, Denied, Lost, patience, persist

T = TypeVar("T")
_DENIED = (
    "ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE_DOES_NOT_MATCH", "NO_SUCH_BUCKET",
    "PERMISSION_DENIED", "UNAUTHENTICATED", "HTTP status 403", "HTTP status 401",
)  # fmt: skip
"""Words in pyarrow's errors, which have no classes, that asking again does not change."""
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Kept:
    """An object of a listing.

    Attributes:
        key: relative to the sweep's prefix.
        size: bytes.
        modified: seconds of the service's clock.
    """

    key: str
    size: int
    modified: float


class Bucket:
    """The prefix of one sweep."""

    def __init__(self, location: Location, seconds: float = DRIVER_SECONDS) -> None:
        """No request is made yet.

        Args:
            location: of the sweep.
            seconds: for which a lost connection is tried again.

        Raises:
            BadInput: no credentials, or a library is missing.
        """
        use_credentials(location)
        self.location = location
        self.seconds = patience(seconds)
        self._exact = conditional(location)
        self._files: Any = None

    def create(self, key: str, data: bytes) -> str:
        """Makes an object; its version, "" where there is one already."""
        return self._persist(lambda: self._exact.create(self._whole(key), data))

    def replace(self, key: str, data: bytes, version: str, seconds: float | None = None) -> str:
        """Writes over a version; "" where it is another by now."""
        return self._persist(lambda: self._exact.replace(self._whole(key), data, version), seconds)

    def read(self, key: str) -> tuple[bytes, str] | None:
        """Contents and version of an object; None where there is none."""
        return self._persist(lambda: self._exact.read(self._whole(key)))

    def delete(self, keys: Sequence[str]) -> None:
        """Removes objects, where they are."""
        if keys:
            self._persist(lambda: self._exact.delete([self._whole(key) for key in keys]))

    def put(self, key: str, file: Path) -> None:
        """Sends a file: one request for up to ten megabytes, one more for each ten and two."""

        def send() -> None:
            with (
                file.open("rb") as source,
                self.files.open_output_stream(self._full(key)) as target,
            ):
                shutil.copyfileobj(source, target, _BLOCK)

        self._persist(lambda: self._arrow(send))

    def get(self, key: str, file: Path) -> None:
        """Brings an object into a file, which appears whole; FileNotFoundError where none is."""
        part = file.with_name(f".{file.name}.part")

        def bring() -> None:
            with self.files.open_input_stream(self._full(key)) as source, part.open("wb") as target:
                shutil.copyfileobj(source, target, _BLOCK)

        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._persist(lambda: self._arrow(bring))
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)

    def listed(self, under: str = "") -> list[Kept]:
        """Objects below a key, in order; one request for a thousand."""
        return self._persist(lambda: self._arrow(lambda: list(self._listed(under))))

    def _listed(self, under: str) -> Iterator[Kept]:
        from pyarrow import fs

        base = self._full(under).rstrip("/")
        root = len(self._full(""))
        selector = fs.FileSelector(base, recursive=True, allow_not_found=True)
        for info in sorted(self.files.get_file_info(selector), key=lambda found: str(found.path)):
            if info.type == fs.FileType.File:
                yield Kept(info.path[root:], int(info.size), float(info.mtime.timestamp()))

    @property
    def files(self) -> Any:
        """pyarrow's file system; also what Ray Train takes as `storage_filesystem`."""
        if self._files is None:
            self._files = (
                _s3(self.location) if self.location.scheme == "s3" else _gcs(self.location)
            )
        return self._files

    def _arrow(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except FileNotFoundError:
            raise
        except OSError as error:
            said = " ".join(str(error).split())
            if any(word in said for word in _DENIED):
                raise Denied(f"{self.location}: the service denies it ({said[:160]})") from None
            raise Lost(said[:200]) from None

    def _persist(self, call: Callable[[], T], seconds: float | None = None) -> T:
        return persist(call, self.seconds if seconds is None else seconds)

    def _whole(self, key: str) -> str:
        return f"{self.location.prefix}/{key}"

    def _full(self, key: str) -> str:
        return f"{self.location.bucket}/{self.location.prefix}/{key}"


def _s3(location: Location) -> Any:
    from pyarrow import fs

    scheme, _, host = location.endpoint.partition("://")
    options: dict[str, Any] = {"endpoint_override": host, "scheme": scheme} if host else {}
    if location.region or host:
        options["region"] = location.region or "us-east-1"
    return fs.S3FileSystem(
        # Small files are one PUT instead of the three of an upload in parts.
        allow_delayed_open=True,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
        connect_timeout=5,
        request_timeout=30,
        **options,
    )


def _gcs(location: Location) -> Any:
    from pyarrow import fs

    scheme, _, host = location.endpoint.partition("://")
    if host:
        options = {"anonymous": True, "scheme": scheme, "endpoint_override": host}
    else:
        options = {}
    return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=5), **options)
