"""Metrics on what was seen, in pictures without depth, and in other units."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from search_spaces.objectives import Direction, Metric, Scope, find_metric
from search_spaces.units import Yardstick
from trainables.metrics import clip_pair
from trainables.metrics.clip_pair import ClipPair, score_clip
from trainables.metrics.contract import PARTS, WRISTS, moving_pair
from trainables.metrics.dynamics import jerk
from trainables.metrics.pose import kabsch_rmse, mpjpe, rmse
from trainables.metrics.space import hull_area, hull_percent


def masked(pair: ClipPair, seen: np.ndarray, under: float = np.nan) -> ClipPair:
    """The pair with `under` in place of what was not seen, before and after."""
    there = seen[..., None]
    before, after = (np.where(there, a, under) for a in (pair.original, pair.reconstruction))
    return replace(pair, original=before, reconstruction=after, seen=seen)


def test_a_mask_that_hides_nothing_changes_no_score() -> None:
    pair = moving_pair(noise=0.02)
    whole = replace(pair, seen=np.ones(pair.original.shape[:2], bool))
    assert score_clip(whole) == pytest.approx(score_clip(pair), rel=1e-12)


def test_what_was_not_seen_changes_no_score() -> None:
    pair = moving_pair(noise=0.02)
    seen = np.random.default_rng(1).random(pair.original.shape[:2]) < 0.8
    first = score_clip(masked(pair, seen))
    assert all(math.isfinite(value) for value in first.values())
    for under in (0.0, 1e6):
        assert score_clip(masked(pair, seen, under)) == pytest.approx(first, rel=1e-9)


def test_errors_are_means_over_what_was_seen() -> None:
    original = np.zeros((2, 2, 3))
    moved = original.copy()
    moved[0, 0, 0], moved[1, 1, 1] = 3.0, 100.0
    seen = np.array([[True, True], [True, False]])
    assert rmse(original, moved, seen) == pytest.approx(math.sqrt(3.0))
    assert mpjpe(original, moved, seen) == pytest.approx(1.0)
    assert math.isnan(rmse(original, moved, np.zeros((2, 2), bool)))


def test_alignment_looks_at_what_was_seen() -> None:
    rng = np.random.default_rng(0)
    original = rng.normal(size=(5, 6, 3))
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0],
                     [0, 0, 1]])  # fmt: skip
    moved = original @ turn.T + 4.0
    moved[:, 2] += 50.0
    seen = np.ones((5, 6), bool)
    seen[:, 2] = False
    assert kabsch_rmse(original, moved, seen) < 1e-9 < 1 < kabsch_rmse(original, moved)


def test_a_wrist_alone_is_no_hand() -> None:
    pair = moving_pair(noise=0.02)
    seen = np.ones(pair.original.shape[:2], bool)
    seen[:, PARTS["left_hand"][1:]] = False
    values = score_clip(masked(pair, seen))
    assert math.isnan(values["rmse_left_hand_cm"]) and math.isnan(values["mpjpe_left_hand_cm"])
    assert values["rmse_hands_cm"] == values["rmse_right_hand_cm"] > 0
    assert score_clip(masked(pair, np.zeros_like(seen))) == pytest.approx(
        dict.fromkeys(values, math.nan), nan_ok=True
    )


def test_jerk_needs_four_frames_in_a_row() -> None:
    positions = moving_pair(frames=30).original
    seen = np.ones(positions.shape[:2], bool)
    seen[10] = False
    broken = np.where(seen[..., None], positions, 1e9)
    kept = np.concatenate([np.arange(7), np.arange(11, 27)])
    third = np.linalg.norm(np.diff(positions, n=3, axis=0), axis=2)[kept]
    assert jerk(broken, 30.0, seen) == pytest.approx(float(third.mean() * 30.0**3))
    seen[::3] = False
    assert math.isnan(jerk(broken, 30.0, seen))


def flat(noise: float) -> ClipPair:
    pair = moving_pair(noise=noise)
    plane = np.array([1.0, 1.0, 0.0])
    before, after = pair.original * plane, pair.reconstruction * plane
    return replace(pair, original=before, reconstruction=after, dimensions=2)


def test_a_hull_in_a_picture_is_an_area() -> None:
    square = np.array([[0.0, 0], [2, 0], [2, 3], [0, 3], [1, 1]])
    assert hull_area(square) == pytest.approx(6.0)
    assert hull_area(square[:2]) == 0.0 == hull_area(np.outer(np.arange(5.0), [1, 2]))
    pair = flat(0.0)
    wider = replace(pair, reconstruction=1.5 * pair.original)
    assert score_clip(wider)["hull_pct"] == pytest.approx(225.0)
    assert math.isnan(score_clip(replace(wider, dimensions=3))["hull_pct"])
    wrists = pair.original[:, WRISTS]
    seen = np.ones(wrists.shape[:2], bool)
    seen[5:] = False
    some = hull_area(wrists[:5].reshape(-1, 3)[:, :2])
    everywhere = hull_percent(wrists, 2 * wrists, seen, 2)
    assert some > 0 and everywhere == pytest.approx(400.0)


def test_in_a_picture_nothing_turns_out_of_the_plane() -> None:
    """A mirrored hand is a wrong hand; in space half a turn would hide it."""
    pair = flat(0.0)
    mirrored = replace(pair, reconstruction=pair.original * [-1.0, 1.0, 1.0])
    joints = pair.parts["left_hand"]
    before, after = mirrored.original[:, joints], mirrored.reconstruction[:, joints]
    assert kabsch_rmse(before, after) < 1e-9 < 0.01 < kabsch_rmse(before, after, None, 2)


def test_scores_are_in_the_unit_of_the_data() -> None:
    pair = moving_pair(noise=0.02)
    metres = score_clip(pair)
    widths = score_clip(replace(pair, yardstick=Yardstick("sw")))
    assert widths["rmse_full_sw"] == pytest.approx(metres["rmse_full_cm"] / 100)
    assert widths["jerk_swps3"] == metres["jerk_mps3"] and widths["hull_pct"] == metres["hull_pct"]
    assert not {n for n in widths if n.endswith(("_cm", "_mps3"))}
    approx = score_clip(replace(pair, yardstick=Yardstick("m", approx_skeleton=True)))
    assert approx == {f"{name}_approx_skeleton": value for name, value in metres.items()}


def test_a_metric_of_a_plugin_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    metric = Metric("reach", "cm", Direction.MIN, Scope.TOTAL, "a test", "reach")
    found = {"reach_cm": (metric, lambda pair, scope: 100 * float(pair.original.max()))}
    monkeypatch.setattr(clip_pair, "_REGISTRY", found)
    pair = replace(moving_pair(), yardstick=Yardstick("px"))
    assert score_clip(pair) == {"reach_px": pytest.approx(float(pair.original.max()))}
    assert find_metric("rmse_full_px")[0].unit == "px"
