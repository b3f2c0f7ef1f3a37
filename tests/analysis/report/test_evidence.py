"""The section of how sure the fronts are says what the statistics found."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from analysis.findings import Findings
from analysis.log import read_log
from analysis.points import write_tables
from analysis.report.evidence import MOST_ADDING, evidence_section, small, statistics_of
from tests.analysis.make_sweep import FakeSweep


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    folder = tmp_path_factory.mktemp("evidence") / "sweep"
    FakeSweep(trials=30).write(folder, np.random.default_rng(1))
    return Findings(read_log(folder), write_tables(folder))


def cells(html: str, heading: str) -> list[list[str]]:
    """Rows of the table under a heading."""
    body = re.search(r"<tbody>(.*?)</tbody>", html.split(heading, 1)[1], re.DOTALL)
    assert body is not None
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL)
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in found]


def test_indicators_and_contributions_are_those_of_the_statistics(findings: Findings) -> None:
    found = statistics_of(findings)
    assert found is not None
    html = str(evidence_section(findings, found))
    first = next(iter(found["distortions"].values()))
    rows = cells(html, "Each codec against the front of all")
    assert len(rows) == len(first["indicators"]) == 3
    for row, said in zip(rows, first["indicators"].values(), strict=True):
        assert row[4:7] == [small(said[k]) for k in ("igd_plus", "epsilon", "r2")]
        assert int(row[1]) == said["points"] and row[2] == f"{100 * said['share']:.1f} %"
    added = cells(html, "What each point of the front adds")
    front = first["front"]
    assert len(added) == min(len(front), MOST_ADDING)
    whole = first["hypervolume"]["value"]
    shares = {p["label"]: f"{100 * p['contribution'] / whole:.1f} %" for p in front}
    assert all(shares[row[0]] == row[4] for row in added)
    assert sum(p["contribution"] for p in front) <= whole
    rates = [float(row[1].replace(",", "")) for row in added]
    assert rates == sorted(rates)
    pairs = cells(html, "Codec against codec")
    assert all(row[5].endswith(" cm") or row[5] == "–" for row in pairs) and len(pairs) == 3


def test_without_a_front_there_is_no_section(findings: Findings) -> None:
    found = statistics_of(findings)
    assert found is not None
    empty = {name: {**d, "front": []} for name, d in found["distortions"].items()}
    assert evidence_section(findings, {**found, "distortions": empty}) == ""
    assert evidence_section(findings, None) == ""


def test_no_points_no_statistics(tmp_path: Path) -> None:
    folder = FakeSweep(trials=0).write(tmp_path / "s", np.random.default_rng(0))
    assert statistics_of(Findings(read_log(folder), write_tables(folder))) is None
