"""Frame rates and mirroring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from search_spaces.errors import BadInput
from tests.trainables.motion.figure import Figure
from trainables.motion.bvh import read_bvh
from trainables.motion.clip import Clip
from trainables.motion.joint_names import mirror_order
from trainables.motion.preparation import at_rate
from trainables.motion.reconcile import reconcile
from trainables.motion.resample import (
    BLOCK,
    at_source_rate,
    mirror,
    resample,
    resampled_frames,
    stream_at_source_rate,
    stride,
)
from trainables.motion.skeleton import Skeleton, forward_kinematics


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    path = tmp_path / "figure.bvh"
    path.write_text(Figure(frames=61, frame_time="0.00833333333").text())
    return read_bvh(path).clip


def assert_consistent(clip: Clip, most: float = 1e-9) -> None:
    """Kinematics with the clip's own offsets gives its positions; rotations are rotations."""
    assert clip.rotations is not None
    positions, _ = forward_kinematics(
        clip.skeleton.parents, clip.skeleton.offsets, clip.rotations, clip.positions[:, 0]
    )
    assert np.abs(positions - clip.positions).max() < most
    assert np.abs(np.linalg.det(clip.rotations) - 1).max() < 1e-9


@pytest.mark.parametrize(("fps", "step"), [(60, 2), (30, 4), (24, 5), (120, 1), (30.01, 4)])
def test_whole_ratios_pick_frames(clip: Clip, fps: float, step: int) -> None:
    out = resample(clip, fps)
    assert out.fps == fps and out.rotations is not None and clip.rotations is not None
    assert np.array_equal(out.positions, clip.positions[::step])
    assert np.array_equal(out.rotations, clip.rotations[::step])


@pytest.mark.parametrize("fps", [25, 50, 100, 200, 29.9])
def test_other_ratios_slerp(clip: Clip, fps: float) -> None:
    out = resample(clip, fps)
    assert out.fps == fps and out.rotations is not None and clip.rotations is not None
    assert_consistent(out)
    times = np.arange(out.frames) / fps
    have = np.arange(clip.frames) / clip.fps
    assert times[-1] <= have[-1] + 1e-9 < times[-1] + 1 / fps + 1e-9
    for j in (0, 5, 12):
        expected = Slerp(have, Rotation.from_matrix(clip.rotations[:, j]))(np.minimum(
            times, have[-1])).as_matrix()  # fmt: skip
        assert np.abs(out.rotations[:, j] - expected).max() < 1e-9
    for axis in range(3):
        expected = np.interp(times, have, clip.positions[:, 0, axis])
        assert np.abs(out.positions[:, 0, axis] - expected).max() < 1e-9
    assert np.array_equal(out.positions[0], clip.positions[0]) or np.allclose(
        out.positions[0], clip.positions[0], atol=1e-12
    )


def test_translations_below_a_still_root_are_kept(real: Path) -> None:
    clip = read_bvh(real / "bandai_namco/dataset-1_dash_giant_001.bvh").clip
    out = resample(clip, 60)  # every other frame is one of the file
    assert np.abs(out.positions[::2] - clip.positions).max() < 1e-9


def test_positions_alone_and_masks(clip: Clip) -> None:
    positions = clip.positions.copy()
    seen = np.ones(positions.shape[:2], bool)
    seen[30, 4] = False
    positions[30, 4] = np.nan
    holed = replace(clip, positions=positions, rotations=None, mask=seen)
    out = resample(holed, 100)
    assert out.mask is not None and out.mask.sum() == out.mask.size - 1
    assert np.isfinite(out.positions[out.mask]).all()
    times, have = np.arange(out.frames) / 100, np.arange(61) / clip.fps
    assert np.allclose(out.positions[:, 6, 1], np.interp(times, have, positions[:, 6, 1]))
    turned = resample(replace(holed, rotations=clip.rotations), 100)
    assert turned.mask is not None and np.isfinite(turned.positions[turned.mask]).all()


def test_stride(clip: Clip) -> None:
    out = stride(clip, 3)
    assert out.frames == 21 and out.fps == pytest.approx(clip.fps / 3)
    assert stride(clip, 1) is clip
    with pytest.raises(BadInput, match="stride"):
        stride(clip, 0)


