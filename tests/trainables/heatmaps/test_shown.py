"""What trials leave to look at, and what draws motion for a codec that stands alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from search_spaces.errors import BadInput
from tests.trainables.heatmaps.coding import codec, config, data
from tests.trainables.heatmaps.motion import waving
from trainables.heatmaps.drawing import ALL, covering, described_drawing, drawing_of
from trainables.heatmaps.scores import floors, known_floors
from trainables.heatmaps.shown import overlaid, shown_heatmaps, shown_windows, skeletons
from trainables.runtime import PlainRuntime


def test_the_best_the_median_and_the_worst_are_shown_and_nan_is_none() -> None:
    scores = {"a": 0.2, "b": 0.9, "c": math.nan, "d": 0.5, "e": 0.1, "f": 0.3}
    assert shown_windows(scores) == {"b": ("best",), "f": ("median",), "e": ("worst",)}
    assert shown_windows({"a": 1.0}) == {"a": ("best", "median", "worst")}
    assert shown_windows({"a": math.nan}) == {}


def test_located_keypoints_of_the_target_are_where_the_joints_are() -> None:
    of = config("vqgan", heatmap="keypoints", channels="each", picture=32)
    on = data(of)
    window = on.windows["val"][0]
    target = on.pair(window).target
    found = skeletons(on, target)
    assert found.shape == (1, 16, len(on.layout.names), 2)
    peaks = target.flatten(2).argmax(-1)
    right = (peaks % 32).T.numpy()
    assert np.nanmax(np.abs(found[0, ..., 0] - right)) <= 0.51
    with pytest.raises(ValueError, match="one keypoint per channel"):
        skeletons(data(config("vqgan")), target)


def test_pictures_are_the_brightest_of_their_channels() -> None:
    on = data(config("vqgan", pair="3d_3d", channels="each"))
    maps = torch.rand(on.target_channels, 2, 4, 4)
    laid = overlaid(on, maps)
    assert laid.shape == (3, 2, 4, 4)
    assert torch.equal(laid[1], maps[on.target_channels // 3 : 2 * on.target_channels // 3].amax(0))


def test_what_is_shown_is_what_was_scored() -> None:
    on = data(config())
    made = codec(config(), on)
    made.fit(on, PlainRuntime(), 0.5)
    windows = on.windows["val"]
    names = [f"{w.recording}@{w.start}" for w in windows]
    found = shown_heatmaps(made, on, windows, dict.fromkeys(names, 0.5))
    assert set(found["windows"]) <= set(names) and len(found["windows"]) >= min(3, len(names))
    why = dict(zip(found["windows"], found["why"], strict=True))
    assert why[names[len(names) // 2]].split()[-1] == "common"
    one = str(found["windows"][0])
    window = windows[names.index(one)]
    pair = on.pair(window)
    again = made.coded(pair.input).reconstruction.clamp(0, 1).numpy() * 255
    assert found[f"{one}/reconstruction"][0] == pytest.approx(again.max(axis=0), abs=0.51)
    assert found[f"{one}/original"].dtype == np.uint8


def test_a_drawing_comes_back_and_draws_as_training_did() -> None:
    on = data(config("vqgan", intensity="constant"))
    drawing = described_drawing(drawing_of(on).described())
    window = on.windows["val"][0]
    clip = on.clips[window.recording]
    alone = drawing.data([drawing.bring(clip)])
    at = next(w for w in alone.windows[ALL] if w.start == window.start)
    assert torch.equal(alone.expected_input(at), on.pair(window).input)


def test_chance_is_not_in_what_is_encoded() -> None:
    on = data(config("vqgan", intensity="random"))
    window = on.windows["val"][0]
    assert not torch.equal(on.expected_input(window), on.pair(window).input)
    ceiling = on.ceiling(window)
    assert ceiling is not None and torch.equal(on.expected_input(window), ceiling)


def test_joints_that_are_missing_are_named() -> None:
    drawing = drawing_of(data(config()))
    clip = waving("x")
    other = type(clip.skeleton)(
        ("Hips", "Spine", "Neck", "LeftArm", "RightArm", "Leg"),
        clip.skeleton.parents,
        clip.skeleton.offsets,
    )
    changed = type(clip)("x", other, clip.fps, clip.positions)
    with pytest.raises(BadInput, match="lacks Head"):
        drawing.bring(changed)


def test_windows_cover_a_recording() -> None:
    for frames in range(8, 60):
        starts = covering(frames, 8)
        held = {f for s in starts for f in range(s, s + 8)}
        assert held == set(range(frames)) and starts == sorted(set(starts))


def test_floors_are_reckoned_once_for_all_trials_that_draw_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from trainables.heatmaps import scores

    monkeypatch.setattr(scores, "_KNOWN", {})
    counted: list[str] = []

    def counting(*arguments: object) -> dict[str, dict[str, float]]:
        counted.append("once")
        return floors(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(scores, "floors", counting)
    of = config("vqgan", intensity="random")
    first, second = data(of), data(of)
    window = first.windows["val"][0]
    assert known_floors(first, window) == known_floors(second, window) == floors(first, window)
    assert len(counted) == 1
    other = data(config("vqgan", intensity="random", sigma=1.5))
    assert known_floors(other, window) != known_floors(first, window) and len(counted) == 2
