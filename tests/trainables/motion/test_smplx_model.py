"""SMPL-X poses on a body model's joints: regressed from betas, posed, refused where it is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec
from tests.trainables.motion.body_model import (
    SMPL,
    SMPLH,
    model_arrays,
    shaped_joints,
    sparse,
    write_model,
)
from tests.trainables.motion.test_smplx_npz import FRAMES, PARENTS, placed, save
from trainables.motion.bvh_writer import write_bvh
from trainables.motion.clip import Clip
from trainables.motion.dataset import prepare
from trainables.motion.npz import read_npz
from trainables.motion.readers import read_clip
from trainables.motion.skeleton import Skeleton
from trainables.motion.smplx_model import read_body_model
from trainables.motion.smplx_skeleton import JOINTS, PARENT

BETAS = (1.3, -0.7)


@pytest.fixture
def poses() -> np.ndarray:
    """(frames, 55, 3) radians; the pelvis stays upright."""
    vectors = np.random.default_rng(1).normal(0, 0.3, (FRAMES, 55, 3))
    vectors[:, 0] *= 0.1
    return vectors


@pytest.fixture
def trans() -> np.ndarray:
    return np.random.default_rng(2).normal([0, 0.9, 0], 0.1, (FRAMES, 3))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.npz")


def offsets_of(at: np.ndarray, names: tuple[str, ...] = JOINTS) -> dict[str, np.ndarray]:
    return {
        name: at[j] - at[names.index(PARENT[name])] if PARENT[name] else at[j]
        for j, name in enumerate(names)
    }


def posed(at: np.ndarray, poses: np.ndarray, trans: np.ndarray) -> np.ndarray:
    """Known joints, posed by scipy's rotations about the pelvis where the model has it."""
    return placed(offsets_of(at), poses, at[0] + trans)


def test_joints_are_those_of_the_recordings_own_betas(
    model: Path, poses: np.ndarray, trans: np.ndarray, tmp_path: Path
) -> None:
    flat = poses.reshape(FRAMES, -1)
    for betas in (BETAS, (0.0, 0.0), (-2.0, 3.0)):
        path = save(tmp_path, poses=flat, trans=trans, betas=np.array([*betas, *np.zeros(14)]))
        clip = read_clip(path, body_model=model)
        assert clip.skeleton.names == JOINTS
        truth = posed(shaped_joints(JOINTS, betas), poses, trans)
        assert np.abs(clip.positions - truth).max() < 1e-9
        assert not clip.approx_skeleton and "shaped by 10 betas" in clip.notes[0]
    bare = read_clip(save(tmp_path, poses=flat, trans=trans), body_model=model)
    truth = posed(shaped_joints(JOINTS, (0, 0)), poses, trans)
    assert np.abs(bare.positions - truth).max() < 1e-9 and "no betas" in bare.notes[0]


def test_it_equals_the_same_bones_given_as_bvh(
    model: Path, poses: np.ndarray, trans: np.ndarray, tmp_path: Path
) -> None:
    at = shaped_joints(JOINTS, BETAS)
    offsets = np.stack([offsets_of(at)[name] for name in JOINTS])
    offsets[0] = 0.0
    still = np.tile(np.eye(3), (3, 55, 1, 1))
    rest = tmp_path / "rest.bvh"
    write_bvh(Clip("rest", Skeleton(JOINTS, PARENTS, offsets), 30, np.stack([at] * 3), still), rest)
    path = save(tmp_path, poses=poses.reshape(FRAMES, -1), trans=trans, betas=np.array(BETAS))
    one, other = read_clip(path, body_model=model), read_clip(path, rest_skeleton=rest)
    between = one.positions - other.positions
    assert np.abs(between - between[:1, :1]).max() < 1e-4, "where the pelvis stands aside"
    assert np.abs(one.skeleton.offsets - other.skeleton.offsets).max() < 1e-5
    assert one.rotations is not None and other.rotations is not None
    assert np.array_equal(one.rotations, other.rotations)


@pytest.mark.parametrize("form", ["csc", "csr"])
@pytest.mark.parametrize("joint", ["_", "."])
def test_a_sparse_regressor_is_the_same(form: str, joint: str, tmp_path: Path) -> None:
    dense, path = read_body_model(write_model(tmp_path / "dense.npz")), tmp_path / "sparse.npz"
    np.savez(path, **sparse(model_arrays(), form, joint))
    found = read_body_model(path)
    assert np.allclose(found.rest, dense.rest, atol=1e-12)
    assert np.allclose(found.shaped, dense.shaped, atol=1e-12)


