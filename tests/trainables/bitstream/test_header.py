"""The header of an .rft file: exact, small, and within its limits."""

from __future__ import annotations

import math
import tracemalloc
import zlib
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import BadInput
from tests.trainables.bitstream.headers import (
    SIGN,
    fps_values,
    parts,
    same,
)
from trainables.bitstream.container import (
    PartStream,
    Start,
    read_container,
    read_header,
    write_container,
)
from trainables.bitstream.header_layout import header_body, read_header_body
from trainables.bitstream.offsets_block import offsets_block, read_offsets_block
from trainables.bitstream.varints import Cursor, frame_rate, unzigzag, varint, zigzag


@given(st.integers(0, (1 << 64) - 1), st.integers(-(1 << 62), 1 << 62))
def test_varints(value: int, signed: int) -> None:
    assert Cursor(varint(value)).varint() == value
    assert len(varint(value)) == max(1, -(-value.bit_length() // 7))
    assert unzigzag(zigzag(signed)) == signed


@pytest.mark.parametrize(
    "spelling", [b"\x80\x00", b"\xff\x80\x00", b"\xff" * 9 + b"\x02", b"\xff" * 10 + b"\x01"]
)
def test_a_varint_has_one_spelling_and_64_bits(spelling: bytes) -> None:
    with pytest.raises(BadInput, match="more bytes"):
        Cursor(spelling).varint()


@pytest.mark.parametrize(
    ("fps", "size"),
    [(30.0, 1), (24.0, 1), (60.0, 2), (120.0, 2), (29.97, 2), (59.94, 3), (30000 / 1001, 1),
     (60000 / 1001, 2), (1 / 0.0333333, 4), (1 / 0.00833333, 4), (1 / 0.016667, 4), (100 / 7, 9)],
)  # fmt: skip
def test_usual_frame_rates_are_exact_and_short(fps: float, size: int) -> None:
    written = frame_rate(fps)
    assert Cursor(written).frame_rate() == fps
    assert len(written) == size


@given(fps_values)
def test_every_frame_rate_is_exact(fps: float) -> None:
    assert Cursor(frame_rate(fps)).frame_rate() == fps


@pytest.mark.parametrize("fps", [0.0, -30.0, 0.05, 10_001.0, math.nan, math.inf])
def test_frame_rates_out_of_range_are_refused(fps: float) -> None:
    with pytest.raises(BadInput, match=r"0\.1 to 10000"):
        replace(SIGN, fps=fps)
    escaped = varint(3) + np.array(fps, dtype="<f8").tobytes()
    with pytest.raises(BadInput, match=r"0\.1 to 10000"):
        Cursor(escaped).frame_rate()


def test_a_sign_costs_few_bytes() -> None:
    payload = bytes(72)
    total = read_container(write_container(SIGN, [payload])).header_bytes
    assert total == 51  # docs/format.md
    assert read_container(
        write_container(replace(SIGN, source_fps=30.0, source_frames=90), [payload])
    ).header_bytes == total - 4  # fmt: skip


def test_equal_levels_cost_no_more_than_two() -> None:
    assert len(header_body(replace(SIGN, parts=parts(8)))) == len(header_body(SIGN)) + 3 + 2


def test_offsets_cost_only_what_differs() -> None:
    rng = np.random.default_rng(0)
    nothing = np.zeros((75, 3), dtype=np.int32)
    some, every = nothing.copy(), rng.integers(-3000, 3000, (75, 3)).astype(np.int32)
    some[[3, 40]] = [[1, -1, 60], [-64, 63, 0]]
    alike = np.full((75, 3), 1234, dtype=np.int32)
    sizes = [len(offsets_block(o)) for o in (nothing, some, every, alike)]
    assert sizes[0] < 8
    assert sizes[1] <= 2 + 10 + 6
    assert sizes[2] <= 2 + 10 + 2 * 225
    assert sizes[3] < 40
    for offsets in (nothing, some, every, alike):
        assert np.array_equal(read_offsets_block(Cursor(offsets_block(offsets))), offsets)


def test_a_deflated_bomb_is_not_inflated() -> None:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = squeezer.compress(bytes(100_000_000)) + squeezer.flush()
    tracemalloc.start()
    with pytest.raises(BadInput, match="longer or shorter"):
        read_offsets_block(Cursor(varint(4096) + b"\x01" + bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_start_from_metres_and_radians() -> None:
    start = Start.at(-1.234, 20.0, -math.pi / 2)
    assert start == (-123, 2000, 49152)
    assert start.heading == pytest.approx(3 * math.pi / 2)
    assert Start.at(0, 0, -1e-9).turn == 0
    with pytest.raises(BadInput, match="327 m"):
        replace(SIGN, start=Start.at(400, 0, 0))


def test_other_units_cost_a_byte_and_a_height() -> None:
    plain = header_body(replace(SIGN, start=Start.at(1.0, -2.0, 0.5)))
    pixels = replace(SIGN, unit="px", start=Start.at(412.4, 0.0, 0.0, "px"), lift=-305)
    assert pixels.start == (412, 0, 0) and len(header_body(pixels)) == len(plain) + 1 + 4
    assert len(header_body(replace(SIGN, unit="sw"))) == len(header_body(SIGN)) + 1
    read = read_container(write_container(pixels, [b""])).header
    assert (read.unit, read.start, read.lift) == ("px", (412, 0, 0), -305)
    with pytest.raises(BadInput, match="32767 pixels"):
        replace(SIGN, unit="px", start=Start.at(40_000, 0, 0, "px"))


@pytest.mark.parametrize("fields", [{"lift": 1}, {"lift": 1, "start": (0, 0, 0)},
                                    {"lift": 1, "unit": "px"}])  # fmt: skip
def test_heights_without_a_place_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="no place"):
        replace(SIGN, **fields)


def test_units_that_nobody_knows_are_refused() -> None:
    body = bytearray(header_body(replace(SIGN, unit="px")))
    place = body.index(1, 2 + 8 + 4 + 2)  # the first 1 after the hashes and the rate
    with pytest.raises(BadInput, match="unit 9 is unknown"):
        read_header_body(bytes([*body[:place], 9, *body[place + 1 :]]))


def test_tokens_of_the_chunks_are_all_tokens() -> None:
    header = replace(SIGN, frames=91, parts=(*parts(), PartStream("face", (4,), 7, (True,))),
                     chunk_frames=10)  # fmt: skip
    assert header.tokens == (23, 23, 23, 13)
    spans = [header.chunk_tokens(chunk) for chunk in range(header.chunks)]
    for part, tokens in enumerate(header.tokens):
        bounds = [span[part] for span in spans]
        assert bounds[0][0] == 0
        assert bounds[-1][1] == tokens
        assert all(a[1] == b[0] for a, b in pairwise(bounds))


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"frames": 0}, "1 or more"),
    ({"source_frames": 0}, "1 or more"),
    ({"chunk_frames": 0}, "1 or more"),
    ({"chunk_frames": 65537}, "frames per chunk"),
    ({"coder": 2}, "coder 2 is unknown"),
    ({"parts": ()}, "0 parts"),
    ({"parts": tuple(PartStream(f"p{i}", (2,), 1, (True,)) for i in range(65))}, "65 parts"),
    ({"parts": (parts()[0], parts()[0])}, "unique"),
    ({"frames": 120}, "do not last as long"),
    ({"source_frames": 1}, "do not last as long"),
    ({"offsets": np.zeros((4, 3))}, "int32"),
    ({"offsets": np.zeros((4097, 3), dtype=np.int32)}, "4096"),
    ({"offsets": np.zeros((0, 3), dtype=np.int32)}, "4096"),
    ({"start": (0, 0, 65536)}, "out of range"),
]


