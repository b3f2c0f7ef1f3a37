"""Frames as CSV: the bytes of `DataFrame.to_csv(index=False)`, a column at a time.

pandas makes a Python object of every number and writes row by row. Here Arrow makes the text of
whole columns, and only what it would write otherwise than Python (whole numbers, very small and
very large ones) is written by Python.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

ROWS = 16_384
"""Rows whose text is in memory at once."""
SMALL, LARGE = 1e-4, 1e10
"""Between these neither Python nor Arrow writes an exponent."""


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Writes a frame without its index; what is missing stays empty.

    Args:
        frame: with columns of distinct names.
        path: file to write.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(frame.columns)
        for start in range(0, len(frame), ROWS):
            rows = frame.iloc[start : start + ROWS]
            texts = [_text(rows[c]) for c in rows.columns]
            lines = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, ",")
            file.write("\n".join(lines.to_pylist()) + "\n")


def _text(column: pd.Series) -> pa.Array:
    """Text of each cell, quoted where it must be: strings (rows,)."""
    if column.dtype == np.float64:
        return _numbers(column.to_numpy())
    if column.dtype.kind in "iu":
        return pc.cast(pa.array(column.to_numpy()), pa.string())
    if column.dtype == object:  # of several types, of which 1, 1.0 and True are alike to a hash
        return pa.array(_cells(column), pa.string())
    codes, values = pd.factorize(column)
    texts = pa.array(_cells(values), pa.string())
    found = texts.take(pa.array(codes, mask=codes < 0))
    return pc.fill_null(found, "")


def _numbers(values: np.ndarray) -> pa.Array:
    size = np.abs(values)
    alike = (size >= SMALL) & (size < LARGE) & (values != np.rint(values))
    texts = pc.cast(pa.array(values), pa.string())
    others = ["" if v != v else repr(v) for v in values[~alike].tolist()]
    return pc.replace_with_mask(texts, pa.array(~alike), pa.array(others, pa.string()))


def _cells(values: Iterable[Any]) -> list[str]:
    """Each value as a cell of a row of several, where an empty one is not quoted."""
    texts, line = [], io.StringIO()
    writer = csv.writer(line, lineterminator="\n")  # a cell that holds its like is quoted
    for value in values:
        line.seek(0)
        line.truncate()
        writer.writerow(["" if _missing(value) else value, ""])
        texts.append(line.getvalue()[:-2])
    return texts


def _missing(value: object) -> bool:
    return value is None or value is pd.NaT or (isinstance(value, float) and value != value)