def test_other_models_and_their_shapes(tmp_path: Path, poses: np.ndarray) -> None:
    flat = np.concatenate([poses[:, :22], poses[:, 25:]], axis=1).reshape(FRAMES, -1)
    for kind, names, more, width in (("SMPL-H", SMPLH, 0, 156), ("SMPL", SMPL, 2, 72)):
        path = tmp_path / f"{kind}.npz"
        np.savez(path, **model_arrays(names, 16, more))
        model = read_body_model(path)
        assert (model.kind, model.names, model.shaped.shape[2]) == (kind, names, 16)
        recording = save(tmp_path, poses=flat[:, :width], betas=np.array(BETAS))
        clip = read_clip(recording, body_model=path)
        assert clip.skeleton.names == names
        at = shaped_joints(names, BETAS)
        bones = np.stack([offsets_of(at, names)[n] for n in names])
        assert np.allclose(clip.skeleton.offsets[1:], bones[1:], atol=1e-9)
    for columns, shapes in ((400, 300), (20, 10), (16, 16)):
        write_model(tmp_path / "x.npz", **model_arrays(columns=columns))
        assert read_body_model(tmp_path / "x.npz").shaped.shape[2] == shapes


def test_betas_that_change_or_go_past_the_model_are_told(
    model: Path, poses: np.ndarray, tmp_path: Path
) -> None:
    flat = poses.reshape(FRAMES, -1)
    changing = np.zeros((FRAMES, 300))
    changing[:, 0] = [0, 1, 1, 1, 1, 5]
    changing[:, 200] = 0.5
    clip = read_clip(save(tmp_path, poses=flat, betas=changing), body_model=model)
    said = " ".join(clip.notes)
    assert "change from frame to frame" in said and "past the model's 10" in said
    at = shaped_joints(JOINTS, (1.0, 0.0))
    bones = np.stack([offsets_of(at)[n] for n in JOINTS])
    assert np.allclose(clip.skeleton.offsets[1:], bones[1:], atol=1e-9)


@pytest.mark.parametrize("flat_hand", [True, False, None])
def test_the_mean_hand_is_added_where_the_file_says_so(
    flat_hand: bool | None, model: Path, poses: np.ndarray, trans: np.ndarray, tmp_path: Path
) -> None:
    path = save(tmp_path, poses=poses.reshape(FRAMES, -1), trans=trans, flat_hand_mean=flat_hand)
    clip = read_clip(path, body_model=model)
    held = model_arrays()
    bent = poses.copy()
    if flat_hand is False:
        bent[:, 25:40] += held["hands_meanl"].reshape(15, 3)
        bent[:, 40:] += held["hands_meanr"].reshape(15, 3)
    truth = posed(shaped_joints(JOINTS, (0, 0)), bent, trans)
    assert np.abs(clip.positions - truth).max() < 1e-9
    assert any("mean hand" in note for note in clip.notes) == (flat_hand is False)


def test_metrics_carry_no_suffix_and_each_keeps_its_own_bones(model: Path, tmp_path: Path) -> None:
    (tmp_path / "motion").mkdir()
    seconds = np.arange(90)[:, None] / 30
    for i in range(3):
        rng = np.random.default_rng(i)
        swing = rng.uniform(0.05, 0.3, 165) * np.sin(rng.uniform(1, 6, 165) * seconds)
        np.savez(tmp_path / "motion" / f"take-{i}.npz", poses=swing, trans=np.zeros((90, 3)),
                 mocap_frame_rate=30, betas=np.array([0.5 * i, 0.0]))  # fmt: skip
    spec = DataSpec(path=str(tmp_path / "motion"), body_model=str(model))
    data = prepare(spec)
    assert not data.facts.approx_skeleton and data.facts.yardstick.column_unit == "cm"
    lengths = [np.linalg.norm(read_clip(p, body_model=model).skeleton.offsets[1:], axis=1).sum()
               for p in sorted((tmp_path / "motion").iterdir())]  # fmt: skip
    assert np.allclose(np.array(lengths) / lengths[0], [1.0, 1.05, 1.1])
    average = prepare(DataSpec(path=str(tmp_path / "motion")))
    assert average.facts.approx_skeleton and average.facts.data_hash != data.facts.data_hash