@pytest.mark.parametrize(("change", "fault"), CHANGES)
def test_a_header_past_its_limits_cannot_be_made(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(BadInput, match=fault):
        replace(SIGN, **change)


@pytest.mark.parametrize(
    ("name", "alphabet", "compression", "fault"),
    [
        ("", (2,), 1, "1 to 64 bytes"),
        ("ä" * 33, (2,), 1, "1 to 64 bytes"),
        ("a\x1b[2J", (2,), 1, "printable"),
        ("body", (), 1, "0 levels"),
        ("body", (2,) * 65, 1, "65 levels"),
        ("body", (0,), 1, "0 codes"),
        ("body", (65537,), 1, "65537 codes"),
        ("body", (2,), 0, "frames per token"),
    ],
)
def test_a_part_past_its_limits_cannot_be_made(
    name: str, alphabet: tuple[int, ...], compression: int, fault: str
) -> None:
    with pytest.raises(BadInput, match=fault):
        PartStream(name, alphabet, compression, (True,) * len(alphabet))


@pytest.mark.parametrize("source_fps", [29.97, 30.02, 59.94, 60.05, 119.88, 25.0, 30.0])
def test_what_resampling_makes_lasts_as_long(source_fps: float) -> None:
    from tests.trainables.tiny import make_clips
    from trainables.motion.resample import resample

    clip = replace(make_clips(1)[0], fps=source_fps)
    there = resample(clip, 30.0)
    header = replace(SIGN, source_fps=clip.fps, source_frames=clip.frames, frames=there.frames)
    assert same(header, read_header(write_container(header, [b""])))
