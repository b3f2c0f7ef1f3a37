"""The claims, judged on sweeps where we know what is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from analysis.study.cells import Cell, Comparison, paper_pairs
from analysis.study.claims import FAILED, HELD, OPEN, Verdict, judge

Truth = Callable[[Cell, str], float]
RECORDINGS = 10


def invented(
    truth: Truth,
    recordings: int = RECORDINGS,
    seeds: int = 5,
    draw: int = 0,
    more: Sequence[Cell] = (Cell(6.0, "rqvae", 64, 1), Cell(12.0, "rqvae", 64, 2)),
) -> Comparison:
    """A sweep of the paper's cells (and some more) whose means are `truth`."""
    rng = np.random.default_rng(draw)
    cells = [c for pair in paper_pairs().values() for c in pair]
    cells += more
    own = rng.normal(0, 0.3, recordings)
    points, clips = [], []
    for cell in cells:
        for seed in range(seeds):
            name = f"{cell.codec}-{cell.codebook_size}x{cell.depth}-s{seed}"
            points.append(
                {
                    "point": name, "codec": cell.codec, "codebook_size": cell.codebook_size,
                    "levels": cell.depth, "seed": seed, "is_prefix": False,
                }
            )  # fmt: skip
            points.append({**points[-1], "point": f"{name}-prefix", "is_prefix": True})
            for metric in ("rmse_full_cm", "rmse_body_cm", "rmse_hands_cm", "hull_pct"):
                for i in range(recordings):
                    value = truth(cell, metric) * (1 + 0.2 * own[i]) + rng.normal(0, 0.02)
                    clips.append(
                        {
                            "point": name, "recording": f"r{i}",
                            "split": "val" if i % 2 else "test",
                            "metric": metric, "value": value,
                        }
                    )  # fmt: skip
    return Comparison(pd.DataFrame(points), pd.DataFrame(clips))


def as_the_paper_says(cell: Cell, metric: str) -> float:
    hull = {6.0: (55.3, 68.2), 9.0: (76.6, 91.3), 10.0: (81.6, 86.8), 12.0: (87.9, 109.3)}
    better = cell.codec == "rqvae"
    if metric == "hull_pct":
        return 10 * hull[cell.bits][int(better)]
    base = 20 - cell.bits
    if metric == "rmse_hands_cm":
        return base - (0.1 if better else 0)
    if metric == "rmse_body_cm":
        return base / (1.8 if better else 1)
    return base - (1.0 if better else 0)


def verdicts(comparison: Comparison) -> dict[str, Verdict]:
    return {v.claim: v for v in judge(comparison)}


def test_what_the_paper_says_is_held_where_it_is_true() -> None:
    found = verdicts(invented(as_the_paper_says))
    assert list(found) == [f"K{i}" for i in range(1, 10)]
    assert {c for c, v in found.items() if v.verdict == HELD} == {"K1", "K2", "K3", "K4", "K5"}
    assert all(
        found[c].verdict == OPEN and len(found[c].why) > 20 for c in ("K6", "K7", "K8", "K9")
    )
    assert "each rate shows it by itself" in found["K1"].why
    (tests,) = found["K1"].evidence
    assert [label for label, _ in tests.items] == ["6 bits", "9 bits", "10 bits", "12 bits"]
    assert all(d.clear and d.recordings == RECORDINGS and d.seeds == 5 for _, d in tests.items)
    assert "by a factor of 1.8" in found["K2"].text and "is 1.80 on average" in found["K2"].why


def test_the_opposite_did_not_hold() -> None:
    pairs = paper_pairs()

    def other(cell: Cell, metric: str) -> float:
        twin = next(c for c in pairs[cell.bits] if c.codec != cell.codec)
        return as_the_paper_says(twin, metric)

    found = verdicts(invented(other))
    assert {c for c, v in found.items() if v.verdict == FAILED} == {"K1", "K2", "K3", "K4", "K5"}
    assert "clearly above K-Means at 6, 9, 10, 12 bits" in found["K1"].why


