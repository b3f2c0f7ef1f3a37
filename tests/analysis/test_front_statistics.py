"""Statistics of a sweep's fronts as one dict: what stands in it, and that it belongs together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.front_statistics import FEW_SEEDS, front_statistics
from analysis.indicators import hypervolume
from analysis.knee import knee
from analysis.log import read_log
from analysis.points import clips_frame, points_frame, trials_frame
from analysis.resampled import candidates, resample
from search_spaces.objectives import Objective
from tests.analysis.make_sweep import FakeSweep

RATE, FULL = Objective("rate_nominal_bps"), Objective("rmse_full_cm")


@pytest.fixture(scope="module")
def sweep(three_seeds: Path) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    log = read_log(three_seeds)
    return points_frame(log), clips_frame(log), dict(log.sweep["reference_point"])


@pytest.fixture(scope="module")
def found(three_seeds: Path) -> dict:
    log = read_log(three_seeds)
    return front_statistics(
        points_frame(log),
        clips_frame(log),
        rate=log.rate,
        reference=log.sweep["reference_point"],
        trials=trials_frame(log),
        resamples=200,
    )


def test_it_is_json_without_anything_that_is_not_finite(found: dict) -> None:
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_every_minimised_distortion_has_a_front(found: dict) -> None:
    assert next(iter(found["distortions"])) == "rmse_full_cm"
    assert {"rmse_hands_cm", "hull_error_pct", "jerk_error_mps3"} < set(found["distortions"])
    assert not any(name.startswith("rate") for name in found["distortions"])
    assert found["reference"]["made"] == sorted(set(found["distortions"]) - {"rmse_full_cm"})


def test_intervals_hold_the_number_beside_them(found: dict) -> None:
    full = found["distortions"]["rmse_full_cm"]
    volume = full["hypervolume"]
    assert not full["reason"] and volume["low"] < volume["value"] < volume["high"]
    assert found["draws"]["units"] == 4 and "4 recordings" in found["draws"]["note"]
    for gap in full["differences"]:
        assert gap["low"] <= gap["high"]
        codecs = full["indicators"]
        assert gap["value"] == pytest.approx(
            codecs[gap["first"]]["hypervolume"] - codecs[gap["second"]]["hypervolume"]
        )


def test_seeds_are_told_apart_from_recordings(found: dict) -> None:
    volume = found["distortions"]["rmse_full_cm"]["hypervolume"]
    assert volume["seeds"]["n"] == 3 and len(volume["per_seed"]) == 3
    assert volume["seeds"]["value"] == pytest.approx(np.mean(list(volume["per_seed"].values())))
    attained = found["distortions"]["rmse_full_cm"]["attainment"]
    assert attained["needed"] == {"25": 1, "50": 2, "75": 3}
    worse = dict(map(tuple, attained["surfaces"]["75"]))
    better = attained["surfaces"]["25"]
    for rate, value in worse.items():
        assert any(r <= rate and v <= value for r, v in better)


def test_contributions_add_to_no_more_than_the_hypervolume(found: dict) -> None:
    full = found["distortions"]["rmse_full_cm"]
    rows = full["front"]
    assert rows == sorted(rows, key=lambda r: r["rate"])
    assert all(r["contribution"] >= 0 and 0 < r["stays"] <= 1 for r in rows)
    assert sum(r["contribution"] for r in rows) <= full["hypervolume"]["value"]
    points = np.array([[r["rate"], r["value"]] for r in rows])
    corner = [found["reference"]["point"][n] for n in ("rate_nominal_bps", "rmse_full_cm")]
    assert full["hypervolume"]["value"] == pytest.approx(hypervolume(points, corner).value)


def test_the_front_of_all_codecs_is_reached_by_those_that_hold_it(found: dict) -> None:
    full = found["distortions"]["rmse_full_cm"]
    holders = {r["codec"] for r in full["front"]}
    for codec, said in full["indicators"].items():
        assert said["epsilon"] >= 0 and said["igd_plus"] >= 0
        if holders == {codec}:
            assert said["epsilon"] == 0 and said["igd_plus"] == 0


def test_points_with_few_seeds_are_marked(
    sweep: tuple[pd.DataFrame, pd.DataFrame, dict[str, float]],
) -> None:
    points, clips, reference = sweep
    one = points[points["seed"] == points["seed"].min()]
    few = {"reference": reference, "with_importance": False, "distortions": ["rmse_full_cm"]}
    said = front_statistics(one, clips, resamples=20, **few)
    assert all(r["few_seeds"] for r in said["distortions"]["rmse_full_cm"]["front"])
    assert said["counts"]["few_seeds"] == said["counts"]["configurations"]
    every = front_statistics(points, clips, resamples=0, **few)
    rows = every["distortions"]["rmse_full_cm"]["front"]
    assert all(r["few_seeds"] == (r["seeds"] < FEW_SEEDS) for r in rows)


def test_what_is_not_finite_failed_refused_or_clipped_is_counted(
    sweep: tuple[pd.DataFrame, pd.DataFrame, dict[str, float]], found: dict
) -> None:
    assert found["counts"]["trials"]["refused"] > 0 and found["counts"]["trials"]["failed"] > 0
    points, clips, reference = sweep
    broken = points.copy()
    broken.loc[broken.index[:6], "val_rmse_full_cm"] = np.nan
    said = front_statistics(
        broken, clips, resamples=0, with_importance=False,
        reference={**reference, "rate_nominal_bps": 300.0}, distortions=["rmse_full_cm"],
    )  # fmt: skip
    assert said["counts"]["not_finite"]["rmse_full_cm"] == 6
    full = said["distortions"]["rmse_full_cm"]
    assert full["not_finite"] == 2 and full["clipped"] > 0  # three seeds make one configuration


def test_clips_that_do_not_pool_to_the_scores_give_no_interval(
    sweep: tuple[pd.DataFrame, pd.DataFrame, dict[str, float]],
) -> None:
    points, clips, _ = sweep
    moved = resample(points, clips.assign(value=clips["value"] * 1.1), RATE, FULL)
    assert "do not pool" in moved.reason and not moved.scores.size
    none = resample(points, clips.iloc[:0], RATE, FULL)
    assert "no values" in none.reason
    whole = resample(points, clips, Objective("rmse_full_cm"), Objective("rate_model_bps"))
    assert "no value per recording" in whole.reason


def test_a_codec_that_is_better_on_every_recording_is_ahead_in_every_resample() -> None:
    points, clips = two_codecs(gain=0.05)
    said = front_statistics(points, clips, reference={"rate_nominal_bps": 900, "rmse_full_cm": 9},
                            resamples=300, with_importance=False)  # fmt: skip
    (gap,) = said["distortions"]["rmse_full_cm"]["differences"]
    assert gap["first"] == "able" and gap["first_ahead"] == 1 and gap["low"] > 0
    volume = said["distortions"]["rmse_full_cm"]["hypervolume"]
    # Recordings differ far more than codecs: the difference is only seen when it is paired.
    assert volume["high"] - volume["low"] > 3 * gap["value"]
    (delta,) = said["distortions"]["rmse_full_cm"]["bd"]
    assert delta["distortion"]["value"] == pytest.approx(0.05)
    assert delta["distortion"]["low"] == pytest.approx(0.05)
    assert delta["distortion"]["high"] == pytest.approx(0.05)


def two_codecs(gain: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two codecs of six rates over eight recordings, one worse by the same on each."""
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 0.6, 8)
    points, clips = [], []
    for codec, extra in (("able", 0.0), ("bad", gain)):
        for i, rate in enumerate([100, 200, 300, 400, 600, 800]):
            values = 7 - np.log2(rate / 100) + hard + extra
            point = f"{codec}-{i}"
            points.append({"point": point, "trial": point, "codec": codec, "seed": 0, "depth": 1,
                           "config_hash": point, "rate_nominal_bps": float(rate),
                           "val_rmse_full_cm": float(values.mean())})  # fmt: skip
            clips += [{"trial": point, "point": point, "recording": f"r{k}", "signer": "",
                       "split": "val", "part": "full", "metric": "rmse_full_cm", "value": v,
                       "n": 100} for k, v in enumerate(values)]  # fmt: skip
    return pd.DataFrame(points), pd.DataFrame(clips)