def test_a_single_frame_and_absurd_rates(clip: Clip) -> None:
    assert resample(clip.cut(0, 1), 25).frames == 1
    for fps in (0, -1, np.nan, np.inf):
        with pytest.raises(BadInput, match="positive"):
            resample(clip, fps)
    with pytest.raises(BadInput, match="hundred"):
        resample(clip, 1e9)


def test_a_mirrored_figure(clip: Clip) -> None:
    out = mirror(clip)
    assert out.skeleton.names == clip.skeleton.names
    left, right = clip.skeleton.index("LeftHandIndex1"), clip.skeleton.index("RightHandIndex1")
    assert np.array_equal(out.positions[:, left], clip.positions[:, right] * [-1, 1, 1])
    head = clip.skeleton.index("Head")
    assert np.array_equal(out.positions[:, head], clip.positions[:, head] * [-1, 1, 1])
    assert_consistent(out)
    # a symmetric skeleton stays as it is, so its own offsets serve as well
    assert np.abs(out.skeleton.offsets - clip.skeleton.offsets)[1:].max() < 1e-7
    assert out.rotations is not None and clip.rotations is not None
    flip = np.diag([-1.0, 1, 1])
    assert np.abs(out.rotations[:, left] - flip @ clip.rotations[:, right] @ flip).max() < 1e-9


@pytest.mark.parametrize(
    "file",
    [
        "bandai_namco/dataset-1_walk_sad_001",
        "beat_smplx_bvh/1_wayne_0_1_1",
        "cmu_cgspeed/cmu_12_01_walk",
        "cmu_cgspeed/114_16",
        "cmu_iclone/002_04",
        "lafan1/push1_subject2",
        "misc/bvh_example",
        "misc/zombieWalk1",
    ],
)
def test_real_files_are_mirrored(file: str, real: Path) -> None:
    (clip,), _ = reconcile([read_bvh(real / f"{file}.bvh").clip])
    clip = clip.cut(0, 400)
    once = mirror(clip)
    opposite = mirror_order(clip.skeleton.names)
    assert np.array_equal(once.positions, clip.positions[:, opposite] * [-1, 1, 1])
    assert_consistent(once, 1e-5)
    twice = mirror(once)
    assert np.abs(twice.positions - clip.positions).max() < 1e-12
    assert twice.rotations is not None and clip.rotations is not None
    assert np.abs(twice.rotations - clip.rotations).max() < 1e-9
    assert np.abs(twice.skeleton.offsets - clip.skeleton.offsets).max() < 1e-9


@pytest.mark.parametrize(
    "file", ["bandai_namco/dataset-1_walk_sad_001", "lafan1/push1_subject2", "cmu_iclone/005_01"]
)
def test_bones_with_axes_of_their_own_keep_their_skeleton(file: str, real: Path) -> None:
    """Left and right bones of these have unlike axes: negating X alone would bend the skeleton,
    and turn limbs by half a turn against their own mean."""
    (clip,), _ = reconcile([read_bvh(real / f"{file}.bvh").clip])
    out = mirror(clip)
    assert np.abs(out.skeleton.offsets - clip.skeleton.offsets)[1:].max() < 2e-3
    assert out.rotations is not None and clip.rotations is not None
    apart = np.linalg.norm(out.rotations.mean(0) - clip.rotations.mean(0), axis=(-1, -2))
    assert apart[1:].max() < 1.7  # half a turn is 2.8


def test_mirroring_positions_alone_and_masks(clip: Clip) -> None:
    seen = np.ones(clip.positions.shape[:2], bool)
    left, right = clip.skeleton.index("LeftHand"), clip.skeleton.index("RightHand")
    seen[3, left] = False
    out = mirror(replace(clip, rotations=None, mask=seen))
    assert out.rotations is None and out.mask is not None
    assert not out.mask[3, right] and out.mask[3, left]
    assert np.array_equal(out.positions, mirror(clip).positions)
    masked = mirror(replace(clip, mask=seen))
    assert np.abs(masked.skeleton.offsets - clip.skeleton.offsets)[1:].max() < 1e-7


def test_what_has_no_sides_cannot_be_mirrored(clip: Clip) -> None:
    names = tuple(f"J{i}" for i in range(len(clip.skeleton)))
    nameless = replace(clip, skeleton=replace(clip.skeleton, names=names, end_sites={}))
    with pytest.raises(BadInput, match="opposite"):
        mirror(nameless)


