"""Tokens as one flat sequence, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import BadInput
from trainables.exported.vocabulary import TokenStream, Vocabulary

THREE = Vocabulary(
    (
        TokenStream("body", (8, 4), 2),
        TokenStream("right_hand", (16,), 1),
        TokenStream("root", (3, 3, 3, 3), 1),
    )
)


def _tokens(vocabulary: Vocabulary, frames: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        s.part: rng.integers(0, s.alphabet, (-(-frames // s.compression), len(s.alphabet)))
        for s in vocabulary.streams
    }


def test_ids_are_dense_and_mean_one_code_each() -> None:
    assert THREE.size == 8 + 4 + 16 + 12
    meant = [THREE.meaning(i) for i in range(THREE.size)]
    assert len(set(meant)) == THREE.size
    assert [THREE.identity(*m) for m in meant] == list(range(THREE.size))
    assert THREE.meaning(9) == ("body", 1, 1)
    for wrong in (-1, THREE.size):
        with pytest.raises(BadInput, match="not in the vocabulary of 40"):
            THREE.meaning(wrong)
    with pytest.raises(BadInput, match="no code 4 in level 1 of 'body'"):
        THREE.identity("body", 1, 4)


def test_the_order_is_by_time_then_part_then_level() -> None:
    tokens = _tokens(THREE, 3)
    flat = THREE.flatten(tokens, 3)
    said = [THREE.meaning(int(i))[:2] for i in flat]
    frame = [("right_hand", 0), *(("root", q) for q in range(4))]
    assert said == [*[("body", 0), ("body", 1)], *frame, *frame, ("body", 0), ("body", 1), *frame]
    assert THREE.meaning(int(flat[0]))[2] == tokens["body"][0, 0]


@given(
    st.lists(
        st.tuples(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(1, 4)),
        min_size=1,
        max_size=3,
    ),
    st.integers(1, 30),
    st.integers(0, 99),
)
def test_there_and_back(shapes: list[tuple[list[int], int]], frames: int, seed: int) -> None:
    vocabulary = Vocabulary(
        tuple(TokenStream(f"p{i}", tuple(a), c) for i, (a, c) in enumerate(shapes))
    )
    tokens = _tokens(vocabulary, frames, seed)
    flat = vocabulary.flatten(tokens, frames)
    back = vocabulary.unflatten(flat.tolist(), frames)
    assert back.keys() == tokens.keys()
    for part in tokens:
        assert np.array_equal(back[part], tokens[part])
    guessed = vocabulary.frames_of(len(flat))
    assert guessed >= frames and len(
        vocabulary.flatten(_tokens(vocabulary, guessed), guessed)
    ) == len(flat)


def test_what_a_model_wrote_wrongly_is_told_with_its_place() -> None:
    flat = THREE.flatten(_tokens(THREE, 4), 4)
    with pytest.raises(BadInput, match="4 frames are 24 tokens of this codec, got 23"):
        THREE.unflatten(flat[:-1], 4)
    wrong = flat.copy()
    wrong[2] = THREE.identity("root", 0, 1)
    with pytest.raises(BadInput, match=r"at place 2 is not of level 0 of 'right_hand'"):
        THREE.unflatten(wrong, 4)
    with pytest.raises(BadInput, match="whole numbers"):
        THREE.unflatten(flat + 0.5, 4)
    with pytest.raises(BadInput, match="no whole number of frames"):
        THREE.frames_of(len(flat) + 1)


def test_the_published_map_is_enough_to_read_an_id() -> None:
    said = THREE.described()
    for entry in said["streams"]:
        assert THREE.identity(entry["part"], entry["level"], 0) == entry["first_id"]
    assert said["size"] == sum(e["codes"] for e in said["streams"])
