"""What stands in a recording's file, and that damaged files of trained codecs do no harm."""

from __future__ import annotations

import io
import math
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.long.fuzz_streams import Good, fuzz, good_files, with_own_bones
from tests.trainables.tiny import make_clip, make_clips, moved, spec
from trainables.bitstream.container import (
    ContainerReader,
    ContainerWriter,
    Header,
    PartStream,
    chunk_limit,
)
from trainables.bitstream.header_layout import header_body
from trainables.bitstream.recording import ROOT, Size, pack, unpack
from trainables.bitstream.token_model import TokenModel
from trainables.bitstream.varints import varint
from trainables.exported.transcode import (
    CodedRecording,
    check_fits,
    decoded_positions,
)
from trainables.motion.clip import Clip
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.resample import resample
from trainables.streams import at_depth, first_levels, recording_header, stream_sizes

PACE = {"body": 1, "hand": 4, ROOT: 1}


@pytest.fixture(scope="module")
def data() -> MotionData:
    return prepare(spec(root="coded"), make_clips(5, 45))


def tokens_of(
    data: MotionData, clip: Clip, levels: int = 3
) -> tuple[dict[str, np.ndarray], dict[str, TokenModel], Header]:
    """Tokens of a made-up codec for a recording, their models, and its header."""
    rng = np.random.default_rng(1)
    ready = data.preparation.split_clip(data.preparation.bring(clip))
    tokens = {
        part: rng.integers(0, 16, (-(-ready.frames // PACE[part]), levels)).astype(np.int32)
        for part in ("body", "hand")
    }
    assert ready.root_tokens is not None
    tokens[ROOT] = ready.root_tokens
    models = {part: TokenModel.fit([t], (16,) * t.shape[1]) for part, t in tokens.items()}
    return tokens, models, recording_header(data.preparation, ready, tokens, models, PACE)


def test_a_header_says_rates_lengths_and_place(data: MotionData) -> None:
    clip = resample(moved(make_clip("take", 9, 61), 2.0, (1.5, 0.0, -4.0)), 60.0)
    _, _, header = tokens_of(data, replace(clip, source_fps=0.0))
    assert (header.fps, header.source_fps) == (30.0, 60.0)
    assert abs(header.frames - clip.frames / 2) <= 1
    assert abs(header.source_frames - clip.frames) <= 1
    assert [part.name for part in header.parts] == ["body", "hand", ROOT]
    assert [part.compression for part in header.parts] == [1, 4, 1]
    assert header.start is not None
    x, z, turn = header.start
    assert (x, z) == pytest.approx((150, -400), abs=1)
    _, _, unmoved = tokens_of(data, make_clip("take", 9, 61))
    assert unmoved.start is not None
    turned = (turn - unmoved.start[2]) / 65536 * math.tau
    assert math.cos(turned - 2.0) == pytest.approx(1, abs=1e-6)


def test_bones_of_its_own_are_counted(data: MotionData) -> None:
    clip = make_clip("take", 9, 45)
    tokens, models, usual = tokens_of(data, clip)
    _, _, own = tokens_of(data, with_own_bones(clip))
    assert usual.offsets is None
    assert own.offsets is not None
    sizes = {}
    for name, made in (("usual", clip), ("own", with_own_bones(clip))):
        ready = data.preparation.split_clip(data.preparation.bring(made))
        sizes[name] = stream_sizes(data.preparation, ready, tokens, models, PACE)
    more = len(header_body(own)) - len(header_body(usual))
    assert more > 20
    assert [b.total - a.total for a, b in zip(sizes["usual"], sizes["own"], strict=True)] == [
        b.header - a.header for a, b in zip(sizes["usual"], sizes["own"], strict=True)
    ]
    assert sizes["own"][0].header - sizes["usual"][0].header in (more, more + 1)


def test_sizes_are_those_of_files_with_a_codec_in_them(data: MotionData) -> None:
    """Identities of codec and skeleton take the same room whatever they are."""
    clip = make_clip("take", 9, 45)
    ready = data.preparation.split_clip(data.preparation.bring(clip))
    tokens, models, header = tokens_of(data, clip)
    sizes = stream_sizes(data.preparation, ready, tokens, models, PACE)
    named = replace(header, codec_hash=b"\xff" * 8, skeleton_hash=b"\x01\x02\x03\x04")
    assert [at_depth(sizes, d) for d in (1, 2, 3, 4, 9)] == [*sizes, sizes[2], sizes[2]]
    assert sizes[2].total == len(pack(named, tokens, models))
    assert sizes[0].total < sizes[1].total < sizes[2].total


@pytest.mark.parametrize("frames", [125, 126, 127, 128, 129, 254, 255, 256])
def test_a_recording_brings_the_length_of_its_source(data: MotionData, frames: int) -> None:
    clip = replace(make_clip("take", 9, frames), fps=60.0)
    ready = data.preparation.split_clip(data.preparation.bring(clip))
    tokens, models, header = tokens_of(data, clip)
    assert header.source_frames == ready.source_frames == frames
    known = recording_header(data.preparation, ready, tokens, models, PACE, source_frames=frames)
    assert header_body(known) == header_body(header)
    # Of a block of a recording it is worked out, and is at most a frame away.
    block = replace(ready, source_frames=0)
    worked_out = recording_header(data.preparation, block, tokens, models, PACE)
    assert worked_out.source_frames - frames in (0, 1)


def test_first_levels_keep_the_root() -> None:
    tokens = {"body": np.zeros((5, 3), np.int32), ROOT: np.zeros((5, 4), np.int32)}
    assert [t.shape for t in first_levels(tokens, 2).values()] == [(5, 2), (5, 4)]
    assert [t.shape for t in first_levels(tokens, 7).values()] == [(5, 3), (5, 4)]
    assert at_depth([Size(9, 1), Size(12, 1)], 5) == Size(12, 1)


@pytest.fixture(scope="module")
def goods(tmp_path_factory: pytest.TempPathFactory) -> list[Good]:
    names = ("kmeans", "rqvae")
    return good_files(spec(), make_clips(5, 45), names, tmp_path_factory.mktemp("codecs"))


def decoded(good: Good, data: bytes) -> np.ndarray:
    reader = ContainerReader(io.BytesIO(data), "x.rft")
    check_fits(good.codec, reader.header)
    tokens = unpack(reader.header, reader, good.codec.models)
    return decoded_positions(good.codec, CodedRecording(reader.header, tokens))


def test_files_to_be_damaged_are_good(goods: list[Good]) -> None:
    """With and without root, own bones and several chunks, and all of them decode."""
    assert len(goods) == 16
    headers = [good.container.header for good in goods]
    assert {h.chunks > 1 for h in headers} == {h.offsets is None for h in headers} == {True, False}
    assert {h.start is None for h in headers} == {True, False}
    for good in goods:
        joints = len(good.codec.preparation.skeleton)
        assert decoded(good, good.data).shape == (good.container.header.frames, joints, 3)


def test_damaged_files_are_refused_or_decoded_as_declared(
    goods: list[Good], tmp_path: Path
) -> None:
    """A sample of `tests/long/test_fuzz_streams.py`."""
    found = fuzz(goods, 400, 200, 5, tmp_path)
    assert found["damaged"].refused.total() == 400
    assert found["lies"].decoded > 0 < found["lies"].refused.total()
    assert found["checksums made right"].files == 100


def front(header: Header) -> bytes:
    """A file that ends behind its header."""
    file = io.BytesIO()
    ContainerWriter(file, header)
    return file.getvalue()


def test_huge_declarations_are_refused_without_the_memory(goods: list[Good]) -> None:
    good = goods[0]
    header = good.container.header
    deep = {"alphabet": (65536,) * 64, "fitted": (True,) * 64}
    wide = tuple(PartStream(f"part {i}", compression=1, **deep) for i in range(64))
    hour = replace(header, frames=108_000, source_frames=108_000)
    body, *others = header.parts
    declared = {
        "lasts": replace(header, frames=1 << 40, source_frames=1 << 40),
        "'part 0' is not of this codec": replace(hour, parts=wide, chunk_frames=65536),
        "'body' is not of this codec": replace(hour, parts=(replace(body, **deep), *others)),
        "bones of 4096 joints": replace(header, offsets=np.ones((4096, 3), np.int32)),
        "cut off within its chunk 1 of 2": replace(hour, chunk_frames=65536),
        "cut off within its chunk 1 of 108000": replace(hour, chunk_frames=1),
    }
    decoded(good, good.data)  # what is built once and kept does not count
    for fault, header in declared.items():
        for behind in (b"", varint(chunk_limit(header, 0)) + bytes(9)):
            data = front(header) + behind
            tracemalloc.start()
            with pytest.raises(BadInput, match=fault) as told:
                decoded(good, data)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert "\n" not in str(told.value)
            assert peak < 1_500_000, fault
