"""Clips of many trials are read together as they would be alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.clip_rows import trial_clips
from search_spaces.errors import BadInput
from search_spaces.record import CLIP_COLUMNS, TRIAL_CLIPS_FILE, TRIALS_FOLDER


def rows(trial: str, count: int) -> pd.DataFrame:
    rng = np.random.default_rng(count)
    words = {c: [f"{trial}-{c}-{i}" for i in range(count)] for c in CLIP_COLUMNS[:7]}
    frame = pd.DataFrame(
        {**words, "value": rng.normal(size=count), "n": rng.integers(9, size=count)}
    )
    return frame.assign(trial=trial)


def write(folder: Path, trial: str, frame: pd.DataFrame) -> None:
    place = folder / TRIALS_FOLDER / trial
    place.mkdir(parents=True)
    frame.to_parquet(place / TRIAL_CLIPS_FILE)


def one_by_one(folder: Path, trials: list[str]) -> pd.DataFrame:
    frames = []
    for trial in trials:
        frame = pd.read_parquet(folder / TRIALS_FOLDER / trial / TRIAL_CLIPS_FILE)
        if "trial" not in frame.columns:
            frame.insert(0, "trial", trial)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def test_files_of_any_kind_read_as_one_by_one(tmp_path: Path) -> None:
    odd = {
        "a": rows("a", 3),
        "b": rows("b", 2),
        "c": rows("c", 4).drop(columns="trial"),  # of an older version
        "d": rows("d", 2).assign(n=[1.0, np.nan]),
        "e": rows("e", 3).set_index("recording", drop=False),
        "f": rows("f", 2).assign(signer=None),
        "g": rows("g", 5),
        "h": rows("h", 0),
    }
    for trial, frame in odd.items():
        write(tmp_path, trial, frame)
    for some in ("ab", "abcdefgh", "c", "gab", "h", "bd"):
        read = trial_clips(tmp_path, some)
        pd.testing.assert_frame_equal(read, one_by_one(tmp_path, list(some)))


def test_what_is_missing_or_damaged(tmp_path: Path) -> None:
    assert list(trial_clips(tmp_path, ["none"]).columns) == list(CLIP_COLUMNS)
    write(tmp_path, "a", rows("a", 2))
    assert len(trial_clips(tmp_path, ["none", "a"])) == 2
    damaged = tmp_path / TRIALS_FOLDER / "a" / TRIAL_CLIPS_FILE
    damaged.write_bytes(b"PAR1 and no more")
    with pytest.raises(
        BadInput, match=r"a/clips\.parquet cannot be read.*delete the trial's folder"
    ):
        trial_clips(tmp_path, ["a"])
