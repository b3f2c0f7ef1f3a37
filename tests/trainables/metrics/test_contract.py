"""Every registered clip metric runs through the shipped contract; broken ones fail it."""

import numpy as np
import pytest

from search_spaces.objectives import (
    HULL,
    HULL_ERROR,
    JERK,
    JERK_ERROR,
    MPJPE,
    RMSE,
    Direction,
    Metric,
    Scope,
)
from trainables.metrics import clip_pair
from trainables.metrics.clip_pair import ClipPair, clip_metrics, score_clip
from trainables.metrics.contract import ClipMetricContract, moving_pair
from trainables.metrics.dynamics import jerk


class TestRmse(ClipMetricContract):
    metric = RMSE


class TestMpjpe(ClipMetricContract):
    metric = MPJPE


class TestHull(ClipMetricContract):
    metric = HULL

    def identical(self, pair: ClipPair, scope: str) -> float:
        return 100.0


class TestHullError(ClipMetricContract):
    metric = HULL_ERROR


class TestJerk(ClipMetricContract):
    metric = JERK

    def identical(self, pair: ClipPair, scope: str) -> float:
        return jerk(pair.original, pair.fps)


class TestJerkError(ClipMetricContract):
    metric = JERK_ERROR


def test_every_metric_of_ours_stands_above():
    held = {c.metric.stem for c in ClipMetricContract.__subclasses__()}
    ours = {m.stem for m, f in clip_metrics() if f.__module__.startswith("trainables.metrics.")}
    assert ours == {"rmse", "mpjpe", "hull", "hull_error", "jerk", "jerk_error"}
    assert ours <= held


def test_score_clip_names_everything():
    scopes = ("full", "body", "left_hand", "right_hand", "hands")
    poses = {f"{stem}_{scope}_cm" for stem in ("rmse", "mpjpe") for scope in scopes}
    totals = {"hull_pct", "hull_error_pct", "jerk_mps3", "jerk_error_mps3"}
    assert set(score_clip(moving_pair(noise=0.01))) == poses | totals


def _suite(monkeypatch: pytest.MonkeyPatch, function, scope: Scope = Scope.TOTAL):
    metric = Metric("broken", "m", Direction.MIN, scope, "made up", "broken")
    monkeypatch.setattr(clip_pair, "_REGISTRY", {"broken_m": (metric, function)})
    suite = ClipMetricContract()
    suite.metric = metric
    return suite


def _error(pair: ClipPair) -> float:
    return float(np.abs(pair.original - pair.reconstruction).mean())


def test_contract_catches_mutation(monkeypatch):
    def centres_in_place(pair, scope):
        pair.reconstruction[:] -= pair.reconstruction.mean()
        return _error(pair)

    with pytest.raises((AssertionError, ValueError)):
        _suite(monkeypatch, centres_in_place).test_inputs_are_not_mutated()


def test_contract_catches_chance(monkeypatch):
    rng = np.random.default_rng(0)
    suite = _suite(monkeypatch, lambda pair, scope: _error(pair) + rng.normal())
    with pytest.raises(AssertionError):
        suite.test_same_clip_same_value()


def test_contract_catches_a_wrong_direction(monkeypatch):
    suite = _suite(monkeypatch, lambda pair, scope: -_error(pair))
    suite.test_identical_clips_give_the_pinned_value()
    with pytest.raises(AssertionError):
        suite.test_noise_is_never_better_than_a_perfect_reconstruction()


def test_contract_catches_a_blind_spot_for_nan(monkeypatch):
    suite = _suite(monkeypatch, lambda p, s: float(np.nansum(p.original - p.reconstruction)))
    with pytest.raises(AssertionError):
        suite.test_a_diverged_reconstruction_gets_no_score()


def test_contract_catches_parts_scored_as_the_whole(monkeypatch):
    suite = _suite(monkeypatch, lambda pair, scope: _error(pair), Scope.POSE)
    with pytest.raises(AssertionError, match="outside"):
        suite.test_a_part_is_scored_on_its_own_joints()


def test_contract_catches_a_metric_left_unregistered(monkeypatch):
    suite = _suite(monkeypatch, lambda pair, scope: 0.0)
    monkeypatch.setattr(clip_pair, "_REGISTRY", {})
    with pytest.raises(AssertionError, match="not registered"):
        suite.test_finite_on_noise()