def test_without_a_difference_nothing_can_be_said() -> None:
    said = []
    for draw in range(4):
        found = verdicts(invented(lambda cell, metric: 10.0, draw=draw))
        said += [found["K1"].verdict, found["K5"].verdict]
    assert said.count(OPEN) >= len(said) - 2, "wrong once in twenty, by choice"
    assert found["K2"].verdict == FAILED, "a ratio of one is not 1.8"
    assert "clearly less than 1.8" in found["K2"].why


def test_too_few_recordings_cannot_say() -> None:
    found = verdicts(invented(as_the_paper_says, recordings=3))
    assert found["K1"].verdict == OPEN
    assert "3 recordings cannot give p below 0.25" in found["K1"].why
    found = verdicts(invented(as_the_paper_says, recordings=1))
    assert "one recording tells nothing of others" in found["K1"].why
    found = verdicts(invented(as_the_paper_says, seeds=1))
    assert {v.verdict for v in found.values()} == {OPEN}
    assert "one training of a cell tells nothing of others" in found["K1"].why
    assert (
        "2 seeds cannot give p below 0.33"
        in verdicts(invented(as_the_paper_says, seeds=2))["K1"].why
    )


def test_a_rate_that_shows_the_opposite_by_itself_alone_is_named() -> None:
    """The least of four p at 0.03 is chance once in eight: no verdict, but no silence either."""

    def truth(cell: Cell, metric: str) -> float:
        if metric == "hull_pct" and cell.codec == "rqvae" and cell.bits == 9.0:
            return 9.0
        return 10.0

    comparison = invented(truth, recordings=6)
    judged = verdicts(comparison)["K5"]
    tests = dict(judged.evidence[0].items)
    assert tests["9 bits"].clear and tests["9 bits"].p_recordings == 2 / 2**6
    assert judged.verdict == OPEN
    assert judged.why.startswith("RQ-VAE is not clearly above K-Means at 6, 9, 10, 12 bits")
    assert ", and below it at 9 bits, not clearly among so many rates" in judged.why


def test_high_rates_whose_standard_errors_meet_and_are_apart_are_told_apart() -> None:
    def truth(cell: Cell, metric: str) -> float:
        better = metric == "rmse_hands_cm" and cell.codec == "rqvae" and cell.bits != 10.0
        return 5.0 if better else 10.0

    judged = verdicts(invented(truth))["K3"]
    assert "standard errors overlap at 10 bits and are apart at 12 bits" in judged.why


def test_missing_pairs_are_named() -> None:
    whole = invented(as_the_paper_says)
    del whole.pairs[9.0]
    found = verdicts(whole)
    assert {found[c].verdict for c in ("K1", "K2", "K3", "K4", "K5")} == {OPEN}
    assert "no finished pair at 9 bits" in found["K1"].why
    said = "RQ-VAE is clearly below K-Means on average of 6, 10, 12 bits; no finished pair at 9"
    assert said in found["K3"].why


def test_one_rate_that_shows_the_opposite_refutes_every_rate() -> None:
    def worse(cell: Cell, metric: str) -> float:
        return as_the_paper_says(cell, metric) * (2.0 if cell.codec == "rqvae" else 1.0)

    whole = invented(worse)
    for bits in (9.0, 10.0, 12.0):
        del whole.pairs[bits]
    found = verdicts(whole)
    assert found["K1"].verdict == FAILED == found["K2"].verdict
    assert "clearly above K-Means at 6 bits; no finished pair at 9, 10, 12" in found["K1"].why
    whole.pairs.clear()
    found = verdicts(whole)
    assert found["K1"].verdict == OPEN and found["K1"].evidence == ()


def test_cells_are_trained_depths_and_bits_are_in_closed_form() -> None:
    comparison = invented(as_the_paper_says)
    assert {c.bits for c in comparison.cells} == {6.0, 9.0, 10.0, 12.0}
    assert comparison.recordings == RECORDINGS and comparison.seeds == 5
    assert [c.label for c in comparison.at(6.0)] == ["k=64", "D=8, Q=2", "D=64, Q=1"]
    values = comparison.values(comparison.cells[0], "rmse_full_cm")
    assert values.shape == (RECORDINGS, 5)


