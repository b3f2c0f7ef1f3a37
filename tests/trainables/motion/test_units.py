"""One unit per data set: shoulder widths, pixels, pictures without depth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.trainables.tiny import make_clip, make_clips, spec
from trainables.motion.clip import Clip
from trainables.motion.dataset import prepare
from trainables.motion.skeleton import Skeleton
from trainables.motion.units import (
    body_centre,
    in_shoulder_widths,
    in_unit,
    is_flat,
    median_shoulder_width,
    shoulders,
)

ARMS = ("LeftArm", "RightArm")


def pixels(clip: Clip, scale: float = 400.0, flat: bool = True) -> Clip:
    """The clip as a camera sees it that stands so that a metre is `scale` pixels."""
    plane = np.array([scale, scale, 0.0 if flat else scale])
    bones = clip.skeleton.with_offsets(clip.skeleton.offsets * plane)
    return replace(
        clip, unit="px", skeleton=bones, positions=clip.positions * plane, rotations=None
    )


def test_widths_are_medians_over_frames_that_show_both() -> None:
    clip = make_clip("a", 0)
    left, right = (clip.skeleton.index(name) for name in ARMS)
    apart = np.linalg.norm(clip.positions[:, left] - clip.positions[:, right], axis=-1)
    assert median_shoulder_width(clip) == pytest.approx(float(np.median(apart)))
    mask = np.ones(clip.positions.shape[:2], bool)
    mask[10:, left] = False
    broken = replace(clip, mask=mask, positions=np.where(mask[..., None], clip.positions, np.nan))
    assert median_shoulder_width(broken) == pytest.approx(float(np.median(apart[:10])))


def test_shoulder_widths_do_not_depend_on_the_camera() -> None:
    clip = make_clip("a", 0)
    near, far = (in_shoulder_widths(pixels(clip, scale)) for scale in (900.0, 250.0))
    assert near.unit == "sw" and median_shoulder_width(near) == pytest.approx(1.0)
    assert np.allclose(near.positions, far.positions)
    assert np.allclose(near.skeleton.offsets, far.skeleton.offsets)
    assert in_shoulder_widths(near) is near


def test_without_shoulders_there_is_no_width() -> None:
    clip = make_clip("a", 0)
    names = tuple(n.replace("Arm", "Knee") for n in clip.skeleton.names)
    bones = Skeleton(names, clip.skeleton.parents, clip.skeleton.offsets)
    with pytest.raises(BadInput, match=r"a: has no left and right shoulder.*leave the recording"):
        in_unit([replace(clip, skeleton=bones)], "sw")
    mask = np.ones(clip.positions.shape[:2], bool)
    mask[:30, clip.skeleton.index("LeftArm")] = False
    mask[30:, clip.skeleton.index("RightArm")] = False
    with pytest.raises(BadInput, match="never seen together"):
        in_shoulder_widths(replace(clip, mask=mask))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("hips", "LeftShoulder", "LeftArm", "LeftForeArm", "RightShoulder", "RightArm"), (2, 5)),
        (("pelvis", "left_collar", "left_shoulder", "left_elbow", "right_collar",
          "right_shoulder"), (2, 5)),
        (("Neck", "LShoulder", "LElbow", "LWrist", "RShoulder", "RElbow"), (1, 4)),
        (("p", "CC_Base_L_Upperarm", "CC_Base_L_UpperarmTwist01", "x", "CC_Base_R_Upperarm", "y"),
         (1, 4)),
        (("a", "b", "c", "d", "e", "f"), None),
    ],
)  # fmt: skip
def test_shoulders_are_where_upper_arms_begin(
    names: tuple[str, ...], found: tuple[int, int] | None
) -> None:
    assert shoulders(names, np.array([-1, 0, 1, 2, 0, 4])) == found


def test_units_asked_for_must_be_those_of_the_files() -> None:
    clips = [pixels(c) for c in make_clips(3)]
    assert in_unit(clips, "auto") == in_unit(clips, "px") == clips
    with pytest.raises(BadInput, match=r"take-0 is in pixels, and unit=m asks for metres"):
        in_unit(clips, "m")


def test_pictures_have_two_axes_and_code_no_third() -> None:
    data = prepare(spec(root="coded"), [pixels(c) for c in make_clips(5)])
    facts, kept = data.facts, data.preparation
    assert (facts.unit, facts.dimensions, facts.root_alphabet) == ("px", 2, (16, 16, 1, 1))
    assert kept.hips is None and len(kept.centre) == 2
    for part in facts.parts:
        geometry = data.feature_map.geometry[part.name]
        assert not (geometry.active % 3 == 2).any() and part.dimensions <= 2 * part.joints
    for clip in data.splits["test"]:
        rebuilt = data.reconstruct(clip, clip.features, clip.root_tokens)
        assert not rebuilt[..., 2].any()
        assert clip.root_tokens is not None and not clip.root_tokens[:, 2:].any()


def test_poses_count_from_between_the_shoulders() -> None:
    data = prepare(spec(), [pixels(c) for c in make_clips(5)])
    middle = [data.names.index(name) for name in ARMS]
    for clip in data.splits["test"]:
        assert np.abs(clip.original[:, middle].mean(axis=1)).max() < 1e-3
        rebuilt = data.reconstruct(clip, clip.features, None)
        assert np.abs(rebuilt - clip.original).max() < 1e-3
    assert body_centre([make_clip("a", 0)]) == tuple(middle)


def test_one_picture_takes_the_depth_from_all() -> None:
    clips = [pixels(c, flat=i == 1) for i, c in enumerate(make_clips(4))]
    assert [is_flat(c) for c in clips] == [False, True, False, False]
    facts = prepare(spec(), clips).facts
    assert facts.dimensions == 2 and any("depth (z) is left out" in w for w in facts.warnings)


def test_the_unit_counts_in_the_identity_of_data() -> None:
    clips = [replace(c, rotations=None) for c in make_clips(4)]
    as_pixels = [replace(c, unit="px") for c in clips]
    one, other = (prepare(spec(), c).facts.data_hash for c in (clips, as_pixels))
    assert one != other
