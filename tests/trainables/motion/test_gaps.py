"""Unseen joints: filled in between what was seen, said aloud, and still marked as not seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.trainables.tiny import NAMES, make_clip, make_clips, spec
from trainables.motion.clip import Clip
from trainables.motion.dataset import prepare
from trainables.motion.gaps import fill_gaps
from trainables.motion.npz import write_npz

HAND = NAMES.index("LeftHand")


def _hidden(clip: Clip, joint: int, frames: slice, rotations: bool = False) -> Clip:
    mask = np.ones(clip.positions.shape[:2], bool)
    mask[frames, joint] = False
    positions = np.where(mask[..., None], clip.positions, np.nan)
    kept = clip.rotations if rotations else None
    return replace(clip, positions=positions, mask=mask, rotations=kept)


def test_between_two_sightings_a_joint_moves_in_a_straight_line() -> None:
    clip = make_clip("a", 0)
    (filled,), said = fill_gaps([_hidden(clip, HAND, slice(10, 20))])
    assert filled.mask is not None and filled.mask.sum() == filled.mask.size - 10
    before, after = clip.positions[9, HAND], clip.positions[20, HAND]
    for step in range(10):
        share = (step + 1) / 11
        expected = (1 - share) * before + share * after
        assert np.allclose(filled.positions[10 + step, HAND], expected)
    others = np.delete(np.arange(len(NAMES)), HAND)
    assert np.array_equal(filled.positions[:, others], clip.positions[:, others])
    assert "0.33 s in a" in said[0] and "1 of 1 recordings" in said[0]


def test_at_the_ends_the_nearest_sighting_is_held() -> None:
    clip = make_clip("a", 0)
    (filled,), _ = fill_gaps([_hidden(clip, HAND, slice(0, 5))])
    assert np.allclose(filled.positions[:5, HAND], clip.positions[5, HAND])


def test_with_rotations_the_bones_say_where_a_joint_is() -> None:
    clip = make_clip("a", 0)
    hidden = _hidden(clip, HAND, slice(None), rotations=True)  # never seen at all
    (filled,), _ = fill_gaps([hidden])
    assert np.abs(filled.positions - clip.positions).max() < 1e-12


def test_a_joint_that_is_never_seen_lies_at_its_parent() -> None:
    (filled,), _ = fill_gaps([_hidden(make_clip("a", 0), HAND, slice(None))])
    assert np.array_equal(filled.positions[:, HAND], filled.positions[:, NAMES.index("LeftArm")])
    assert filled.mask is not None and not filled.mask[:, HAND].any()


def test_a_root_that_is_never_seen_is_refused() -> None:
    with pytest.raises(BadInput, match=r"a: the root is never seen.*leave the recording out"):
        fill_gaps([_hidden(make_clip("a", 0), 0, slice(None), rotations=True)])


def test_nothing_is_said_of_whole_clips() -> None:
    clip = make_clip("a", 0)
    assert fill_gaps([clip]) == ([clip], [])
    whole = replace(clip, mask=np.ones(clip.positions.shape[:2], bool))
    (filled,), said = fill_gaps([whole])
    assert filled.mask is None and said == []


def test_files_with_gaps_are_prepared(tmp_path: Path) -> None:
    for i, clip in enumerate(make_clips(4)):
        write_npz(_hidden(clip, HAND, slice(5, 9 + i)), tmp_path / f"{clip.recording}.npz")
    data = prepare(spec(path=str(tmp_path), fps=25.0))
    assert data.facts.features == "position" and data.facts.fps == 25
    assert any("filled in" in w for w in data.facts.warnings)
    for split in ("val", "test"):
        for ready in data.splits[split]:
            assert np.isfinite(ready.original).all()
            rebuilt = data.reconstruct(ready, ready.features, None)
            assert np.abs(rebuilt - ready.original).max() < 1e-6