def motion(frames: int, fps: float, joints: int = 3) -> Clip:
    """Smooth turns and travel in a chain of joints, as a clip."""
    time = np.arange(frames)[:, None, None] / fps
    rng = np.random.default_rng(frames)
    vectors = rng.uniform(0.2, 1.2, (joints, 3)) * np.sin(2 * time + rng.uniform(0, 6, (joints, 3)))
    rotations = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()
    rotations = rotations.reshape(frames, joints, 3, 3)
    parents, offsets = np.arange(joints) - 1, np.tile([0.0, 0.3, 0.0], (joints, 1))
    root = np.sin(time[:, 0] + np.arange(3))
    positions, _ = forward_kinematics(parents, offsets, rotations, root)
    skeleton = Skeleton(tuple("abcdefgh"[:joints]), parents, offsets)
    return Clip("chain", skeleton, fps, positions, rotations)


RATES = st.sampled_from([12.5, 15, 23.976, 24, 25, 29.97, 30, 30.01, 48, 50, 59.94, 60, 90, 100,
                         119.88, 120, 120.00048])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 200), RATES, RATES)
@example(61, 120.00048, 30)  # a whole ratio, nearly
@example(64, 120, 30)  # the source runs on for three frames
@example(10, 30, 120)  # the codec is faster
def test_back_at_the_source_rate(frames: int, source_fps: float, fps: float) -> None:
    clip = motion(frames, source_fps)
    coded = resample(clip, fps)
    assert coded.rotations is not None and clip.rotations is not None
    assert coded.frames == resampled_frames(frames, source_fps, fps)
    rotations, root = at_source_rate(
        coded.rotations, coded.positions[:, 0], fps, source_fps, frames
    )
    nothing, positions = at_source_rate(None, coded.positions, fps, source_fps, frames)
    assert rotations is not None and nothing is None
    assert rotations.shape == clip.rotations.shape and root.shape == (frames, 3)
    assert positions.shape == clip.positions.shape
    assert np.abs(rotations @ np.swapaxes(rotations, -1, -2) - np.eye(3)).max() < 1e-12
    assert np.array_equal(positions[:, 0], root)
    ratio = source_fps / fps
    whole, parts = round(ratio), round(1 / ratio)
    if whole and abs(ratio / whole - 1) < 1e-3:
        assert np.array_equal(rotations[::whole], clip.rotations[::whole])
        assert np.array_equal(positions[::whole], clip.positions[::whole])
    elif parts and abs(ratio * parts - 1) < 1e-3:
        assert np.array_equal(rotations, coded.rotations[::parts])
        assert np.abs(rotations - clip.rotations).max() < 1e-12
        assert np.abs(positions - clip.positions).max() < 1e-12
    # no frame is further from the source than motion goes in a frame of either
    step = 1 / min(fps, source_fps)
    assert np.abs(root - clip.positions[:, 0]).max() < 1.01 * step
    assert np.abs(rotations - clip.rotations).max() < 6 * step


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), RATES, RATES, st.integers(1, 5))
@example(6000, 45.03, 30, 2)  # near a whole ratio with the stride, not without
@example(4000, 30, 60.03, 3)  # the other way round
def test_a_stride_leads_back_too(frames: int, source_fps: float, fps: float, every: int) -> None:
    clip = motion(frames, source_fps, joints=2)
    assert clip.rotations is not None
    coded = at_rate(clip, fps, every)
    assert coded.fps == fps / every and coded.source_frames == frames
    by_steps = stride(resample(clip, fps), every)
    if coded.frames == by_steps.frames:  # but for ratios of rates taken to be whole, the same
        far = np.abs(coded.positions[:, 0] - by_steps.positions[:, 0]).max()
        assert far <= 3e-3 * frames / source_fps
    rotations, root = at_source_rate(
        coded.rotations, coded.positions[:, 0], coded.fps, source_fps, frames
    )
    assert rotations is not None and len(root) == frames
    step = every / min(fps, source_fps) + 1 / source_fps
    assert np.abs(root - clip.positions[:, 0]).max() < 1.01 * step
    assert np.abs(rotations - clip.rotations).max() < 6 * step


