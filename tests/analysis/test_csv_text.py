"""CSV as pandas writes it, byte for byte."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.csv_text import write_csv

NUMBERS = st.floats() | st.floats(1e-5, 1e-3) | st.floats(1e8, 1e17) | st.sampled_from([3.0, -0.0])
WORDS = st.text(st.sampled_from('ab,"\n\r é;'), max_size=4) | st.none()
MIXED = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.just("auto")


def same(frame: pd.DataFrame, path: Path) -> None:
    write_csv(frame, path)
    assert path.read_bytes().decode() == frame.to_csv(index=False, lineterminator="\n")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NUMBERS, WORDS, MIXED, st.integers(-(2**62), 2**62), st.booleans())))
def test_any_frame_is_written_as_pandas_writes_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[object, ...]]
) -> None:
    frame = pd.DataFrame(rows, columns=["number", "a word", "mixed", "whole", "flag"])
    frame["mixed"] = frame["mixed"].astype(object)
    same(frame, tmp_path_factory.getbasetemp() / "any.csv")


def test_numbers_at_the_edges_and_frames_of_no_rows(tmp_path: Path) -> None:
    edges = [1e-4, np.nextafter(1e-4, 0), 1e15, 1e16, 1e22, 5e-324, -0.0, 0.1, 1 / 3, math.inf,
             -math.inf, math.nan, 123456789.125, 1e15 - 0.125, 1e12 - 0.125,
             1e10 - 0.125, 1e10 + 0.5]  # fmt: skip
    same(pd.DataFrame({"x": edges, "of, two": [str(v) for v in edges]}), tmp_path / "edges.csv")
    same(pd.DataFrame(columns=["x", "y"]), tmp_path / "none.csv")


def test_many_rows_are_written_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.csv_text.ROWS", 7)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=50), "codec": rng.choice(["rqvae", "kmeans"], 50)})
    same(frame, tmp_path / "many.csv")
