"""A trial, whole: rows, artefacts that load back, the same from any start, nothing leaking."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from search_spaces.objectives import MPJPE, RATE_MODEL, RMSE
from search_spaces.record import (
    CLIP_COLUMNS,
    CODEC_FOLDER,
    COST_COLUMNS,
    CURVE_FILE,
    ERRORS_FILE,
    POINT_KEYS,
    RECONSTRUCTIONS_FILE,
    TOKEN_COUNTS,
    TOKENS_FILE,
    TRIAL_CLIPS_FILE,
)
from tests.trainables.motion.test_dataset import swapped
from tests.trainables.tiny import NAMES, make_clips, spec
from tests.trainables.trials import CONFIGS, REPORTED, same, task_of
from trainables.codecs.codec import Codec, Tokens, load_codec
from trainables.motion.dataset import MotionData, prepare
from trainables.rungs import (
    LAST_STATE,
)
from trainables.runtime import PlainRuntime
from trainables.token_rates import fit_token_models
from trainables.trial import (
    STATE_NAME,
    TrialTask,
    limit_threads,
    make_codecs,
    part_seeds,
    run_trial,
)


@pytest.fixture(scope="module")
def data() -> MotionData:
    return prepare(spec(), make_clips(6, 45))


@pytest.fixture(scope="module", params=list(CONFIGS))
def done(
    request: pytest.FixtureRequest, data: MotionData, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrialTask, list[dict[str, Any]], PlainRuntime]:
    """A finished trial of each codec: task, rows, and where it reported to."""
    folder = tmp_path_factory.mktemp(request.param) / "trial"
    task, runtime = task_of(request.param, folder), PlainRuntime()
    return task, run_trial(task, data, runtime), runtime


Done = tuple[TrialTask, list[dict[str, Any]], PlainRuntime]


def test_rows_hold_what_the_record_says(done: Done, data: MotionData) -> None:
    task, rows, runtime = done
    levels = int(task.config.get("quantizer_depth", 1))
    assert [r["depth"] for r in rows] == list(range(1, levels + 1))
    assert [r["is_prefix"] for r in rows] == [True] * (levels - 1) + [False]
    assert runtime.reports[-1] == {"share": 1.0, "points": rows}
    for row in rows:
        assert {*POINT_KEYS, *COST_COLUMNS, *TOKEN_COUNTS} <= set(row)
        assert row["trial"] == task.trial and row["point"] == f"{task.trial}-d{row['depth']}"
        assert (row["root"], row["split"], row["features"]) == ("removed", "recording", "expmap")
        for split in ("val", "test"):
            for metric in (RMSE, MPJPE):
                for scope in ("full", "hands", *data.parts):
                    assert math.isfinite(row[f"{split}_{metric.objective(scope)}"])
            assert row[f"{split}_rate_model_bps"] > 0
            assert row[f"{split}_{RATE_MODEL.objective('body')}"] > 0
        assert row["codec_bytes"] > 0 and row["parameters"] > 0
        assert not any(k.startswith("train_") and k != "train_seconds" for k in row)
    assert json.loads(json.dumps(rows)) == rows  # plain numbers


def test_rates_follow_depth(done: Done, data: MotionData) -> None:
    task, rows, _ = done
    bits = math.log2(int(task.config["codebook_size"]))
    every = int(task.config.get("compression", 1))
    for split, facts in (("val", data.facts.val), ("test", data.facts.test)):
        tokens = sum(-(-n // every) for n in facts.lengths)  # tails count whole
        for row in rows:
            assert row[f"{split}_tokens"] == 3 * row["depth"] * tokens
            limit = 3 * row["depth"] * bits * tokens / facts.seconds
            assert row[f"{split}_rate_entropy_bps"] <= limit + 1e-9
            streams = 3 * row["depth"] * len(facts.lengths)
            assert row[f"{split}_rate_model_bps"] <= limit + streams / facts.seconds + 1e-9
    for row in rows:
        if every == 1:
            assert row["rate_nominal_bps"] == pytest.approx(3 * row["depth"] * bits * 30)
        assert row["rate_nominal_bps"] == pytest.approx(row["depth"] * rows[0]["rate_nominal_bps"])


def test_artefacts_load_back_exactly(done: Done, data: MotionData) -> None:
    task, rows, _ = done
    assert task.folder is not None
    tokens = np.load(task.folder / TOKENS_FILE)
    rebuilt = np.load(task.folder / RECONSTRUCTIONS_FILE)
    codecs = {p: load_codec(task.folder / CODEC_FOLDER / p) for p in data.parts}
    depth = rows[-1]["depth"]
    recordings = [c.recording for c in data.splits["test"]]
    assert set(rebuilt.files) == {f"{r}/depth{depth}" for r in recordings}
    assert set(tokens.files) == {
        f"{s}/{p}/{c.recording}" for s in ("val", "test") for p in codecs for c in data.splits[s]
    }
    for clip in data.splits["test"]:
        features = {}
        for part, codec in codecs.items():
            indices = tokens[f"test/{part}/{clip.recording}"]
            assert indices.dtype == np.int32
            rate = data.fps / codec.compression
            loaded = Tokens(indices, codec.alphabet, rate, clip.frames)
            features[part] = codec.decode(loaded)
            assert np.array_equal(codec.encode(clip.features[part]).indices, indices)
        positions = data.reconstruct(clip, features, None).astype(np.float32)
        assert np.array_equal(positions, rebuilt[f"{clip.recording}/depth{depth}"])


def test_tables_beside_the_rows(done: Done, data: MotionData) -> None:
    task, rows, _ = done
    assert task.folder is not None
    clips = pd.read_parquet(task.folder / TRIAL_CLIPS_FILE)
    assert tuple(clips.columns) == CLIP_COLUMNS
    assert set(clips["point"]) == {r["point"] for r in rows}
    for row in rows:
        mine = clips[(clips["point"] == row["point"]) & (clips["metric"] == "rmse_full_cm")]
        for split in ("val", "test"):
            values = mine[mine["split"] == split]["value"]
            assert values.mean() == pytest.approx(row[f"{split}_rmse_full_cm"])
            assert len(values) == len(data.splits[split])
    errors = np.load(task.folder / ERRORS_FILE)
    assert tuple(errors["joints"]) == NAMES
    for row in rows:
        for split in ("val", "test"):
            joints = errors[f"{split}/depth{row['depth']}/joint_error_cm"]
            assert joints.shape == (len(NAMES),) and joints.dtype == np.float32
            assert joints[0] == 0  # the pelvis, with the root removed
            assert joints[1:].min() >= 0
    curve = json.loads((task.folder / CURVE_FILE).read_text())
    shares = [1.0] if task.config["codec"] == "kmeans" else [*REPORTED, 1.0]
    assert [c["share"] for c in curve] == shares
    assert curve[-1]["val_rmse_full_cm"] == rows[-1]["val_rmse_full_cm"]
    assert not any(k.startswith("test_") for c in curve for k in c)
    if len(curve) > 1:
        assert all(math.isfinite(c["train_loss"]) for c in curve)


def test_rungs_are_reported_without_test_scores(done: Done) -> None:
    task, _, runtime = done
    rungs = runtime.reports[:-1]
    kmeans = task.config["codec"] == "kmeans"
    assert [r["share"] for r in rungs] == ([] if kmeans else [*REPORTED])
    for report in rungs:
        assert ("val_rmse_full_cm" in report) == (report["share"] != LAST_STATE)
        for row in (report, *report.get("rung", [])):
            assert not any(k.startswith("test_") for k in row)


def test_every_prefix_is_scored_at_every_rung(done: Done) -> None:
    """By the objectives of the sweep, and the whole codec by every metric."""
    _, rows, runtime = done
    for report in (r for r in runtime.reports[:-1] if r["share"] != LAST_STATE):
        points = report["rung"]
        assert [p["depth"] for p in points] == [r["depth"] for r in rows]
        rates = [p["rate_nominal_bps"] for p in points]
        assert rates == [r["rate_nominal_bps"] for r in rows]
        assert all(math.isfinite(p["val_rmse_full_cm"]) for p in points)
        assert all("val_jerk_mps3" not in p for p in points[:-1])
        assert points[-1]["val_jerk_mps3"] == report["val_jerk_mps3"]


@pytest.mark.parametrize("name", CONFIGS)
def test_the_same_seed_gives_the_same_rows_whatever_ran_before(name: str, data: MotionData) -> None:
    one = run_trial(task_of(name), data, PlainRuntime())
    run_trial(task_of("rqvae", seed=7), data, PlainRuntime())
    torch.manual_seed(123)
    np.random.seed(5)
    torch.rand(10)
    two = run_trial(task_of(name), data, PlainRuntime())
    assert same(one, two)
    assert not same(one, run_trial(task_of(name, seed=1), data, PlainRuntime()))


class _Breaks(PlainRuntime):
    """Dies when it is told of a rung for the so-manieth time."""

    def __init__(self, checkpoints: Path, at: int) -> None:
        super().__init__(checkpoints=checkpoints)
        self.at = at

    def report(self, metrics: Mapping[str, Any]) -> None:
        super().report(metrics)
        if len(self.reports) == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["rqvae", "temporal_rvq"])
def test_going_on_after_an_interruption_changes_nothing(
    name: str, data: MotionData, tmp_path: Path
) -> None:
    whole = run_trial(task_of(name, tmp_path / "whole"), data, PlainRuntime())
    state = tmp_path / "state"
    with pytest.raises(KeyboardInterrupt):
        run_trial(task_of(name, tmp_path / "cut"), data, _Breaks(state, 1))
    assert (state / STATE_NAME).is_file()
    with pytest.raises(KeyboardInterrupt):  # and once more, on the next rung
        run_trial(task_of(name, tmp_path / "cut"), data, _Breaks(state, 2))
    runtime = PlainRuntime(checkpoints=state)
    rows = run_trial(task_of(name, tmp_path / "cut"), data, runtime)
    assert same(whole, rows)
    # What it said before is said again, and nothing is trained twice.
    assert [r["share"] for r in runtime.reports] == [*REPORTED, 1.0]
    assert not state.exists()
    curves = [json.loads((tmp_path / n / CURVE_FILE).read_text()) for n in ("whole", "cut")]
    assert same(*curves)
    assert rows[0]["train_seconds"] > runtime.reports[-2]["train_seconds"]
    for part in data.parts:
        files = [tmp_path / n / CODEC_FOLDER / part / "model.safetensors" for n in ("whole", "cut")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_deeper_prefixes_fit_train_better(data: MotionData) -> None:
    task = task_of("rqvae", max_steps=150, learning_rate=0.003)
    codecs = make_codecs(task, data)
    for part, codec in codecs.items():
        codec.fit(data.parts[part], PlainRuntime())
    errors = []
    for depth in (1, 2, 3):
        off = [
            (codec.decode(codec.encode(c.features[p]), depth) - c.features[p]) / data.parts[p].std
            for p, codec in codecs.items()
            for c in data.splits["train"]
        ]
        errors.append(float(np.mean([(o**2).mean() for o in off])))
    assert errors[1] < 1.02 * errors[0] and errors[2] < 1.02 * errors[1]
    assert errors[2] < 0.95 * errors[0]


@pytest.mark.parametrize("name", ["kmeans", "rqvae"])
def test_nothing_learnt_sees_validation_or_test(name: str) -> None:
    pair = swapped(spec(root="coded"), make_clips(6, 40))
    learnt: list[dict[str, Codec]] = []
    for data in pair:
        codecs = make_codecs(task_of(name), data)
        for part, codec in codecs.items():
            codec.fit(data.parts[part], PlainRuntime())
        learnt.append(codecs)
    for part in pair[0].parts:
        one, two = (codecs[part].arrays() for codecs in learnt)
        assert one.keys() == two.keys()
        for key in one:
            assert np.array_equal(one[key], two[key]), (part, key)
    models = [fit_token_models(c, d) for c, d in zip(learnt, pair, strict=True)]
    assert set(models[0]) == {*pair[0].parts, "root"}
    for part in models[0]:
        one, two = (model[part].arrays() for model in models)
        assert one.keys() == two.keys()
        assert all(np.array_equal(one[name], two[name]) for name in one), part
    rows = [run_trial(task_of(name), d, PlainRuntime())[-1] for d in pair]
    assert rows[0]["val_rmse_full_cm"] != rows[1]["val_rmse_full_cm"]  # the data did change


def test_coded_root_is_in_every_rate_and_in_the_tokens(tmp_path: Path) -> None:
    data = prepare(spec(root="coded", root_codes=8), make_clips(5, 45))
    (row,) = run_trial(task_of("kmeans", tmp_path / "t"), data, PlainRuntime())
    assert row["root"] == "coded" and row["rate_nominal_root_bps"] == 4 * 3 * 30
    assert row["rate_nominal_bps"] == 3 * 3 * 30 + 4 * 3 * 30
    for split in ("val", "test"):
        parts = [row[f"{split}_rate_entropy_{p}_bps"] for p in (*data.parts, "root")]
        assert row[f"{split}_rate_entropy_bps"] == pytest.approx(sum(parts))
        assert 0 < parts[-1] <= 4 * 3 * 30
        assert f"{split}_rate_model_root_bps" in row
    tokens = np.load(tmp_path / "t" / TOKENS_FILE)
    rebuilt = np.load(tmp_path / "t" / RECONSTRUCTIONS_FILE)
    assert data.root_quantizer is not None
    for clip in data.splits["test"]:
        root = tokens[f"test/root/{clip.recording}"]
        assert root.shape == (clip.frames, 4) and root.max() < 8 and root.min() >= 0
        pelvis = rebuilt[f"{clip.recording}/depth1"][:, 0]
        assert np.abs(pelvis - data.root_quantizer.decode(root).position).max() < 1e-6


def test_keys_may_be_given_per_part(data: MotionData, tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "codebook_size.body": 16, "quantizer_depth.left_hand": 1, "loss.position.body": 1.0,
        "max_steps.right_hand": 4,
    }  # fmt: skip
    task = task_of("rqvae", tmp_path / "t", **changes)
    runtime = PlainRuntime()
    rows = run_trial(task, data, runtime)
    assert [r["depth"] for r in rows] == [1, 2, 3]
    per_level = {"body": 4 * 30, "right_hand": 3 * 30, "left_hand": 3 * 30}
    for row in rows:
        for part, each in per_level.items():
            levels = 1 if part == "left_hand" else row["depth"]
            assert row[f"rate_nominal_{part}_bps"] == levels * each
    assert load_codec(tmp_path / "t" / CODEC_FOLDER / "left_hand").levels == 1
    hand = [r["val_rmse_left_hand_cm"] for r in rows]
    assert hand[2] == pytest.approx(hand[0], rel=1e-9)
    assert all(math.isfinite(r["train_loss.position"]) for r in runtime.reports[:-1])


def test_parts_have_seeds_of_their_own_that_no_other_part_changes() -> None:
    all_three = part_seeds({}, 3, ("body", "right_hand", "left_hand"))
    assert len(set(all_three.values())) == 3
    assert part_seeds({}, 3, ("left_hand",))["left_hand"] == all_three["left_hand"]
    assert part_seeds({}, 4, ("left_hand",))["left_hand"] != all_three["left_hand"]


def test_threads_stay_limited() -> None:
    threadpool_limits(2)
    torch.set_num_threads(2)
    assert {pool["num_threads"] for pool in threadpool_info()} == {2}
    limit_threads(1)
    gc.collect()  # nothing that is thrown away takes the limit back
    assert torch.get_num_threads() == 1
    assert {pool["num_threads"] for pool in threadpool_info()} == {1}


def test_workers_beside_the_first_write_and_score_nothing(data: MotionData, tmp_path: Path) -> None:
    second = PlainRuntime()
    second.rank = 1
    assert run_trial(task_of("kmeans", tmp_path / "t"), data, second) == []
    assert second.reports == [{"share": 1.0, "points": []}]
    assert not (tmp_path / "t").exists()
