"""A generator's trial: it goes on after its process died, and takes no other codec than its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.families import family_of
from search_spaces.inputs import Resolved, codec_of, folder_hash
from search_spaces.record import CODEC_FOLDER, SHOWN_FILE
from search_spaces.space import Config
from tests.trainables.tiny import make_clips, spec
from trainables.motion.dataset import MotionData, prepare
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial

CONFIG: Config = family_of({"codec": "flow_matching", "conditioning": "kmeans"}).complete(
    {"codec": "flow_matching", "conditioning": "kmeans", "codebook_size": 6, "iterations": 5,
     "flow.width": 8, "flow.heads": 1, "flow.head_dim": 4, "flow.middle": 1, "flow.blocks": 0,
     "flow.window": 16, "flow.batch_frames": 64, "flow.max_steps": 8, "flow.steps": 2}
)  # fmt: skip


class Dies(PlainRuntime):
    """A place whose process ends at the n-th report."""

    def __init__(self, checkpoints: Path, at: int) -> None:
        super().__init__(checkpoints=checkpoints)
        self._left = at

    def report(self, metrics: Mapping[str, Any]) -> None:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt
        super().report(metrics)


@pytest.fixture(scope="module")
def data() -> MotionData:
    return prepare(spec(features="position"), make_clips(6, 40))


@pytest.fixture(scope="module")
def codecs(data: MotionData, tmp_path_factory: pytest.TempPathFactory) -> list[Resolved]:
    """The codec, and one of another seed."""
    found = []
    for seed in (0, 1):
        task = TrialTask("a", codec_of(CONFIG), seed, tmp_path_factory.mktemp("codec"))
        run_trial(task, data, PlainRuntime())
        assert task.folder is not None
        place = task.folder / CODEC_FOLDER
        found.append(Resolved(str(place), folder_hash(place), task.trial))
    return found


def task_of(codec: Resolved | None, folder: Path | None = None) -> TrialTask:
    return TrialTask("a", CONFIG, 0, folder, input=codec)


@pytest.fixture(scope="module")
def whole(data: MotionData, codecs: list[Resolved]) -> dict[str, Any]:
    (row,) = run_trial(task_of(codecs[0]), data, PlainRuntime())
    return row


def scores(row: dict[str, Any]) -> dict[str, float]:
    return {k: v for k, v in row.items() if k.startswith(("val_", "test_"))}


@pytest.mark.parametrize("at", [1, 3])
def test_a_trial_goes_on_from_its_last_rung(
    data: MotionData, codecs: list[Resolved], whole: dict[str, Any], tmp_path: Path, at: int
) -> None:
    state = tmp_path / "state"
    with pytest.raises(KeyboardInterrupt):
        run_trial(task_of(codecs[0]), data, Dies(state, at))
    runtime = PlainRuntime(checkpoints=state)
    (row,) = run_trial(task_of(codecs[0]), data, runtime)
    assert [r["share"] for r in runtime.reports] == [*(0.25, 0.5, 0.75)[at:], 1.0]
    assert scores(row) == pytest.approx(scores(whole), nan_ok=True)
    assert not state.exists(), "a finished trial needs no half-trained state"


def test_a_state_of_another_codec_is_not_taken_up(
    data: MotionData, codecs: list[Resolved], whole: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_trial(task_of(codecs[1]), data, Dies(tmp_path / "state", 2))
    runtime = PlainRuntime(checkpoints=tmp_path / "state")
    (row,) = run_trial(task_of(codecs[0]), data, runtime)
    assert len(runtime.reports) == 4
    assert scores(row) == pytest.approx(scores(whole), nan_ok=True)


def test_what_is_kept_of_it(
    data: MotionData, codecs: list[Resolved], whole: dict[str, Any], tmp_path: Path
) -> None:
    (row,) = run_trial(task_of(codecs[0], tmp_path), data, PlainRuntime())
    assert row["codec_bytes"] == sum(f.stat().st_size for f in (tmp_path / "generator").iterdir())
    with np.load(tmp_path / "reconstructions.npz") as kept:
        assert {n.partition("/depth")[0] for n in kept} == set(data.facts.test.recordings)
    with np.load(tmp_path / SHOWN_FILE) as kept:
        depth = f"depth{row['depth']}"
        for recording in map(str, kept["recordings"]):
            original, sample = kept[f"{recording}/original"], kept[f"{recording}/{depth}"]
            assert sample.shape == original.shape and (sample != original).any()
        words = " ".join(map(str, kept["why"])).split()
        assert set(map(str, kept["recordings"])) <= set(data.facts.val.recordings)
    assert {"best", "median", "worst"} <= set(words)
    assert (row["input_hash"], row["input_trial"]) == (codecs[0].sha256, codecs[0].trial)
    assert whole["codec_bytes"] == 0


def test_a_codec_that_is_not_the_one_named(data: MotionData, codecs: list[Resolved]) -> None:
    with pytest.raises(BadInput, match="was named"):
        run_trial(task_of(replace(codecs[0], sha256="0" * 16)), data, PlainRuntime())
    other = replace(task_of(codecs[0]), config={**CONFIG, "codebook_size": 7})
    with pytest.raises(BadInput, match="alphabet"):
        run_trial(other, data, PlainRuntime())
    with pytest.raises(BadInput, match="run it in a sweep"):
        run_trial(task_of(None), data, PlainRuntime())
