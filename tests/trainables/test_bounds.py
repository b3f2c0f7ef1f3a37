"""Bounds of a data set: the mean pose is worst and free, the nearest frame costs log2(frames)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from search_spaces.families import complete
from search_spaces.record import BOUNDS, MEAN_POSE, NEAREST_FRAME
from tests.trainables.tiny import make_clips, spec
from trainables.bounds import bound_rows
from trainables.motion.dataset import MotionData, prepare
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial


@pytest.mark.parametrize("root", ["removed", "coded"])
def test_bounds_enclose_what_a_codec_can_do(root: str) -> None:
    data = prepare(spec(path="embedded", embedded_size="debug", root=root))
    rows = {row["codec"]: row for row in bound_rows(data)}
    assert tuple(rows)[:2] == BOUNDS
    mean, near = rows[MEAN_POSE], rows[NEAREST_FRAME]
    of_root = 4 * math.log2(16) * 30 if root == "coded" else 0.0
    assert mean["rate_nominal_bps"] == of_root
    each = math.log2(data.facts.train.frames) * 30
    assert near["rate_nominal_body_bps"] == pytest.approx(each)
    assert near["rate_nominal_bps"] == pytest.approx(3 * each + of_root)
    for split in ("val", "test"):
        assert mean[f"{split}_rmse_body_cm"] > near[f"{split}_rmse_body_cm"] > 0
        for part in data.parts:
            assert mean[f"{split}_rate_entropy_{part}_bps"] == 0
            assert near[f"{split}_rate_entropy_{part}_bps"] <= each
    if root == "coded":
        assert mean["val_rate_entropy_bps"] == mean["val_rate_entropy_root_bps"] > 0
        return
    task = TrialTask("s", complete({"codec": "kmeans", "codebook_size": 16}), 0, None)
    (row,) = run_trial(task, data, PlainRuntime())
    for split in ("val", "test"):
        assert row[f"{split}_rmse_full_cm"] < mean[f"{split}_rmse_full_cm"]
        assert mean[f"{split}_hull_pct"] < near[f"{split}_hull_pct"]


def test_mean_pose_is_the_best_single_pose_on_train() -> None:
    """Relative to each joint's mean rotation the mean of vectors is a mean rotation, not a trap."""
    data = prepare(spec(), make_clips(6, 60))
    part = data.parts["body"]
    rotated = _on_train(data, part.mean)
    rng = np.random.default_rng(0)
    for _ in range(20):
        other = part.mean + 0.1 * rng.normal(size=part.dimensions).astype(np.float32)
        assert rotated < _on_train(data, other)


def _on_train(data: MotionData, body: np.ndarray) -> float:
    """Mean squared distance (m^2) of all training frames from one pose."""
    total, frames = 0.0, 0
    for clip in data.splits["train"]:
        truth = data.feature_map.decode(clip.features, clip.offsets)
        held = {**clip.features, "body": np.tile(body, (clip.frames, 1))}
        found = data.feature_map.decode(held, clip.offsets)
        total += float(((truth - found) ** 2).sum())
        frames += clip.frames
    return total / frames
