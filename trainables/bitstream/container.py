"""The .rft file: a header, then the coded tokens in chunks, each with a checksum.

The container knows nothing of coding: payloads are bytes to it. It is read and written chunk by
chunk, so that an hour of motion takes no more memory than a chunk, and every fault of a file is a
`BadInput` that names the file and a remedy. `docs/format.md` publishes the layout byte by byte.

Checksums are CRC-32. That of a chunk goes on from the one before it, the first from the header's,
so that chunks which were swapped, left out or taken from another file are found as well.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from search_spaces.errors import BadInput
from trainables.bitstream.header import (
    DEFAULT_CHUNK_FRAMES,
    RANGE_CODER,
    Header,
    PartStream,
    Start,
)
from trainables.bitstream.header_layout import header_body, read_header_body
from trainables.bitstream.varints import read_varint, varint

__all__ = [
    "DEFAULT_CHUNK_FRAMES",
    "RANGE_CODER",
    "Container",
    "ContainerReader",
    "ContainerWriter",
    "Header",
    "PartStream",
    "Source",
    "Start",
    "read_chunks",
    "read_container",
    "read_header",
    "write_container",
]

MAGIC = b"RFT"
FORMAT_VERSION = 1
MAX_SECONDS = 3600.0
MAX_HEADER_BYTES = 1 << 17
MAX_TOKEN_BYTES, MAX_CHUNK_EXTRA = 16, 64
"""A chunk's payload is at most 16 bytes per token and 64 more: no coder needs as much."""

Source = bytes | Path | str | BinaryIO
"""The bytes of a file, where it lies, or the open file itself."""

_AGAIN = "copy it again from where it came from, or encode the recording again"
_CRC = struct.Struct("<I")
_PIECE = 1 << 20


def chunk_limit(header: Header, chunk: int) -> int:
    """The most bytes that a chunk's payload may take."""
    spans = zip(header.chunk_tokens(chunk), header.parts, strict=True)
    tokens = sum((end - first) * len(part.alphabet) for (first, end), part in spans)
    return MAX_TOKEN_BYTES * tokens + MAX_CHUNK_EXTRA


class ContainerWriter:
    """Writes a header and then chunk after chunk to an open binary file.

    As a context manager it checks at the end that all chunks were written.

    Attributes:
        header_bytes: bytes so far that are not payload.
        payload_bytes: bytes so far that are.
    """

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._file, self._header = file, header
        body = header_body(header)
        if len(body) > MAX_HEADER_BYTES:
            raise BadInput(f"a header of {len(body)} bytes; at most {MAX_HEADER_BYTES} are stored")
        front = MAGIC + bytes([FORMAT_VERSION]) + varint(len(body)) + body
        self._crc = zlib.crc32(front)
        self._chunks = 0
        self.header_bytes, self.payload_bytes = len(front) + _CRC.size, 0
        file.write(front + _CRC.pack(self._crc))

    def write(self, payload: bytes) -> None:
        """Appends the next chunk."""
        if self._chunks == self._header.chunks:
            raise ValueError(f"the header declares {self._header.chunks} chunks, here is one more")
        limit = chunk_limit(self._header, self._chunks)
        if len(payload) > limit:
            raise ValueError(f"a chunk of {len(payload)} bytes passes the format's limit, {limit}")
        length = varint(len(payload))
        self._crc = zlib.crc32(payload, zlib.crc32(length, self._crc))
        self._file.write(length + payload + _CRC.pack(self._crc))
        self._chunks += 1
        self.header_bytes += len(length) + _CRC.size
        self.payload_bytes += len(payload)

    def close(self) -> None:
        """Checks that every chunk was written. The file stays open."""
        if self._chunks != self._header.chunks:
            raise ValueError(
                f"the header declares {self._header.chunks} chunks, {self._chunks} were written"
            )

    def __enter__(self) -> ContainerWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()


def write_container(header: Header, chunks: Iterable[bytes]) -> bytes:
    """A whole file in memory; there must be `header.chunks` chunks."""
    file = io.BytesIO()
    with ContainerWriter(file, header) as writer:
        for payload in chunks:
            writer.write(payload)
    return file.getvalue()