@pytest.mark.parametrize("bits", [6.0, 9.0, 10.0, 12.0])
def test_the_papers_pairs_have_equal_bits(bits: float) -> None:
    first, second = paper_pairs()[bits]
    assert first.codec == "kmeans" and second.codec == "rqvae"
    assert first.bits == second.bits == second.depth * np.log2(second.codebook_size)


def test_blocks_of_one_recording_are_one_unit() -> None:
    """A split in time puts each recording into validation and test."""
    whole = invented(as_the_paper_says)
    clips = whole._clips
    twice = pd.concat(
        [clips.assign(recording=clips["recording"] + f"#{s}", split=s) for s in ("val", "test")]
    )
    comparison = Comparison(whole.points, twice)
    assert comparison.recordings == RECORDINGS
    assert comparison.values(comparison.cells[0], "rmse_full_cm").shape == (RECORDINGS, 5)


def test_another_setting_of_a_cell_is_another_codec() -> None:
    whole = invented(as_the_paper_says)
    points = pd.concat([
        whole.points.assign(config_hash="first"),
        whole.points.assign(config_hash="other", point=whole.points["point"] + "-other"),
    ])  # fmt: skip
    clips = pd.concat([
        whole._clips,
        whole._clips.assign(point=whole._clips["point"] + "-other", value=1e6),
    ])  # fmt: skip
    comparison = Comparison(points, clips)
    assert comparison.other_settings == len(whole.points)
    assert comparison.values(comparison.cells[0], "rmse_full_cm").to_numpy().max() < 1e5


def test_half_trained_points_and_absent_cells_are_told_apart() -> None:
    whole = invented(as_the_paper_says)
    lost = Cell(12.0, "kmeans", 4096, 1)
    gone = whole.points["codebook_size"] == lost.codebook_size
    points = whole.points.assign(share=[0.5 if g else 1.0 for g in gone])
    trials = pd.DataFrame([
        {"codec": "kmeans", "status": "refused", "reason": "too many codes",
         "codebook_size": 4096, "quantizer_depth": float("nan")},
        {"codec": "rqvae", "status": "failed", "reason": "", "codebook_size": 2,
         "quantizer_depth": 3.0},
        {"codec": "kmeans", "status": "failed", "reason": "once", "codebook_size": 64,
         "quantizer_depth": float("nan")},
    ])  # fmt: skip
    asked = [{"codec": "rqvae", "codebook_size": 16, "quantizer_depth": 3},
             {"codec": "kmeans", "codebook_size": 64},
             {"codec": "kmeans", "codebook_size": 4096}]  # fmt: skip
    later = Comparison(points, whole._clips, trials, asked).absent
    assert [(a.cell.label, a.status) for a in later if a.cell.bits == 12] == [
        ("k=4096", "refused"), ("D=16, Q=3", "not finished"),
    ]  # fmt: skip
    comparison = Comparison(points, whole._clips, trials)
    assert [(a.cell, a.status) for a in comparison.absent] == [
        (Cell(3.0, "rqvae", 2, 3), "failed"), (lost, "refused"),
    ]  # fmt: skip
    assert 12.0 not in comparison.pairs and comparison.rates == (3.0, 6.0, 9.0, 10.0, 12.0)


def test_names_of_metrics_follow_the_unit_of_the_motion() -> None:
    whole = invented(as_the_paper_says)
    assert whole.unit == "cm" and whole.metric("hull_pct") == "hull_pct"
    names = whole._clips["metric"].str.replace("_cm", "_px_approx_skeleton")
    pixels = Comparison(whole.points, whole._clips.assign(metric=names))
    assert pixels.unit == "px" and pixels.metric("rmse_body") == "rmse_body_px_approx_skeleton"
    assert {v.claim: v.verdict for v in judge(pixels)}["K1"] == HELD
