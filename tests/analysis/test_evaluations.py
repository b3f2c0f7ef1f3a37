"""Evaluations beside a sweep: read as written, and told in a line where they cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.evaluations import EVALUATION_FILE, read_evaluations
from search_spaces.record import EVALUATIONS_FOLDER, POINTS_TABLE
from tests.analysis.make_sweep import FakeSweep


@pytest.fixture
def evaluated(tmp_path: Path) -> Path:
    sweep = FakeSweep(trials=4, clips=False, failures=False, evaluations=2)
    return sweep.write(tmp_path / "sweep", np.random.default_rng(0))


def change(folder: Path, **said: Any) -> None:
    path = folder / EVALUATIONS_FOLDER / "e000" / EVALUATION_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **said}))


def test_evaluations_are_read_oldest_first(evaluated: Path) -> None:
    change(evaluated, made="2027-01-01T00:00:00Z", later_than_us=1)
    found = read_evaluations(evaluated)
    assert found.damaged == ()
    assert [e.facts.id for e in found.read] == ["e001", "e000"]
    for evaluation in found.read:
        assert len(evaluation.points) == evaluation.facts.points == 4
        assert set(evaluation.points["evaluation"]) == {evaluation.facts.id}


def test_recordings_are_a_number_or_names(evaluated: Path) -> None:
    change(evaluated, recordings=["a", "b"])
    counts = {e.facts.id: e.facts.recording_count for e in read_evaluations(evaluated).read}
    assert counts == {"e000": 2, "e001": 3}


def test_a_sweep_without_evaluations(one_seed: Path) -> None:
    found = read_evaluations(one_seed)
    assert (found.read, found.damaged) == ((), ())


def no_facts(place: Path) -> None:
    (place / EVALUATION_FILE).unlink()


def no_points(place: Path) -> None:
    (place / POINTS_TABLE).unlink()


def torn_facts(place: Path) -> None:
    text = (place / EVALUATION_FILE).read_text()
    (place / EVALUATION_FILE).write_text(text[:40])


def wrong_facts(place: Path) -> None:
    (place / EVALUATION_FILE).write_text('{"id": "e000", "frames": "many"}')


def torn_points(place: Path) -> None:
    whole = (place / POINTS_TABLE).read_bytes()
    (place / POINTS_TABLE).write_bytes(whole[: len(whole) // 2])


def other_points(place: Path) -> None:
    pd.DataFrame({"mine": [1]}).to_parquet(place / POINTS_TABLE)


def points_lost(place: Path) -> None:
    pd.read_parquet(place / POINTS_TABLE).iloc[:2].to_parquet(place / POINTS_TABLE)


def points_a_folder(place: Path) -> None:
    no_points(place)
    (place / POINTS_TABLE).mkdir()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (no_facts, "it has no evaluation.json"),
        (no_points, "it has no points.parquet"),
        (torn_facts, "evaluation.json: "),
        (wrong_facts, "evaluation.json: frames: "),
        (torn_points, "e000 is left out: "),
        (other_points, "no column point, codec"),
        (points_lost, "holds 2 of 4 points"),
        (points_a_folder, "it has no points.parquet"),
    ],
)
def test_a_damaged_one_is_one_line_and_the_others_are_read(
    damage: Any, words: str, evaluated: Path
) -> None:
    damage(evaluated / EVALUATIONS_FOLDER / "e000")
    found = read_evaluations(evaluated)
    assert [e.facts.id for e in found.read] == ["e001"]
    (said,) = found.damaged
    assert words in said and "\n" not in said and len(said) < 300


def test_what_is_being_written_is_passed_over(evaluated: Path) -> None:
    place = evaluated / EVALUATIONS_FOLDER
    shutil.copytree(place / "e000", place / ".e002.tmp")
    (place / "notes.txt").write_text("mine")
    found = read_evaluations(evaluated)
    assert (len(found.read), found.damaged) == (2, ())
