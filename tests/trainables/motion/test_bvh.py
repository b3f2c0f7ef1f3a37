"""BVH reading: the dialects, the real files, and two oracles (scipy, pymotion)."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.trainables.motion.figure import BONES, Figure
from trainables.motion.body_frame import TO_Y_UP, UNITS, estimate_unit, estimate_up_axis
from trainables.motion.bvh import BvhFile, read_bvh
from trainables.motion.skeleton import forward_kinematics

DIALECTS = {
    "plain": Figure(),
    "an order per joint": Figure(orders={"Hips": "XYZ", "Spine": "YZX", "LeftArm": "ZYX"}),
    "Z up": Figure(z_up=True),
    "metres": Figure(unit=1.0),
    "inches": Figure(unit=0.0254),
    "CMU units": Figure(unit=0.0254 / 0.45),
    "feet": Figure(unit=0.3048),
    "decimetres, Z up": Figure(unit=0.1, z_up=True),
    "millimetres": Figure(unit=0.001),
    "six channels everywhere": Figure(every_joint_moves=True),
    "rotations before positions": Figure(positions_first=False, every_joint_moves=True),
    "root OFFSET not to be added": Figure(root_offset=(-0.4, 0.93, 0.4)),
    "root OFFSET to be added": Figure(root_offset=(0.0, 1.05, 0.0), add=True),
    "root OFFSET to be added, Z up": Figure(root_offset=(0.0, 0.1, 1.05), add=True, z_up=True),
    "all positions to be added": Figure(
        root_offset=(0.0, 1.0, 0.0), add=True, every_joint_moves=True
    ),
    "CRLF": Figure(eol="\r\n"),
    "exponents": Figure(number="{:.10e}"),
    "trailing blanks": Figure(number="{:.8f} \t"),
}


def read(text: str, folder: Path) -> BvhFile:
    path = folder / "figure.bvh"
    path.write_bytes(text.encode())
    return read_bvh(path)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_metres(dialect: str, tmp_path: Path) -> None:
    figure = DIALECTS[dialect]
    file = read(figure.text(), tmp_path)
    assert np.abs(file.clip.positions - figure.truth()).max() < 1e-6
    assert file.metres_per_unit == pytest.approx(figure.unit)
    assert file.up_axis == ("Z" if figure.z_up else "Y")
    assert file.root_positions == ("add" if figure.add else "replace")
    expected = "none" if not figure.every_joint_moves else "add" if figure.add else "replace"
    assert file.bone_positions == expected
    assert not file.dropped_first
    assert file.clip.fps == pytest.approx(30, abs=1e-3)


def test_kinematics_with_its_offsets_gives_its_positions(tmp_path: Path) -> None:
    clip = read(Figure(z_up=True, orders={"Spine": "XZY"}).text(), tmp_path).clip
    assert clip.rotations is not None
    positions, _ = forward_kinematics(
        clip.skeleton.parents, clip.skeleton.offsets, clip.rotations, clip.positions[:, 0]
    )
    assert np.abs(positions - clip.positions).max() < 1e-9
    assert np.abs(clip.skeleton.offsets[1] - BONES[1][2]).max() < 1e-6
    end = clip.skeleton.end_sites["Head"]
    assert np.allclose(end, [0, 0.05, 0])


def test_a_bone_that_stretches_keeps_its_positions_and_is_noted(tmp_path: Path) -> None:
    figure = Figure(every_joint_moves=True)
    lines = figure.text().splitlines()
    row = lines[-1].split()
    row[6 * 5] = str(float(row[6 * 5]) + 10)  # LeftForeArm, 10 cm longer in the last frame
    file = read("\n".join([*lines[:-1], " ".join(row)]), tmp_path)
    truth = figure.truth()
    moved = np.linalg.norm(file.clip.positions[-1] - truth[-1], axis=-1)
    arm = [figure.names.index(n) for n in figure.names if n.startswith("Left") and "Arm" not in n]
    assert moved[figure.names.index("LeftForeArm")] == pytest.approx(0.1)
    assert all(moved[j] == pytest.approx(0.1) for j in arm if "Hand" in figure.names[j])
    assert np.abs(file.clip.positions[:-1] - truth[:-1]).max() < 1e-6
    offset = file.clip.skeleton.offsets[figure.names.index("LeftForeArm")]
    assert offset[0] == pytest.approx(0.28 + 0.1 / figure.frames)
    assert any("LeftForeArm" in note and "1 mm" in note for note in file.clip.notes)
    assert not any("1 mm" in note for note in read(figure.text(), tmp_path).clip.notes)


def test_a_rest_pose_in_front_is_dropped_and_said(tmp_path: Path) -> None:
    figure = Figure(rest_first=True, frames=60)
    figure.angles[1:] += 40 * np.sign(figure.angles[1:2])  # far from rest at once
    file = read(figure.text(), tmp_path)
    assert file.dropped_first and file.file_frames == 60 and file.clip.frames == 59
    assert np.abs(file.clip.positions - figure.truth()[1:]).max() < 1e-6
    assert any("rest pose" in note for note in file.oddities)


def test_a_jump_elsewhere_or_everywhere_drops_nothing(tmp_path: Path) -> None:
    later = Figure(frames=60)
    later.angles[30:] += 40
    assert not read(later.text(), tmp_path).dropped_first
    keyframed = Figure(frames=60)
    keyframed.angles[::3] += 40  # jumps all the time
    keyframed.angles[1:3] = keyframed.angles[:1] + 60
    assert not read(keyframed.text(), tmp_path).dropped_first


def test_odd_spellings(tmp_path: Path) -> None:
    figure = Figure(frames=5, frame_time=".0083333")
    text = figure.text().replace("LeftArm", "mixamorig:L.Arm__x").replace("End Site", "end site")
    text = text.replace("Frames: 5", "\nFrames:\t5\n").replace("Frame Time: ", "Frame Time:\t")
    text = text.replace("ROOT Hips\n{", "ROOT Hips {").replace("Xrotation", "XROTATION")
    file = read("\ufeff" + text.rstrip("\n"), tmp_path)
    assert file.clip.skeleton.names[4] == "mixamorig:L.Arm__x"
    assert file.fps == pytest.approx(120.00048)
    assert file.clip.frames == 5
    assert np.abs(file.clip.positions - figure.truth()).max() < 1e-6


def test_fewer_channels_than_three_are_honoured(tmp_path: Path) -> None:
    text = """HIERARCHY
