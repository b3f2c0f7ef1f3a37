"""Whatever is no whole .rft file is refused in one line with place and remedy."""

from __future__ import annotations

import re
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.trainables.bitstream.headers import (
    RICH,
    RICH_CHUNKS,
    SIGN,
    same,
)
from tests.trainables.bitstream.mutations import mutations, with_right_crcs
from trainables.bitstream.container import (
    MAX_HEADER_BYTES,
    chunk_limit,
    read_chunks,
    read_container,
    read_header,
    write_container,
)
from trainables.bitstream.header_layout import header_body
from trainables.bitstream.varints import varint


@pytest.fixture(scope="module")
def rich() -> bytes:
    return write_container(RICH, RICH_CHUNKS)


def refusal(data: bytes, **options: Any) -> str:
    with pytest.raises(BadInput) as caught:
        read_container(data, place="x.rft", **options)
    message = str(caught.value)
    assert message.startswith("x.rft: ")
    assert "\n" not in message
    return message


def test_every_flipped_bit_is_refused(rich: bytes) -> None:
    for bit in range(8 * len(rich)):
        damaged = bytearray(rich)
        damaged[bit // 8] ^= 1 << bit % 8
        refusal(bytes(damaged))


def test_every_truncation_is_refused(rich: bytes) -> None:
    told = [refusal(rich[:length]) for length in range(len(rich))]
    assert "empty" in told[0]
    assert all("no .rft file" in line for line in told[:3])
    assert all("cut off within its header" in line for line in told[4:60])
    assert "cut off within its chunk 3 of 3; copy it again" in told[-1]


def test_trailing_bytes_are_refused(rich: bytes) -> None:
    assert f"goes on after its declared end at byte {len(rich)}" in refusal(rich + b"\0")
    assert "goes on after" in refusal(rich + rich)


def test_a_newer_version_is_told(rich: bytes) -> None:
    newer = bytearray(rich)
    newer[3] = 2
    for data in (bytes(newer), with_right_crcs(bytes(newer)), bytes(newer[:4])):
        message = refusal(data)
        assert "format version 2, newer than 1" in message
        assert "with the release that wrote it" in message
    newer[3] = 0
    assert "version 0 does not exist" in refusal(bytes(newer))


def test_another_file_is_no_rft_file() -> None:
    assert "no .rft file" in refusal(b"HIERARCHY\nROOT Hips\n")


def test_swapped_chunks_and_those_of_another_file_are_refused() -> None:
    header = replace(SIGN, chunk_frames=30)
    first = write_container(header, [b"aaaa", b"bbbb", b"cccc"])
    other = write_container(replace(header, codec_hash=bytes(8)), [b"aaaa", b"bbbb", b"cccc"])
    size = 1 + 4 + 4
    begin = len(first) - 3 * size
    a, b, c = (first[begin + i * size : begin + (i + 1) * size] for i in range(3))
    assert read_container(first[:begin] + a + b + c)
    assert "chunk 1 of 3 is damaged" in refusal(first[:begin] + b + a + c)
    assert "chunk 1 of 3 is damaged" in refusal(other[:begin] + a + b + c)


def test_longer_than_allowed_is_refused() -> None:
    hour = replace(SIGN, source_fps=30.0, source_frames=108_000, frames=108_000)
    data = write_container(hour, [b""] * hour.chunks)
    assert read_container(data).header.seconds == 3600
    message = refusal(data, max_seconds=3599)
    assert "lasts 3600 s" in message
    assert "--max-seconds" in message


def crafted(body: bytes, chunks: bytes = b"") -> bytes:
    front = b"RFT\x01" + varint(len(body)) + body
    return with_right_crcs(front + bytes(4) + chunks)


def test_right_crcs_are_left_as_they_are(rich: bytes) -> None:
    assert with_right_crcs(rich) == rich
    wrong = bytearray(rich)
    wrong[-1] ^= 1
    assert with_right_crcs(bytes(wrong)) == rich


def test_declared_sizes_are_refused_before_they_are_allocated() -> None:
    good = header_body(SIGN)
    huge = [
        crafted(good, varint(1 << 60)),
        b"RFT\x01" + varint(1 << 60),
        b"RFT\x01" + varint(MAX_HEADER_BYTES),
        crafted(good, varint(chunk_limit(SIGN, 0)) + b"short"),
    ]
    at = good.index(varint(3) + b"\x01\x04\x01")  # parts, body, compression, levels
    huge += [crafted(good[:at] + varint(1 << 62)), crafted(good[: at + 3] + varint(1 << 62))]
    tracemalloc.start()
    for data in huge:
        refusal(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda b: bytes([32]) + b[1:], "flags 0x20 are unknown"),
        (lambda b: b[:1] + b"\x07" + b[2:], "coder 7 is unknown"),
        (lambda b: b + b"\0", "1 bytes follow its last field"),
        (lambda b: b[:-1] + b"\xff", "bits are set in a map of 3"),
        (lambda b: b[:-1], "1 more bytes are declared where 0 are left"),
        (lambda b: b[:14] + b"\0" + b[15:], "frame rate is zero"),
        (lambda b: b.replace(b"\x03\x01\x04", b"\x03\x63\x04"), "part name 99 is unknown"),
        (lambda b: b.replace(b"\x03\x01\x04", b"\x03\x00\x41"), "65 bytes"),
        (lambda b: b.replace(b"\x03\x01\x04", b"\x03\x00\x01\xff\x04"), "not UTF-8"),
    ],
)
def test_what_a_right_crc_cannot_tell_is_told(change: Callable[[bytes], bytes], fault: str) -> None:
    assert fault in refusal(crafted(change(header_body(SIGN))))


@pytest.mark.parametrize("example", ["sign", "rich"])
def test_a_thousand_mutations_of_each_are_refused(example: str, rich: bytes) -> None:
    data = rich if example == "rich" else write_container(SIGN, [bytes(range(72))])
    for mutant in mutations(data, np.random.default_rng(5), 1000):
        refusal(mutant)


def test_mutations_with_right_crcs_are_refused_or_have_the_declared_shape(rich: bytes) -> None:
    outcomes: Counter[str] = Counter()
    for mutant in mutations(rich, np.random.default_rng(6), 1000):
        try:
            read = read_container(with_right_crcs(mutant), place="x.rft")
        except BadInput as refused:
            assert str(refused).startswith("x.rft: ")
            outcomes["refused"] += 1
        else:
            assert len(read.chunks) == read.header.chunks
            assert read.header.seconds <= 3600
            assert same(read.header, read_header(write_container(read.header, read.chunks)))
            outcomes["read"] += 1
    assert min(outcomes["refused"], outcomes["read"]) > 50


def test_mutations_follow_from_the_generator_alone(rich: bytes) -> None:
    runs = [list(mutations(rich, np.random.default_rng(1), 50)) for _ in range(2)]
    assert runs[0] == runs[1]
    assert rich not in runs[0]
    assert len(set(runs[0])) > 40


def test_places_in_messages(tmp_path: Path, rich: bytes) -> None:
    path = tmp_path / "cut.rft"
    path.write_bytes(rich[:-1])
    assert same(read_header(path), RICH)  # the header is whole
    with pytest.raises(BadInput, match=re.escape(f"{path}: is cut off")):
        list(read_chunks(path))
    with path.open("rb") as file, pytest.raises(BadInput, match=re.escape(f"{path}: is cut off")):
        read_container(file)
    with pytest.raises(BadInput, match="cannot be read"):
        read_header(tmp_path / "missing.rft")
    with pytest.raises(BadInput, match="cannot be read"):
        read_header(str(tmp_path))
