"""Figure 3 of the paper from invented runs whose knee and jerk we know."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.study.jerk import FAILED, HELD, OPEN, Synthesis, judge, knee, reached_from
from analysis.study.jerk_figure import jerk_figure
from analysis.study.jerk_page import build_jerk
from search_spaces.record import (
    JERK_FILE,
    LOG_FILE,
    RECORD_VERSION,
    TRIAL_CLIPS_FILE,
    TRIALS_FOLDER,
)
from tests.search_spaces.example_facts import facts

SIZES = (64, 128, 256, 512, 1024, 2048, 4096)
ORIGINAL = 100.0
Truth = Callable[[int], float]


def bent(at: int) -> Truth:
    """Rises 20 an octave up to `at` clusters, and is the original's from there."""
    return lambda k: ORIGINAL - 20 * max(0.0, math.log2(at) - math.log2(k))


def tables(
    truth: Truth, sizes: tuple[int, ...] = SIZES, recordings: int = 12, seeds: int = 3
) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(4)
    own = rng.normal(0, 8, recordings)
    points, clips = [], []
    for k in sizes:
        for seed in range(seeds):
            point = f"flow_matching-{k}-s{seed}-d1"
            points.append(
                {"point": point, "trial": point[:-3], "codec": "flow_matching", "seed": seed,
                 "conditioning": "kmeans", "codebook_size": k, "levels": 1, "depth": 1,
                 "config_hash": f"h{k}", "rate_nominal_bps": 90 * math.log2(k),
                 "flow.guidance": 1.0}
            )  # fmt: skip
            for i in range(recordings):
                values = {
                    "jerk_mps3": truth(k) + own[i], "jerk_original_mps3": ORIGINAL + own[i],
                    "jerk_decoded_mps3": 600.0, "to_original_cm": 9.0, "to_decoded_cm": 4.0,
                    "jerk_error_mps3": 7.0,
                }  # fmt: skip
                for metric, value in values.items():
                    for _ in range(2):  # samples
                        noise = rng.normal(0, 0.5) if metric == "jerk_mps3" else 0.0
                        clips.append(
                            {"trial": point[:-3], "point": point, "recording": f"r{i}",
                             "signer": "", "split": "val" if i % 2 else "test", "part": "",
                             "metric": metric, "value": value + noise, "n": 50}
                        )  # fmt: skip
    other = {"point": "kmeans-1-d1", "codec": "kmeans", "seed": 0, "codebook_size": 64,
             "levels": 1, "config_hash": "c"}  # fmt: skip
    return pd.DataFrame([*points, other]), pd.DataFrame(clips)


def synthesis(truth: Truth, **options: object) -> Synthesis:
    return Synthesis(*tables(truth, **options))  # type: ignore[arg-type]


def test_jerk_is_told_with_its_interval_and_the_originals() -> None:
    made = synthesis(bent(1024))
    assert [c.codes for c in made.cells] == list(SIZES)
    assert made.metric == "jerk_mps3" and len(made.recordings) == 12
    first = made.cells[0]
    assert first.jerk.mean - made.reference.mean == pytest.approx(-80, abs=0.5)
    assert first.excess.mean == pytest.approx(-80, abs=0.5)
    # Recordings differ by more than any cell from the original; paired, that goes out.
    assert first.jerk.high - first.jerk.low > 5 * (first.excess.high - first.excess.low)
    assert made.reference.low < made.reference.mean < made.reference.high
    assert (first.decoded, first.to_original, first.to_decoded) == (600.0, 9.0, 4.0)
    assert (first.seeds, first.bits, first.rate) == (3, 6, 540)


def test_trainings_that_differ_show_it_beside_the_interval_over_recordings() -> None:
    points, clips = tables(bent(1024), sizes=(64,))
    shift = clips["point"].map({f"flow_matching-64-s{s}-d1": 12.0 * s for s in range(3)})
    clips["value"] += shift.where(clips["metric"] == "jerk_mps3", 0.0)
    (cell,) = Synthesis(points, clips).cells
    (same,) = synthesis(bent(1024), sizes=(64,)).cells
    assert cell.between_seeds == pytest.approx(12 / math.sqrt(3), rel=0.05)  # of 0, 12 and 24
    assert same.between_seeds < 0.2
    width = cell.excess.high - cell.excess.low
    assert width == pytest.approx(same.excess.high - same.excess.low, rel=1e-6)
    (alone,) = synthesis(bent(1024), sizes=(64,), seeds=1).cells
    assert math.isnan(alone.between_seeds)


@pytest.mark.parametrize("at", [256, 512, 1024])
def test_the_knee_is_where_it_was_put(at: int) -> None:
    found = knee(synthesis(bent(at)))
    assert found is not None
    assert found.at == pytest.approx(at, rel=0.06)
    assert found.low <= at * 1.06 and found.high >= at / 1.06
    assert found.explained > 0.99 and found.there


