"""Problems with known fronts: nothing lies beyond them, and they can be reached."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.search.arms import make_arm
from benchmarks.search.parametric import NOISE, SHAPES, Parametric
from benchmarks.search.problem import scale_of
from benchmarks.search.scoring import volume
from cluster.replay.simulator import simulate
from search_spaces.errors import BadInput
from search_spaces.space import Config


def best(config: Config) -> Config:
    """The setting of the free keys without penalty."""
    bits, depth = math.log2(float(config["codes"])), float(config.get("depth", 1))
    width = round(2 ** min(8.5, 5.0 + 0.2 * bits + 0.15 * depth))
    rate = 10 ** (-2.0 - 0.15 * (math.log2(width) - 4))
    return config | {
        "width": width, "learning_rate": rate, "decay": 0.95 - 0.02 * bits,
        "commitment": 10**-0.5,
    }  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_no_end_lies_beyond_the_front_and_every_point_of_it_is_reached(name: str) -> None:
    task = Parametric(name)
    front = task.front()
    configs, points, _ = task.sample(300, 1)
    scale = scale_of(task, 300)
    assert volume(np.concatenate([front, points]), scale.reference) == pytest.approx(scale.volume)
    for config in configs[:40]:
        tuned = best(config) if "learning_rate" in config else config
        assert all(p.contains(tuned[p.name]) for p in task.space.active(tuned))
        end = task.ends(tuned)[-1]
        law = task._shape.law(str(config.get("codec", "")), np.exp(end[:1]))
        assert end[1] == pytest.approx(law[0], abs=2e-3)  # whole widths


def test_curves_fall_to_their_ends_and_a_seed_gives_the_same_ones() -> None:
    task = Parametric("known-residual")
    config = task.sample(1, 3)[0][0] | {"learning_rate": 1e-4, "depth": 8}
    once, again, other = (task.run(config, s) for s in (0, 0, 1))
    assert all(np.array_equal(a.points, b.points) for a, b in zip(once, again, strict=True))
    assert not np.array_equal(once[-1].points, other[-1].points)
    means = [r.points[:, 1].mean() for r in once]
    assert means == sorted(means, reverse=True)
    assert np.abs(once[-1].points - task.ends(config)).max() < 6 * NOISE
    assert [r.seconds / once[-1].seconds for r in once] == pytest.approx([r.share for r in once])


def test_a_codec_without_training_has_its_end_alone() -> None:
    task = Parametric("known-families")
    (report,) = task.run({"codec": "clusters", "codes": 64}, 0)
    assert report.share == 1 and report.points[0, 0] == pytest.approx(np.log(30 * 6))


def test_ours_gets_nearer_to_the_front_than_random_search() -> None:
    task = Parametric("known-residual")
    scale = scale_of(task, 300)
    reached = {}
    for arm in ("ratefront", "random"):
        trace = simulate(task, make_arm(arm, task, scale, 0, 1), workers=1, horizon=1500.0, seed=0)
        ends = np.concatenate([p for _, last, p in trace.points if last])
        reached[arm] = volume(ends, scale.reference) / scale.volume
    assert reached["random"] < reached["ratefront"] < 1.01


def test_an_unknown_family_is_one_line() -> None:
    with pytest.raises(BadInput, match="no family nothing; there are known-residual"):
        Parametric("nothing")
