"""The checks that every clip metric runs through; subclass them where a metric is tested.

    class TestRmse(ClipMetricContract):
        metric = RMSE

A metric of a plugin inherits all of them by naming itself, and states its pinned value on
identical clips where that is not 0. Failing checks raise AssertionError; pytest is not needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from search_spaces.objectives import Direction, Metric, Scope, find_metric
from trainables.metrics.clip_pair import ClipMetric, ClipPair, clip_metrics, score_clip

WRISTS = (1, 5)
NAMES = ("neck", "left_wrist", "left_thumb", "left_index", "left_little", "right_wrist",
         "right_thumb", "right_index", "right_little", "head")  # fmt: skip
PARTS = {"body": (0, 1, 5, 9), "left_hand": (1, 2, 3, 4), "right_hand": (5, 6, 7, 8)}


def moving_pair(frames: int = 40, fps: float = 30.0, noise: float = 0.0, seed: int = 0) -> ClipPair:
    """Smooth motion of ten joints with a span of about a metre, and the same with noise on it.

    Args:
        frames: number of frames.
        fps: frames per second.
        noise: standard deviation of the noise on the reconstruction, metres.
        seed: of the motion and the noise.
    """
    rng = np.random.default_rng(seed)
    joints = len(NAMES)
    seconds = np.arange(frames)[:, None, None] / fps
    speed = rng.uniform(2.0, 9.0, (joints, 3))  # rad/s
    original = rng.normal(0.0, 0.3, (joints, 3)) + 0.15 * np.sin(
        speed * seconds + rng.uniform(0.0, 2.0 * np.pi, (joints, 3))
    )
    return ClipPair(
        recording=f"contract-{seed}",
        original=original,
        reconstruction=original + rng.normal(0.0, noise, original.shape),
        fps=fps,
        parts={name: np.array(indices) for name, indices in PARTS.items()},
        wrists=WRISTS,
        names=NAMES,
    )


class ClipMetricContract:
    """What holds for every clip metric. Subclasses set `metric`."""

    metric: Metric

    def identical(self, pair: ClipPair, scope: str) -> float:
        """Pinned value of a perfect reconstruction; override where it is not 0."""
        return 0.0

    def function(self) -> ClipMetric:
        """The registered function of `metric`."""
        found = [function for metric, function in clip_metrics() if metric == self.metric]
        assert found, f"{self.metric.stem} is not registered: put @clip_metric over its function"
        return found[0]

    def scopes(self, pair: ClipPair) -> tuple[str, ...]:
        """Scopes that the metric is asked for."""
        return ("full", *pair.parts) if self.metric.scope is Scope.POSE else ("",)

    def values(self, pair: ClipPair) -> Iterator[tuple[str, float]]:
        """(scope, value) for every scope."""
        for scope in self.scopes(pair):
            yield scope, float(self.function()(pair, scope))

    def test_is_defined_and_found_by_name(self) -> None:
        """A clip metric with source, title and unit, found by each column name that it writes."""
        assert self.metric.scope in (Scope.POSE, Scope.TOTAL), "rates and codes are no clip metrics"
        assert not self.metric.known, "a clip metric is measured"
        assert self.metric.source and self.metric.title and self.metric.unit
        for scope in self.scopes(moving_pair()):
            assert find_metric(self.metric.column("val", scope)) == (self.metric, scope)

    def test_identical_clips_give_the_pinned_value(self) -> None:
        """A perfect reconstruction scores `identical`."""
        for seed in range(3):
            pair = moving_pair(seed=seed)
            pair = replace(pair, reconstruction=pair.original.copy())
            for scope, value in self.values(pair):
                pinned = self.identical(pair, scope)
                assert math.isclose(value, pinned, rel_tol=1e-9, abs_tol=1e-9), (scope, value)

    def test_finite_on_noise(self) -> None:
        """A number for any reconstruction that is one, good or absurd."""
        for noise in (1e-6, 0.02, 10.0):
            for scope, value in self.values(moving_pair(noise=noise)):
                assert math.isfinite(value), (noise, scope, value)

    def test_noise_is_never_better_than_a_perfect_reconstruction(self) -> None:
        """The direction is the right way round; references have none."""
        sign = {Direction.MIN: 1.0, Direction.MAX: -1.0}.get(self.metric.direction)
        pair = moving_pair(noise=0.05)
        for scope, value in self.values(pair) if sign else ():
            assert sign is not None
            assert sign * value > sign * self.identical(pair, scope), (scope, value)

    def test_inputs_are_not_mutated(self) -> None:
        """The next metric sees the same clip."""
        pair = moving_pair(noise=0.02)
        before = pair.original.copy(), pair.reconstruction.copy()
        for array in (pair.original, pair.reconstruction, *pair.parts.values()):
            array.flags.writeable = False
        dict(self.values(pair))
        assert np.array_equal(before[0], pair.original)
        assert np.array_equal(before[1], pair.reconstruction)

    def test_same_clip_same_value(self) -> None:
        """No chance inside, so that two runs of a trial agree."""
        first, second = (dict(self.values(moving_pair(noise=0.02))) for _ in range(2))
        assert first == second

    def test_float32_gives_nearly_the_same(self) -> None:
        """Reconstructions are stored as float32."""
        pair = moving_pair(noise=0.02)
        single = replace(
            pair,
            original=pair.original.astype(np.float32),
            reconstruction=pair.reconstruction.astype(np.float32),
        )
        expected = dict(self.values(pair))
        for scope, value in self.values(single):
            assert math.isclose(value, expected[scope], rel_tol=1e-3), (scope, value)

    def test_short_clips_score_or_are_nan(self) -> None:
        """One to four frames: a number or NaN, no error and no infinity."""
        for frames in range(1, 5):
            for noise in (0.0, 0.02):
                for scope, value in self.values(moving_pair(frames=frames, noise=noise)):
                    assert not math.isinf(value), (frames, scope)

    def test_missing_wrists_score_or_are_nan(self) -> None:
        """A skeleton with one wrist or none: a number or NaN, no error."""
        for wrists in ((), WRISTS[:1]):
            for scope, value in self.values(replace(moving_pair(noise=0.02), wrists=wrists)):
                assert not math.isinf(value), (wrists, scope)

    def test_a_diverged_reconstruction_gets_no_score(self) -> None:
        """NaN in, no number out: nothing skips the frames that a codec broke."""
        pair = moving_pair()
        broken = replace(pair, reconstruction=np.full_like(pair.original, np.nan))
        for scope, value in self.values(broken):
            assert not math.isfinite(value), (scope, value)

    def test_a_part_is_scored_on_its_own_joints(self) -> None:
        """A part sees its joints and no others."""
        pair = moving_pair(noise=0.02)
        for part in pair.parts if self.metric.scope is Scope.POSE else ():
            outside = np.setdiff1d(np.arange(len(NAMES)), pair.parts[part])
            elsewhere = pair.reconstruction.copy()
            elsewhere[:, outside] += 1.0
            inside = pair.reconstruction.copy()
            inside[:, pair.parts[part][0]] += 1.0
            value, same, other = (
                self.function()(replace(pair, reconstruction=r), part)
                for r in (pair.reconstruction, elsewhere, inside)
            )
            assert same == value, f"{part} moved with joints outside it"
            assert other != value, f"{part} did not see its own joint move"

    def test_score_clip_names_every_scope(self) -> None:
        """`score_clip` holds the metric under each of its objective names."""
        pair = moving_pair(noise=0.02)
        scores = score_clip(pair)
        for scope, value in self.values(pair):
            assert scores[self.metric.objective(scope)] == value
        if self.metric.scope is Scope.POSE:
            hands = [scores[self.metric.objective(h)] for h in ("left_hand", "right_hand")]
            assert math.isclose(scores[self.metric.objective("hands")], sum(hands) / 2)
