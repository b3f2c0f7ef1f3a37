"""Nothing of a sweep is steered by test motion, nor by the order in which files are found.

That nothing fitted sees validation or test is tested beside the data and the trials
(`tests/trainables/motion/test_dataset.py`, `tests/trainables/test_trial.py`), that proposals do
follow validation in `tests/cluster/searchers/test_proposer.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from analysis.best import describe_best
from analysis.points import Tables
from search_spaces.record import (
    CODEC_FOLDER,
    PREPARATION_FOLDER,
    TOKEN_MODELS_FILE,
    TRIALS_FOLDER,
)
from tests.cluster.in_process import TIMES, sweep_in_process, tiny_preset
from tests.cluster.sweeping import events
from tests.trainables.motion.test_dataset import _foreign
from tests.trainables.tiny import make_clips, spec
from trainables.codecs.codec import WEIGHTS_NAME
from trainables.exported.prepared import ROOT_MODEL_NAME, ROOT_RATES_NAME
from trainables.motion.clip import Clip
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.preparation_files import ARRAYS_NAME

RATES = (250.0, 500.0, 1000.0)


class Swept(NamedTuple):
    """A sweep, its tables, and what its search was told."""

    folder: Path
    tables: Tables
    told: list[Any]


def all_but_test(folder: Path, *kinds: str) -> list[dict[str, Any]]:
    """Events without what is measured on test, and without what is measured in seconds."""

    def kept(row: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in row.items() if not k.startswith("test_") and k not in TIMES}

    found = events(folder, *kinds)
    return [
        {k: kept(v) if k == "row" else v for k, v in e.items() if k not in ("time", "seconds", "n")}
        for e in found
    ]


def same(one: pd.DataFrame, two: pd.DataFrame, columns: Sequence[str]) -> None:
    pd.testing.assert_frame_equal(one[list(columns)], two[list(columns)], check_exact=True)


def kept_files(folder: Path) -> dict[str, bytes]:
    """Everything that a sweep keeps of what it learnt."""
    places = [folder / PREPARATION_FOLDER, *folder.glob(f"{TRIALS_FOLDER}/*/{CODEC_FOLDER}")]
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for place in places
        for file in place.rglob("*")
        if file.is_file() and file.name != ROOT_RATES_NAME  # says what it measured on test
    }


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return make_clips(6, 45)


@pytest.fixture(scope="module")
def data(clips: list[Clip]) -> MotionData:
    return prepare(spec(), clips)


@pytest.fixture(scope="module")
def swept(data: MotionData, tmp_path_factory: pytest.TempPathFactory) -> Swept:
    folder = tmp_path_factory.mktemp("sweep") / "first"
    told: list[Any] = []
    return Swept(folder, sweep_in_process(tiny_preset(), data, folder, told), told)


def test_other_test_motion_changes_nothing_that_is_chosen(
    swept: Swept, data: MotionData, clips: list[Clip], tmp_path: Path
) -> None:
    """No proposal, no report on the way (what a trial is stopped by), no front and no answer."""
    names = set(data.facts.test.recordings)
    assert names and not names & {*data.facts.train.recordings, *data.facts.val.recordings}
    changed = [_foreign(c, 900 + i) if c.recording in names else c for i, c in enumerate(clips)]
    folder, tables, _ = swept
    other = tmp_path / "other"
    heard: list[Any] = []
    found = sweep_in_process(tiny_preset(), prepare(spec(), changed), other, heard)
    assert heard == swept.told and sum(values is not None for _, values, _ in heard) == 6
    for kind in ("proposed", "refused", "repeated", "started", "progress", "done", "point"):
        assert all_but_test(other, kind) == all_but_test(folder, kind), kind
    assert len(all_but_test(folder, "proposed")) == 6
    assert all_but_test(folder, "progress")
    assert (
        events(other, "sweep")[0]["reference_point"]
        == (events(folder, "sweep")[0]["reference_point"])
    )
    # Weights, codebooks, normalisers and the coder's tables, as they lie on the disk.
    learnt = kept_files(folder)
    assert learnt == kept_files(other)
    assert {Path(name).name for name in learnt} >= {
        WEIGHTS_NAME, TOKEN_MODELS_FILE, ARRAYS_NAME, ROOT_MODEL_NAME,
    }  # fmt: skip
    for name, front in tables.fronts.items():
        assert list(found.fronts[name]["point"]) == list(front["point"]), name
    for rate in RATES:
        one, two = (describe_best(place, rate) for place in (folder, other))
        assert two.replace(str(other), str(folder)) == one
    # and the motion was another: every score on test is
    errors = [t.points["test_rmse_full_cm"].to_numpy() for t in (tables, found)]
    assert (errors[0] != errors[1]).all()


def test_files_in_another_order_give_the_same_split_and_points(
    swept: Swept, data: MotionData, clips: list[Clip], tmp_path: Path
) -> None:
    shuffled = [clips[i] for i in np.random.default_rng(4).permutation(len(clips))]
    assert [c.recording for c in shuffled] != [c.recording for c in clips]
    again = prepare(spec(), shuffled)
    for split in ("train", "val", "test"):
        assert getattr(again.facts, split) == getattr(data.facts, split)
    assert again.facts.split_hash == data.facts.split_hash
    found = sweep_in_process(tiny_preset(), again, tmp_path / "again")
    points = swept.tables.points
    assert list(found.points.columns) == list(points.columns)
    same(found.points, points, [c for c in points.columns if c not in TIMES])
