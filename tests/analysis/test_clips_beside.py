"""A second process gathers the same rows of clips, and says the same of a damaged file."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest

from analysis.clip_rows import trial_clips
from analysis.clips_beside import ClipsBeside
from search_spaces.errors import BadInput
from search_spaces.record import TRIAL_CLIPS_FILE, TRIALS_FOLDER
from tests.analysis.test_clip_rows import rows, write


def test_rows_are_those_read_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for trial, count in {"b": 3, "a": 2}.items():
        write(tmp_path, trial, rows(trial, count))
    named = ["b", "missing", "a"]
    expected = trial_clips(tmp_path, named)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("analysis.clips_beside.trial_clips", None)  # nothing is read here
    with ClipsBeside(tmp_path, named, many=1) as beside:
        pd.testing.assert_frame_equal(beside.frame(), expected)


def test_a_damaged_file_is_said_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    write(tmp_path, "a", rows("a", 2))
    damaged = tmp_path / TRIALS_FOLDER / "a" / TRIAL_CLIPS_FILE
    damaged.write_bytes(b"PAR1")
    with (
        ClipsBeside(tmp_path, ["a"], many=1) as beside,
        pytest.raises(BadInput, match=str(damaged)),
    ):
        beside.frame()
    with ClipsBeside(tmp_path, ["a"], many=1):
        began = time.monotonic()  # nobody asks for rows: leaving does not wait for them
    assert time.monotonic() - began < 1
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("ratefront-clips")]