class ContainerReader:
    """Reads a header at once and then, by iterating, the payloads: each is checked as it comes.

    A fault further on in the file is raised when it is reached: what was decoded until then is of
    no use, and must not be kept. Memory follows the bytes that are there, never a number that the
    file declares.

    Attributes:
        header: what the file holds.
        header_bytes: bytes so far that are not payload.
        payload_bytes: bytes so far that are.
    """

    def __init__(self, file: BinaryIO, place: str, max_seconds: float = MAX_SECONDS) -> None:
        """Reads the header.

        Args:
            file: open for reading; need not be seekable.
            place: what messages call it.
            max_seconds: the longest recording that is read.

        Raises:
            BadInput: no .rft file, a newer one, a damaged or cut one, or too long a recording.
        """
        self._file, self._place = file, place
        self.header_bytes = self.payload_bytes = 0
        self._crc = 0
        magic = self._upto(len(MAGIC))
        if magic != MAGIC:
            what = f"starts with {magic!r}, not with {MAGIC!r}" if magic else "it is empty"
            raise BadInput(f"{place}: this is no .rft file ({what}); name one that was encoded")
        self._where = "header"
        (version,) = self._exactly(1)
        if version > FORMAT_VERSION:
            raise BadInput(
                f"{place}: is of format version {version}, newer than {FORMAT_VERSION}, the newest "
                "known here; read it with the release that wrote it, or a later one"
            )
        if version < FORMAT_VERSION:
            raise BadInput(f"{place}: format version {version} does not exist; {_AGAIN}")
        length = self._length(MAX_HEADER_BYTES)
        body = self._exactly(length)
        self._check_crc()
        try:
            self.header = read_header_body(body)
        except BadInput as fault:
            raise BadInput(f"{place}: the header is not valid: {fault}; {_AGAIN}") from None
        self.header_bytes = len(MAGIC) + 1 + len(varint(length)) + length + _CRC.size
        if self.header.seconds > max_seconds:
            raise BadInput(
                f"{place}: lasts {self.header.seconds:g} s, and at most {max_seconds:g} s are "
                "read; raise --max-seconds to read it"
            )

    def __iter__(self) -> Iterator[bytes]:
        """The payloads, in order; to be iterated once."""
        for chunk in range(self.header.chunks):
            self._where = f"chunk {chunk + 1} of {self.header.chunks}"
            length = self._length(chunk_limit(self.header, chunk))
            payload = self._exactly(length)
            self._check_crc()
            self.header_bytes += len(varint(length)) + _CRC.size
            self.payload_bytes += length
            yield payload
        if self._upto(1):
            end = self.header_bytes + self.payload_bytes
            raise BadInput(f"{self._place}: goes on after its declared end at byte {end}; {_AGAIN}")

    def _upto(self, count: int) -> bytes:
        """The next bytes, fewer at the end of the file. Taken in pieces, as `read` allocates."""
        pieces = []
        while count and (piece := self._file.read(min(count, _PIECE))):
            pieces.append(piece)
            count -= len(piece)
        data = b"".join(pieces)
        self._crc = zlib.crc32(data, self._crc)
        return data

    def _exactly(self, count: int) -> bytes:
        data = self._upto(count)
        if len(data) < count:
            raise BadInput(f"{self._place}: is cut off within its {self._where}; {_AGAIN}")
        return data

    def _length(self, limit: int) -> int:
        try:
            length = read_varint(lambda: self._exactly(1)[0])
        except ValueError as fault:
            raise self._damaged(str(fault)) from None
        if length > limit:
            raise self._damaged(f"{length} bytes where at most {limit} can be")
        return length

    def _check_crc(self) -> None:
        found = self._crc
        (declared,) = _CRC.unpack(self._exactly(_CRC.size))
        if found != declared:
            raise self._damaged(f"CRC-32 {found:08x}, declared {declared:08x}")
        self._crc = found  # the next one goes on from here

    def _damaged(self, how: str) -> BadInput:
        return BadInput(f"{self._place}: its {self._where} is damaged ({how}); {_AGAIN}")


@contextmanager
def _opened(source: Source, place: str | None) -> Iterator[tuple[BinaryIO, str]]:
    if isinstance(source, bytes):
        yield io.BytesIO(source), place or "the file"
    elif isinstance(source, str | Path):
        try:
            file = open(source, "rb")  # noqa: SIM115
        except OSError as error:
            raise BadInput(f"{place or source}: cannot be read ({error.strerror})") from None
        with file:
            yield file, place or str(source)
    else:
        yield source, place or str(getattr(source, "name", "the file"))


def read_header(
    source: Source, max_seconds: float = MAX_SECONDS, place: str | None = None
) -> Header:
    """The header alone; the chunks are neither read nor checked.

    Args:
        source: bytes, a path, or an open binary file.
        max_seconds: the longest recording that is read.
        place: what messages call it; the path where left out.

    Raises:
        BadInput: no .rft file, a newer one, a damaged or cut one, or too long a recording.
    """
    with _opened(source, place) as (file, name):
        return ContainerReader(file, name, max_seconds).header


def read_chunks(
    source: Source, max_seconds: float = MAX_SECONDS, place: str | None = None
) -> Iterator[bytes]:
    """Payloads one after another, as `ContainerReader` gives them.

    Raises:
        BadInput: as `read_header`, and when the chunk or the end that is damaged is reached.
    """
    with _opened(source, place) as (file, name):
        yield from ContainerReader(file, name, max_seconds)


@dataclass(frozen=True, eq=False)
class Container:
    """A whole file that was read and checked to its end.

    Attributes:
        header: what it holds.
        chunks: the payloads.
        header_bytes: bytes that are not payload: header, chunk lengths, CRCs.
        payload_bytes: bytes that are.
    """

    header: Header
    chunks: tuple[bytes, ...]
    header_bytes: int
    payload_bytes: int


def read_container(
    source: Source, max_seconds: float = MAX_SECONDS, place: str | None = None
) -> Container:
    """A whole file in memory.

    Raises:
        BadInput: anything in it is damaged, cut off, newer or too long.
    """
    with _opened(source, place) as (file, name):
        reader = ContainerReader(file, name, max_seconds)
        chunks = tuple(reader)
        return Container(reader.header, chunks, reader.header_bytes, reader.payload_bytes)
