"""Rungs of a trial: what they look at, when they are, and that they change nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_spaces.record import CODEC_FOLDER
from tests.trainables.tiny import make_clips, spec
from tests.trainables.trials import same, task_of
from trainables.motion.dataset import MotionData, prepare
from trainables.rungs import RUNG_FRAMES, RUNGS, rung_data, rung_scores, scored
from trainables.runtime import PlainRuntime
from trainables.token_rates import encode_split
from trainables.trial import make_codecs, run_trial


@pytest.fixture(scope="module")
def data() -> MotionData:
    return prepare(spec(), make_clips(6, 45))


@pytest.mark.parametrize("name", ["rqvae", "temporal_rvq"])
def test_a_trial_with_rungs_ends_as_one_without(
    name: str, data: MotionData, tmp_path: Path
) -> None:
    tasks = [
        replace(task_of(name, tmp_path / str(n)), rungs=rungs)
        for n, rungs in enumerate([(), RUNGS, (0.1, 0.2, 0.3, 0.9)])
    ]
    found = [run_trial(task, data, PlainRuntime()) for task in tasks]
    assert same(found[0], found[1]) and same(found[0], found[2])
    for part in data.parts:
        weights = [
            (tmp_path / str(n) / CODEC_FOLDER / part / "model.safetensors").read_bytes()
            for n in range(3)
        ]
        assert weights[0] == weights[1] == weights[2]


def test_rungs_look_at_some_of_validation_and_nothing_else() -> None:
    data = prepare(spec(), make_clips(6, 900))
    cut = rung_data(data)
    assert sum(c.frames for c in data.splits["val"]) > RUNG_FRAMES
    assert 0 < sum(c.frames for c in cut.splits["val"]) <= RUNG_FRAMES
    whole = {c.recording: c for c in data.splits["val"]}
    for clip in cut.splits["val"]:
        name, _, start = clip.recording.partition("@")
        within = slice(int(start), int(start) + clip.frames)
        assert np.array_equal(clip.original, whole[name].original[within])
        for part, features in clip.features.items():
            assert np.array_equal(features, whole[name].features[part][within])
    assert cut.splits["test"] is data.splits["test"] and cut.parts is data.parts
    small = prepare(spec(), make_clips(6, 45))
    assert rung_data(small) is small


@pytest.mark.parametrize("name", ["kmeans", "rqvae"])
def test_a_finished_trial_says_what_rungs_see_of_it(name: str) -> None:
    """Validation of 900 frames in clips, of which rungs see 512: like is compared with like."""
    data = prepare(spec(), make_clips(6, 900))
    runtime = PlainRuntime()
    task = task_of(name)
    rows = run_trial(task, data, runtime)
    last = runtime.reports[-1]
    assert [p["depth"] for p in last["rung"]] == [r["depth"] for r in rows]
    on_stretches = [p["val_rmse_full_cm"] for p in last["rung"]]
    assert on_stretches != [r["val_rmse_full_cm"] for r in rows]
    codecs = make_codecs(task, data)
    for part, codec in codecs.items():
        codec.fit(data.parts[part], PlainRuntime())
    cut = rung_data(data)
    encoded = encode_split(codecs, cut, "val")
    _, again = rung_scores(codecs, task.config, cut, task.objectives, encoded)
    assert on_stretches == [p["val_rmse_full_cm"] for p in again]
    assert last["rung_seconds"] > max(
        r.get("rung_seconds", 0.0) for r in runtime.reports[:-1] or [{}]
    )
    assert last["points"] == rows


def test_a_short_trial_has_few_rungs() -> None:
    assert scored(RUNGS, 60) == (1 / 3,) and scored(RUNGS, 3) == (1 / 3,)
    assert scored(RUNGS, 300) == RUNGS and scored((), 300) == ()
    data = prepare(spec(), make_clips(6, 45))
    shares = []
    for steps in (16, 90):
        runtime = PlainRuntime()
        run_trial(task_of("rqvae", max_steps=steps), data, runtime)
        shares.append([r["share"] for r in runtime.reports if "rung" in r])
        assert "rung" not in runtime.reports[-1], "all of validation was scored"
    assert shares == [[1 / 3], [1 / 9, 1 / 3]]
