"""Token models as files: the same model back, and every wrong value refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from search_spaces.errors import BadInput
from tests.trainables.bitstream.test_token_model import coded, decoded, smooth
from trainables.bitstream.token_model import TokenModel

ALPHABET = (16, 300)
Arrays = dict[str, np.ndarray]


TRAIN = smooth(np.random.default_rng(0), (30_000,), ALPHABET, hold=0.2)


def fitted(order: int) -> TokenModel:
    return TokenModel.fit(TRAIN, ALPHABET, order)


@pytest.mark.parametrize("order", [0, 1])
def test_a_model_comes_back_from_a_file(order: int, tmp_path: Path) -> None:
    model = fitted(order)
    assert order == 0 or all(len(level.contexts.previous) for level in model.levels)
    save_file(model.arrays(), tmp_path / "m.safetensors")
    other = TokenModel.from_arrays(ALPHABET, load_file(tmp_path / "m.safetensors"))
    assert other.order == order and other.alphabet == ALPHABET
    assert (other.saved_bits, other.table_bits) == (model.saved_bits, model.table_bits)
    assert other.arrays().keys() == model.arrays().keys()
    for name, array in model.arrays().items():
        assert np.array_equal(other.arrays()[name], array)
        assert other.arrays()[name].dtype == array.dtype
    (recording,) = smooth(np.random.default_rng(9), (200,), ALPHABET)
    data = coded(model, recording)
    assert coded(other, recording) == data
    assert np.array_equal(decoded(other, data, recording.shape), recording)


def test_stored_in_the_smallest_types_and_counted_in_bits() -> None:
    arrays = fitted(1).arrays()
    assert arrays["repeats"].dtype == np.uint8
    assert arrays["symbols"].dtype == arrays["previous"].dtype == np.uint16
    assert arrays["followers"].dtype == arrays["sizes"].dtype == np.uint16
    assert fitted(1).table_bits == 8 * sum(
        a.nbytes for name, a in arrays.items() if name != "saved_bits"
    )
    small = fitted(1).cut(1).arrays()
    assert small["symbols"].dtype == small["previous"].dtype == np.uint8


def test_counts_beyond_their_type_are_scaled_and_still_send_everything() -> None:
    seldom = np.tile([0, 1, 2], 70_000)
    seldom[3001] = 3
    model = TokenModel.fit([seldom[:, None]], (4,), 1)
    followers = model.arrays()["followers"]
    assert followers.max() == 65535 and followers.min() >= 1
    recording = np.array([0, 1, 0, 2, 1, 3, 2, 3])[:, None]
    assert np.array_equal(decoded(model, coded(model, recording), (8, 1)), recording)


def _set(name: str, place: int, value: int, kind: str = "u8") -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[name] = arrays[name].astype(kind)
        arrays[name].flat[place] = value

    return change


def _drop(name: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.__delitem__(name)


def _shorten(name: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({name: arrays[name][:-1]})


def _retype(name: str, kind: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({name: arrays[name].astype(kind)})


HUGE = (1 << 64) - 1
NAMES = tuple(fitted(1).arrays())


@pytest.mark.parametrize(
    "change",
    [
        *(_drop(name) for name in NAMES),
        *(_shorten(name) for name in NAMES),
        *(_retype(name, "f4") for name in NAMES if name != "saved_bits"),
        *(_retype(name, "i8") for name in NAMES),
        *(_set(name, 0, HUGE) for name in NAMES if name != "saved_bits"),
        *(_set(name, 3, HUGE) for name in NAMES if name not in ("saved_bits", "contexts")),
        *(_set(name, 0, 0) for name in ("counts", "repeats", "sizes", "followers", "contexts")),
        _set("counts", 5, (1 << 32) - 1),
        _set("repeats", 0, 256),
        _set("followers", 0, 65536),
        _set("previous", 0, 15),  # no longer ascending
        _set("previous", -1, 300),
        _set("symbols", -1, 300),
        _set("symbols", 0, 16),
        _set("symbols", 0, 0),  # the context's own token
        _set("contexts", 1, 301),
        lambda arrays: arrays.update(saved_bits=np.array([np.nan, 1.0])),
    ],
)
def test_wrong_values_are_refused_in_one_line(change: Callable[[Arrays], None]) -> None:
    arrays = fitted(1).arrays()
    assert arrays["previous"][0] == 0
    change(arrays)
    with pytest.raises(BadInput, match=r"^token model: .*; export the codec again$"):
        TokenModel.from_arrays(ALPHABET, arrays)


def test_another_alphabet_is_refused() -> None:
    for order in (0, 1):
        arrays = fitted(order).arrays()
        for alphabet in ((16,), (16, 301), (0, 316), (16, 300, 1)):
            with pytest.raises(BadInput):
                TokenModel.from_arrays(alphabet, arrays)
    with pytest.raises(BadInput):  # the same in all, but contexts are outside
        TokenModel.from_arrays((300, 16), arrays)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_any_damage_is_refused_or_still_a_model(seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays = {name: array.copy() for name, array in DAMAGED.items()}
    for _ in range(rng.integers(1, 4)):
        array = arrays[str(rng.choice(list(arrays)))]
        array.view(np.uint8).reshape(-1)[rng.integers(array.nbytes)] ^= 1 << int(rng.integers(8))
    try:
        model = TokenModel.from_arrays(ALPHABET, arrays)
    except BadInput:
        return
    (recording,) = smooth(rng, (50,), ALPHABET)
    assert np.array_equal(decoded(model, coded(model, recording), recording.shape), recording)
    assert np.isfinite(model.bits(recording)).all()


DAMAGED = fitted(1).arrays()
