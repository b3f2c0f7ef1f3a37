"""SMPL-X pose parameters without a body model: kinematics, rest skeletons, damage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec
from search_spaces.units import APPROX_SKELETON
from trainables.motion.body_frame import TO_Y_UP, estimate_unit
from trainables.motion.bvh import read_bvh
from trainables.motion.bvh_writer import write_bvh
from trainables.motion.clip import Clip
from trainables.motion.dataset import prepare
from trainables.motion.inspect import describe, inspect_file
from trainables.motion.npz import read_npz, read_npz_file
from trainables.motion.parts import find_parts
from trainables.motion.readers import read_clip
from trainables.motion.skeleton import Skeleton
from trainables.motion.smplx_skeleton import JOINTS, PARENT, average_skeleton, rest_skeleton

FRAMES = 6
PARENTS = np.array([JOINTS.index(PARENT[n]) if PARENT[n] else -1 for n in JOINTS])
BEAT2 = "beat2_smplx/2_scott_0_1_1_f0000-1199.npz"
BEAT = "beat_smplx_bvh/1_wayne_0_1_1.bvh"


@pytest.fixture
def poses() -> np.ndarray:
    """(frames, 55, 3) radians; the pelvis stays upright."""
    vectors = np.random.default_rng(1).normal(0, 0.3, (FRAMES, 55, 3))
    vectors[:, 0] *= 0.1
    return vectors


@pytest.fixture
def trans() -> np.ndarray:
    return np.random.default_rng(2).normal([0, 0.9, 0], 0.1, (FRAMES, 3))


def save(folder: Path, **arrays: Any) -> Path:
    path = folder / "x.npz"
    given = {"mocap_frame_rate": np.array(30), **arrays}
    np.savez(path, **{k: v for k, v in given.items() if v is not None})
    return path


def placed(offsets: Mapping[str, np.ndarray], poses: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Forward kinematics joint by joint, on scipy's rotations."""
    at: dict[str, np.ndarray] = {"pelvis": root}
    turned = {"pelvis": Rotation.from_rotvec(poses[:, 0])}
    for j, name in enumerate(JOINTS[1:], start=1):
        above = PARENT[name]
        at[name] = at[above] + turned[above].apply(offsets[name])
        turned[name] = turned[above] * Rotation.from_rotvec(poses[:, j])
    return np.stack([at[name] for name in JOINTS], axis=1)


def rest_bvh(folder: Path, turn: np.ndarray, metres: float = 1.0) -> Path:
    """The average skeleton as a BVH file in other axes and another unit."""
    offsets = np.stack([turn @ average_skeleton().offsets[name] for name in JOINTS])
    skeleton = Skeleton(JOINTS, PARENTS, offsets / metres)
    still = np.tile(np.eye(3), (3, 55, 1, 1))
    positions = np.tile(placed(average_skeleton().offsets, np.zeros((1, 55, 3)), np.zeros((1, 3)))
                        @ turn.T / metres, (3, 1, 1))  # fmt: skip
    path = folder / "rest.bvh"
    write_bvh(Clip("rest", skeleton, 30, positions, still), path)
    return path


def test_kinematics(poses: np.ndarray, trans: np.ndarray, tmp_path: Path) -> None:
    path = save(tmp_path, poses=poses.reshape(FRAMES, -1).astype(np.float32), trans=trans)
    clip = read_npz(path)
    assert clip.skeleton.names == JOINTS and clip.rotations is not None
    truth = placed(average_skeleton().offsets, poses, trans)
    apart = clip.positions - truth
    assert np.abs(apart[..., [0, 2]]).max() < 1e-6
    assert np.ptp(apart[..., 1]) < 1e-6  # set on the floor, all of it by one step
    assert abs(np.quantile(clip.positions[..., 1].min(axis=1), 0.02)) < 1e-9
    assert clip.notes[0].startswith(APPROX_SKELETON) and (clip.unit, clip.fps) == ("m", 30)
    parts = find_parts(clip.skeleton.names, clip.skeleton.parents)
    assert {n: len(p.coded) for n, p in parts.parts.items()} == {
        "body": 25, "right_hand": 15, "left_hand": 15,
    }  # fmt: skip


