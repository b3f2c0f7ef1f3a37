"""Depth and size told apart, on cells where we know both effects."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.study.cells import Cell, Comparison
from analysis.study.levels import (
    against_shallowest,
    effects,
    ladders,
    paper_steps,
    trained_or_prefix,
)
from analysis.study.paired import difference
from analysis.study.tables import hull_sentence, said_difference
from tests.analysis.study.test_claims import invented

SIZES = ((64, 1), (4, 3), (512, 1), (16, 3), (4, 6))
MORE = [Cell(depth * math.log2(size), "rqvae", size, depth) for size, depth in SIZES]


def _truth(cell: Cell, metric: str) -> float:
    return 50.0 + 3.0 * cell.bits - 2.0 * cell.depth if cell.codec == "rqvae" else 40.0


def _swept() -> Comparison:
    return invented(_truth, more=MORE)


def test_both_effects_are_found() -> None:
    found = effects(_swept(), "hull_pct")
    assert found is not None and found.cells == 9
    assert found.bit.mean == pytest.approx(3.0, rel=0.06)  # recordings differ in scale
    assert found.level.mean == pytest.approx(-2.0, rel=0.06)
    assert found.bit.low < found.bit.mean < found.bit.high and found.bit.p < 0.01
    assert found.level.se_seeds < 0.01 and found.level.recordings == 10
    assert found.unexplained < 0.05


def test_the_papers_dip_is_what_levels_take() -> None:
    comparison = _swept()
    found = effects(comparison, "hull_pct")
    assert found is not None
    second = paper_steps(comparison, "hull_pct", found)[1]
    assert (second.start.label, second.end.label) == ("D=8, Q=3", "D=32, Q=2")
    assert second.by_bits == pytest.approx(found.bit.mean)
    assert second.by_levels == pytest.approx(-found.level.mean)
    assert second.measured.mean == pytest.approx(3.0 + 2.0, rel=0.06)


def test_deeper_cells_stand_against_the_shallowest_of_the_same_bits() -> None:
    comparison = _swept()
    assert [c.depth for c in ladders(comparison)[6.0]] == [1, 2, 3]
    found = against_shallowest(comparison, "hull_pct")
    assert [c.label for c, _ in found[12.0]] == ["D=8, Q=4", "D=4, Q=6"]
    for cell, d in found[12.0]:
        assert d.mean == pytest.approx(-2.0 * (cell.depth - 3), rel=0.06)


def test_cells_that_confound_both_say_nothing() -> None:
    """Depth one at every rate: a level more at equal bits was never tried."""
    comparison = invented(_truth)
    lines = {6.0: (64, 1), 9.0: (512, 1), 10.0: (1024, 1), 12.0: (4096, 1)}
    rows = comparison.points[comparison.points["codec"] == "rqvae"].copy()
    rows = rows[~rows["point"].str.contains("64x")]
    bits = (rows["levels"] * np.log2(rows["codebook_size"])).round(6)
    rows["codebook_size"] = [lines[b][0] for b in bits]
    rows["levels"] = 1
    assert effects(Comparison(rows, comparison._clips), "hull_pct") is None


def test_first_levels_of_a_deeper_codec_stand_against_the_cell_trained_so() -> None:
    """`invented` gives each codec one prefix point without clips; here are some with."""
    own = invented(_truth)
    rows, clips = [], []
    for seed in range(5):
        name = f"deeper-s{seed}"
        rows.append({"point": name, "codec": "rqvae", "codebook_size": 8, "levels": 4,
                     "depth": 3, "seed": seed, "is_prefix": True})  # fmt: skip
        trained = own._clips[own._clips["point"] == f"rqvae-8x3-s{seed}"]
        clips.append(trained.assign(point=name, value=trained["value"] - 1.5))
    points = pd.concat([own.points.assign(depth=own.points["levels"]), pd.DataFrame(rows)])
    comparison = Comparison(points, pd.concat([own._clips, *clips]))
    assert comparison.cells == own.cells, "prefixes are no cells"
    assert [(p.cell.label, p.levels) for p in comparison.prefixes] == [("D=8, Q=3", 4)]
    ((cell, ((levels, d),)),) = trained_or_prefix(comparison, "hull_pct")
    assert (cell.label, levels) == ("D=8, Q=3", 4)
    assert d.mean == pytest.approx(-1.5) and d.recordings == 10
    assert comparison.recordings == own.recordings


@pytest.mark.parametrize(
    ("slope", "word"), [(-2.0, "the opposite pattern"), (2.0, "can make"), (0.0, "may be chance")]
)
def test_the_sentence_says_what_depth_does(slope: float, word: str) -> None:
    def truth(cell: Cell, metric: str) -> float:
        return 50.0 + 3.0 * cell.bits + slope * cell.depth

    said = hull_sentence(invented(truth, more=MORE))
    assert word in said and "one more level at equal bits" in said


def test_a_difference_that_rounds_to_nothing_has_no_sign() -> None:
    one = pd.DataFrame([[10.0, 10.0]], index=["r0"])
    said = said_difference(difference(one, one - 0.004), 2)
    assert said["mean"] == "0.00" and said["relative"] == "0 %"
    assert said_difference(difference(one, one - 0.006), 2)["mean"] == "−0.01"
