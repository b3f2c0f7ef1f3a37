"""Prepared data: exact, honest about what it holds, and fitted on training motion alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.objectives import SPLITS
from search_spaces.rate import nominal_rate
from search_spaces.spec import DataSpec, SweepSpec, drop_objectives
from tests.trainables.tiny import NAMES, make_clip, make_clips, moved, skeleton, spec
from trainables.motion.clip import Clip
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.root import put_back_root
from trainables.motion.rotations import exp_map
from trainables.motion.skeleton import Skeleton


def _without_rotations(clips: Sequence[Clip]) -> list[Clip]:
    return [replace(c, rotations=None) for c in clips]


def _without(clip: Clip, start: str) -> Clip:
    """The clip without the joints whose names start so."""
    kept = [j for j, n in enumerate(NAMES) if not n.startswith(start)]
    place = {j: i for i, j in enumerate(kept)}
    parents = np.array([place.get(int(clip.skeleton.parents[j]), -1) for j in kept])
    names = tuple(NAMES[j] for j in kept)
    bones = Skeleton(names, parents, clip.skeleton.offsets[kept])
    assert clip.rotations is not None
    return replace(
        clip,
        skeleton=bones,
        positions=clip.positions[:, kept],
        rotations=clip.rotations[:, kept],
    )


def _worst(data: MotionData) -> float:
    """Greatest coordinate error in metres when features go back to positions, over val and test."""
    worst = 0.0
    for clip in (*data.splits["val"], *data.splits["test"]):
        rebuilt = data.reconstruct(clip, clip.features, None)
        if data.root_quantizer is not None:
            rebuilt = put_back_root(rebuilt, clip.path)
        off = np.abs(rebuilt - clip.original)[:, data.scored["full"]]
        worst = max(worst, float(off.max()))
    return worst


@pytest.mark.parametrize("root", ["removed", "coded"])
@pytest.mark.parametrize("features", ["expmap", "position"])
def test_features_hold_the_whole_pose(root: str, features: str) -> None:
    data = prepare(spec(root=root, features=features), make_clips())
    assert data.facts.features == features and data.facts.root == root
    assert _worst(data) < 1e-6


@pytest.mark.parametrize("root", ["removed", "coded"])
def test_embedded_motion_goes_there_and_back(root: str) -> None:
    data = prepare(spec(path="embedded", embedded_size="debug", root=root))
    assert data.facts.synthetic
    assert data.facts.part_names == ("body", "right_hand", "left_hand")
    # bones in steps of 0.06 mm, and features that move by less than 1e-4 are held still
    assert _worst(data) < 2e-4
    by_position = prepare(
        spec(path="embedded", embedded_size="debug", root=root, features="position")
    )
    assert _worst(by_position) < 1e-6


def test_positions_alone() -> None:
    clips = _without_rotations(make_clips())
    data = prepare(spec(), clips)
    assert data.facts.features == "position"
    assert _worst(data) < 1e-6
    with pytest.raises(BadInput, match="--set features=position"):
        prepare(spec(features="expmap"), clips)


@pytest.mark.parametrize(
    ("features", "rotations"), [("expmap", True), ("position", True), ("position", False)]
)
def test_place_and_heading_of_a_recording_change_nothing(features: str, rotations: bool) -> None:
    clips = make_clips()
    elsewhere = [moved(c, 0.7 * i + 1, (i, 0, -2)) for i, c in enumerate(clips)]
    if not rotations:
        clips, elsewhere = _without_rotations(clips), _without_rotations(elsewhere)
    one, two = (prepare(spec(features=features), c) for c in (clips, elsewhere))
    for split in SPLITS:
        for a, b in zip(one.splits[split], two.splits[split], strict=True):
            for part in one.parts:
                assert np.abs(a.features[part] - b.features[part]).max() < 1e-6
            if split != "train":
                assert np.abs(a.original - b.original).max() < 1e-6
    assert one.facts.data_hash != two.facts.data_hash


def test_pelvis_axes_change_no_pose() -> None:
    """A file whose pelvis has X along the spine, or stands on its head, scores the same poses."""
    plain = prepare(spec(), [make_clip(f"t{i}", i) for i in range(5)])
    for turn in ([0, 0, np.pi / 2], [np.pi, 0, 0], [2.0, 1.0, 0.3]):
        rest = exp_map(np.array(turn, float))
        other = prepare(spec(), [make_clip(f"t{i}", i, rest=rest) for i in range(5)])
        for a, b in zip(plain.splits["val"], other.splits["val"], strict=True):
            # up to one turn for the whole data set: which way counts as ahead
            x, y = (c.original[0, NAMES.index("LeftUpLeg")] for c in (a, b))
            angle = np.arctan2(x[0], x[2]) - np.arctan2(y[0], y[2])
            whole = exp_map(np.array([0, angle, 0]))
            assert np.abs(a.original - b.original @ whole.T).max() < 0.02
        assert _worst(other) < 1e-4  # turned bones are no whole steps any more


# ---- nothing leaks from validation and test --------------------------------------------------


def _foreign(clip: Clip, seed: int) -> Clip:
    """Another movement, by a taller body, under the same name and of the same length."""
    return replace(make_clip(clip.recording, seed, clip.frames, scale=1.4), signer=clip.signer)


def swapped(spec_: DataSpec, clips: list[Clip]) -> tuple[MotionData, MotionData]:
    """Data prepared from clips, and again with all motion but train's exchanged."""
    one = prepare(spec_, clips)
    train = {name.removesuffix("@mirrored") for name in one.facts.train.recordings}
    other = [c if c.recording in train else _foreign(c, 900 + i) for i, c in enumerate(clips)]
    return one, prepare(spec_, other)


