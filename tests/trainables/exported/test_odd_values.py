"""Codec folders in which any one value is odd, their sums right: refused in a line, or used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.trainables.exported.forgeries import ODD, copied, forge, leaves, odd_arrays, put, used
from tests.trainables.exported.training import CONFIGURATIONS, Trained
from trainables.exported.codec_folder import (
    CARD_NAME,
    CONFIG_NAME,
    MODEL_NAME,
    TOKEN_MODELS_NAME,
)
from trainables.motion.preparation_files import ARRAYS_NAME, DESCRIPTION_NAME


def odd_places(folder: Path) -> list[tuple[str, Callable[[Any], Any]]]:
    """Every place of every JSON file with every odd value, and every array with odd ones."""
    found: list[tuple[str, Callable[[Any], Any]]] = []
    for name in (CONFIG_NAME, DESCRIPTION_NAME, CARD_NAME):
        held = json.loads((folder / name).read_text())
        places = [p for p in leaves(held) if name != CARD_NAME or len(p) < 3]
        for place in places:
            for value in (*ODD, leaves):
                found.append((name, lambda h, p=place, v=value: put(h, p, v)))
    for name in (MODEL_NAME, TOKEN_MODELS_NAME, ARRAYS_NAME):
        for key, array in load_file(folder / name).items():
            for other in (*odd_arrays(array), None):
                found.append((name, lambda a, k=key, o=other: set_or_drop(a, k, o)))
    return found


def set_or_drop(arrays: dict[str, np.ndarray], key: str, array: np.ndarray | None) -> None:
    if array is None:
        del arrays[key]
    else:
        arrays[key] = array


def outcomes(given: Trained, place: Path, most: int, seed: int = 0) -> dict[str, int]:
    """What became of so many forgeries, drawn at random; nothing else may happen."""
    cases = odd_places(given.folder)
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(cases))[:most]
    counts = {"refused": 0, "used": 0}
    for number in chosen:
        name, change = cases[int(number)]
        folder = copied(given.folder, place / "forged")
        forge(folder, name, change)
        try:
            counts[used(folder, place)] += 1
        except BaseException as error:
            pytest.fail(f"forgery {number} of {name}: {type(error).__name__}: {error}")
    return counts


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["kmeans", "root"])
def test_a_sample_of_odd_values_crashes_nothing(
    name: str, trained: dict[str, Trained], tmp_path: Path
) -> None:
    counts = outcomes(trained[name], tmp_path, 25)
    assert min(counts.values()) > 2, counts


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", [*CONFIGURATIONS, "root", "position"])
def test_odd_values_crash_nothing(name: str, trained: dict[str, Trained], tmp_path: Path) -> None:
    counts = outcomes(trained[name], tmp_path, 300, seed=1)
    print(f"\n{name}: {counts}")
    assert min(counts.values()) > 15, counts