ROOT Hips
{
 OFFSET 0 0 0
 CHANNELS 1 Yrotation
 JOINT Head
 {
  OFFSET 10 60 0
  CHANNELS 2 Xposition Zrotation
  End Site
  {
   OFFSET 0 1 0
  }
 }
 JOINT Foot
 {
  OFFSET 0 -90 0
 }
}
MOTION
Frames: 2
Frame Time: 0.1
0 10 0
90 10 5
"""
    clip = read(text, tmp_path).clip
    assert np.allclose(clip.positions[0, 1], [0.1, 0.6, 0])
    assert np.allclose(clip.positions[1, 1], [0, 0.6, -0.1])
    assert np.allclose(clip.positions[:, 2], [0, -0.9, 0])


def test_unit_is_told_for_every_size_of_person() -> None:
    figure = Figure()
    bones = np.array([0.0, *(np.linalg.norm(o) for _, _, o in BONES[1:])])
    for name, metres in UNITS.items():
        for size in (0.88, 1.0, 1.15):
            unit = estimate_unit(figure.names, np.array(figure.parents), bones * size / metres)
            assert unit.name == name
    nameless = [f"J{i}" for i in range(len(bones))]
    unit = estimate_unit(nameless, np.array(figure.parents), bones / 0.01)
    assert unit.name == "cm" and unit.oddity is not None
    assert estimate_unit(nameless, np.array(figure.parents), 0 * bones).oddity is not None


@pytest.mark.parametrize("axis", TO_Y_UP)
def test_up_is_told_for_every_axis(axis: str) -> None:
    figure = Figure()
    names, parents = figure.names, np.array(figure.parents)
    assert np.linalg.det(TO_Y_UP[axis]) == pytest.approx(1)
    upright = figure.truth()
    assert estimate_up_axis(names, parents, upright @ TO_Y_UP[axis], upright[0]) == (axis, None)
    lying = upright @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # along X: no axis fits
    found, oddity = estimate_up_axis(names, parents, lying, upright[0] @ TO_Y_UP[axis])
    assert found == axis and oddity is not None
    nameless = [f"J{i}" for i in range(len(names))]
    assert estimate_up_axis(nameless, parents, upright, upright[0])[0] == "Y"


def scipy_positions(path: Path) -> np.ndarray:
    """World positions in the file's unit and axes, positions replacing the OFFSET: (T, J, 3)."""
    head, _, motion = path.read_text().partition("MOTION")
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[list[str]] = []
    stack: list[int] = []  # open joints, -1 for an End Site
    for line in head.splitlines():
        word, *rest = line.split()
        if word in ("ROOT", "JOINT"):
            parents.append(stack[-1] if stack else -1)
            opens = len(parents) - 1
        elif word == "End":
            opens = -1
        elif word == "{":
            stack.append(opens)
        elif word == "}":
            stack.pop()
        elif word == "OFFSET" and stack[-1] >= 0:
            offsets.append([float(w) for w in rest])
        elif word == "CHANNELS":
            channels.append(rest[1:])
    values = np.array([row.split() for row in motion.strip().splitlines()[2:] if row], float)
    world: list[Rotation] = []
    out = np.zeros((len(values), len(parents), 3))
    column = 0
    for j, parent in enumerate(parents):
        place = np.tile(offsets[j], (len(values), 1))
        turn = Rotation.identity(len(values))
        for channel in channels[j]:
            axis = "XYZ".index(channel[0])
            if channel.endswith("position"):
                place[:, axis] = values[:, column]
            else:
                turn = turn * Rotation.from_euler(channel[0], values[:, column, None], degrees=True)
            column += 1
        world.append(turn if parent < 0 else world[parent] * turn)
        out[:, j] = place if parent < 0 else out[:, parent] + world[parent].apply(place)
    return out


