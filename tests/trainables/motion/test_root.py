"""Root and heading: taken out and put back exactly; coded in a closed loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.trainables.tiny import make_clip, moved, spec
from trainables.motion import root
from trainables.motion.dataset import prepare
from trainables.motion.root import (
    RootPath,
    RootQuantizer,
    hips_heading,
    put_back_root,
    take_out_root,
)

UP = np.array([0.0, 1.0, 0.0])


def _walk(frames: int, seed: int, speed: float = 1.0) -> RootPath:
    rng = np.random.default_rng(seed)
    heading = np.cumsum(speed * rng.normal(0, 0.03, frames))
    steps = speed * rng.normal(0, 0.02, (frames, 3)) * [1, 0.2, 1]
    steps[0] = heading[0] = 0
    start = np.array([0, 0.9, 0])
    return RootPath(start + np.cumsum(steps, axis=0), heading - heading[0])


def test_taking_out_and_putting_back_gives_the_recording_turned_to_its_start() -> None:
    clip = make_clip("a", 3)
    positions, rotations, path = take_out_root(clip, UP)
    assert np.abs(positions[:, 0]).max() == 0
    assert rotations is not None and rotations.shape == clip.rotations.shape  # type: ignore[union-attr]
    back = put_back_root(positions, path)
    # the world up to where and which way the recording started
    start = Rotation.from_rotvec([0, -_first_heading(clip.rotations), 0]).as_matrix()
    expected = (clip.positions - clip.positions[0, 0] * [1, 0, 1]) @ start.T
    assert np.abs(back - expected).max() < 1e-12
    assert path.heading[0] == 0 and np.abs(path.position[0, [0, 2]]).max() < 1e-12


def _first_heading(rotations: np.ndarray | None) -> float:
    assert rotations is not None
    w, _, y, _ = Rotation.from_matrix(rotations[0, 0]).as_quat(scalar_first=True)
    return float(2 * np.arctan2(y, w))


@pytest.mark.parametrize("rotations", [True, False])
def test_pose_does_not_know_where_the_recording_was_made(rotations: bool) -> None:
    clip = make_clip("a", 4)
    if not rotations:
        clip = replace(clip, rotations=None)
    hips = (clip.skeleton.index("LeftUpLeg"), clip.skeleton.index("RightUpLeg"))
    one, turned, path = take_out_root(clip, UP, hips)
    two, other, path_two = take_out_root(moved(clip, 2.5, (3, 0, -1)), UP, hips)
    assert np.abs(one - two).max() < 1e-12
    if turned is not None and other is not None:
        assert np.abs(turned - other).max() < 1e-12
    assert np.abs(path.position - path_two.position).max() < 1e-12
    assert np.abs(path.heading - path_two.heading).max() < 1e-12


def test_heading_of_hips_is_the_way_they_face() -> None:
    across = np.array([[1.0, 0, 0], [0, 0, -1], [-1, 0, 0]])  # left hip seen from the right one
    hips = np.stack([across, np.zeros((3, 3))], axis=1)
    assert np.allclose(np.unwrap(hips_heading(hips, 0, 1)), [0, np.pi / 2, np.pi])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([3, 4, 16, 17, 64, 4096]))
def test_closed_loop_error_is_about_a_step_where_steps_are_in_range(seed: int, codes: int) -> None:
    path = _walk(200, seed)
    quantizer = RootQuantizer.fit([path], codes)
    # room enough: the loop must then stay within half a step of each wish, seen along its axes
    quantizer = RootQuantizer(codes, 2 * quantizer.steps, float(path.position[0, 1]))
    tokens = quantizer.encode(path)
    assert tokens.shape == (200, 4) and tokens.dtype == np.int32
    assert tokens.min() >= 0 and tokens.max() < codes
    found = quantizer.decode(tokens)
    level = np.hypot(*quantizer.steps[[0, 2]])
    off = np.abs(found.position - path.position)
    assert np.hypot(off[:, 0], off[:, 2]).max() <= level
    assert off[:, 1].max() <= quantizer.steps[1]
    assert np.abs(found.heading - path.heading).max() <= quantizer.steps[3]


def test_errors_do_not_add_up_after_a_burst_out_of_range() -> None:
    slow, fast = _walk(300, 1, speed=0.5), _walk(20, 2, speed=3.0)
    quantizer = RootQuantizer.fit([slow], 16)
    position = np.concatenate([fast.position, fast.position[-1:] * [1, 0, 1] + slow.position])
    path = RootPath(position, np.concatenate([fast.heading, fast.heading[-1] + slow.heading]))
    found = quantizer.decode(quantizer.encode(path))
    off = np.linalg.norm(found.position - path.position, axis=1)
    assert off[:20].max() > 2 * quantizer.steps[:3].max()  # the burst is too fast for it
    assert off[-50:].max() <= 2 * np.linalg.norm(quantizer.steps[:3])


def test_tokens_do_not_depend_on_the_blocks_they_are_made_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = _walk(100, 4)
    quantizer = RootQuantizer.fit([path], 16)
    whole = quantizer.encode(path)
    monkeypatch.setattr(root, "BLOCK", 7)
    assert len(whole) == 100 and np.array_equal(quantizer.encode(path), whole)


def test_nearly_all_training_steps_are_in_range() -> None:
    path = _walk(5000, 5)
    for codes in (3, 16, 17):
        steps = RootQuantizer.fit([path], codes).steps
        turns = np.abs(np.diff(path.heading)) / steps[3]
        assert (turns <= (codes - 1) / 2).mean() > 0.998


def test_quantiser_survives_its_arrays_and_one_frame() -> None:
    quantizer = RootQuantizer.fit([_walk(50, 0)], 16)
    again = RootQuantizer.from_arrays(quantizer.arrays())
    path = _walk(1, 0)
    assert (again.encode(path) == quantizer.encode(path)).all()
    assert RootQuantizer.fit([path], 16).steps.min() > 0
    empty = quantizer.encode(RootPath(np.zeros((0, 3)), np.zeros(0)))
    assert empty.shape == (0, 4) and len(quantizer.decode(empty).heading) == 0


def test_coded_root_gives_back_world_positions() -> None:
    clips = [make_clip(f"t{i}", i, 90) for i in range(4)]
    data = prepare(spec(root="coded", root_codes=256), clips)
    assert data.facts.root_alphabet == (256,) * 4
    for split in ("val", "test"):
        for clip in data.splits[split]:
            assert clip.root_tokens is not None
            rebuilt = data.reconstruct(clip, clip.features, clip.root_tokens)
            travelled = np.linalg.norm(clip.original[-1, 0] - clip.original[0, 0])
            assert travelled > 0.3
            pelvis = np.abs(rebuilt[:, 0] - clip.original[:, 0])
            assert pelvis[5:].max() < 0.02
