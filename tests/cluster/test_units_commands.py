"""Commands on motion in other units and on bones of nobody: one line where names do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cluster.cli import main
from search_spaces.spec import DataSpec
from tests.trainables.exported.training import Trained, train
from tests.trainables.motion.test_units import pixels
from tests.trainables.tiny import make_clips
from trainables.motion.bvh_writer import write_bvh
from trainables.motion.npz import read_npz, write_npz

FRAMES = 90


@pytest.fixture(scope="module")
def bones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings of SMPL-X rotations, and beside their folder a BVH file with bones."""
    folder = tmp_path_factory.mktemp("smplx")
    (folder / "motion").mkdir()
    seconds = np.arange(FRAMES)[:, None] / 30
    for i in range(3):
        rng = np.random.default_rng(i)
        poses = rng.uniform(0.05, 0.3, 165) * np.sin(rng.uniform(1, 6, 165) * seconds)
        np.savez(folder / "motion" / f"take-{i}.npz", poses=poses, trans=np.zeros((FRAMES, 3)),
                 mocap_frame_rate=30)  # fmt: skip
    write_bvh(read_npz(folder / "motion" / "take-0.npz"), folder / "bones.bvh")
    return folder


@pytest.fixture(scope="module")
def codec(bones: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    spec = DataSpec(path=str(bones / "motion"), rest_skeleton=str(bones / "bones.bvh"))
    return train(tmp_path_factory.mktemp("codec"), bones / "motion", "kmeans", spec)


def said(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> str:
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == code
    printed = capsys.readouterr()
    return " ".join((printed.err if code else printed.out).split())


def test_the_rest_skeleton_goes_with_every_command(
    codec: Trained, bones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    motion, rest = bones / "motion", ("--rest-skeleton", bones / "bones.bvh")
    named = ("evaluate", codec.folder, "--data", motion, "--metric", "rmse_full_cm")
    line = said(capsys, 2, *named)
    assert "bones of average proportions; name it rmse_full_cm_approx_skeleton" in line
    assert "on the bones of bones.bvh" in said(capsys, 0, *named, *rest)
    file, out = motion / "take-0.npz", tmp_path / "take-0.rft"
    said(capsys, 0, "encode", codec.folder, file, "-o", out, *rest)
    with_bones = out.read_bytes()
    said(capsys, 0, "encode", codec.folder, file, "-o", out)
    assert len(with_bones) <= len(out.read_bytes())
    inspected = ("inspect", out, "--codec", codec.folder, "--original", file)
    assert "rmse_full_cm_approx_skeleton" in said(capsys, 0, *inspected)
    assert "rmse_full_cm_approx" not in said(capsys, 0, *inspected, *rest)
    assert "average proportions" in said(capsys, 0, "inspect", file)
    assert "bones of bones.bvh" in said(capsys, 0, "inspect", file, *rest)


def test_columns_on_average_bones_say_so(bones: Path, tmp_path: Path) -> None:
    loose = train(tmp_path, bones / "motion", "kmeans", DataSpec(path=str(bones / "motion")))
    assert loose.data.facts.approx_skeleton
    scores = [c for c in loose.rows[0] if "rmse" in c or "hull" in c or "jerk" in c]
    assert scores and all(c.endswith("_approx_skeleton") for c in scores)
    assert "val_rate_model_bps" in loose.rows[0]


def test_a_typed_objective_in_the_wrong_unit_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "motion").mkdir()
    for clip in make_clips(3):
        write_npz(pixels(clip), tmp_path / "motion" / f"{clip.recording}.npz")
    line = said(capsys, 2, "sweep", "rate_distortion", "--size", "debug", "--data",
                tmp_path / "motion", "--out", tmp_path / "sweep",
                "--set", "objectives=rate_nominal_bps,rmse_body_cm")  # fmt: skip
    assert line.endswith("objective rmse_body_cm: this motion is in pixels; name it rmse_body_px")
    assert not (tmp_path / "sweep").exists()
