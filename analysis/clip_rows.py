"""Rows per clip of a sweep's points, read from the folders of its trials.

Ten thousand small files are what a long sweep leaves. They are read as Arrow tables and become a
frame all at once, which takes a tenth of the time that one frame a file does.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from search_spaces.errors import BadInput
from search_spaces.record import CLIP_COLUMNS, TRIAL_CLIPS_FILE, TRIALS_FOLDER

_INDEX = "__index_level_"
"""How pandas names an index that it stored as a column."""
_COUNTS = {"n"}
"""Columns of whole numbers; where one lacks a value, its file's become floats."""


def trial_clips(folder: Path, trials: Iterable[str]) -> pd.DataFrame:
    """Rows of all clips that the trials left, in their order, numbered from 0.

    Args:
        folder: the sweep directory.
        trials: identities; one that left no file has no rows.

    Returns:
        Columns as `CLIP_COLUMNS`, and what else a file holds.

    Raises:
        BadInput: a file cannot be read.
    """
    places = ((t, folder / TRIALS_FOLDER / t / TRIAL_CLIPS_FILE) for t in trials)
    read = ((t, path, _table(path)) for t, path in places if path.is_file())
    plain_schema = _Plain()
    frames: list[pd.DataFrame] = []
    # Files of one schema that follow each other, which is all of them unless versions were mixed.
    for plain, same in groupby(read, lambda each: plain_schema(each[2])):
        if plain is None:
            frames += [_alone(path, trial) for trial, path, _ in same]
        else:
            tables = [t.replace_schema_metadata(None) for _, _, t in same]
            # One piece a column: every later step would walk over ten thousand.
            frames.append(_frame(pa.concat_tables(tables).combine_chunks()))
    if not frames:
        return pd.DataFrame(columns=list(CLIP_COLUMNS))
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _table(path: Path) -> pa.Table:
    try:
        return pq.ParquetFile(path, memory_map=True).read(use_threads=False)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


class _Plain:
    """The schema of a table that pandas reads as it stands; None where it must do more."""

    def __init__(self) -> None:
        self._last: tuple[pa.Schema, pa.Schema | None] = (pa.schema([]), None)

    def __call__(self, table: pa.Table) -> pa.Schema | None:
        if not table.schema.equals(self._last[0]):  # of thousands of files nearly all are alike
            self._last = table.schema, _plain(table.schema)
        plain = self._last[1]
        whole = plain is None or not any(table[n].null_count for n in plain.names if n in _COUNTS)
        return plain if whole else None


def _plain(schema: pa.Schema) -> pa.Schema | None:
    known = (pa.types.is_large_string, pa.types.is_string, pa.types.is_float64, pa.types.is_int64)
    plain = all(any(is_kind(t) for is_kind in known) for t in schema.types)
    counts = {n for n, t in zip(schema.names, schema.types, strict=True) if pa.types.is_int64(t)}
    named = "trial" in schema.names and not any(n.startswith(_INDEX) for n in schema.names)
    return schema.remove_metadata() if plain and named and counts <= _COUNTS else None


def _frame(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas(split_blocks=True, self_destruct=True)


def _alone(path: Path, trial: str) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if "trial" not in frame.columns:
        frame.insert(0, "trial", trial)
    return frame


def _unreadable(path: Path, error: Exception) -> BadInput:
    return BadInput(f"{path} cannot be read ({error}); delete the trial's folder")
