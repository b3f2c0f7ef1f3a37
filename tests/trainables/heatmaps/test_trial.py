"""A trial on heatmaps: its row with floors, its folder, its reports, and going on after a death."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from search_spaces.heatmap_families import PART
from search_spaces.objectives import find_metric
from search_spaces.record import CLIP_COLUMNS, COST_COLUMNS, POINT_KEYS
from tests.trainables.heatmaps.coding import config, motion
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial

TIMED = {"train_seconds", "evaluate_seconds"}


class Cut(Exception):
    """A process that dies."""


class Dying(PlainRuntime):
    """Dies at its second report."""

    def report(self, metrics: Any) -> None:
        super().report(metrics)
        if len(self.reports) == 2:
            raise Cut


def task(folder: Path | None, codec: str = "vqgan", **given: Any) -> TrialTask:
    rungs = (0.25, 0.5)
    return TrialTask("x", config(codec, **given), 3, folder, rungs=rungs)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[Any]]:
    folder = tmp_path_factory.mktemp("trial") / "t"
    runtime = PlainRuntime()
    rows = run_trial(task(folder, intensity="random"), motion(), runtime)
    assert len(rows) == 1
    return folder, rows[0], runtime.reports


def test_a_row_has_scores_floors_rates_and_what_was_done(done: Any) -> None:
    _, row, _ = done
    assert {*POINT_KEYS, *COST_COLUMNS, "val_tokens", "test_tokens"} <= set(row)
    assert row["rate_nominal_bps"] == pytest.approx(64 * 3 * 30 / 16)
    assert row["rate_nominal_heatmap_bps"] == row["rate_nominal_bps"]
    assert row["ratio_elements"] == 64 and row["bits_window"] == 192
    assert row["perceptual"] == "discriminator features"
    for split in ("val", "test"):
        for name in (
            "ssim_index",
            "ssim_fg_index",
            "iou_index",
            "l1_intensity",
            "flicker_intensity",
        ):
            value = row[f"{split}_{name}"]
            assert np.isfinite(value) and find_metric(f"{split}_{name}")
            floors = [row[f"{split}_floor_{floor}_{name}"] for floor in
                      ("all_zero", "repeat_frame", "noise_ceiling", "second_draw")]  # fmt: skip
            assert np.isfinite(floors).all()
        assert row[f"{split}_floor_all_zero_iou_index"] == 0.0
        assert row[f"{split}_floor_noise_ceiling_iou_index"] > row[f"{split}_iou_index"]
        assert 0 < row[f"{split}_rate_entropy_bps"] <= row["rate_nominal_bps"]
        assert row[f"{split}_utilisation_heatmap_pct"] > 0
        assert row[f"{split}_qerror_share"] > 0
        assert np.isnan(row[f"{split}_keypoint_px"])


def test_a_folder_has_codec_tokens_rows_per_window_and_a_curve(done: Any) -> None:
    folder, row, _ = done
    assert {p.name for p in folder.iterdir()} >= {"codec", "tokens.npz", "clips.parquet"}
    clips = pd.read_parquet(folder / "clips.parquet")
    assert set(CLIP_COLUMNS) <= set(clips.columns)
    of_val = clips[(clips.split == "val") & (clips.metric == "iou_index")]
    assert of_val.value.mean() == pytest.approx(row["val_iou_index"])
    tokens = np.load(folder / "tokens.npz")
    assert len(of_val) == sum(name.startswith(f"val/{PART}/") for name in tokens)
    assert sum(tokens[n].size for n in tokens if n.startswith("val/")) == row["val_tokens"]
    assert row["codec_bytes"] == sum(p.stat().st_size for p in (folder / "codec").rglob("*.*"))
    curve = json.loads((folder / "curve.json").read_text())
    # A rung of a trial this short falls away, as those of motion codecs do.
    assert [c["share"] for c in curve] == [0.5, pytest.approx(2 / 3), 1.0]
    assert curve[-1]["val_iou_index"] == pytest.approx(row["val_iou_index"])


def test_rungs_tell_of_validation_alone(done: Any) -> None:
    _, row, reports = done
    assert [r["share"] for r in reports] == [0.5, pytest.approx(2 / 3), 1.0]
    report = reports[0]
    assert [p["rate_nominal_bps"] for p in report["rung"]] == [row["rate_nominal_bps"]]
    assert "val_iou_index" in report and "val_iou_index" in report["rung"][0]
    assert report["rung_seconds"] > 0
    assert "rung" not in reports[1]
    for report in reports[:-1]:
        assert not [k for k in report if "test" in k]
    assert reports[-1]["points"][0]["point"] == row["point"]


@pytest.mark.parametrize("codec", ["vqgan", "dvae"])
def test_a_trial_that_died_goes_on_as_if_it_had_not(codec: str, tmp_path: Path) -> None:
    on = motion()
    whole = run_trial(task(None, codec), on, PlainRuntime())[0]
    with pytest.raises(Cut):
        run_trial(task(None, codec), on, Dying(checkpoints=tmp_path / "state"))
    assert (tmp_path / "state").is_dir()
    again = PlainRuntime(checkpoints=tmp_path / "state")
    resumed = run_trial(task(None, codec), on, again)[0]
    assert [r["share"] for r in again.reports] == [0.5, pytest.approx(2 / 3), 1.0]
    assert not (tmp_path / "state").exists()
    for name, value in whole.items():
        if name not in TIMED:
            assert resumed[name] == value or value != value, name