def test_pieces_say_the_same_as_the_whole(
    poses: np.ndarray, trans: np.ndarray, tmp_path: Path
) -> None:
    whole = read_npz(save(tmp_path, poses=poses.reshape(FRAMES, -1), trans=trans))
    flat = poses.reshape(FRAMES, -1)
    pieces = {
        "global_orient": flat[:, :3], "body_pose": poses[:, 1:22], "jaw_pose": flat[:, 66:69],
        "leye_pose": flat[:, 69:72], "reye_pose": flat[:, 72:75],
        "left_hand_pose": flat[:, 75:120], "right_hand_pose": flat[:, 120:],
    }  # fmt: skip
    same = read_npz(save(tmp_path, **pieces, transl=trans, betas=np.zeros(10)))
    assert same.skeleton.names == JOINTS and np.array_equal(same.positions, whole.positions)
    amass = {
        "root_orient": flat[:, :3], "pose_body": flat[:, 3:66], "pose_jaw": flat[:, 66:69],
        "pose_eye": flat[:, 69:75], "pose_hand": flat[:, 75:],
    }  # fmt: skip
    same = read_npz(save(tmp_path, **amass, trans=trans))
    assert np.array_equal(same.positions, whole.positions)
    del pieces["jaw_pose"], pieces["left_hand_pose"]
    fewer = read_npz(save(tmp_path, **pieces, trans=trans))
    assert set(JOINTS) - set(fewer.skeleton.names) == {
        "jaw", *(n for n in JOINTS if n.startswith("left_") and PARENT[n].endswith("left_wrist")),
        *(f"left_{f}{n}" for f in ("index", "middle", "pinky", "ring", "thumb") for n in (2, 3)),
    }  # fmt: skip
    kept = [whole.skeleton.index(name) for name in fewer.skeleton.names]
    assert np.array_equal(fewer.positions, whole.positions[:, kept])


@pytest.mark.parametrize(("numbers", "joints"), [(156, 52), (72, 22), (66, 22)])
def test_older_models(numbers: int, joints: int, poses: np.ndarray, tmp_path: Path) -> None:
    flat = np.concatenate([poses[:, :22], poses[:, 25:]], axis=1).reshape(FRAMES, -1)
    clip = read_npz(save(tmp_path, poses=flat[:, :numbers]))
    assert len(clip.skeleton) == joints
    names = [n for n in JOINTS if n in clip.skeleton.names]
    assert list(clip.skeleton.names) == names
    truth = placed(average_skeleton().offsets, poses, np.zeros((FRAMES, 3)))
    kept = [JOINTS.index(n) for n in names]
    apart = clip.positions - truth[:, kept]
    assert np.abs(apart - apart[:1, :1]).max() < 1e-9
    assert any("no trans" in note for note in clip.notes)