def test_a_straight_line_has_nothing_to_gain_from_a_knee() -> None:
    found = knee(synthesis(lambda k: 10 * math.log2(k)))
    assert found is not None and found.gained < 0.01 and not found.there


def test_a_knee_needs_five_sizes() -> None:
    assert knee(synthesis(bent(256), sizes=(64, 128, 256, 512))) is None


def test_the_papers_claim_held_where_it_is_true() -> None:
    made = synthesis(bent(1024))
    verdicts = judge(made, "reduced")
    assert verdicts["K8"][0] == HELD and reached_from(made) == 1024
    assert verdicts["K7"][0] == OPEN and "6275" in verdicts["K7"][1]


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        (bent(256), "already reached at k=256, k=512"),
        (bent(4096), "not reached at k=1024, k=2048"),
    ],
)
def test_the_papers_claim_did_not_hold_where_it_is_not(truth: Truth, words: str) -> None:
    verdict, why = judge(synthesis(truth), "reduced")["K8"]
    assert verdict == FAILED and words in why


@pytest.mark.parametrize(
    ("size", "options", "words"),
    [
        ("debug", {}, "debug"),
        ("reduced", {"sizes": SIZES[:4]}, "needs K-Means cells"),
        ("reduced", {"recordings": 3}, "too few"),
        ("reduced", {"seeds": 2}, "only 2 trainings of a size"),
    ],
)
def test_what_cannot_be_said(size: str, options: dict[str, object], words: str) -> None:
    verdict, why = judge(synthesis(bent(1024), **options), size)["K8"]
    assert verdict == OPEN and words in why


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_a_generator_that_never_reaches_the_original_says_nothing_of_tokens(factor: float) -> None:
    made = synthesis(lambda k: factor * ORIGINAL)
    verdict, why = judge(made, "reduced")["K8"]
    assert verdict == OPEN and "train generators for longer" in why
    assert reached_from(made) is None


def test_the_figure_always_draws_the_original() -> None:
    made = synthesis(bent(1024), sizes=(64,))
    for axes in jerk_figure(made, None).axes:
        heights = [line.get_ydata() for line in axes.lines]
        assert any(np.allclose(y, made.reference.mean) for y in heights)


def test_generators_that_differ_in_guidance_are_told_apart() -> None:
    points, clips = tables(bent(1024), sizes=(64, 128))
    points["flow.guidance"] = [1.0] * 3 + [2.0] * 3 + [math.nan]
    made = Synthesis(points, clips)
    assert [c.label for c in made.cells] == ["k=64, guidance 1", "k=128, guidance 2"]


def test_the_page_of_a_sweep(tmp_path: Path) -> None:
    points, clips = tables(bent(1024))
    events = [
        {"event": "sweep", "record_version": RECORD_VERSION, "name": "jerk", "size": "reduced",
         "preset": "klezovich/jerk", "spec": {"space": {"fixed": {"flow.width": 48}}}},
        {"event": "data", "facts": facts().model_dump(mode="json")},
        {"event": "bounds", "rows": [{"codec": "mean pose", "val_jerk_mps3": 0.0,
                                      "val_rmse_full_cm": 18.0}]},
    ]  # fmt: skip
    for row in points[points["codec"] == "flow_matching"].to_dict("records"):
        events.append({"event": "point", "trial": row["trial"], "row": row})
        folder = tmp_path / TRIALS_FOLDER / row["trial"]
        folder.mkdir(parents=True)
        clips[clips["trial"] == row["trial"]].to_parquet(folder / TRIAL_CLIPS_FILE)
    log = "".join(json.dumps({"time": 0.0, **e}) + "\n" for e in events)
    (tmp_path / LOG_FILE).write_text(log)
    page = build_jerk(tmp_path)
    assert page == tmp_path / JERK_FILE
    text = page.read_text()
    for words in ("k = 1024", "mean pose", "flow.width 48", ">cannot be said<", ">held<"):
        assert words in text, words
    assert ">did not hold<" not in text


def test_a_sweep_without_generators_has_no_such_page(tmp_path: Path) -> None:
    sweep = {"event": "sweep", "record_version": RECORD_VERSION, "name": "a", "time": 0.0}
    point = {"event": "point", "trial": "kmeans-1-s0", "time": 0.0,
             "row": {"point": "kmeans-1-s0-d1", "codec": "kmeans", "seed": 0}}  # fmt: skip
    (tmp_path / LOG_FILE).write_text(json.dumps(sweep) + "\n" + json.dumps(point) + "\n")
    assert build_jerk(tmp_path) is None and not (tmp_path / JERK_FILE).exists()
