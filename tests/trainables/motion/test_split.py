"""Splits: by recording from the name alone; in time with gaps, no frame in two splits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.errors import BadInput
from search_spaces.objectives import SPLITS
from tests.trainables.tiny import make_clip, make_clips, spec
from trainables.motion.clip import Clip
from trainables.motion.dataset import prepare
from trainables.motion.skeleton import Skeleton
from trainables.motion.split import split_by_recording, split_hash, split_in_time

SHARES = (0.7, 0.15, 0.15)
DOT = Skeleton(("root",), np.array([-1]), np.zeros((1, 3)))


def _clip(name: str, frames: int = 3, fps: float = 30.0) -> Clip:
    """Frame t stands at x = t, so that a frame tells where it came from."""
    positions = np.zeros((frames, 1, 3))
    positions[:, 0, 0] = np.arange(frames)
    return Clip(name, DOT, fps, positions)


def _names(splits: dict[str, list[Clip]]) -> dict[str, list[str]]:
    return {s: [c.recording for c in splits[s]] for s in SPLITS}


@settings(max_examples=30, deadline=None)
@given(st.sets(st.text(min_size=1), min_size=3, max_size=25), st.integers(0, 99), st.randoms())
def test_by_recording_follows_from_names_alone(names: set[str], seed: int, random) -> None:  # type: ignore[no-untyped-def]
    clips = [_clip(n) for n in sorted(names)]
    found = _names(split_by_recording(clips, SHARES, seed))
    random.shuffle(clips)
    assert _names(split_by_recording(clips, SHARES, seed)) == found
    everything = [n for s in SPLITS for n in found[s]]
    assert sorted(everything) == sorted(names)
    assert all(found[s] for s in SPLITS)


def test_another_seed_is_another_split() -> None:
    clips = [_clip(f"{i}") for i in range(12)]
    kinds = {str(_names(split_by_recording(clips, SHARES, seed))) for seed in range(5)}
    assert len(kinds) == 5


def test_shares_are_kept() -> None:
    clips = [_clip(f"{i}") for i in range(100)]
    found = _names(split_by_recording(clips, SHARES, 0))
    assert [len(found[s]) for s in SPLITS] == [70, 15, 15]


def test_every_split_gets_one_even_where_shares_leave_train_none() -> None:
    found = split_by_recording([_clip(f"{i}") for i in range(3)], (0.1, 0.6, 0.3), 0)
    assert [len(found[s]) for s in SPLITS] == [1, 1, 1]


def test_two_recordings_are_told_what_to_do() -> None:
    with pytest.raises(BadInput, match="--set split=time") as error:
        prepare(spec(), make_clips(2))
    assert "take-0, take-1" in str(error.value)
    assert prepare(spec(split="time"), make_clips(2, 200)).facts.split == "time"


@settings(max_examples=60, deadline=None)
@given(st.integers(120, 2000), st.floats(1.0, 1.5), st.sampled_from([24.0, 29.97, 30.0, 15.0]))
def test_blocks_in_time_stand_apart(frames: int, gap: float, fps: float) -> None:
    splits = split_in_time([_clip("a", frames, fps)], SHARES, gap)
    at = {s: splits[s][0].positions[:, 0, 0] for s in SPLITS}
    for s in SPLITS:
        assert (np.diff(at[s]) == 1).all() and splits[s][0].recording == f"a#{s}"
    assert at["train"][0] == 0 and at["test"][-1] == frames - 1
    for earlier, later in (("train", "val"), ("val", "test")):
        between = at[later][0] - at[earlier][-1] - 1  # whole frames left out
        assert between / fps >= gap - 1e-9
    assert len(at["train"]) >= 8 and min(len(at["val"]), len(at["test"])) >= 4


def test_too_short_to_split_in_time() -> None:
    with pytest.raises(BadInput, match="too few to split in time"):
        split_in_time([_clip("a", 75)], SHARES, 1.0)


def test_single_recording_is_split_in_time_at_the_coded_rate() -> None:
    data = prepare(spec(frame_stride=2), [make_clip("only", 0, 400)])
    facts = data.facts
    assert facts.split == "time" and facts.fps == 15
    frames = {s: data.splits[s][0].frames for s in SPLITS}
    assert sum(frames.values()) == 200 - 2 * 15  # two gaps of one second
    assert facts.train.recordings == ("only#train",)


def test_hash_tells_splits_apart() -> None:
    clips = [_clip(f"{i}") for i in range(12)]
    by_seed = [split_hash(split_by_recording(clips, SHARES, seed)) for seed in (0, 1, 0)]
    assert by_seed[0] == by_seed[2] != by_seed[1]
    longer = [_clip(f"{i}", 4) for i in range(12)]
    assert split_hash(split_by_recording(longer, SHARES, 0)) != by_seed[0]