def test_z_up_is_turned(poses: np.ndarray, trans: np.ndarray, tmp_path: Path) -> None:
    upright = read_npz(save(tmp_path, poses=poses.reshape(FRAMES, -1), trans=trans))
    back = TO_Y_UP["Z"].T
    lying = poses.copy()
    lying[:, 0] = (Rotation.from_matrix(back) * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
    found = read_npz_file(save(tmp_path, poses=lying.reshape(FRAMES, -1), trans=trans @ back.T))
    assert found.up_axis == "Z" and np.allclose(found.clip.positions, upright.positions)
    assert found.clip.rotations is not None and upright.rotations is not None
    assert np.allclose(found.clip.rotations, upright.rotations)
    assert "up        Z" in describe(inspect_file(tmp_path / "x.npz"))


@pytest.mark.parametrize("axes", ["Y", "Z", "-Z"])
@pytest.mark.parametrize("metres", [1.0, 0.1])
def test_a_rest_skeleton_in_other_axes(
    axes: str, metres: float, poses: np.ndarray, trans: np.ndarray, tmp_path: Path
) -> None:
    rest = rest_bvh(tmp_path, TO_Y_UP[axes].T, metres)
    found = rest_skeleton(rest)
    assert not found.average
    for name, offset in average_skeleton().offsets.items():
        assert np.allclose(found.offsets[name], offset, atol=1e-5)
    path = save(tmp_path, poses=poses.reshape(FRAMES, -1), trans=trans)
    clip = read_clip(path, rest_skeleton=rest)
    truth = placed(average_skeleton().offsets, poses, trans)
    assert np.abs(clip.positions - truth).max() < 1e-4
    assert not any(APPROX_SKELETON in note for note in clip.notes)


def test_average_proportions() -> None:
    bones = average_skeleton().offsets
    at = placed(bones, np.zeros((1, 55, 3)), np.zeros((1, 3)))[0]
    place = dict(zip(JOINTS, at, strict=True))
    # Winter 2009, figure 4.1, of 1.7 m
    assert np.linalg.norm(bones["left_elbow"]) == pytest.approx(0.186 * 1.7)
    assert np.linalg.norm(bones["right_wrist"]) == pytest.approx(0.146 * 1.7)
    assert np.linalg.norm(bones["left_knee"]) == pytest.approx(0.245 * 1.7)
    assert place["left_shoulder"][0] - place["right_shoulder"][0] == pytest.approx(0.259 * 1.7)
    for name in JOINTS:
        if name.startswith("left_"):
            mirrored = place[name.replace("left", "right", 1)] * [-1, 1, 1]
            assert np.allclose(place[name], mirrored)
    assert place["left_foot"][2] > 0.1 and place["left_thumb3"][2] > place["left_pinky1"][2]
    length = np.linalg.norm(np.stack([bones[n] for n in JOINTS]), axis=-1)
    unit = estimate_unit(JOINTS, PARENTS, length)
    assert (unit.name, unit.oddity) == ("m", None)


def test_real_bvh_as_parameters_and_back(real: Path, tmp_path: Path) -> None:
    """A BVH in SMPL-X joints, rewritten as SMPL-X parameters, stands where the BVH stands."""
    clip = read_bvh(real / BEAT).clip
    to_model = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # its rest pose has Z up
    index = clip.skeleton.index
    kept = [index(name) for name in JOINTS]
    assert clip.rotations is not None
    local = to_model @ clip.rotations[:, kept] @ to_model.T
    pelvis = clip.rotations[:, index("root")] @ clip.rotations[:, index("pelvis")]
    local[:, 0] = pelvis @ to_model.T
    vectors = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(len(local), -1)
    rest = rest_skeleton(real / BEAT)
    where = clip.positions[:, index("pelvis")] - rest.offsets["pelvis"]
    path = save(tmp_path, poses=vectors, trans=where)
    back = read_npz(path, rest_skeleton=real / BEAT)
    error = np.linalg.norm(back.positions - clip.positions[:, kept], axis=-1)
    print(f"mean {1000 * error.mean():.4f} mm, most {1000 * error.max():.4f} mm")
    assert error.max() < 1e-4
    nobody = read_npz(path).positions
    lean = nobody - nobody[:, :1] - (back.positions - back.positions[:, :1])
    apart = np.linalg.norm(lean[:, :22], axis=-1)
    print(f"average bones instead: body {100 * apart.mean():.2f} cm about the pelvis")
    assert 0.01 < apart.mean() < 0.15


def test_real_parameters(real: Path) -> None:
    found = read_npz_file(real / BEAT2, rest_skeleton=real / BEAT)
    clip = found.clip
    assert (found.content, found.up_axis, clip.frames, clip.fps) == ("SMPL-X", "Y", 1200, 30)
    index = clip.skeleton.index
    lowest = np.minimum(*(clip.positions[:, index(f"{s}_foot"), 1] for s in ("left", "right")))
    # he stands on the floor, though on another's bones
    assert abs(np.median(lowest)) < 0.08
    head = clip.positions[:, index("head"), 1]
    assert 1.4 < np.median(head) < 1.7
    text = describe(inspect_file(real / BEAT2))
    for fact in (
        "NPZ (SMPL-X), rotations",
        "unit      m",
        "1200 frames at 30.000",
        APPROX_SKELETON,
    ):
        assert fact in text
    facts = prepare(DataSpec(path=str(real / BEAT2), rest_skeleton=str(real / BEAT))).facts
    assert facts.features == "expmap" and [p.joints for p in facts.parts] == [25, 15, 15]


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "numbers": ({"poses": np.zeros((3, 100))}, "100 numbers per frame"),
    "flat": ({"poses": np.zeros(165)}, "(frames, 3 numbers per joint)"),
    "matrices": ({"poses": np.zeros((3, 55, 3, 3))}, "(frames, 3 numbers per joint)"),
    "NaN": ({"poses": np.full((3, 165), np.nan)}, "in frame 0"),
    "degrees": ({"poses": np.full((3, 165), 180.0)}, "more than 100 radians"),
    "no frames": ({"poses": np.zeros((0, 165))}, "0] frames"),
    "no rate": ({"mocap_frame_rate": None}, "lacks mocap_frame_rate"),
    "rate 0": ({"mocap_frame_rate": 0}, "fps must be"),
    "trans": ({"trans": np.zeros((4, 3))}, "trans must be (3, 3) metres"),
    "trans NaN": ({"trans": np.full((3, 3), np.nan)}, "trans hold NaN"),
    "no root": ({"poses": None, "body_pose": np.zeros((3, 63))}, "lacks global_orient"),
    "no body": ({"poses": None, "global_orient": np.zeros((3, 3))}, "lacks body_pose"),
    "PCA": (
        {"poses": None, "global_orient": np.zeros((3, 3)), "body_pose": np.zeros((3, 63)),
         "left_hand_pose": np.zeros((3, 6))}, "PCA components of the hand are not read"),
    "PCA of both": (
        {"poses": None, "global_orient": np.zeros((3, 3)), "body_pose": np.zeros((3, 63)),
         "pose_hand": np.zeros((3, 24))}, "PCA components of the hand are not read"),
    "45 PCA components": ({"use_pca": True}, "use_pca is set: PCA components"),
    "lengths": (
        {"poses": None, "global_orient": np.zeros((3, 3)), "body_pose": np.zeros((4, 63))},
        "of [3, 4] frames"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_clear_line(fault: str, tmp_path: Path) -> None:
    changes, says = FAULTS[fault]
    path = save(tmp_path, **{"poses": np.zeros((3, 165)), "trans": np.zeros((3, 3)), **changes})
    with pytest.raises(BadInput) as error:
        read_npz(path)
    assert says in str(error.value) and str(error.value).count(str(path)) == 1
    assert "\n" not in str(error.value)


def test_rest_skeletons_that_are_none(tmp_path: Path) -> None:
    path = save(tmp_path, poses=np.zeros((3, 165)))
    for rest, says in (
        (tmp_path / "none.bvh", "cannot be read"),
        (path, r"must be a \.bvh"),
    ):
        with pytest.raises(BadInput, match=says):
            read_npz(path, rest_skeleton=rest)
    good = rest_bvh(tmp_path, np.eye(3)).read_text()
    for change, says in (
        (good.replace("left_knee", "knee"), "lacks joints of SMPL-X: left_knee"),
        (good.replace("left_hip", "x").replace("left_knee", "left_hip").replace("x", "left_knee"),
         "hangs on"),
    ):  # fmt: skip
        (tmp_path / "bad.bvh").write_text(change)
        with pytest.raises(BadInput, match=says):
            read_npz(path, rest_skeleton=tmp_path / "bad.bvh")
    (tmp_path / "part.bvh").write_text(good.replace("jaw", "chin"))
    clip = read_npz(path, rest_skeleton=tmp_path / "part.bvh")
    assert "jaw" not in clip.skeleton.names and "jaw are left out" in " ".join(clip.notes)
