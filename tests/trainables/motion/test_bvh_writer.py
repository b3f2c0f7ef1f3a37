"""BVH writing: what comes back through our reader, through pymotion, and at gimbal lock."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from search_spaces.errors import BadInput
from tests.trainables.motion.figure import BONES, Figure
from trainables.motion.bvh import read_bvh
from trainables.motion.bvh_layout import STUB, frame_time, number_rows, safe_names
from trainables.motion.bvh_text import parse_bvh
from trainables.motion.bvh_writer import BvhWriter, write_bvh
from trainables.motion.clip import Clip
from trainables.motion.local_frames import to_local, world_orientations
from trainables.motion.reconcile import reconcile
from trainables.motion.skeleton import Skeleton, forward_kinematics


def figure_clip(folder: Path, figure: Figure) -> Clip:
    path = folder / "figure.bvh"
    path.write_text(figure.text())
    return read_bvh(path).clip


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return figure_clip(tmp_path, Figure(z_up=True))


def chain(rotations: np.ndarray, root: np.ndarray | None = None) -> Clip:
    """A clip of joints in one row, each 30 cm from its parent."""
    frames, joints = rotations.shape[:2]
    parents = np.arange(joints) - 1
    offsets = np.tile([0.3, 0.0, 0.0], (joints, 1))
    root = np.zeros((frames, 3)) if root is None else root
    positions, _ = forward_kinematics(parents, offsets, rotations, root)
    skeleton = Skeleton(tuple(f"J{j}" for j in range(joints)), parents, offsets)
    return Clip("chain", skeleton, 60, positions, rotations)


def angles_as_written(path: Path) -> np.ndarray:
    """(frames, joints, 3, 3) from the numbers in the file, by scipy."""
    text = parse_bvh(path)
    assert {joint.rotation_order for joint in text.joints} == {"ZXY"}
    columns = [column for j in text.joints for _, column in j.columns("rotation")]
    angles = text.values[:, columns].reshape(-1, 3)
    turned = Rotation.from_euler("ZXY", angles, degrees=True).as_matrix()
    return np.asarray(turned).reshape(len(text.values), len(text.joints), 3, 3)


def pymotion_positions(path: Path) -> tuple[np.ndarray, float, list[str]]:
    """World positions in metres, seconds per frame and joint names, by another library."""
    from pymotion.io.bvh import BVH
    from pymotion.ops.skeleton_np import fk

    bvh = BVH()
    bvh.load(str(path))
    rotations, local, parents, *_ = bvh.get_data()
    positions, _ = fk(rotations, local[:, 0], local, parents)
    return positions / 100, bvh.data["frame_time"], list(bvh.data["names"])


def assert_comes_back(clip: Clip, path: Path, most: float = 1e-4) -> None:
    """Through our reader: frames, rate, joints, and world positions within `most` metres."""
    write_bvh(clip, path)
    file = read_bvh(path)
    assert (file.unit, file.up_axis, file.root_positions) == ("cm", "Y", "replace")
    assert not file.dropped_first and file.clip.frames == clip.frames
    assert file.clip.fps == clip.fps
    assert file.clip.skeleton.names == clip.skeleton.names
    assert np.array_equal(file.clip.skeleton.parents, clip.skeleton.parents)
    assert np.abs(file.clip.positions - clip.positions).max() < most


def assert_pymotion_agrees(clip: Clip, path: Path, most: float = 1e-4) -> None:
    positions, seconds, names = pymotion_positions(path)
    assert positions.shape == clip.positions.shape and tuple(names) == clip.skeleton.names
    assert np.abs(positions - clip.positions).max() < most
    assert seconds == pytest.approx(1 / clip.fps, rel=1e-12)


def test_a_figure_comes_back_with_its_rotations_and_bones(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "out.bvh"
    assert_comes_back(clip, path, 1e-7)
    assert_pymotion_agrees(clip, path, 1e-6)
    again = read_bvh(path).clip
    assert again.rotations is not None and clip.rotations is not None
    assert np.abs(again.rotations - clip.rotations).max() < 1e-7
    assert np.abs(again.skeleton.offsets - clip.skeleton.offsets)[1:].max() < 1e-8
    assert again.skeleton.end_sites.keys() == clip.skeleton.end_sites.keys()
    assert np.allclose(again.skeleton.end_sites["Head"], clip.skeleton.end_sites["Head"])
    text = parse_bvh(path)
    assert text.joints[0].offset == (0, 0, 0)  # adding and replacing are the same
    assert [len(j.channels or ()) for j in text.joints] == [6] + [3] * 19


def test_every_real_file_comes_back(real: Path, tmp_path: Path) -> None:
    for source in sorted(real.rglob("*.bvh")):
        clip = read_bvh(source).clip.cut(0, 30)
        path = tmp_path / "out.bvh"
        assert_comes_back(clip, path)
        if len(clip.skeleton) < 60:  # its parser takes its time; the long test has them all
            assert_pymotion_agrees(clip, path)


@pytest.mark.long
@pytest.mark.parametrize("reconciled", [False, True])
def test_every_real_file_comes_back_whole(reconciled: bool, real: Path, tmp_path: Path) -> None:
    files = sorted(real.rglob("*.bvh"))
    assert len(files) == 40
    for source in files:
        clip = read_bvh(source).clip
        if reconciled:
            (clip,), _ = reconcile([clip])
        assert_comes_back(clip, tmp_path / "out.bvh")
        assert_pymotion_agrees(clip, tmp_path / "out.bvh")


def test_twenty_bones_in_a_row_keep_a_hundredth_of_a_millimetre(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    turned = Rotation.random(200 * 21, rng=rng).as_matrix().reshape(200, 21, 3, 3)
    clip = chain(turned, rng.uniform(-900, 900, (200, 3)))  # a kilometre of floor
    write_bvh(clip, tmp_path / "chain.bvh")
    again, _ = forward_kinematics(
        clip.skeleton.parents,
        clip.skeleton.offsets,
        angles_as_written(tmp_path / "chain.bvh"),
        parse_bvh(tmp_path / "chain.bvh").values[:, :3] / 100,
    )
    assert np.abs(again - clip.positions).max() < 2e-6  # limit: 1e-5
    assert np.abs(pymotion_positions(tmp_path / "chain.bvh")[0] - clip.positions).max() < 1e-5


def test_matrices_come_back_at_and_near_gimbal_lock(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    tilts = np.array([s * 90 + d for s in (-1, 1) for e in range(-12, 2)
                      for d in (-(10.0**e), 0, 10.0**e)])  # fmt: skip
    angles = rng.uniform(-180, 180, (len(tilts), 24, 3))
    angles[..., 1] = tilts[:, None]
    angles[:, :6, ::2] = np.tile([[0, 0], [0, 90], [180, 0], [-90, 180], [90, 90], [180, 180]],
                                 (len(tilts), 1, 1))  # fmt: skip
    for order in ("ZXY", "XYZ", "YXZ"):
        matrices = Rotation.from_euler(order, angles.reshape(-1, 3), degrees=True).as_matrix()
        rotations = matrices.reshape(len(tilts), 24, 3, 3)
        # noise of arithmetic, and of float32
        for noise in (0, 1e-15, 1e-7):
            write_bvh(chain(rotations + noise * rng.normal(size=rotations.shape)), tmp_path / "g")
            assert np.abs(angles_as_written(tmp_path / "g") - rotations).max() < 1e-6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-99999, 99999, width=64), min_size=6, max_size=6))
def test_numbers_are_those_of_python(values: list[float]) -> None:
    rows = np.array(values).reshape(2, 3)
    text = number_rows(rows).decode()
    assert text.endswith("\n") and [len(line.split(" ")) for line in text.splitlines()] == [3, 3]
    for word, value in zip(text.split(), values, strict=True):
        assert abs(float(word) - value) <= 5.1e-7 and len(word.partition(".")[2]) == 6
        assert word.partition(".")[0] in (str(int(value)), str(int(float(word))), f"-{int(value)}")


def test_numbers_of_note() -> None:
    rows = np.array([[0.0, -0.0, -1e-9], [-0.5, 123456.0000004, 9.9999996], [-0.0000006, 1, 10]])
    assert number_rows(rows) == (
        b"0.000000 0.000000 0.000000\n-0.500000 123456.000000 10.000000\n"
        b"-0.000001 1.000000 10.000000\n"
    )
    assert number_rows(np.empty((0, 3))) == b""


@pytest.mark.parametrize("fps", [24, 25, 29.97, 30, 30000 / 1001, 59.94, 60, 90, 119.88, 120, 1000,
                                 0.1, 1e4, 1 / 0.0083333, 1 / 3])  # fmt: skip
def test_the_rate_survives(fps: float, tmp_path: Path) -> None:
    clip = replace(chain(np.broadcast_to(np.eye(3), (2, 3, 3, 3))), fps=fps)
    write_bvh(clip, tmp_path / "rate.bvh")
    assert read_bvh(tmp_path / "rate.bvh").fps == pytest.approx(fps, rel=1e-15)


def test_frame_times_are_as_short_as_they_can_be() -> None:
    assert frame_time(1 / 0.0083333) == "0.0083333"
    assert frame_time(25) == "0.040000"


def test_joints_that_do_not_stand_depth_first(clip: Clip, tmp_path: Path) -> None:
    depth = np.zeros(len(clip.skeleton), dtype=int)
    for j in range(1, len(depth)):
        depth[j] = depth[clip.skeleton.parents[j]] + 1
    order = np.argsort(depth, kind="stable")  # SMPL's order: level by level
    place = np.argsort(order)
    old = clip.skeleton
    parents = np.where(old.parents[order] < 0, -1, place[old.parents[order]])
    skeleton = Skeleton(tuple(old.names[j] for j in order), parents, old.offsets[order],
                        old.end_sites)  # fmt: skip
    assert clip.rotations is not None
    wide = replace(clip, skeleton=skeleton, positions=clip.positions[:, order],
                   rotations=clip.rotations[:, order])  # fmt: skip
    write_bvh(wide, tmp_path / "wide.bvh")
    again = read_bvh(tmp_path / "wide.bvh").clip
    assert again.skeleton.names == old.names != skeleton.names
    assert np.abs(again.positions - clip.positions).max() < 1e-7


def test_bones_that_stretch_get_channels(tmp_path: Path) -> None:
    plain = figure_clip(tmp_path, Figure())
    names, parents = plain.skeleton.names, plain.skeleton.parents
    assert plain.rotations is not None
    local = to_local(parents, plain.positions, world_orientations(plain))[1]
    arm = names.index("LeftForeArm")
    local[:, arm] *= 1 + 0.1 * np.sin(np.arange(40))[:, None]
    positions, _ = forward_kinematics(parents, local, plain.rotations, local[:, 0])
    clip = replace(plain, positions=positions)
    assert_comes_back(clip, tmp_path / "out.bvh", 1e-7)
    assert_pymotion_agrees(clip, tmp_path / "out.bvh", 1e-6)
    moving = [j.name for j in parse_bvh(tmp_path / "out.bvh").joints if len(j.channels or ()) == 6]
    assert moving == ["Hips", "LeftForeArm"]


def test_a_root_that_stands_still_above_a_pelvis_that_moves(tmp_path: Path) -> None:
    bones = [("World", "", (0.0, 0.0, 0.0)), *((n, p or "World", o) for n, p, o in BONES)]
    figure = Figure(bones=bones, every_joint_moves=True)
    clip = figure_clip(tmp_path, figure)
    assert clip.rotations is not None
    still = np.eye(3), np.zeros(3)
    rotations = clip.rotations.copy()
    rotations[:, 1] = rotations[:, 0] @ rotations[:, 1]
    rotations[:, 0] = still[0]
    positions = clip.positions.copy()
    positions[:, 0] = still[1]
    clip = replace(clip, rotations=rotations, positions=positions)
    assert_comes_back(clip, tmp_path / "out.bvh", 1e-7)
    assert_pymotion_agrees(clip, tmp_path / "out.bvh", 1e-6)
    world, hips = parse_bvh(tmp_path / "out.bvh").joints[:2]
    assert hips.offset == world.offset == (0, 0, 0) and len(hips.channels or ()) == 6


def test_joints_without_an_end_site_get_a_short_one(clip: Clip, tmp_path: Path) -> None:
    bare = replace(clip, skeleton=replace(clip.skeleton, end_sites={"Spine": np.ones(3)}))
    assert_comes_back(bare, tmp_path / "out.bvh")
    ends = read_bvh(tmp_path / "out.bvh").clip.skeleton.end_sites
    assert np.allclose(ends["Spine"], 1)  # a joint with children keeps the one it had
    leaves = {n for j, n in enumerate(clip.skeleton.names) if not clip.skeleton.children(j)}
    assert set(ends) == leaves | {"Spine"}
    for name in leaves:
        bone = clip.skeleton.offsets[clip.skeleton.index(name)]
        assert np.allclose(ends[name], STUB * bone / np.linalg.norm(bone), atol=1e-7)
    single = chain(np.broadcast_to(np.eye(3), (2, 1, 3, 3)))
    single = replace(single, skeleton=single.skeleton.with_offsets(np.zeros((1, 3))))
    write_bvh(single, tmp_path / "one.bvh")
    assert np.allclose(read_bvh(tmp_path / "one.bvh").clip.skeleton.end_sites["J0"][[0, 2]], 0)


def test_names_that_would_break_the_text(tmp_path: Path) -> None:
    names = ("Hip s", "a_b", "a b", "{x}", "a\tb", "", "joint", "é\u2028\x00\x85", "mixamorig:L.A")
    safe = ("Hip_s", "a_b", "a_b_2", "_x_", "a_b_3", "joint_2", "joint", "é___", "mixamorig:L.A")
    assert safe_names(names) == safe
    assert safe_names(("a b", "a_b", "a_b_2")) == ("a_b_3", "a_b", "a_b_2")
    clip = chain(np.broadcast_to(np.eye(3), (2, 9, 3, 3)))
    clip = replace(clip, skeleton=replace(clip.skeleton, names=names))
    write_bvh(clip, tmp_path / "names.bvh")
    assert read_bvh(tmp_path / "names.bvh").clip.skeleton.names == safe
    assert tuple(pymotion_positions(tmp_path / "names.bvh")[2]) == safe


def test_blocks_make_the_same_file(clip: Clip, tmp_path: Path) -> None:
    write_bvh(clip, tmp_path / "whole.bvh")
    assert clip.rotations is not None
    with BvhWriter(tmp_path / "parts.bvh", clip.skeleton, clip.fps, clip.frames) as writer:
        for start, stop in ((0, 1), (1, 1), (1, 30), (30, 40)):
            assert not (tmp_path / "parts.bvh").exists()
            writer.write(clip.rotations[start:stop], clip.positions[start:stop, 0])
    writer.close()  # once more does no harm
    assert (tmp_path / "parts.bvh").read_bytes() == (tmp_path / "whole.bvh").read_bytes()
    with pytest.raises(BadInput, match="is closed"):
        writer.write(clip.rotations[:1], clip.positions[:1, 0])


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name != "figure.bvh")


def test_nothing_half_written_stays(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "out.bvh"
    path.write_text("what was here")
    assert clip.rotations is not None
    with (
        pytest.raises(RuntimeError, match="stop"),
        BvhWriter(path, clip.skeleton, 30, 40) as writer,
    ):
        writer.write(clip.rotations[:10], clip.positions[:10, 0])
        raise RuntimeError("stop")
    with (
        pytest.raises(BadInput, match=r"10 of 40 frames.*nothing kept"),
        BvhWriter(path, clip.skeleton, 30, 40) as writer,
    ):
        writer.write(clip.rotations[:10], clip.positions[:10, 0])
    with (
        pytest.raises(BadInput, match="past the 5 announced"),
        BvhWriter(path, clip.skeleton, 30, 5) as writer,
    ):
        writer.write(clip.rotations[:10], clip.positions[:10, 0])
    assert path.read_text() == "what was here" and left(tmp_path) == ["out.bvh"]
    write_bvh(clip, path)
    assert path.read_text().startswith("HIERARCHY\nROOT Hips\n") and left(tmp_path) == ["out.bvh"]


def test_places_that_cannot_be_written(clip: Clip, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none.out\.bvh: cannot be written"):
        write_bvh(clip, tmp_path / "none" / "out.bvh")
    (tmp_path / "folder.bvh").mkdir()
    with pytest.raises(BadInput, match=r"folder\.bvh: cannot be written"):
        write_bvh(clip, tmp_path / "folder.bvh")
    assert left(tmp_path) == ["folder.bvh"]


def test_a_full_disk_is_one_line(clip: Clip, tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    assert clip.rotations is not None
    writer = BvhWriter(tmp_path / "out.bvh", clip.skeleton, 30, 40)
    assert writer._file is not None
    writer._file.close()
    writer._file = full.open("wb")
    with pytest.raises(BadInput, match=r"out\.bvh: cannot be written \(No space left"):
        writer.write(clip.rotations, clip.positions[:, 0])
    assert left(tmp_path) == []


def test_what_bvh_cannot_hold(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "out.bvh"
    assert clip.rotations is not None
    lost = clip.positions.copy()
    lost[7, 0] = np.nan
    seen = np.ones(lost.shape[:2], bool)
    seen[7, 0] = False
    broken = clip.rotations.copy()
    broken[3, 2, 0, 0] = np.inf
    for bad, says in {
        "rotations, which BVH is made of; write it as .npz": replace(clip, rotations=None),
        "is in px, BVH needs metres; write it as .npz": replace(clip, unit="px"),
        "not between 0.1 and 10000": replace(clip, fps=1e5),
        "frame 7 has no usable position of 'Hips'": replace(clip, positions=lost, mask=seen),
        "frame 3 has no usable rotation of 'Neck'": replace(clip, rotations=broken),
        "frame 0 has no usable position of 'Hips'": replace(clip, positions=clip.positions + 2e5),
    }.items():
        with np.errstate(invalid="ignore"), pytest.raises(BadInput) as error:
            write_bvh(says, path)
        assert bad in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(BadInput, match="0 frames are no motion"):
        BvhWriter(path, clip.skeleton, 30, 0)
    with (
        pytest.raises(BadInput, match=r"must be \(40, 20, 3, 3\), \(40, 3\), \(40, 1, 3\), got"),
        BvhWriter(path, clip.skeleton, 30, 40, ["Head"]) as writer,
    ):
        writer.write(clip.rotations, clip.positions[:, 0])
    assert left(tmp_path) == []


def test_a_joint_that_was_not_seen_takes_its_offset(clip: Clip, tmp_path: Path) -> None:
    hand = clip.skeleton.index("LeftHand")
    seen = np.ones(clip.positions.shape[:2], bool)
    seen[5, hand] = False
    positions = np.where(seen[..., None], clip.positions, np.nan)
    write_bvh(replace(clip, positions=positions, mask=seen), tmp_path / "out.bvh")
    again = read_bvh(tmp_path / "out.bvh").clip
    assert np.abs(again.positions - clip.positions).max() < 1e-7


def test_a_minute_is_written_in_well_under_a_second(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    vectors = np.cumsum(rng.normal(0, 0.02, (3600, 75, 3)), axis=0).reshape(-1, 3)
    rotations = Rotation.from_rotvec(vectors).as_matrix().reshape(3600, 75, 3, 3)
    parents = (np.arange(75) - 1) // 2
    parents[0] = -1
    skeleton = Skeleton(tuple(f"J{j}" for j in range(75)), parents, rng.normal(0, 0.1, (75, 3)))
    start = time.process_time()
    with BvhWriter(tmp_path / "minute.bvh", skeleton, 60, 3600) as writer:
        for at in range(0, 3600, 600):
            writer.write(rotations[at : at + 600], np.zeros((600, 3)))
    assert time.process_time() - start < 0.5