@pytest.mark.parametrize(("source_fps", "fps"), [(120, 30), (30, 25), (25, 60), (59.94, 23.976)])
def test_between_frames_it_slerps_and_then_holds(source_fps: float, fps: float) -> None:
    frames = 203
    coded = motion(resampled_frames(frames, source_fps, fps), fps)
    assert coded.rotations is not None
    rotations, root = at_source_rate(
        coded.rotations, coded.positions[:, 0], fps, source_fps, frames
    )
    assert rotations is not None
    have = np.arange(coded.frames) / fps
    times = np.minimum(np.arange(frames) / source_fps, have[-1])
    for j in range(3):
        expected = Slerp(have, Rotation.from_matrix(coded.rotations[:, j]))(times).as_matrix()
        assert np.abs(rotations[:, j] - expected).max() < 1e-9
    for axis in range(3):
        expected = np.interp(times, have, coded.positions[:, 0, axis])
        assert np.abs(root[:, axis] - expected).max() < 1e-9
    beyond = np.arange(frames) / source_fps > have[-1] + 1e-9
    assert (rotations[beyond] == coded.rotations[-1]).all()
    assert (root[beyond] == coded.positions[-1, 0]).all()


@pytest.mark.parametrize(("source_fps", "fps"), [(120, 30), (30, 30), (25, 60), (120, 59.94)])
@pytest.mark.parametrize("length", [1, 2, 7, 1500])
def test_blocks_give_what_the_whole_gives(source_fps: float, fps: float, length: int) -> None:
    frames = 2 * BLOCK + 77
    coded = motion(resampled_frames(frames, source_fps, fps), fps)
    assert coded.rotations is not None
    turned, root = coded.rotations, coded.positions[:, 0]
    whole = at_source_rate(turned, root, fps, source_fps, frames)
    starts = range(0, coded.frames, length)
    cuts = [(turned[i : i + length], root[i : i + length]) for i in starts]
    cuts.insert(1, (turned[:0], root[:0]))
    pieces = list(stream_at_source_rate(iter(cuts), fps, source_fps, frames))
    assert max(len(p[1]) for p in pieces) <= BLOCK
    assert np.array_equal(np.concatenate([p[0] for p in pieces if p[0] is not None]), whole[0])
    assert np.array_equal(np.concatenate([p[1] for p in pieces]), whole[1])
    alone = stream_at_source_rate(((None, p) for _, p in cuts), fps, source_fps, frames)
    assert np.array_equal(np.concatenate([p for _, p in alone]), whole[1])


def test_blocks_are_asked_for_one_by_one() -> None:
    coded = motion(5000, 30)
    asked: list[int] = []

    def blocks() -> Iterator[tuple[np.ndarray | None, np.ndarray]]:
        for start in range(0, 5000, 500):
            asked.append(start)
            yield None, coded.positions[start : start + 500]

    stream = stream_at_source_rate(blocks(), 30, 120, 20000)
    given = 0
    for _, positions in stream:
        given += len(positions)
        assert len(asked) * 500 * 4 < given + 4 * 500 + 4  # no block before its turn
    assert given == 20000 and len(asked) == 10


def test_too_few_frames_and_rates_that_are_none() -> None:
    clip = motion(10, 30)
    assert resampled_frames(40, 120, 30) == 10 and resampled_frames(41, 120, 30) == 11
    at_source_rate(clip.rotations, clip.positions[:, 0], 30, 120, 40)
    with pytest.raises(BadInput, match=r"10 frames at 30 fps are too few for 41 .*11 are needed"):
        at_source_rate(clip.rotations, clip.positions[:, 0], 30, 120, 41)
    with pytest.raises(BadInput, match="0 frames at 30 fps are too few"):
        list(stream_at_source_rate([], 30, 120, 1))
    _, longer = at_source_rate(None, clip.positions, 30, 30, 4)  # frames past the end go
    assert np.array_equal(longer, clip.positions[:4])
    for fps, source_fps, frames in ((0, 30, 1), (30, np.inf, 1), (np.nan, 30, 1), (30, 30, 0)):
        with pytest.raises(BadInput, match="must be positive"):
            at_source_rate(None, clip.positions, fps, source_fps, frames)
