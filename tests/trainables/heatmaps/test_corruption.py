"""Spoilt inputs: what each kind does, what it leaves alone, and how errors are set side by side."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from tests.trainables.heatmaps.coding import codec, config, data, motion
from trainables.heatmaps.corruption import AMOUNTS, CORRUPTIONS, KINDS, Corruption
from trainables.heatmaps.denoising import denoised
from trainables.heatmaps.foreground import iou
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial


@pytest.mark.parametrize("kind", KINDS)
def test_a_higher_level_spoils_more_and_the_target_stays_clean(kind: str) -> None:
    on = data(config(picture=32))
    window = on.windows["val"][0]
    clean = on.pair(window)
    far = []
    for level in range(1, len(AMOUNTS[kind]) + 1):
        spoilt = on.corrupted(window, Corruption(kind, level))
        assert torch.equal(spoilt.target, clean.target)
        assert torch.equal(spoilt.seen, spoilt.input)  # one picture on both sides
        far.append(float((spoilt.input - clean.input).abs().mean()))
    assert far == sorted(far) and far[0] > 0


def test_a_window_is_spoilt_alike_each_time_and_on_both_sides_of_a_pair() -> None:
    on = data(config(picture=32, pair="c2d_2d"))
    window = on.windows["val"][0]
    for corruption in (Corruption("jitter", 4), Corruption("dropped", 4)):
        first, again = (on.corrupted(window, corruption) for _ in range(2))
        assert torch.equal(first.input, again.input)
        # limbs of the input, laid over one another, are what the target's form shows
        assert torch.allclose(first.input.amax(0), first.seen[0], atol=1e-5)


def test_planes_see_one_jitter() -> None:
    rng = np.random.default_rng(0)
    points = np.zeros((3, 4, 5, 2))
    moved = Corruption("jitter", 3).moved(points, [(0, 1), (2, 1), (0, 2)], 64, rng)
    assert np.array_equal(moved[0, ..., 0], moved[2, ..., 0])  # x
    assert np.array_equal(moved[0, ..., 1], moved[1, ..., 1])  # down
    assert np.array_equal(moved[1, ..., 0], moved[2, ..., 1])  # z
    wide = Corruption("jitter", 3).moved(np.zeros((1, 200, 50, 2)), [(0, 1)], 64, rng)
    assert wide.std() == pytest.approx(0.02 * 64, rel=0.02)


def test_joints_are_dropped_as_often_as_said() -> None:
    rng = np.random.default_rng(1)
    kept = Corruption("dropped", 3).kept(np.ones((500, 40)), rng)
    assert 1 - kept.mean() == pytest.approx(0.2, abs=0.01)


def test_a_blur_keeps_what_light_there_is_and_spreads_it() -> None:
    maps = torch.zeros(2, 3, 33, 33)
    maps[0, 1, 16, 16] = 1.0
    seen = Corruption("blur", 4).blurred(maps)
    assert float(seen[0, 1].sum()) == pytest.approx(1.0, abs=1e-5)
    assert float(seen[1].abs().max()) == 0.0 and float(seen[0, 0].abs().max()) == 0.0
    columns = torch.arange(33.0) - 16
    spread = float((seen[0, 1].sum(0) * columns**2).sum().sqrt())
    assert spread == pytest.approx(0.04 * 33, rel=0.05)


def test_errors_of_input_and_output_are_against_the_clean_target() -> None:
    of = config(picture=32)
    on = data(of)
    made = codec(of, on)
    made.fit(on, PlainRuntime(), 0.5)
    found = denoised(made, on, on.windows["val"][:1])
    (values,) = found.values()
    assert len(values) == 2 * 2 * len(CORRUPTIONS)
    corruption = Corruption("dropped", 4)
    spoilt = on.corrupted(on.windows["val"][0], corruption)
    assert values["denoise_dropped4_input_iou_index"] == pytest.approx(
        iou(on.pair(on.windows["val"][0]).target, spoilt.input.clamp(0, 1))
    )
    out = made.coded(spoilt.input).reconstruction.clamp(0, 1)
    assert values["denoise_dropped4_output_iou_index"] == pytest.approx(iou(spoilt.target, out))


def test_a_trial_tells_of_it_where_asked_and_trains_on_it_where_asked(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rows = {}
    for spoilt in (False, True):
        of = config("dvae", denoise=True, corrupted_training=spoilt)
        task = TrialTask("x", of, 3, tmp_path / str(spoilt), rungs=())
        rows[spoilt] = run_trial(task, motion(), PlainRuntime())[0]
        clips = pd.read_parquet(tmp_path / str(spoilt) / "clips.parquet")
        own = clips[(clips.metric == "denoise_blur2_output_iou_index") & (clips.split == "test")]
        mean = rows[spoilt]["test_denoise_blur2_output_iou_index"]
        assert len(own) > 0 and own.value.mean() == pytest.approx(mean, nan_ok=True)
    assert math.isfinite(rows[False]["val_denoise_jitter1_input_iou_index"])
    # the input is as spoilt for either, what is made of it is not
    name = "val_denoise_jitter4_{}_l1_fg_intensity".format
    assert rows[False][name("input")] == rows[True][name("input")]
    assert rows[False][name("output")] != rows[True][name("output")]
    plain = run_trial(TrialTask("x", config("dvae"), 3, None, rungs=()), motion(), PlainRuntime())
    assert not [k for k in plain[0] if "denoise_" in k]
