"""The papers' numbers that ship with the package."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from analysis.published import TABLES, klezovich_hull, published
from search_spaces.errors import BadInput


@pytest.mark.parametrize("table", TABLES)
def test_every_row_names_its_source(table: str) -> None:
    rows = published(table)
    assert len(rows) > 0
    assert rows["source"].str.len().gt(10).all()


def test_unknown_tables_are_told() -> None:
    with pytest.raises(BadInput, match="klezovich"):
        published("nobody")


def test_rates_of_the_first_paper_follow_from_its_codes() -> None:
    rows = published("klezovich")
    bits = rows["quantizers"] * rows["codebook_size"].map(lambda k: k.bit_length() - 1)
    assert bits.tolist() == rows["bits_per_frame"].tolist()
    assert (bits * rows["fps"]).tolist() == rows["rate_nominal_bps_per_stream"].tolist()
    hull = klezovich_hull()
    assert hull["rate_total_bps"].tolist() == (3 * bits * 30).tolist()
    assert hull["label"].tolist()[3:5] == ["4096", "8×2"]


@pytest.mark.parametrize(
    ("table", "file"),
    [("klezovich", "klezovich_sts"), ("eggesture", "eggesture"), ("vqgan", "vqgan_heatmaps")],
)
def test_numbers_are_those_of_the_reference(shared: Path, table: str, file: str) -> None:
    with (shared / "reference" / f"{file}.csv").open(encoding="utf-8") as lines:
        theirs = list(csv.DictReader(lines))
    ours = published(table).astype(str).replace("nan", "").to_dict("records")
    assert len(ours) == len(theirs)
    for mine, row in zip(ours, theirs, strict=True):
        for key, value in row.items():
            if key != "source" and value:
                assert mine[key] == value or float(mine[key]) == float(value)