@pytest.mark.parametrize(
    "name",
    [
        "bandai_namco/dataset-1_bow_normal_001",
        "beat_smplx_bvh/1_wayne_0_1_1",
        "cmu_cgspeed/131_01",
        "cmu_cgspeed/cmu_12_01_walk",
        "cmu_iclone/002_02",
        "misc/AV_8Walk_Meredith_HVHA_Rep1",
        "misc/bvh_example",
        "misc/bvh_test2",
        "misc/zombieWalk1",
    ],
)
def test_real_files_agree_with_scipy(name: str, real: Path) -> None:
    path = real / f"{name}.bvh"
    file = read_bvh(path)
    expected = scipy_positions(path) * file.metres_per_unit @ TO_Y_UP[file.up_axis].T
    expected = expected[file.dropped_first :]
    assert np.abs(file.clip.positions - expected).max() < 1e-9 * max(1, np.abs(expected).max())


@pytest.mark.parametrize(
    "name",
    ["bandai_namco/dataset-1_dash_giant_001", "misc/bvh_test2", "misc/bvh_example"],
)
def test_real_files_agree_with_pymotion(name: str, real: Path) -> None:
    from pymotion.io.bvh import BVH
    from pymotion.ops.skeleton_np import fk

    path = real / f"{name}.bvh"
    bvh = BVH()
    bvh.load(str(path))
    rotations, local, parents, *_ = bvh.get_data()
    positions, _ = fk(rotations, local[:, 0], local, parents)
    file = read_bvh(path)
    expected = positions * file.metres_per_unit @ TO_Y_UP[file.up_axis].T
    assert np.abs(file.clip.positions - expected).max() < 1e-6


def test_one_trial_in_two_units_agrees_in_metres(real: Path) -> None:
    one = read_bvh(real / "cmu_cgspeed/131_01.bvh")
    two = read_bvh(real / "cmu_cgspeed/scaled_131_01.bvh")
    assert (one.unit, two.unit) == ("CMU unit (5.644 cm)", "m")
    assert np.abs(one.clip.positions - two.clip.positions[:994]).max() < 1e-4


def test_rest_poses_are_dropped_where_the_table_says_and_nowhere_else(real: Path) -> None:
    dropped = {p.stem for p in real.rglob("*.bvh") if read_bvh(p).dropped_first}
    assert dropped == {"01_01", "cmu_12_01_walk", "114_16", "007_04", "007_12"}


def test_added_positions_where_the_root_is_the_iclone_hip_and_nowhere_else(real: Path) -> None:
    for path in real.rglob("*.bvh"):
        file = read_bvh(path)
        hip = file.clip.skeleton.names[0] == "CC_Base_Hip"
        assert file.root_positions == ("add" if hip else "replace"), path
        lowest = float(file.clip.positions[..., 1].min())
        assert -0.15 < lowest < 0.15, path  # all of them stand on the floor


def test_three_thousand_frames_take_less_than_half_a_second(real: Path) -> None:
    path = real / "lafan1/push1_subject2.bvh"
    start = time.process_time()
    file = read_bvh(path)
    assert time.process_time() - start < 0.5
    assert file.clip.frames == 3066


def test_a_file_is_described_by_its_facts(real: Path) -> None:
    file = read_bvh(real / "cmu_cgspeed/114_16.bvh", recording="114/16")
    assert file.clip.recording == "114/16"
    assert len(file.finger_joints) == len(file.static_fingers) == 20
    assert file.rotation_orders[:2] == ("ZYX", "ZXY")
    assert file.channels[:2] == (6, 3)
    assert {field.name for field in dataclasses.fields(file)} >= {"oddities", "unit", "up_axis"}
