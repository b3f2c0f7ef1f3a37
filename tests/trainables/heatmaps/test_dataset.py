"""Data sets of heatmaps: pairs, framing, intensities, views, splits, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from search_spaces.errors import BadInput
from search_spaces.heatmaps import PAIRS, Intensity, heatmap_spec
from tests.trainables.heatmaps.motion import waving
from tests.trainables.motion.panoptic_session import body, camera, write_cameras, write_session
from trainables.heatmaps.dataset import HeatmapData, prepare_heatmaps
from trainables.heatmaps.framing import frame_box
from trainables.heatmaps.intensity import strengths
from trainables.heatmaps.layout import COCO19_LIMBS, layout_of
from trainables.motion.clip import Clip
from trainables.motion.panoptic import read_session
from trainables.motion.projection import frontal

SMALL: dict[str, Any] = {"size": 24, "window": 8, "stride": 8}


def data(clips: list[Clip] | None = None, **settings: Any) -> HeatmapData:
    """Five waving bodies as heatmaps."""
    if clips is None:
        clips = [waving(name, hidden=name == "b") for name in "abcde"]
    return prepare_heatmaps(heatmap_spec({**SMALL, **settings}), clips)


@pytest.mark.parametrize("heatmap", ["limbs", "keypoints"])
@pytest.mark.parametrize("pair", PAIRS)
def test_pairs_have_the_channels_that_they_promise(pair: str, heatmap: str) -> None:
    made = data(pair=pair, heatmap=heatmap, views=["yaw=0", "yaw=60", "perspective=90"])
    shown = made.pair(made.windows["train"][0])
    drawn = 5 if heatmap == "limbs" else 6
    expected = {"2d_2d": (1, 1), "c2d_2d": (drawn, 1), "m2d_m2d": (3, 3), "m2d_3d": (3, 3),
                "3d_3d": (3, 3)}[pair]  # fmt: skip
    assert (made.input_channels, made.target_channels) == expected
    for maps, channels in zip((shown.input, shown.target), expected, strict=True):
        assert maps.shape == (channels, 8, 24, 24) and maps.dtype == torch.float32
        assert float(maps.min()) >= 0 and 0.5 < float(maps.max()) <= 1
        assert (maps.amax(dim=(2, 3)) > 0.3).all()


def test_limb_channels_are_the_one_channel_taken_apart() -> None:
    made = data(pair="c2d_2d", intensity="random")
    shown = made.pair(made.windows["train"][1])
    assert torch.allclose(shown.input.amax(dim=0), shown.target[0])


def test_each_channel_is_one_keypoint_where_it_is_seen() -> None:
    made = data(heatmap="keypoints", channels="each")
    window = next(w for w in (*made.windows["train"], *made.windows["val"], *made.windows["test"])
                  if w.recording == "b" and w.start == 0)  # fmt: skip
    maps = made.pair(window).target
    assert made.names_keypoints and maps.shape[0] == 6
    brightest = maps.amax(dim=(2, 3))
    assert not brightest[3, 4:].any() and (brightest[3, :4] > 0.5).all()
    assert (brightest[[0, 1, 2, 4, 5]] > 0.5).all()


def test_one_scale_and_offset_serve_a_whole_window() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(0, [3.0, 1.0], (6, 4, 2))
    seen = np.ones((6, 4), bool)
    seen[2, 1] = False
    points[2, 1] = 1e9  # what was not seen widens no box
    framing = frame_box(points, seen, 100, 0.9)
    placed = framing(points)[seen]
    extent = np.ptp(placed, axis=0)
    assert extent.max() == pytest.approx(90.0) and extent.min() < 70
    assert np.allclose((placed.min(axis=0) + placed.max(axis=0)) / 2, 49.5)
    # distances between any two points, in any two frames, keep their proportion
    before = np.linalg.norm(points[0, 0] - points[5, 3])
    after = np.linalg.norm(framing(points)[0, 0] - framing(points)[5, 3])
    assert after == pytest.approx(framing.scale * before)
    with pytest.raises(ValueError, match="no joint is seen"):
        frame_box(points, np.zeros_like(seen), 100)
    still = frame_box(np.zeros((1, 1, 2)), np.ones((1, 1), bool), 100)
    assert still(np.zeros(2)) == pytest.approx([49.5, 49.5])


def test_heads_are_above_and_the_right_view_is_the_front() -> None:
    made = data(heatmap="keypoints", channels="each", pair="3d_3d")
    maps = made.pair(made.windows["train"][0]).target.unflatten(0, (3, 6))
    rows = maps.amax(dim=-1).argmax(dim=-1)[:, :, 0]  # (planes, joints) of frame 0
    columns = maps.amax(dim=-2).argmax(dim=-1)[:, :, 0]
    hips, head, left, right = 0, 2, 3, 4
    assert rows[0, head] < rows[0, hips] and rows[1, head] < rows[1, hips]
    assert columns[0, left] > columns[0, right] and columns[2, left] > columns[2, right]


def test_random_intensities_are_seeded_and_change_between_passes_alone() -> None:
    made = data(intensity="random", heatmap="keypoints", channels="each")
    window = made.windows["val"][0]
    first = made.pair(window).target
    assert torch.equal(first, made.pair(window).target)
    again = data(intensity="random", heatmap="keypoints", channels="each")
    assert torch.equal(first, again.pair(window).target)
    other = data(intensity="random", heatmap="keypoints", channels="each", intensity_seed=1)
    assert not torch.equal(first, other.pair(window).target)
    passes = [made.training_windows(np.random.default_rng(0), draw) for draw in (1, 2)]
    assert [w.start for w in passes[0]] == [w.start for w in passes[1]]
    assert not torch.equal(made.pair(passes[0][0]).target, made.pair(passes[1][0]).target)


def test_random_intensities_are_the_authors() -> None:
    settings = {"heatmap": "keypoints", "channels": "each", "intensity": "random"}
    size = {"window": 256, "stride": 256, "size": 64, "sigma": 4.0}
    made = data([waving(n, 400) for n in "abc"], **settings, **size)
    peaks = made.pair(made.windows["train"][0]).target.amax(dim=(2, 3)).numpy()
    # keypoints fall between pixels, so that a peak is a little below its strength
    assert peaks.mean() == pytest.approx(0.65, abs=0.03)
    assert peaks.std() == pytest.approx(0.16, abs=0.02)


def test_intensities_are_constant_or_the_detectors_confidence(tmp_path: Path) -> None:
    joints = np.array(body(3, 0)).reshape(-1, 4)
    joints[:, 3] = 0.25
    place = write_session(tmp_path / "s", {f: (0, 1, 2) for f in range(8)},
                          joints={(3, 0): joints.ravel().tolist()})  # fmt: skip
    clips = list(read_session(place).clips)
    for intensity, bright, dim in (("constant", 1.0, 1.0), ("confidence", 0.5, 0.25)):
        made = data(clips, intensity=intensity, heatmap="keypoints", sigma=4.0, size=64)
        window = next(w for ws in made.windows.values() for w in ws if "person0" in w.recording)
        peaks = made.pair(window).target.amax(dim=(0, 2, 3))
        assert float(peaks[2]) == pytest.approx(bright, abs=0.02)
        assert float(peaks[3]) == pytest.approx(dim, abs=0.02)


@pytest.mark.parametrize("intensity", ["constant", "confidence", "random"])
def test_what_was_not_seen_has_no_strength(intensity: Intensity) -> None:
    clip = waving("b", hidden=True)
    joints = np.arange(len(clip.skeleton))
    found = strengths(clip, joints, intensity, np.random.default_rng(0))
    assert clip.mask is not None
    assert not found[~clip.mask].any() and (found[clip.mask] > 0).mean() > 0.99


def test_only_training_windows_ever_move() -> None:
    made, still = data(jitter=5), data()
    assert made.windows == still.windows
    rng = np.random.default_rng(0)
    train = made.training_windows(rng, 1)
    kept = {(w.recording, w.start) for w in made.windows["train"]}
    assert {(w.recording, w.start) for w in train} != kept
    assert {w.recording for w in train} == set(made.provenance.recordings["train"])
    assert sorted((w.recording, w.start) for w in still.training_windows(rng, 1)) == sorted(kept)
    held = {w.recording for w in (*made.windows["val"], *made.windows["test"])}
    assert held.isdisjoint(made.provenance.recordings["train"])


def test_windows_are_split_by_person_and_never_span_two(tmp_path: Path) -> None:
    # people leave and come back: pieces of 9 and 8 frames have one window each
    frames = {f: (0, 1, 2) for f in range(18) if f != 9}
    write_session(tmp_path / "s", frames)
    made = prepare_heatmaps(heatmap_spec({**SMALL, "path": str(tmp_path)}))
    assert made.provenance.split == "person" and made.fps == 29.97
    for windows in made.windows.values():
        assert len({w.recording.partition("@")[0] for w in windows}) == 1 and len(windows) == 2
    everyone = [w.recording.partition("@")[0] for ws in made.windows.values() for w in ws]
    assert len(set(everyone)) == 3


def test_cameras_of_the_session_show_those_windows_that_are_in_view(tmp_path: Path) -> None:
    place = write_session(tmp_path / "s", {f: (0, 1, 2, 3) for f in range(8)})
    aside = camera("00_01")
    aside["t"] = [[-150.0], [100.0], [400.0]]
    away = {**camera("00_02"), "t": [[0.0], [100.0], [-4000.0]]}
    write_cameras(place, [camera(), aside, away])
    settings = {**SMALL, "path": str(tmp_path), "pair": "m2d_3d"}
    made = prepare_heatmaps(heatmap_spec({**settings, "views": ["00_00", "00_01"]}))
    shown = made.pair(made.windows["train"][0])
    assert shown.input.shape == (2, 8, 24, 24) and shown.target.shape == (3, 8, 24, 24)
    assert not torch.equal(shown.input[0], shown.input[1])
    with pytest.raises(BadInput, match="in view from 00_02"):
        prepare_heatmaps(heatmap_spec({**settings, "pair": "2d_2d", "views": ["00_02"]}))
    with pytest.raises(BadInput, match="00_00, 00_01, 00_02"):
        prepare_heatmaps(heatmap_spec({**settings, "views": ["00_00", "00_09"]}))


def test_coco19_has_the_limbs_of_the_authors(tmp_path: Path) -> None:
    (clip,) = read_session(write_session(tmp_path / "s", {0: (0,)})).clips
    layout = layout_of(clip.skeleton)
    assert layout.drawn("limbs") == 17 == len(set(COCO19_LIMBS))
    named = {frozenset(layout.names[j] for j in limb) for limb in layout.limbs}
    assert frozenset(("LeftHip", "RightHip")) in named and frozenset(("Nose", "Neck")) not in named


def test_what_cannot_be_drawn_is_one_line() -> None:
    flat = [frontal(waving(n)) for n in "abc"]
    assert data(flat).windows["train"]
    for clips, settings, said in (
        (flat, {"pair": "3d_3d"}, "no depth"),
        (flat, {"views": ["yaw=30"]}, "no view but yaw=0"),
        (None, {"window": 64}, "longest has 40"),
        (None, {"views": ["00_00"]}, "hold no calibration"),
        ([waving("a"), waving("b"), waving("c", fps=50.0)], {}, "30, 50 fps"),
        ([waving("a"), waving("b")], {}, "cannot be split"),
    ):
        with pytest.raises(BadInput, match=said) as error:
            data(clips, **settings)
        assert "\n" not in str(error.value)


def test_a_single_recording_is_split_in_time_and_a_rate_is_kept() -> None:
    made = data([waving("a", 300)], gap_seconds=1.0)
    assert made.provenance.split == "time"
    assert all(made.windows[s] for s in ("train", "val", "test"))
    half = data([waving(n) for n in "abc"], fps=15)
    assert half.fps == 15 and {c.frames for c in half.clips.values()} == {20}