def objects(array: np.ndarray) -> np.ndarray:
    held = np.empty(1, object)
    held[0] = array
    return held


NO_MODELS: dict[str, tuple[dict[str, Any], str]] = {
    "objects": ({"J_regressor": objects(np.eye(2))}, "J_regressor holds Python objects; load"),
    "object template": ({"v_template": objects(np.eye(2))}, "v_template holds Python objects"),
    "no shapes": ({"shapedirs": None}, "lacks shapedirs"),
    "nothing": (dict.fromkeys(model_arrays()), "lacks v_template, shapedirs, kintree_table, J_"),
    "no regressor": ({"J_regressor": None}, "lacks J_regressor"),
    "vertices": ({"v_template": np.zeros((9, 3))}, "shapedirs must be (9, 3, any)"),
    "regressor": ({"J_regressor": np.zeros((55, 9))}, "J_regressor must be (55, 165)"),
    "flat tree": ({"kintree_table": np.zeros(55)}, "kintree_table must be (2, joints)"),
    "another tree": ({"kintree_table": np.zeros((2, 55), int)}, "do not hang as those of SMPL-X"),
    "a hand": ({"kintree_table": np.zeros((2, 16), int)}, "has 16 joints"),
    "NaN": ({"v_template": np.full((165, 3), np.nan)}, "v_template must be (any, 3) finite"),
    "kilometres": ({"v_template": np.full((165, 3), 1e9)}, "kilometres"),
    "hand means": ({"hands_meanl": np.zeros(44)}, "hands_meanl must be (45)"),
}


@pytest.mark.parametrize("fault", NO_MODELS)
def test_files_that_are_no_model_are_one_clear_line(
    fault: str, poses: np.ndarray, tmp_path: Path
) -> None:
    changed, says = NO_MODELS[fault]
    model = write_model(tmp_path / "model.npz", **changed)
    path = save(tmp_path, poses=poses.reshape(FRAMES, -1))
    with pytest.raises(BadInput) as caught:
        read_npz(path, body_model=model)
    line = str(caught.value)
    assert says in line and line.startswith(f"body_model {model}") and "\n" not in line
    assert ";" in line, "a remedy"


def test_files_that_cannot_be_read_or_do_not_fit(
    model: Path, poses: np.ndarray, tmp_path: Path
) -> None:
    path = save(tmp_path, poses=poses.reshape(FRAMES, -1), flat_hand_mean=False)
    (tmp_path / "m.pkl").write_bytes(b"\x80\x04K\x01.")
    (tmp_path / "text.npz").write_text("none")
    bare = write_model(tmp_path / "bare.npz", hands_meanl=None)
    broken = sparse(model_arrays(), "csc")
    broken["J_regressor_indices"] = broken["J_regressor_indices"] + 1000
    np.savez(tmp_path / "broken.npz", **broken)
    for name, says in (
        (tmp_path / "none.npz", "cannot be read"),
        (tmp_path / "m.pkl", "must be the model's .npz"),
        (tmp_path / "text.npz", "is damaged or no .npz"),
        (bare, "holds no hands_meanl"),
        (tmp_path / "broken.npz", "sparse J_regressor"),
    ):
        with pytest.raises(BadInput, match=says) as caught:
            read_npz(path, body_model=name)
        assert str(name) in str(caught.value) and "\n" not in str(caught.value)
    for changed, says in (
        ({"betas": np.array(["x"])}, "betas must be numbers"),
        ({"betas": np.full(10, np.nan)}, "betas hold NaN"),
        ({"flat_hand_mean": np.zeros(2)}, "flat_hand_mean must be"),
    ):
        odd = save(tmp_path, poses=poses.reshape(FRAMES, -1), **changed)
        with pytest.raises(BadInput, match=says):
            read_npz(odd, body_model=model)
        assert read_npz(odd).frames == FRAMES, "without a model nobody asks"
    with pytest.raises(BadInput, match="both give bones; leave one"):
        read_clip(path, body_model=model, rest_skeleton=tmp_path / "rest.bvh")