@pytest.mark.parametrize(
    "settings",
    [{}, {"root": "coded"}, {"features": "position"}, {"mirror": True}, {"fps": 20.0}],
    ids=str,
)
def test_nothing_fitted_sees_validation_or_test(settings: dict[str, object]) -> None:
    one, two = swapped(spec(**settings), make_clips(6, 40))
    assert one.facts.data_hash != two.facts.data_hash
    assert not np.array_equal(one.splits["val"][0].original, two.splits["val"][0].original)
    for part in one.parts:
        a, b = one.parts[part], two.parts[part]
        for name in ("features", "mean", "std"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
        assert a.position_scale == b.position_scale and a.lengths == b.lengths
        for name, value in vars(a.geometry).items():
            assert np.array_equal(value, getattr(b.geometry, name)), name
    assert np.array_equal(one.feature_map.mean_rotations, two.feature_map.mean_rotations)
    assert np.array_equal(one.feature_map.mean_positions, two.feature_map.mean_positions)
    assert np.array_equal(one.preparation.pelvis_up, two.preparation.pelvis_up)
    if one.root_quantizer is not None and two.root_quantizer is not None:
        for name, value in one.root_quantizer.arrays().items():
            assert np.array_equal(value, two.root_quantizer.arrays()[name]), name
        for c, d in zip(one.splits["train"], two.splits["train"], strict=True):
            assert np.array_equal(c.root_tokens, d.root_tokens)  # type: ignore[arg-type]


def test_nothing_fitted_sees_later_blocks_of_a_single_recording() -> None:
    clip = make_clip("only", 0, 300)
    one = prepare(spec(), [clip])
    frames = one.facts.train.frames
    other = make_clip("only", 1, 300)
    assert clip.rotations is not None and other.rotations is not None
    late = replace(
        clip,
        positions=np.concatenate([clip.positions[:frames], other.positions[frames:]]),
        rotations=np.concatenate([clip.rotations[:frames], other.rotations[frames:]]),
    )
    two = prepare(spec(), [late])
    for part in one.parts:
        assert np.array_equal(one.parts[part].features, two.parts[part].features)
        assert np.array_equal(one.parts[part].mean, two.parts[part].mean)
    assert not np.array_equal(one.splits["val"][0].original, two.splits["val"][0].original)


def test_statistics_are_those_of_train() -> None:
    data = prepare(spec(), make_clips())
    for name, part in data.parts.items():
        joined = np.concatenate([c.features[name] for c in data.splits["train"]])
        assert np.array_equal(part.features, joined)
        assert np.allclose(part.mean, joined.mean(0), atol=1e-6)
        assert np.allclose(part.std, joined.std(0), atol=1e-6) and part.std.min() > 0
        assert part.lengths == data.facts.train.lengths
        points = np.concatenate(
            [
                data.feature_map.decode(c.features, c.offsets)[:, data.scored[name]]
                for c in data.splits["train"]
            ]
        )
        points = points - points[:, :1]
        spread = np.sqrt(((points - points.mean(0)) ** 2).sum(-1).mean())
        assert part.position_scale == pytest.approx(spread, rel=1e-5)


# ---- mirroring -------------------------------------------------------------------------------


def test_mirroring_doubles_train_alone_and_swaps_hands() -> None:
    clips = make_clips()
    plain, mirrored = prepare(spec(), clips), prepare(spec(mirror=True), clips)
    assert mirrored.facts.mirrored and not plain.facts.mirrored
    assert mirrored.facts.train.frames == 2 * plain.facts.train.frames
    assert mirrored.facts.split_hash == plain.facts.split_hash
    for split in ("val", "test"):
        assert mirrored.facts.model_dump()[split] == plain.facts.model_dump()[split]
        for a, b in zip(plain.splits[split], mirrored.splits[split], strict=True):
            assert np.array_equal(a.original, b.original)
    straight, seen = mirrored.splits["train"][:2]
    assert seen.recording == f"{straight.recording}@mirrored"
    there = mirrored.feature_map.decode(straight.features, straight.offsets)
    here = mirrored.feature_map.decode(seen.features, seen.offsets)
    left, right = (NAMES.index(f"{s}HandIndex2") for s in ("Left", "Right"))
    across = np.array([-1.0, 1.0, 1.0])
    assert np.abs(here[:, left] - there[:, right] * across).max() < 1e-5
    assert np.abs(here[:, right] - there[:, left] * across).max() < 1e-5
    assert np.abs(there[:, left] - there[:, right] * across).max() > 0.05


# ---- parts -----------------------------------------------------------------------------------


def test_an_optional_part_that_is_missing_leaves_the_rate_and_the_objectives() -> None:
    clips = [_without(c, "LeftHandIndex") for c in make_clips()]
    facts = prepare(spec(), clips).facts
    assert facts.part_names == ("body", "right_hand")
    assert [d.name for d in facts.dropped_parts] == ["left_hand"]
    assert any(w.startswith("part left_hand is dropped: ") for w in facts.warnings)
    rate = nominal_rate({"codec": "kmeans", "codebook_size": 64}, facts)
    assert rate.per_part == {"body": 180.0, "right_hand": 180.0}
    sweep = SweepSpec.model_validate(
        {
            "name": "x",
            "preset": "x",
            "space": {"fixed": {"codec": "kmeans"}},
            "objectives": ["rate_nominal_bps", "rmse_full_cm", "rmse_left_hand_cm"],
        }
    )
    kept, said = drop_objectives(sweep, facts.part_names)
    assert kept == ("rate_nominal_bps", "rmse_full_cm") and "left_hand" in said[0]


def test_a_required_part_that_is_missing_lists_the_joints() -> None:
    clips = [_without(c, "LeftHandIndex") for c in make_clips()]
    needs = {"body": "required", "left_hand": "required"}
    with pytest.raises(BadInput, match="'left_hand' is required") as error:
        prepare(spec(parts=needs), clips)
    assert all(name in str(error.value) for name in clips[0].skeleton.names)


def test_fingers_that_never_move_are_dropped() -> None:
    still = ("RightHandIndex1", "RightHandIndex2")
    data = prepare(spec(), make_clips(still=still))
    (dropped,) = data.facts.dropped_parts
    assert (dropped.name, dropped.reason) == ("right_hand", "its joints never move")
    assert set(data.parts) == set(data.facts.part_names) == {"body", "left_hand"}
    assert not {NAMES.index(n) for n in still} & set(data.scored["full"])
    assert len(data.wrists) == 2  # the wrist itself is the body's
    with pytest.raises(BadInput, match="never move"):
        prepare(spec(parts={"right_hand": "required"}), make_clips(still=still))


def test_nothing_to_code() -> None:
    with pytest.raises(BadInput, match="no part moves"):
        prepare(spec(parts={"body": "optional"}), make_clips(still=NAMES))
    with pytest.raises(BadInput, match="no part is left"):
        clips = [_without(c, "LeftHandIndex") for c in make_clips()]
        prepare(spec(parts={"left_hand": "optional"}), clips)


def test_parts_named_by_hand() -> None:
    chosen = {"left_hand": ("LeftHandIndex2",), "legs": ("LeftUpLeg", "RightUpLeg")}
    data = prepare(spec(part_joints=chosen), make_clips())
    facts = data.facts
    assert facts.part_names == ("body", "right_hand", "left_hand", "legs")
    assert facts.part("left_hand").joints == 1
    assert facts.part("legs").dimensions == 6
    assert set(data.feature_map.parts["body"].coded) == {
        j for j, n in enumerate(NAMES) if "Index" not in n and "UpLeg" not in n
    }
    with pytest.raises(BadInput, match="does not exist"):
        prepare(spec(part_joints={"legs": ("Knie",)}), make_clips())


# ---- facts -----------------------------------------------------------------------------------


def test_facts_count_right() -> None:
    clips = [replace(c, signer="ab"[i % 2]) for i, c in enumerate(make_clips(6, 60))]
    data = prepare(spec(fps=15.0, frame_stride=3), clips)
    facts = data.facts
    assert facts.fps == data.fps == 5.0 and facts.source_fps == (30.0,)
    assert all(part.fps == 5.0 for part in data.parts.values())
    lengths = {c.recording: -(-c.frames // 6) for c in clips}  # every sixth frame from the first
    for split in SPLITS:
        size = getattr(facts, split)
        assert size.lengths == tuple(lengths[r] for r in size.recordings)
        assert size.frames == sum(size.lengths) == sum(c.frames for c in data.splits[split])
        assert size.seconds == pytest.approx(size.frames / 5.0)
    assert sorted(r for s in SPLITS for r in getattr(facts, s).recordings) == sorted(lengths)
    assert facts.joints == len(NAMES) and facts.skeletons == 1
    assert facts.signers == ("a", "b") and not facts.synthetic and facts.root_alphabet == ()
    body = facts.part("body")
    assert (body.joints, body.dimensions, body.scored_joints) == (11, 33, 11)
    hand = facts.part("left_hand")
    assert (hand.joints, hand.dimensions, hand.scored_joints) == (2, 6, 3)
    assert sum(p.joints for p in facts.parts) == len(NAMES)


def test_hash_knows_the_motion_and_not_its_order() -> None:
    clips = make_clips()
    facts = prepare(spec(), clips).facts
    again = prepare(spec(), clips[::-1]).facts
    assert again.data_hash == facts.data_hash and again.split_hash == facts.split_hash
    assert again.train == facts.train
    other = clips[0].positions.copy()
    other[7, 3, 1] += 0.01
    assert prepare(spec(), [replace(clips[0], positions=other), *clips[1:]]).facts.data_hash != (
        facts.data_hash
    )
    assert clips[0].rotations is not None
    twisted = clips[0].rotations.copy()
    twisted[7, NAMES.index("Head")] @= exp_map(np.array([0.0, 0.1, 0.0]))  # moves no joint
    changed = prepare(spec(), [replace(clips[0], rotations=twisted), *clips[1:]])
    assert changed.facts.data_hash != facts.data_hash
    renamed = prepare(spec(), [replace(clips[0], recording="other"), *clips[1:]])
    assert renamed.facts.data_hash != facts.data_hash


def test_order_of_files_changes_no_number() -> None:
    clips = make_clips(6)
    one, two = prepare(spec(), clips), prepare(spec(), [clips[i] for i in (3, 0, 5, 1, 4, 2)])
    for part in one.parts:
        assert np.array_equal(one.parts[part].features, two.parts[part].features)
    assert [c.recording for c in one.splits["test"]] == [c.recording for c in two.splits["test"]]


def test_units_are_not_mixed() -> None:
    clips = make_clips()
    clips[2] = replace(clips[2], unit="px")
    with pytest.raises(BadInput, match=r"take-0 is in metres and take-2 in pixels.*unit=sw"):
        prepare(spec(), clips)


def test_headings_that_cannot_be_found_are_said() -> None:
    bones = skeleton()
    plain = Skeleton(tuple(f"j{i}" for i in range(len(bones))), bones.parents, bones.offsets)
    clips = [replace(c, skeleton=plain, rotations=None) for c in make_clips()]
    facts = prepare(spec(), clips).facts
    assert any("headings stay" in w for w in facts.warnings)


def test_different_skeletons_keep_their_own_bones() -> None:
    clips = [make_clip(f"t{i}", i, scale=0.8 + 0.1 * i) for i in range(5)]
    clips[2] = _without(clips[2], "Head")
    data = prepare(spec(), clips)
    assert data.facts.skeletons == 2 and "Head" not in data.names
    assert any("2 skeletons" in w for w in data.facts.warnings)
    assert _worst(data) < 1e-6
    thigh = data.names.index("LeftFoot")
    lengths = {
        round(float(np.linalg.norm(c.offsets[thigh])), 3) for s in SPLITS for c in data.splits[s]
    }
    assert lengths == {0.64, 0.72, 0.8, 0.88, 0.96}