def test_intervals_cover_what_they_should() -> None:
    """Of a difference of hypervolumes over 20 recordings, at least 80 % of 95 % intervals do."""
    held = 0
    rates = np.array([100.0, 200, 400, 800])
    for run in range(60):
        rng = np.random.default_rng(run)
        truth, points, clips = {}, [], []
        hard = rng.normal(0, 0.8, 20)
        for codec, extra in (("a", 0.0), ("b", 0.3)):
            levels = 7 - 1.5 * np.log10(rates) + extra
            truth[codec] = hypervolume(np.column_stack([rates, levels]), [1000.0, 9.0]).value
            for i, rate in enumerate(rates):
                values = levels[i] + hard + rng.normal(0, 0.3, 20)
                point = f"{codec}{i}"
                points.append({"point": point, "trial": point, "codec": codec, "seed": 0,
                               "depth": 1, "config_hash": point, "rate_nominal_bps": rate,
                               "val_rmse_full_cm": values.mean()})  # fmt: skip
                clips += [{"trial": point, "point": point, "recording": f"r{k}", "signer": "",
                           "split": "val", "part": "full", "metric": "rmse_full_cm", "value": v,
                           "n": 1} for k, v in enumerate(values)]  # fmt: skip
        chosen = resample(pd.DataFrame(points), pd.DataFrame(clips), RATE, FULL,
                          rng=np.random.default_rng(run))  # fmt: skip
        corner = np.array([1000.0, 9.0])
        ends = chosen.interval(chosen.hypervolumes(corner, "a") - chosen.hypervolumes(corner, "b"))
        held += ends.low <= truth["a"] - truth["b"] <= ends.high
    assert 48 <= held <= 60


