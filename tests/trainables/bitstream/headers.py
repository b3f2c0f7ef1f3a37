"""Headers to write and to draw, and when two of them are the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from search_spaces.units import UNITS
from trainables.bitstream.container import Header, PartStream, Start
from trainables.bitstream.header_layout import STANDARD_PARTS


def parts(levels: int = 1, size: int = 512) -> tuple[PartStream, ...]:
    names = ("body", "right_hand", "left_hand")
    return tuple(PartStream(n, (size,) * levels, 4, (True,) * levels) for n in names)


SIGN = Header(
    codec_hash=bytes(range(8)),
    skeleton_hash=b"\xaa\xbb\xcc\xdd",
    source_fps=120.0,
    fps=30.0,
    source_frames=360,
    frames=90,
    parts=parts(),
)
"""Three seconds."""
RICH = replace(
    SIGN,
    source_fps=1 / 0.0083333,
    parts=(*parts(3), PartStream("Schweif", (16, 16, 8, 1), 2, (False, True, False, False))),
    offsets=np.array([[0, 0, 0], [1, -2, 300], [0, 0, 0], [-70000, 0, 5]], dtype=np.int32),
    start=Start(-1234, 567, 65535),
    chunk_frames=32,
)
RICH_CHUNKS = [b"\x01\x02\x03\x04" * 10, b"", b"\xff" * 17]


def same(a: Header, b: Header) -> bool:
    rest = replace(a, offsets=None).__dict__ == replace(b, offsets=None).__dict__
    if a.offsets is None or b.offsets is None:
        return rest and a.offsets is b.offsets
    return rest and b.offsets.dtype == np.int32 and np.array_equal(a.offsets, b.offsets)


fps_values = st.one_of(
    st.sampled_from([24.0, 25.0, 29.97, 30.0, 30000 / 1001, 50.0, 59.94, 60.0, 100.0, 120.0]),
    st.integers(10_000, 1_000_000_000).map(lambda k: 1 / (k / 1e8)),
    st.floats(0.1, 10_000),
)
names = st.one_of(
    st.sampled_from(STANDARD_PARTS),
    st.text(min_size=1, max_size=64).filter(lambda t: t.isprintable() and len(t.encode()) <= 64),
)


@st.composite
def part_streams(draw: st.DrawFn, name: str) -> PartStream:
    sizes = st.one_of(st.sampled_from([1, 2, 128, 512, 65536]), st.integers(1, 65536))
    runs = draw(st.lists(st.tuples(sizes, st.integers(1, 16)), min_size=1, max_size=4))
    alphabet = tuple(size for size, run in runs for _ in range(run))
    flags = draw(st.integers(0, (1 << len(alphabet)) - 1))
    fitted = tuple(bool(flags >> level & 1) for level in range(len(alphabet)))
    return PartStream(name, alphabet, draw(st.integers(1, 65536)), fitted)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    fps, source_fps = draw(fps_values), draw(fps_values)
    frames = draw(st.integers(1, max(1, int(fps * 3600))))
    if draw(st.booleans()):
        source_fps, source_frames = fps, frames
    else:
        source_frames = max(1, round(frames / fps * source_fps))
    offsets = None
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        joints, scale = draw(st.sampled_from([1, 7, 8, 9, 75, 4096])), draw(st.integers(0, 31))
        offsets = rng.integers(-(1 << scale), 1 << scale, (joints, 3)).astype(np.int32)
        offsets[rng.random(joints) < rng.random()] = 0
    starts = st.tuples(*[st.integers(-32768, 32767)] * 2, st.integers(0, 65535))
    start = draw(st.none() | starts)
    unit = draw(st.sampled_from(UNITS))
    lifted = unit != "m" and start is not None
    return Header(
        draw(st.binary(min_size=8, max_size=8)),
        draw(st.binary(min_size=4, max_size=4)),
        source_fps,
        fps,
        source_frames,
        frames,
        tuple(draw(part_streams(n)) for n in draw(st.lists(names, min_size=1, max_size=4,
                                                           unique=True))),
        offsets=offsets,
        start=start,
        unit=unit,
        lift=draw(st.integers(-(1 << 31), (1 << 31) - 1)) if lifted else 0,
        chunk_frames=draw(st.sampled_from([4096, 65536]) | st.integers(1 + frames // 50, 65536)
                          if frames < 50 * 65535 else st.just(65536)),
    )  # fmt: skip
