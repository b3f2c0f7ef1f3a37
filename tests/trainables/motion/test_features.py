"""Features: one vector per pose, exact on the way back, with still ones left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.trainables.tiny import NAMES, make_clip, make_clips, skeleton
from trainables.motion import features as features_module
from trainables.motion.clip import Clip
from trainables.motion.features import FeatureMap, Pose
from trainables.motion.parts import find_parts
from trainables.motion.preparation import BONE_STEP
from trainables.motion.rotations import exp_map, relative_exp
from trainables.motion.skeleton import forward_kinematics

PARENTS = skeleton().parents


def _pose(clip: Clip) -> Pose:
    return Pose(clip.positions - clip.positions[:, :1], clip.rotations)


def _fit(
    clips: list[Clip], kind: str = "expmap", overrides: Mapping[str, Sequence[str]] | None = None
) -> FeatureMap:
    parts = find_parts(NAMES, PARENTS, overrides or {}).parts
    bones = [c.skeleton.offsets for c in clips]
    return FeatureMap.fit(kind, PARENTS, parts, [_pose(c) for c in clips], bones)


@pytest.mark.parametrize("kind", ["expmap", "position"])
def test_decoding_gives_positions_back(kind: str) -> None:
    clips = make_clips(3)
    fitted = _fit(clips, kind)
    for clip in clips:
        pose = _pose(clip)
        found = fitted.decode(fitted.encode(pose), clip.skeleton.offsets)
        assert np.abs(found - pose.positions).max() < 1e-6


def test_thighs_lie_near_half_a_turn_and_their_features_do_not() -> None:
    """The trap: relative to rest these are rotations by about pi, whose log map flips its sign."""
    clips = make_clips(3)
    fitted = _fit(clips)
    thigh = NAMES.index("LeftUpLeg")
    at_rest = np.linalg.norm(_log(clips[0].rotations[:, thigh]), axis=-1)  # type: ignore[index]
    assert at_rest.max() > 0.9 * np.pi
    body = fitted.parts["body"]
    place = 3 * list(body.coded).index(thigh)
    raw = fitted._raw(_pose(clips[0]), body)[:, place : place + 3]
    assert np.linalg.norm(raw, axis=-1).max() < 1.0
    assert np.abs(np.diff(raw, axis=0)).max() < 0.2  # no jump between branches


def _log(rotations: np.ndarray) -> np.ndarray:
    return np.asarray(Rotation.from_matrix(rotations).as_rotvec())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_one_pose_has_one_vector_whatever_came_before(seed: int) -> None:
    rng = np.random.default_rng(seed)
    train = make_clips(2, 20)
    fitted = _fit(train)
    vectors = rng.normal(size=(len(NAMES), 3))
    vectors *= rng.uniform(0, np.pi - 1e-3, (len(NAMES), 1)) / np.linalg.norm(
        vectors, axis=1, keepdims=True
    )  # anything within half a turn of the mean
    pose = relative_exp(vectors[None], fitted.mean_rotations)[0]
    histories = []
    for start in (make_clip("a", 1), make_clip("b", 2)):
        assert start.rotations is not None
        share = np.linspace(0, 1, 20)[:, None]  # on the way there along another arc each time
        step = _log(np.swapaxes(start.rotations[0], -1, -2) @ pose)
        way = start.rotations[0] @ exp_map(share[..., None] * step)
        way[-1] = pose
        positions, _ = forward_kinematics(PARENTS, skeleton().offsets, way)
        histories.append(fitted.encode(Pose(positions, way)))
    for part in fitted.parts:
        assert np.abs(histories[0][part][-1] - histories[1][part][-1]).max() < 1e-6
        alone = fitted.encode(Pose(positions[-1:], way[-1:]))
        assert np.abs(alone[part][0] - histories[1][part][-1]).max() < 1e-6


def test_still_features_are_left_out_and_put_back() -> None:
    clips = make_clips(3, still=("Head", "RightHandIndex2"))
    fitted = _fit(clips)
    head = 3 * list(fitted.parts["body"].coded).index(NAMES.index("Head"))
    assert not set(fitted.geometry["body"].active) & {head, head + 1, head + 2}
    assert len(fitted.geometry["right_hand"].active) == 3
    assert len(fitted.geometry["left_hand"].active) == 6
    pose = _pose(clips[0])
    found = fitted.rotations(fitted.encode(pose))
    for joint in ("Head", "RightHandIndex2"):
        j = NAMES.index(joint)
        assert np.abs(found[:, j] - pose.rotations[:, j]).max() < 1e-6  # type: ignore[index]


def test_each_recording_keeps_its_own_bones() -> None:
    clips = [make_clip("small", 1, scale=0.8), make_clip("tall", 2, scale=1.2)]
    fitted = _fit(clips)
    for clip in clips:
        found = fitted.decode(fitted.encode(_pose(clip)), clip.skeleton.offsets)
        assert np.abs(found - _pose(clip).positions).max() < 1e-6
    mean = fitted.geometry["left_hand"].offsets[1:]
    hand = [NAMES.index(n) for n in ("LeftHandIndex1", "LeftHandIndex2")]
    assert np.allclose(mean, skeleton().offsets[hand], atol=BONE_STEP)


@pytest.mark.parametrize("kind", ["expmap", "position"])
@pytest.mark.parametrize(
    "overrides",
    [
        {"legs": ("LeftUpLeg", "LeftFoot")},
        {"feet": ("LeftFoot", "RightFoot")},  # two trees
        {"left_hand": ("LeftHandIndex2",)},  # the joint in between is in no part
        {"trunk": ("Spine",), "legs": ("LeftUpLeg", "RightFoot")},
    ],
)
def test_parts_of_any_joints(kind: str, overrides: dict[str, tuple[str, ...]]) -> None:
    clips = make_clips(2, still=("LeftHandIndex1",))
    fitted = _fit(clips, kind, overrides)
    pose = _pose(clips[1])
    found = fitted.decode(fitted.encode(pose), clips[1].skeleton.offsets)
    scored = np.unique(np.concatenate([p.scored for p in fitted.parts.values()]))
    assert np.abs(found - pose.positions)[:, scored].max() < 1e-6


@pytest.mark.parametrize(
    "overrides",
    [{}, {"feet": ("LeftFoot", "RightFoot")}, {"left_hand": ("LeftHandIndex2",)},
     {"outer": ("Spine", "LeftHand", "RightFoot")}],
)  # fmt: skip
def test_geometry_of_a_part_is_its_tree(overrides: dict[str, tuple[str, ...]]) -> None:
    """Kinematics on the part alone agree with the whole skeleton, seen from the part's root."""
    clips = make_clips(2, still=("LeftHandIndex1",))
    fitted = _fit(clips, overrides=overrides)
    pose = _pose(clips[0])
    coded = fitted.encode(pose)
    whole = fitted.rotations(coded)
    covered = {int(j) for p in fitted.parts.values() for j in p.coded}
    for name, part in fitted.parts.items():
        geometry = fitted.geometry[name]
        assert geometry.parents[0] == -1
        assert (geometry.parents[1:] < np.arange(1, len(geometry.parents))).all()
        assert (geometry.parents[1:] >= 0).all()
        local = np.tile(np.eye(3), (len(whole), len(geometry.parents), 1, 1))
        vectors = fitted._full(name, coded[name])
        local[:, geometry.coded] = relative_exp(vectors, geometry.mean_rotations)
        found, _ = forward_kinematics(geometry.parents, geometry.offsets, local)
        # the truth: joints of other parts held where the part does not know of them
        held = whole.copy()
        others = [j for j in covered if j not in part.coded]
        held[:, others] = fitted.mean_rotations[others]
        positions, world = forward_kinematics(PARENTS, clips[0].skeleton.offsets, held)
        root = 0 if len(geometry.parents) > len(part.scored) else int(part.scored[0])
        seen = positions[:, part.scored] - positions[:, [root]]
        if root not in part.coded:  # an uncoded root does not turn
            seen = np.einsum("tji,tkj->tki", world[:, root], seen)
        else:
            above = int(PARENTS[root])
            if above >= 0:
                seen = np.einsum("tji,tkj->tki", world[:, above], seen)
        extra = len(geometry.parents) - len(part.scored)
        assert np.abs(found[:, extra:] - seen).max() < 1e-6


def test_only_keeps_some_parts() -> None:
    fitted = _fit(make_clips(2))
    some = fitted.only(["body", "left_hand"])
    assert tuple(some.parts) == tuple(some.geometry) == ("body", "left_hand")
    assert some.mean_rotations is fitted.mean_rotations


def test_threshold_of_what_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip("a", 0)
    assert clip.rotations is not None
    trembling = clip.rotations.copy()
    trembling[:, 2] = exp_map(1e-5 * np.random.default_rng(0).normal(size=(clip.frames, 3)))
    clip = replace(clip, rotations=trembling)
    dropped = 3 * list(_fit([clip]).parts["body"].coded).index(2)
    assert dropped not in _fit([clip]).geometry["body"].active
    monkeypatch.setattr(features_module, "STILL", 1e-6)
    assert dropped in _fit([clip]).geometry["body"].active


def test_positions_alone_have_no_exponential_maps() -> None:
    clip = replace(make_clip("a", 0), rotations=None)
    with pytest.raises(ValueError, match="features: position"):
        _fit([clip])
