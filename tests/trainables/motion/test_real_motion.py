"""Real recordings, prepared: poses come back, skeletons differ, splits in time stand apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from search_spaces.objectives import SPLITS
from tests.trainables.tiny import spec
from trainables.motion import features, preparation
from trainables.motion.clip import Clip
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.reconcile import reconcile
from trainables.motion.recordings import load_clips
from trainables.motion.resample import resample
from trainables.motion.root import put_back_root
from trainables.motion.skeleton import forward_kinematics

CASES = {
    "bandai_namco": ("body",),
    "cmu_iclone": ("body", "right_hand", "left_hand"),
    "beat_smplx_bvh": ("body", "right_hand", "left_hand"),
    "lafan1": ("body",),
    "cmu_cgspeed/01_01.bvh": ("body", "right_hand", "left_hand"),
    "cmu_cgspeed/114_16.bvh": ("body",),
    "cmu_cgspeed/131_01.bvh": ("body", "right_hand", "left_hand"),
    "cmu_cgspeed/cmu_12_01_walk.bvh": ("body", "right_hand", "left_hand"),
    "cmu_cgspeed/scaled_131_01.bvh": ("body", "right_hand", "left_hand"),
}


def _departure(clips: list[Clip]) -> float:
    """How far positions in the files are from their own bones (both have few digits)."""
    worst = 0.0
    for clip in reconcile([resample(c, 30.0) for c in clips])[0]:
        bones = clip.skeleton
        assert clip.rotations is not None
        found, _ = forward_kinematics(
            bones.parents, bones.offsets, clip.rotations, clip.positions[:, 0]
        )
        worst = max(worst, float(np.abs(found - clip.positions).max()))
    return worst


def _worst(data: MotionData) -> float:
    worst = 0.0
    for clip in (*data.splits["val"], *data.splits["test"]):
        rebuilt = data.reconstruct(clip, clip.features, None)
        if data.root_quantizer is not None:
            rebuilt = put_back_root(rebuilt, clip.path)
        worst = max(worst, float(np.abs(rebuilt - clip.original)[:, data.scored["full"]].max()))
    return worst


@pytest.mark.parametrize("place", CASES)
def test_poses_come_back(place: str, real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"path": str(real / place)}
    clips, _ = load_clips(spec(**settings))
    limit = 1e-6 + _departure(clips)
    assert limit < 5e-6
    data = prepare(spec(**settings), clips)
    assert data.facts.part_names == CASES[place]
    assert data.facts.split == ("recording" if len(clips) > 1 else "time")
    # bones in steps of 0.06 mm, and features that move by less than 1e-4 are held still
    assert _worst(data) < 2e-4
    for part in data.parts.values():
        assert np.abs(part.features).max() < np.pi
        assert part.features.shape[1] == part.dimensions == len(part.mean)
    monkeypatch.setattr(features, "STILL", 0.0)
    monkeypatch.setattr(preparation, "BONE_STEP", 1e-12)
    for root in ("removed", "coded"):
        assert _worst(prepare(spec(root=root, **settings), clips)) < limit
    by_position = prepare(spec(features="position", **settings), clips)
    assert _worst(by_position) < 1e-6


def test_cmu_iclone_skeletons_keep_their_own_bones(real: Path) -> None:
    data = prepare(spec(path=str(real / "cmu_iclone")))
    assert data.facts.skeletons == 2 and data.facts.joints == 100
    assert any("3 of 101 joints, 16 of 100 joints" in w for w in data.facts.warnings)
    assert data.names[0] == "CC_Base_Hip"
    sizes = {
        round(float(np.linalg.norm(c.offsets, axis=1).sum()), 3)
        for s in SPLITS
        for c in data.splits[s]
    }
    assert len(sizes) > 1


def test_a_long_recording_is_split_with_gaps(real: Path) -> None:
    facts = prepare(spec(path=str(real / "lafan1"), fps=15.0)).facts
    assert facts.split == "time" and facts.source_fps == (30.0,)
    left = 1533 - facts.train.frames - facts.val.frames - facts.test.frames
    assert left == 2 * 15
    assert facts.train.recordings == ("push1_subject2#train",)
