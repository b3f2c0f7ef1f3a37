"""What was not seen: never scored, never learnt from, and said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.trainables.motion.test_units import pixels
from tests.trainables.tiny import NAMES, make_clip, make_clips, spec
from trainables.bounds import bound_rows
from trainables.motion.clip import Clip
from trainables.motion.dataset import prepare
from trainables.motion.resample import resample
from trainables.motion.split import split_by_recording

LEFT = [NAMES.index(n) for n in ("LeftHand", "LeftHandIndex1", "LeftHandIndex2")]
FINGERS = LEFT[1:]


def hidden(clip: Clip, joints: Sequence[int], frames: slice, under: float = np.nan) -> Clip:
    """The clip of positions with some places not seen, and what then stands there."""
    mask = np.ones(clip.positions.shape[:2], bool) if clip.mask is None else clip.mask.copy()
    mask[frames, list(joints)] = False
    positions = np.where(mask[..., None], clip.positions, under)
    return replace(clip, positions=positions, mask=mask, rotations=None)


def test_what_stands_where_nothing_was_seen_changes_no_number() -> None:
    """A detector's (0, 0) at confidence 0 must not count, nor any other place."""
    made = [pixels(c) for c in make_clips(5)]
    runs = []
    for under in (0.0, 1234.5, np.nan):
        clips = [hidden(c, LEFT, slice(10 + i, 30), under) for i, c in enumerate(made)]
        data = prepare(spec(), clips)
        # bones are the readers' to tell from what was seen
        runs.append((data.facts, bound_rows(data), data.parts["left_hand"].features))
    for facts, rows, features in runs[1:]:
        assert facts == runs[0][0]
        assert np.array_equal(features, runs[0][2])
        assert len(rows) == len(runs[0][1])
        for row, first in zip(rows, runs[0][1], strict=True):
            assert row == pytest.approx(first, nan_ok=True)
    assert runs[0][0].unseen > 0.02


def test_a_frame_between_two_is_seen_where_both_are() -> None:
    clip = hidden(make_clip("a", 0), [4], slice(10, 12))
    out = resample(clip, 45.0)
    assert out.mask is not None
    at = np.arange(out.frames) * 30 / 45
    assert np.array_equal(~out.mask[:, 4], (at > 9 + 1e-9) & (at < 12 - 1e-9))
    assert np.isfinite(out.positions[out.mask]).all()


def test_joints_that_training_never_shows_are_left_out_by_name() -> None:
    clips = [hidden(c, [FINGERS[1]], slice(None)) for c in make_clips(5)]
    facts = prepare(spec(), clips).facts
    assert any("neither coded nor scored: LeftHandIndex2." in w for w in facts.warnings)
    assert facts.part("left_hand").joints == 1 and facts.unseen == 0.0


def test_a_part_that_training_never_shows_is_dropped() -> None:
    clips = [hidden(c, LEFT, slice(None)) for c in make_clips(5)]
    data = prepare(spec(), clips)
    assert "left_hand" not in data.facts.part_names
    assert any(
        d.name == "left_hand" and "never shows" in d.reason for d in data.facts.dropped_parts
    )
    assert not set(LEFT) & set(data.scored["full"].tolist())
    with pytest.raises(BadInput, match=r"'left_hand' is required, and training never shows"):
        prepare(spec(parts={"body": "required", "left_hand": "required"}), clips)


def test_a_recording_without_the_part_has_no_score_for_it_and_is_counted() -> None:
    clips = make_clips(6)
    (test,) = split_by_recording(clips, spec().shares, 0)["test"]
    shown = [hidden(c, LEFT, slice(None)) if c.recording == test.recording
             else replace(c, rotations=None) for c in clips]  # fmt: skip
    data = prepare(spec(), shown)
    assert any(
        f"left_hand is never seen in 1 of 1 test recordings ({test.recording})" in w
        for w in data.facts.warnings
    )
    row = bound_rows(data)[0]
    assert np.isnan(row["test_rmse_left_hand_cm"]) and row["val_rmse_left_hand_cm"] > 0
    assert row["test_rmse_hands_cm"] == row["test_rmse_right_hand_cm"] > 0
    (ready,) = data.splits["test"]
    mean = data.feature_map.geometry["left_hand"]
    assert np.allclose(ready.features["left_hand"], mean.constant[mean.active], atol=1e-6)


def test_means_and_scales_are_those_of_what_was_seen() -> None:
    whole = [replace(c, rotations=None) for c in make_clips(5)]
    frozen = [hidden(c, FINGERS, slice(20, None)) for c in whole]
    cut = [c.cut(0, 20) for c in whole]
    data, short = prepare(spec(), frozen), prepare(spec(), cut)
    one, other = data.parts["left_hand"], short.parts["left_hand"]
    assert np.allclose(one.mean, other.mean, atol=1e-6)
    assert np.allclose(one.std, other.std, atol=1e-6)
    assert one.seen is not None and one.seen_features is not None
    assert one.seen_features.shape == one.features.shape
    assert 0 < one.seen_features.mean() < 0.5


def test_a_mask_survives_mirror_and_split_in_time() -> None:
    clip = hidden(make_clip("a", 0, frames=400), FINGERS, slice(360, 380))
    clip = hidden(clip, FINGERS, slice(20, 25))
    data = prepare(spec(split="time", mirror=True), [clip])
    right = [NAMES.index(n) for n in ("RightHandIndex1", "RightHandIndex2")]
    gone = {
        c.recording: None if c.seen is None else ~c.seen for s in data.splits.values() for c in s
    }
    assert gone["a#val"] is None
    for name, joints, count in (("a#test", FINGERS, 40), ("a#train", FINGERS, 10),
                                ("a#train@mirrored", right, 10)):  # fmt: skip
        found = gone[name]
        assert found is not None and found[:, joints].sum() == found.sum() == count


def test_masks_count_in_the_identity_of_data() -> None:
    clips = [replace(c, rotations=None) for c in make_clips(4)]
    hashes = {
        prepare(spec(), [hidden(clips[0], [4], slice(5, n)), *clips[1:]]).facts.data_hash
        for n in (5, 8, 9)
    }
    whole = prepare(spec(), clips).facts.data_hash
    assert len(hashes) == 3 and whole in hashes  # a mask that hides nothing is none
