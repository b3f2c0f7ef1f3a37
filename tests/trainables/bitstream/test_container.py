"""The .rft file: what is written comes back, whole or chunk by chunk, as published."""

from __future__ import annotations

import io
import math
import re
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.trainables.bitstream.headers import (
    RICH,
    RICH_CHUNKS,
    SIGN,
    headers,
    parts,
    same,
)
from trainables.bitstream.container import (
    Container,
    ContainerReader,
    ContainerWriter,
    Header,
    PartStream,
    Start,
    chunk_limit,
    read_chunks,
    read_container,
    read_header,
    write_container,
)
from trainables.bitstream.header_layout import STANDARD_PARTS


@pytest.fixture(scope="module")
def rich() -> bytes:
    return write_container(RICH, RICH_CHUNKS)


@settings(max_examples=80, deadline=None)
@given(headers(), st.integers(0, 1000))
def test_what_is_written_comes_back(header: Header, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chunks = [rng.bytes(int(rng.integers(40))) for _ in range(header.chunks)]
    written = write_container(header, chunks)
    read = read_container(written)
    assert same(header, read.header)
    assert list(read.chunks) == chunks == list(read_chunks(written))
    assert read.payload_bytes == sum(len(chunk) for chunk in chunks)
    assert read.header_bytes + read.payload_bytes == len(written)
    assert same(header, read_header(written))
    assert read.header.tokens == tuple(math.ceil(header.frames / p.compression)
                                       for p in header.parts)  # fmt: skip


class Pipe(io.RawIOBase):
    """Gives few bytes at a time and cannot seek, as a socket does."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 3) if size >= 0 else 3)


def test_a_pipe_is_read_as_a_file_is(rich: bytes) -> None:
    reader = ContainerReader(Pipe(rich), "pipe")
    assert same(reader.header, RICH)
    assert list(reader) == RICH_CHUNKS


def test_an_hour_streams_in_the_memory_of_a_chunk(tmp_path: Path) -> None:
    hour = replace(SIGN, source_fps=30.0, source_frames=108_000, frames=108_000, chunk_frames=256)
    path = tmp_path / "hour.rft"
    payload = bytes(2500)
    tracemalloc.start()
    with path.open("wb") as file, ContainerWriter(file, hour) as writer:
        for _ in range(hour.chunks):
            writer.write(payload)
    assert sum(len(chunk) for chunk in read_chunks(path)) == hour.chunks * len(payload)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 1_000_000
    assert path.stat().st_size == writer.header_bytes + writer.payload_bytes
    assert peak < 300_000


def test_payloads_of_whole_pieces(tmp_path: Path) -> None:
    """Longer than what is read at a time."""
    long = replace(SIGN, parts=parts(64, 65536), frames=65536, source_fps=30.0, source_frames=65536,
                   chunk_frames=65536)  # fmt: skip
    payload = np.random.default_rng(0).bytes((5 << 20) + 1)
    path = tmp_path / "long.rft"
    path.write_bytes(write_container(long, [payload]))
    assert read_container(path).chunks == (payload,)


def test_a_writer_holds_to_its_header() -> None:
    with pytest.raises(ValueError, match="declares 3 chunks, 2 were written"):
        write_container(RICH, RICH_CHUNKS[:2])
    with pytest.raises(ValueError, match="one more"):
        write_container(RICH, [*RICH_CHUNKS, b""])
    with pytest.raises(ValueError, match="limit"):
        write_container(SIGN, [bytes(chunk_limit(SIGN, 0) + 1)])


PAGE = ROOT / "docs" / "format.md"
ROW = re.compile(r"^\| (\d+) \| `([0-9a-f ]+)` \|", re.MULTILINE)


def test_the_published_example_is_what_is_written() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = [(int(at), bytes.fromhex(spelling)) for at, spelling in ROW.findall(text)]
    at = 0
    for offset, spelling in rows:
        assert offset == at
        at += len(spelling)
    published = b"".join(spelling for _, spelling in rows)
    example = replace(
        SIGN,
        parts=(*parts()[:2], PartStream("tail", (16, 16, 8), 2, (True, False, True))),
        offsets=np.array([[0, 0, 0], [0, 0, 0], [0, -3, 164]], dtype=np.int32),
        start=Start(-150, 20, 16384),
    )
    read: Container = read_container(published)
    assert same(read.header, example)
    assert write_container(example, [b"\xde\xad\xbe\xef"]) == published
    assert f"Of the {len(published)} bytes {read.header_bytes} bytes are no payload" in " ".join(
        text.split()
    )


def test_the_page_names_all_standard_parts() -> None:
    text = PAGE.read_text(encoding="utf-8")
    listed = ", ".join(f"{code} `{name}`" for code, name in enumerate(STANDARD_PARTS, 1))
    assert listed in text