def test_the_knee_is_found_and_its_absence_explained() -> None:
    assert knee(np.array([[0.0, 10], [1, 2], [5, 1.9], [10, 0]])).index == 1
    assert knee(np.array([[10.0, 0], [0, 10], [1, 2], [3, 20], [np.nan, 1]])).index == 2
    assert "3 points" in knee(np.array([[0.0, 1], [1, 0]])).reason
    assert "does not bend" in knee(np.array([[0.0, 10], [9, 9], [10, 0]])).reason
    assert knee(np.empty((0, 2))).index is None
    scaled = np.array([[0.0, 10], [1, 2], [5, 1.9], [10, 0]]) * [1000, 0.01]
    assert knee(scaled).index == 1


def test_nothing_is_said_of_nothing() -> None:
    empty = pd.DataFrame(columns=["point", "codec", "seed", "rate_nominal_bps"])
    said = front_statistics(empty, pd.DataFrame(), resamples=0)
    assert said["distortions"] == {} and said["counts"]["points"] == 0


def test_candidates_are_enough_for_the_same_intervals_to_a_thousandth(tmp_path: Path) -> None:
    folder = FakeSweep(trials=70).write(tmp_path / "sweep", np.random.default_rng(4))
    log = read_log(folder)
    points = points_frame(log)
    few = candidates(points, RATE, [FULL])
    clips = clips_frame(log, few)
    assert set(clips["point"]) == set(few) < set(points["point"])
    corner = np.array([3000.0, 10.0])
    every, some = (resample(points, c, RATE, FULL) for c in (clips_frame(log), clips))
    assert some.missing > 0 and not some.reason
    # A point of a deeper layer comes to the front in a few resamples, and adds next to nothing.
    volumes = every.hypervolumes(corner)
    assert some.hypervolumes(corner) == pytest.approx(volumes, rel=1e-3)
    assert (some.hypervolumes(corner) <= volumes + 1e-6).all()
