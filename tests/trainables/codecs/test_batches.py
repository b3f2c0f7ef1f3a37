"""Batches: every frame seen, windows within recordings, and the same for every worker."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.codecs.batches import Batch, FrameBatches, WindowBatches, budget


def test_budget_is_the_passes_or_the_cap() -> None:
    assert budget(1000, 100, 3, 10_000) == 30
    assert budget(1001, 100, 3, 10_000) == 31
    assert budget(1000, 100, 3, 7) == 7


def test_each_pass_sees_each_frame_once() -> None:
    batches = FrameBatches(50, 8, 4, 1000, seed=0)
    assert (batches.steps, batches.frames) == (25, 8)
    seen = np.concatenate([batches.batch(s).rows for s in range(25)])
    for epoch in range(4):
        assert sorted(seen[50 * epoch : 50 * epoch + 50]) == list(range(50))
    assert not np.array_equal(seen[:50], seen[50:100])


def test_a_step_is_the_same_whenever_it_is_asked_for() -> None:
    first = FrameBatches(50, 30, 9, 1000, seed=0)
    for step in (0, 1, 7, 3, 8, 0):
        fresh = FrameBatches(50, 30, 9, 1000, seed=0)
        assert np.array_equal(first.batch(step).rows, fresh.batch(step).rows)
    assert not np.array_equal(
        first.batch(0).rows, FrameBatches(50, 30, 9, 1000, seed=1).batch(0).rows
    )


def test_few_frames_are_one_batch() -> None:
    batches = FrameBatches(5, 100, 3, 1000, seed=0)
    assert (batches.steps, batches.frames) == (3, 5)
    assert sorted(batches.batch(2).rows) == [0, 1, 2, 3, 4]
    assert sorted(batches.sample(100).rows) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("lengths", [(100, 40, 7), (3, 2), (16,)])
def test_windows_stay_within_their_recording(lengths: tuple[int, ...]) -> None:
    owner = np.repeat(np.arange(len(lengths)), lengths)
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    batches = WindowBatches(lengths, 16, 128, 10, 1000, seed=0)
    assert batches.frames == 128
    taken = [batches.batch(step) for step in range(20)]
    taken += [batches.sample(64)]
    for batch in taken:
        assert batch.rows.shape[1] == 16
        for i, rows in enumerate(batch.rows):
            recording = owner[rows[0]]
            assert (owner[rows] == recording).all()
            end = first[recording] + lengths[recording] - 1
            assert np.array_equal(rows, np.minimum(rows[0] + np.arange(16), end))
            valid = np.ones(16, bool) if batch.valid is None else batch.valid[i]
            assert np.array_equal(valid, rows[0] + np.arange(16) <= end)


def test_long_recordings_never_need_filling_and_are_drawn_by_length() -> None:
    batches = WindowBatches((300, 100), 20, 2000, 10, 1000, seed=0)
    rows = np.concatenate([batches.batch(step).rows for step in range(20)])
    assert all(batches.batch(step).valid is None for step in range(20))
    assert np.mean(rows[:, 0] < 300) == pytest.approx(0.75, abs=0.05)
    assert set(np.unique(rows)) == set(range(400)), "every frame is in some window"


def test_the_first_sample_covers_all_frames() -> None:
    sample = WindowBatches((50, 20, 3), 16, 64, 1, 10, seed=0).sample(10_000)
    assert sample.valid is not None
    assert sorted(sample.rows[sample.valid]) == list(range(73))


def test_workers_share_a_batch_without_rest() -> None:
    batch = WindowBatches((50, 20, 3), 16, 80, 1, 10, seed=0).batch(0)
    parts = [batch.share(rank, 3) for rank in range(3)]
    assert np.array_equal(np.concatenate([p.rows for p in parts]), batch.rows)
    assert sum(p.frames for p in parts) == batch.frames
    assert min(len(p.rows) for p in parts) >= 1
    assert Batch(np.arange(5)).share(0, 1).frames == 5
    assert len(WindowBatches((50,), 16, 16, 1, 10, seed=0, least=4).batch(0).rows) == 4
