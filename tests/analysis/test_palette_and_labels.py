"""Looks and words of codecs and metrics."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from analysis import fronts, labels, palette, published, statistics
from analysis.report import evidence, report


@pytest.mark.parametrize("module", [fronts, labels, palette, published, statistics, evidence])
def test_examples_hold(module) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


def test_families_keep_their_colour_and_strangers_get_another() -> None:
    few, many = palette.looks(["rqvae"]), palette.looks(["a", "rqvae", "kmeans", "b"])
    assert few["rqvae"] == many["rqvae"]
    assert len({look.light for look in many.values()}) == 4
    assert len({look.marker for look in many.values()}) == 4


def test_many_codecs_differ_in_colour_or_marker() -> None:
    looks = palette.looks([f"codec{i}" for i in range(20)]).values()
    assert len({(look.light, look.marker) for look in looks}) == 20
    assert len({(look.dark, look.symbol) for look in looks}) == 20


def test_the_page_draws_every_marker() -> None:
    folder = Path(report.__file__).parent
    for script in ("cloud.js", "page.js"):
        text = (folder / script).read_text(encoding="utf-8")
        drawn = text[text.index("shapes = {" if script == "cloud.js" else "MARKS = {") :]
        for look in (*palette.FIXED.values(), *palette.FURTHER):
            assert re.search(rf'[{{ "]{look.symbol}"?:', drawn), (script, look.symbol)


def test_operating_points_in_a_few_signs() -> None:
    nan = float("nan")
    kmeans = {"codec": "kmeans", "codebook_size": 512.0, "depth": 1, "levels": 1,
              "quantizer_depth": nan, "compression": nan}  # fmt: skip
    assert labels.point_label(kmeans) == "K-Means 512"
    deep = {"codec": "temporal_rvq", "codebook_size": 64, "depth": 2, "levels": 3, "compression": 4}
    assert labels.point_label(deep) == "Temporal RVQ 64×2 ÷4"
    assert labels.point_label({"codec": "mine"}) == "mine"
    assert labels.number(nan) == "–"
