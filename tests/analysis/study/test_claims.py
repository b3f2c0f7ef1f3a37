"""The claims, judged on sweeps where we know what is true."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from analysis.study.cells import Cell, Comparison, paper_pairs
from analysis.study.claims import FAILED, HELD, OPEN, Verdict, judge

Truth = Callable[[Cell, str], float]
RECORDINGS = 10


def invented(
    truth: Truth, recordings: int = RECORDINGS, seeds: int = 3, draw: int = 0
) -> Comparison:
    """A sweep of the paper's cells (and some more) whose means are `truth`."""
    rng = np.random.default_rng(draw)
    cells = [c for pair in paper_pairs().values() for c in pair]
    cells += [Cell(6.0, "rqvae", 64, 1), Cell(12.0, "rqvae", 64, 2)]
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
    assert "10 recordings" in found["K1"].why and "p = " in found["K1"].why


def test_the_opposite_did_not_hold() -> None:
    def other(cell: Cell, metric: str) -> float:
        twin = next(c for pair in paper_pairs().values() for c in pair
                    if c.bits == cell.bits and c.codec != cell.codec)  # fmt: skip
        return as_the_paper_says(twin, metric)

    found = verdicts(invented(other))
    assert {c for c, v in found.items() if v.verdict == FAILED} == {"K1", "K2", "K3", "K4", "K5"}
    assert "the opposite at 6, 9, 10, 12 bits" in found["K1"].why


def test_without_a_difference_nothing_can_be_said() -> None:
    said = []
    for draw in range(6):
        found = verdicts(invented(lambda cell, metric: 10.0, draw=draw))
        said += [found["K1"].verdict, found["K5"].verdict]
    assert said.count(OPEN) >= len(said) - 2, "wrong once in twenty, by choice"
    assert found["K2"].verdict == FAILED, "a ratio of one is not 1.8"


def test_too_few_recordings_cannot_say() -> None:
    found = verdicts(invented(as_the_paper_says, recordings=3))
    assert found["K1"].verdict == OPEN
    assert "so few recordings cannot give p below" in found["K1"].why


def test_missing_pairs_are_named() -> None:
    whole = invented(as_the_paper_says)
    del whole.pairs[9.0]
    found = verdicts(whole)
    assert {found[c].verdict for c in ("K1", "K2", "K3", "K4", "K5")} == {OPEN}
    assert "no finished pair at 9 bits" in found["K1"].why


def test_cells_are_trained_depths_and_bits_are_in_closed_form() -> None:
    comparison = invented(as_the_paper_says)
    assert {c.bits for c in comparison.cells} == {6.0, 9.0, 10.0, 12.0}
    assert comparison.recordings == RECORDINGS and comparison.seeds == 3
    assert [c.label for c in comparison.at(6.0)] == ["k=64", "D=8, Q=2", "D=64, Q=1"]
    values = comparison.values(comparison.cells[0], "rmse_full_cm")
    assert values.shape == (RECORDINGS, 3)


@pytest.mark.parametrize("bits", [6.0, 9.0, 10.0, 12.0])
def test_the_papers_pairs_have_equal_bits(bits: float) -> None:
    first, second = paper_pairs()[bits]
    assert first.codec == "kmeans" and second.codec == "rqvae"
    assert first.bits == second.bits == second.depth * np.log2(second.codebook_size)
