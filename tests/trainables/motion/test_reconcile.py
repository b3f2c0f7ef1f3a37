"""One skeleton out of many: what is kept stays where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.trainables.motion.figure import BONES, Figure
from trainables.motion.bvh import read_bvh
from trainables.motion.clip import Clip
from trainables.motion.local_frames import world_orientations
from trainables.motion.reconcile import onto, reconcile
from trainables.motion.skeleton import Skeleton, forward_kinematics


def kinematics(clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    assert clip.rotations is not None
    return forward_kinematics(
        clip.skeleton.parents, clip.skeleton.offsets, clip.rotations, clip.positions[:, 0]
    )


def assert_kept_exactly(before: Clip, after: Clip) -> None:
    place = [before.skeleton.index(name) for name in after.skeleton.names]
    positions, world = kinematics(after)
    assert np.abs(after.positions - before.positions[:, place]).max() == 0
    assert np.abs(positions - after.positions).max() < 1e-5
    assert np.abs(world - world_orientations(before)[:, place]).max() < 1e-9


def figure_clip(folder: Path, name: str = "figure", **changes: object) -> Clip:
    path = folder / f"{name}.bvh"
    path.write_text(Figure(**changes).text())  # type: ignore[arg-type]
    return read_bvh(path).clip


def test_the_two_iclone_skeletons(real: Path) -> None:
    clips = [read_bvh(p).clip for p in sorted((real / "cmu_iclone").glob("*.bvh"))]
    results, sentences = reconcile(clips)
    assert sorted({len(c.skeleton) for c in clips}) == [100, 101]
    for before, after in zip(clips, results, strict=True):
        assert after.recording == before.recording
        assert after.skeleton.names == results[0].skeleton.names
        assert np.array_equal(after.skeleton.parents, results[0].skeleton.parents)
        assert_kept_exactly(before, after)
    assert len(results[0].skeleton) == 100 and results[0].skeleton.names[0] == "CC_Base_Hip"
    assert "16 of 100 joints" in sentences[0] and "3 of 101 joints" in sentences[0]
    assert "RL_BoneRoot folded into CC_Base_Hip" in sentences[1]


@pytest.mark.parametrize(
    ("file", "root"),
    [("bandai_namco/dataset-1_dash_giant_001", "Hips"), ("beat_smplx_bvh/1_wayne_0_1_1", "pelvis")],
)
def test_a_static_root_is_folded_into_the_pelvis(file: str, root: str, real: Path) -> None:
    before = read_bvh(real / f"{file}.bvh").clip
    (after,), sentences = reconcile([before])
    assert after.skeleton.names == before.skeleton.names[1:] and after.skeleton.names[0] == root
    assert_kept_exactly(before, after)
    assert f"folded into {root}" in sentences[0]


def test_clips_of_one_skeleton_are_left_alone(tmp_path: Path) -> None:
    clips = [figure_clip(tmp_path, str(s), seed=s) for s in range(3)]
    results, sentences = reconcile(clips)
    assert all(a is b for a, b in zip(clips, results, strict=True)) and sentences == []


def test_each_keeps_its_own_offsets(tmp_path: Path) -> None:
    taller = [(n, p, (x * 1.1, y * 1.1, z * 1.1)) for n, p, (x, y, z) in BONES]
    extra = [*taller, ("Tail", "Hips", (0.0, 0.0, -0.2))]
    clips = [figure_clip(tmp_path, "a"), figure_clip(tmp_path, "b", bones=extra)]
    results, sentences = reconcile(clips)
    for before, after in zip(clips, results, strict=True):
        assert_kept_exactly(before, after)
    sizes = [np.linalg.norm(clip.skeleton.offsets[1:], axis=-1) for clip in results]
    assert np.allclose(sizes[1], 1.1 * sizes[0])
    assert "Left out, since not in all recordings: Tail" in " ".join(sentences)
    assert "Tail" not in results[1].skeleton.end_sites and "Head" in results[1].skeleton.end_sites


def with_twist(turns: bool) -> list[tuple[str, str, tuple[float, float, float]]]:
    """The figure with a joint in the middle of the left fore-arm."""
    bones = []
    for name, parent, offset in BONES:
        if name == "LeftHand":
            bones += [("LeftTwist", "LeftForeArm", (0.15, 0.0, 0.0))]
            bones += [(name, "LeftTwist", (0.1, 0.0, 0.0))]
        else:
            bones += [(name, parent, offset)]
    return bones


@pytest.mark.parametrize("turns", [False, True])
def test_a_joint_left_out_in_the_middle(turns: bool, tmp_path: Path) -> None:
    figure = Figure(bones=with_twist(turns))
    twist = figure.names.index("LeftTwist")
    if turns:
        figure.angles[:, twist] = [30.0, 0.0, 40.0] * np.linspace(-1, 1, 40)[:, None]
    else:
        # about the bone's own axis, as twist joints turn: X is second of ZXY
        figure.angles[:, twist] = [0.0, 1.0, 0.0] * np.linspace(-60, 60, 40)[:, None]
    path = tmp_path / "twist.bvh"
    path.write_text(figure.text())
    plain, twisted = figure_clip(tmp_path), read_bvh(path).clip
    (first, second), sentences = reconcile([plain, twisted])
    assert first is plain
    hand = second.skeleton.index("LeftHand")
    assert second.skeleton.names[second.skeleton.parents[hand]] == "LeftForeArm"
    place = [twisted.skeleton.index(n) for n in second.skeleton.names]
    assert np.array_equal(second.positions, twisted.positions[:, place])
    positions, world = kinematics(second)
    assert np.abs(world - world_orientations(twisted)[:, place]).max() < 1e-9
    apart = np.abs(positions - second.positions).max()
    said = [s for s in sentences if "no constant offset" in s]
    if turns:
        assert apart > 0.01 and len(said) == 1 and "LeftHand" in said[0]
        assert any("bends" in note for note in second.notes)
    else:
        assert apart < 1e-6 and not said


def test_another_parent_is_taken_from_the_first(tmp_path: Path) -> None:
    hung = [(n, "Neck" if n == "LeftArm" else p, o) for n, p, o in BONES]
    plain, other = figure_clip(tmp_path, "a"), figure_clip(tmp_path, "b", bones=_depth_first(hung))
    (_, second), sentences = reconcile([plain, other])
    assert np.array_equal(second.skeleton.parents, plain.skeleton.parents)
    place = [other.skeleton.index(n) for n in second.skeleton.names]
    assert np.array_equal(second.positions, other.positions[:, place])
    _, world = kinematics(second)
    assert np.abs(world - world_orientations(other)[:, place]).max() < 1e-9
    assert "no constant offset" in sentences[-1] and "LeftArm" in sentences[-1]  # the neck turns


def _depth_first(
    bones: list[tuple[str, str, tuple[float, float, float]]],
) -> list[tuple[str, str, tuple[float, float, float]]]:
    def below(parent: str) -> list[tuple[str, str, tuple[float, float, float]]]:
        out = []
        for bone in bones:
            if bone[1] == parent:
                out += [bone, *below(bone[0])]
        return out

    return below("")


def test_positions_alone(tmp_path: Path) -> None:
    bones = with_twist(False)
    clips = [
        replace(figure_clip(tmp_path, "a"), rotations=None),
        replace(figure_clip(tmp_path, "b", bones=bones), rotations=None),
    ]
    (first, second), _ = reconcile(clips)
    assert first.skeleton.names == second.skeleton.names and second.rotations is None
    hand = second.skeleton.index("LeftHand")
    assert np.allclose(second.skeleton.offsets[hand], [0.25, 0, 0])
    place = [clips[1].skeleton.index(n) for n in second.skeleton.names]
    assert np.array_equal(second.positions, clips[1].positions[:, place])


def test_pelvises_of_other_names(tmp_path: Path) -> None:
    prop = [("World", "", (0.0, 0.0, 0.0)), ("Prop", "World", (1.0, 0.0, 0.0))]
    on = [(n, p or "World", o) for n, p, o in BONES]
    clips = [figure_clip(tmp_path, "a"), figure_clip(tmp_path, "b", bones=[*prop, *on])]
    results, _ = reconcile(clips)
    for before, after in zip(clips, results, strict=True):
        assert after.skeleton.names == clips[0].skeleton.names
        place = [before.skeleton.index(n) for n in after.skeleton.names]
        assert np.array_equal(after.positions, before.positions[:, place])


def test_what_cannot_be_reconciled(tmp_path: Path) -> None:
    clip = figure_clip(tmp_path)
    other = Skeleton(tuple("abc"), np.array([-1, 0, 0]), np.zeros((3, 3)))
    stranger = Clip("stranger", other, 30, np.zeros((4, 3, 3)))
    with pytest.raises(BadInput, match=r"share 0 joints.*Hips.*stranger has a, b, c"):
        reconcile([clip, stranger])
    with pytest.raises(BadInput, match="m and px"):
        reconcile([clip, replace(stranger, unit="px")])
    with pytest.raises(BadInput, match="no recordings"):
        reconcile([])


@pytest.mark.parametrize("folder", ["cmu_iclone", "bandai_namco", "beat_smplx_bvh", "lafan1"])
def test_one_clip_is_brought_onto_the_joints_of_many(folder: str, real: Path) -> None:
    clips = [read_bvh(p).clip for p in sorted((real / folder).glob("*.bvh"))]
    results, _ = reconcile(clips)
    joints = results[0].skeleton
    for before, together in zip(clips, results, strict=True):
        alone = onto(before, joints.names, joints.parents)
        assert alone.skeleton.names == joints.names and alone.notes == together.notes
        assert np.array_equal(alone.skeleton.parents, joints.parents)
        assert np.array_equal(alone.skeleton.offsets, together.skeleton.offsets)
        assert np.array_equal(alone.positions, together.positions)
        assert alone.rotations is not None and together.rotations is not None
        assert np.array_equal(alone.rotations, together.rotations)
        assert alone.skeleton.end_sites.keys() == together.skeleton.end_sites.keys()
        again = onto(alone, list(joints.names), joints.parents)
        assert again is alone


def test_a_clip_of_another_tree_is_brought_onto_the_joints(tmp_path: Path) -> None:
    plain, twisted = figure_clip(tmp_path, "a"), figure_clip(tmp_path, "b", bones=with_twist(True))
    joints = plain.skeleton
    after = onto(twisted, joints.names, joints.parents)
    (_, together), _ = reconcile([plain, twisted])
    assert np.array_equal(after.positions, together.positions)
    assert np.array_equal(after.skeleton.offsets, together.skeleton.offsets)
    alone = onto(replace(twisted, rotations=None), joints.names, joints.parents)
    assert alone.rotations is None and np.array_equal(alone.positions, together.positions)


def test_a_clip_that_lacks_joints_is_told_which(tmp_path: Path) -> None:
    clip = figure_clip(tmp_path, "walk")
    names = (*clip.skeleton.names, "Tail", "LeftToe")
    with pytest.raises(BadInput, match=r"walk: lacks Tail, LeftToe \(2 of the 22 joints.*codec"):
        onto(clip, names, np.r_[clip.skeleton.parents, 0, 1])
    renamed = replace(clip, skeleton=replace(clip.skeleton, names=tuple(f"J{j}" for j in range(20)),
                                             end_sites={}))  # fmt: skip
    with pytest.raises(BadInput, match=r"lacks Hips, Spine, .* and 8 more \(20 of the 20") as error:
        onto(renamed, clip.skeleton.names, clip.skeleton.parents)
    assert "\n" not in str(error.value)
    with pytest.raises(BadInput, match="parents of shape"):
        onto(clip, clip.skeleton.names, np.array([-1, 0]))
