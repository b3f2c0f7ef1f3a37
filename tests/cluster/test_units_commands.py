"""Commands on motion in other units and on bones of nobody: one line where names do not fit."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from cluster.cli import main
from cluster.preparing import prepared
from search_spaces.presets import load_spec
from search_spaces.spec import DataSpec
from tests.trainables.exported.training import Trained, train
from tests.trainables.motion.body_model import write_model
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


@pytest.fixture(scope="module")
def model(bones: Path) -> Path:
    """A body model that is no one's but has the joints of SMPL-X."""
    return write_model(bones / "model.npz")


def test_the_body_model_goes_with_every_command(
    bones: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    motion, given = bones / "motion", ("--body-model", model)
    trial = ("trial", "rate_distortion", "--size", "debug", "--data", motion,
             "--set", "codec=kmeans", "--set", "codebook_size=8")  # fmt: skip
    told = said(capsys, 0, *trial, *given)
    assert "approx_skeleton" not in told and "joints of model.npz" in told
    assert "average proportions" not in told
    # named by --set as well
    assert "joints of model.npz" in said(capsys, 0, *trial, "--set", f"body_model={model}")
    spec = DataSpec(path=str(motion), body_model=str(model))
    codec = train(tmp_path, motion, "kmeans", spec)
    scores = [c for c in codec.rows[0] if "rmse" in c]
    assert scores and not any("approx" in c for c in scores)
    evaluated = ("evaluate", codec.folder, "--data", motion, "--metric", "rmse_full_cm")
    assert "joints of model.npz" in said(capsys, 0, *evaluated, *given)
    file, out = motion / "take-0.npz", tmp_path / "take-0.rft"
    assert "warning" not in said(capsys, 0, "encode", codec.folder, file, "-o", out, *given)
    inspected = ("inspect", out, "--codec", codec.folder, "--original", file)
    assert "rmse_full_cm_approx" in said(capsys, 0, *inspected)
    assert "rmse_full_cm_approx" not in said(capsys, 0, *inspected, *given)
    assert "joints of model.npz" in said(capsys, 0, "inspect", file, *given)


def test_a_sweep_remembers_where_the_body_model_lies(
    bones: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it is resumed from anywhere."""
    monkeypatch.chdir(bones)
    spec = load_spec("rate_distortion", size="debug",
                     overrides={"data": {"path": "motion", "body_model": model.name}})  # fmt: skip
    kept, data, _ = prepared(spec, Console(file=io.StringIO()))
    assert kept.data.body_model == str(model) and not data.facts.approx_skeleton


def test_two_sources_of_bones_are_one_line(
    codec: Trained, bones: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    motion, file = bones / "motion", bones / "motion" / "take-0.npz"
    both = ("--body-model", model, "--rest-skeleton", bones / "bones.bvh")
    for command in (
        ("inspect", file),
        ("encode", codec.folder, file, "-o", tmp_path / "x.rft"),
        ("evaluate", codec.folder, "--data", motion),
        ("trial", "rate_distortion", "--size", "debug", "--data", motion, "--set", "codec=kmeans",
         "--set", "codebook_size=8"),
        ("sweep", "rate_distortion", "--size", "debug", "--data", motion, "--out", tmp_path / "s"),
    ):  # fmt: skip
        line = said(capsys, 2, *command, *both)
        assert "rest_skeleton and body_model both give bones; leave one of them out" in line
    said(capsys, 2, "inspect", file, "--body-model", tmp_path / "none.npz")
    assert not any(tmp_path.iterdir())


def test_encode_warns_of_average_bones_under_a_codec_of_real_ones(
    codec: Trained, bones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    motion = bones / "motion"
    encoded = ("encode", codec.folder, motion)
    told = said(capsys, 0, *encoded, "-o", tmp_path / "coded")
    assert told.count("warning") == 1
    assert "warning: 3 of 3 recording(s) stand on bones of average proportions" in told
    assert "--body-model or --rest-skeleton" in told
    tokens = ("--tokens", "jsonl", "-o", tmp_path / "tokens.jsonl")
    assert "warning: 3 of 3" in said(capsys, 0, *encoded, *tokens)
    rest = ("--rest-skeleton", bones / "bones.bvh")
    assert "warning" not in said(capsys, 0, *encoded, "-o", tmp_path / "rest", *rest)
    # a codec of average bones has nothing to warn of
    loose = train(tmp_path / "loose", motion, "kmeans", DataSpec(path=str(motion)))
    told = said(capsys, 0, "encode", loose.folder, motion, "-o", tmp_path / "average")
    assert "warning" not in told


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
