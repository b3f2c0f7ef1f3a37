"""Tokens come back from their file, and the size of every prefix is that of its own file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.errors import BadInput
from tests.trainables.bitstream.headers import SIGN
from tests.trainables.bitstream.plain_decoder import plainly_unpacked
from trainables.bitstream.container import Header, read_container, write_container
from trainables.bitstream.recording import (
    ROOT,
    cut,
    pack,
    part_streams,
    prefix_sizes,
    unpack,
)
from trainables.bitstream.token_model import TokenModel
from trainables.metrics.rate import model_bits

SIZES = (1, 2, 3, 16, 300, 65536)
ROOT_SIZES = (16, 16, 16, 16)


@dataclass(frozen=True, eq=False)
class Case:
    """One recording, ready to be packed."""

    header: Header
    tokens: dict[str, np.ndarray]
    models: dict[str, TokenModel]


def smooth(
    rng: np.random.Generator, number: int, alphabet: tuple[int, ...], hold: float
) -> np.ndarray:
    """Tokens (number, levels) that stay for a while, most of them among the first few."""
    out = np.zeros((number, len(alphabet)), np.int32)
    for level, size in enumerate(alphabet):
        fresh = np.minimum(rng.geometric(0.2, number) - 1, size - 1)
        seldom = rng.random(number) < 0.1
        fresh[seldom] = rng.integers(0, size, int(seldom.sum()))
        kept = np.where(rng.random(number) < hold, -1, np.arange(number))
        last = np.maximum.accumulate(kept).clip(min=0)
        out[:, level] = fresh[last]
    return out


def make(
    seed: int,
    frames: int,
    alphabets: Mapping[str, tuple[int, ...]],
    compression: Mapping[str, int],
    chunk_frames: int = 4096,
    train: int = 3,
    order: int | None = None,
    hold: float = 0.7,
) -> Case:
    """A recording, under models of other recordings."""
    rng = np.random.default_rng(seed)
    tokens, models = {}, {}
    for part, alphabet in alphabets.items():
        number = -(-frames // compression[part])
        tokens[part] = smooth(rng, number, alphabet, hold)
        others = [smooth(rng, int(rng.integers(200)), alphabet, hold) for _ in range(train)]
        models[part] = TokenModel.fit(others, alphabet, order)
    header = replace(
        SIGN,
        source_fps=30.0,
        source_frames=frames,
        frames=frames,
        chunk_frames=chunk_frames,
        parts=part_streams(tokens, models, compression),
    )
    return Case(header, tokens, models)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    names = draw(st.lists(st.sampled_from(["body", "left_hand", "tail"]), min_size=1, unique=True))
    sizes = st.lists(st.sampled_from(SIZES), min_size=1, max_size=4).map(tuple)
    alphabets = {name: draw(sizes) for name in names}
    compression = {name: draw(st.sampled_from([1, 1, 2, 4, 7, 500])) for name in names}
    if draw(st.booleans()):
        place = draw(st.integers(0, len(names)))
        order = [*names[:place], ROOT, *names[place:]]
        alphabets = {name: alphabets.get(name, ROOT_SIZES) for name in order}
        compression[ROOT] = 1
    return make(
        draw(st.integers(0, 10_000)),
        draw(st.integers(1, 120)),
        alphabets,
        compression,
        draw(st.sampled_from([1, 5, 16, 50, 4096])),
        draw(st.integers(0, 3)),
        draw(st.sampled_from([None, 0, 1])),
        draw(st.sampled_from([0.0, 0.5, 0.9, 1.0])),
    )


def unpacked(case: Case, data: bytes) -> dict[str, np.ndarray]:
    read = read_container(data)
    return unpack(read.header, read.chunks, case.models)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_what_is_packed_comes_back(case: Case) -> None:
    found = unpacked(case, pack(case.header, case.tokens, case.models))
    assert list(found) == list(case.tokens)
    for part, tokens in case.tokens.items():
        assert found[part].dtype == np.int32
        assert np.array_equal(found[part], tokens)


@settings(max_examples=30, deadline=None)
@given(cases())
def test_sizes_of_prefixes_are_those_of_their_files(case: Case) -> None:
    sizes = prefix_sizes(case.header, case.tokens, case.models)
    levels = {part: tokens.shape[1] for part, tokens in case.tokens.items()}
    assert len(sizes) == max((n for part, n in levels.items() if part != ROOT), default=1)
    compression = {part.name: part.compression for part in case.header.parts}
    for depth, size in enumerate(sizes, 1):
        kept = {p: n if p == ROOT else min(n, depth) for p, n in levels.items()}
        tokens = {part: case.tokens[part][:, :n] for part, n in kept.items()}
        models = {part: case.models[part].cut(n) for part, n in kept.items()}
        header = replace(case.header, parts=part_streams(tokens, models, compression))
        assert header.parts == tuple(cut(part, depth) for part in case.header.parts)
        written = pack(header, tokens, models)
        read = read_container(written)
        assert (size.total, size.header) == (len(written), read.header_bytes)
        found = unpack(read.header, read.chunks, models)
        assert all(np.array_equal(found[part], tokens[part]) for part in tokens)


TWO = {"body": (16, 300), "hands": (16, 300)}


def test_a_prefix_keeps_the_whole_root() -> None:
    alphabets = {"body": (16, 16), ROOT: (16,) * 4}
    case = make(3, 50, alphabets, {"body": 2, ROOT: 1})
    shallow = {"body": case.tokens["body"][:, :1], ROOT: case.tokens[ROOT]}
    header = replace(case.header, parts=part_streams(shallow, case.models, {"body": 2, ROOT: 1}))
    assert [len(part.alphabet) for part in header.parts] == [1, 4]
    data = pack(header, shallow, case.models)
    assert len(data) == prefix_sizes(case.header, case.tokens, case.models)[0].total
    assert np.array_equal(unpacked(case, data)[ROOT], case.tokens[ROOT])


def test_a_stream_is_coded_under_the_shorter_table() -> None:
    """Tokens that train never showed are sent uniformly, and the file says so."""
    train = [np.repeat(np.arange(2, dtype=np.int32), 500)[:, None]]
    model = TokenModel.fit(train, (64,), 0)
    like, unlike = train[0][400:600], np.arange(2, 64, dtype=np.int32)[:, None]
    compression = {"body": 1}
    assert part_streams({"body": like}, {"body": model}, compression)[0].fitted == (True,)
    assert part_streams({"body": unlike}, {"body": model}, compression)[0].fitted == (False,)


@settings(max_examples=30, deadline=None)
@given(cases())
def test_a_payload_is_as_long_as_its_model_says_and_a_seal_for_every_chunk(case: Case) -> None:
    """And so never longer than its nominal bits, with which every stream may be sent."""
    data = read_container(pack(case.header, case.tokens, case.models))
    bits, rounding = 0.0, 0.0
    for part, tokens in case.tokens.items():
        streams = model_bits([tokens], case.models[part]) - 1
        bits += streams.sum()
        nominal = len(tokens) * np.log2(np.array(case.models[part].alphabet, float))
        assert (streams <= nominal + 1e-9).all()
        # every symbol of a table has one of 2**24 steps for itself
        rounding += len(tokens) * 1.5 * sum(case.models[part].alphabet) / 2**24
    assert 8 * data.payload_bytes <= bits + rounding + 34 * case.header.chunks


@settings(max_examples=15, deadline=None)
@given(cases())
def test_a_decoder_of_its_own_reads_the_same(case: Case) -> None:
    """What docs/format.md says of payloads is all that one has to know."""
    small = {p: t for p, t in case.tokens.items() if max(case.models[p].alphabet) <= 300}
    if not small:
        return
    header = replace(case.header, parts=tuple(p for p in case.header.parts if p.name in small))
    read = read_container(pack(header, small, case.models))
    found = plainly_unpacked(read.header, read.chunks, case.models)
    assert all(np.array_equal(found[part], tokens) for part, tokens in small.items())


def test_a_decoder_of_its_own_reads_order_1() -> None:
    alphabets = {"body": (12, 40), "hands": (30,), ROOT: ROOT_SIZES}
    compression = {"body": 1, "hands": 4, ROOT: 1}
    rng = np.random.default_rng(8)
    tokens, models = {}, {}
    for part, alphabet in alphabets.items():
        # a token is most often followed by the next: contexts, which chance alone never gives
        turns = rng.random((6300, len(alphabet))) * [
            [3.0 + 5 * (q == 0) for q in range(len(alphabet))]
        ]
        walk = np.cumsum(turns < 1, axis=0) % np.array(alphabet)
        seldom = rng.random(walk.shape) < 0.02
        walk[seldom] = rng.integers(0, 12, int(seldom.sum()))
        tokens[part] = walk[: -(-300 // compression[part])].astype(np.int32)
        models[part] = TokenModel.fit([walk[300:]], alphabet, order=1)
        assert any(len(level.contexts.previous) for level in models[part].levels)
    header = replace(
        SIGN,
        source_fps=30.0,
        source_frames=300,
        frames=300,
        chunk_frames=128,
        parts=part_streams(tokens, models, compression),
    )
    case = Case(header, tokens, models)
    assert all(all(part.fitted) for part in header.parts)
    read = read_container(pack(case.header, case.tokens, case.models))
    found = plainly_unpacked(read.header, read.chunks, case.models)
    assert all(np.array_equal(found[part], tokens) for part, tokens in case.tokens.items())


def test_other_alphabets_are_refused() -> None:
    case = make(1, 60, TWO, {"body": 1, "hands": 4})
    read = read_container(pack(case.header, case.tokens, case.models))
    other = make(1, 60, {"body": (16, 300), "hands": (16, 299)}, {"body": 1, "hands": 4})
    shallow = {**case.models, "body": case.models["body"].cut(1)}
    for models, part in (
        (other.models, "hands"),
        (shallow, "body"),
        ({"body": case.models["body"]}, "hands"),
    ):
        with pytest.raises(BadInput, match=f"part '{part}' has alphabets .*encoded with") as told:
            unpack(read.header, iter(()), models)  # before a payload is asked for
        assert "\n" not in str(told.value)


def test_chunks_are_as_many_as_declared() -> None:
    case = make(2, 60, TWO, {"body": 1, "hands": 4}, chunk_frames=20)
    read = read_container(pack(case.header, case.tokens, case.models))
    assert len(read.chunks) == 3
    for chunks in (read.chunks[:2], (*read.chunks, b"")):
        with pytest.raises(ValueError, match="zip"):
            unpack(read.header, chunks, case.models)


def test_a_payload_that_goes_on_is_refused() -> None:
    """The decoder looks two words ahead: what goes on behind those was written by no encoder."""
    rng = np.random.default_rng(4)
    for order in (0, 1):
        case = make(5, 60, TWO, {"body": 1, "hands": 4}, chunk_frames=20, order=order)
        read = read_container(pack(case.header, case.tokens, case.models))
        for place in range(3):
            for more in (bytes(12), b"\xff" * 12, rng.bytes(12), rng.bytes(400)):
                chunks = list(read.chunks)
                chunks[place] += more
                with pytest.raises(BadInput, match="not what an encoder writes"):
                    unpack(read.header, chunks, case.models)


@settings(max_examples=40, deadline=None)
@given(cases(), st.integers(0, 10_000))
def test_another_payload_is_refused_or_is_of_the_declared_shape(case: Case, seed: int) -> None:
    """Whole and with right checksums, but of another recording or damaged before it was written."""
    rng = np.random.default_rng(seed)
    written = read_container(pack(case.header, case.tokens, case.models))
    for _ in range(4):
        chunks = []
        for number, payload in enumerate(written.chunks):
            way = int(rng.integers(4))
            if way == 0:
                payload = rng.bytes(4 * int(rng.integers(len(payload) // 4 + 2)))
            elif way == 1:
                payload = written.chunks[number - 1]
            elif way == 2 and payload:
                damaged = bytearray(payload)
                damaged[int(rng.integers(len(payload)))] ^= 1 << int(rng.integers(8))
                payload = bytes(damaged)
            chunks.append(payload)
        read = read_container(write_container(case.header, chunks))
        try:
            found = unpack(read.header, read.chunks, case.models)
        except BadInput as refusal:
            assert "\n" not in str(refusal)
            continue
        for part, tokens in case.tokens.items():
            assert found[part].shape == tokens.shape
            sizes = np.array(case.models[part].alphabet)
            assert ((found[part] >= 0) & (found[part] < sizes)).all()


def test_some_damaged_payloads_decode_and_some_are_refused() -> None:
    """Neither branch of the test above is idle."""
    case = make(6, 100, TWO, {"body": 1, "hands": 1})
    read = read_container(pack(case.header, case.tokens, case.models))
    refused = 0
    for bit in range(0, 8 * len(read.chunks[0]), 8):
        damaged = bytearray(read.chunks[0])
        damaged[bit // 8] ^= 1
        try:
            unpack(read.header, [bytes(damaged)], case.models)
        except BadInput:
            refused += 1
    assert 0 < refused < len(read.chunks[0])


def test_payloads_of_odd_length_are_refused() -> None:
    case = make(7, 40, TWO, {"body": 1, "hands": 1})
    read = read_container(pack(case.header, case.tokens, case.models))
    with pytest.raises(BadInput, match="whole number of words"):
        unpack(read.header, [read.chunks[0] + b"\0"], case.models)
