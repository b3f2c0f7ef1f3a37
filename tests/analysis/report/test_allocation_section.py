"""The section of what sharing a rate gained: where it stands, and where it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.findings import Findings
from analysis.log import read_log
from analysis.points import points_frame, write_tables
from analysis.report.allocation import allocation_section
from analysis.report.report import render
from search_spaces.record import ALLOCATION_FILE
from tests.analysis.make_sweep import PARTS, FakeSweep


@pytest.fixture
def swept(tmp_path: Path) -> Path:
    sweep = FakeSweep(trials=5, seeds=2, failures=False, clips=False)
    return sweep.write(tmp_path / "sweep", np.random.default_rng(4))


def _allocate(folder: Path) -> pd.DataFrame:
    """The sweep's own front made better by a tenth, at nine tenths of the bits."""
    points = points_frame(read_log(folder))
    own = points[points["seed"] == 0].sort_values("rate_nominal_bps")
    rows = []
    for row in own.to_dict("records"):
        bits = {f"{p}_bps": 0.9 * row[f"rate_nominal_{p}_bps"] for p in PARTS}
        names = {f"{p}_point": row["point"] for p in PARTS}
        rows.append({
            "composed": True, "rate_nominal_bps": sum(bits.values()), **bits, **names,
            "val_rmse_full_cm": 0.9 * row["val_rmse_full_cm"],
            "test_rmse_full_cm": 0.95 * row["test_rmse_full_cm"],
            "test_rmse_hands_cm": 1.2 * row["test_rmse_hands_cm"],
            "on_front": True, "points_counted": len(own),
        })  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / ALLOCATION_FILE, index=False)
    return points


def test_without_an_allocation_the_page_has_no_such_section(swept: Path) -> None:
    log = read_log(swept)
    assert allocation_section(log, points_frame(log)) == ""
    assert 'id="allocation"' not in render(Findings(log, write_tables(swept)))


def test_gains_stand_on_the_report(swept: Path) -> None:
    points = _allocate(swept)
    log = read_log(swept)
    section = allocation_section(log, points)
    assert "<b>10.0 %</b><span>less RMSE at the same bits, validation" in section
    assert "<b>5.0 %</b><span>less RMSE at the same bits, test" in section
    assert "the hands' own RMSE (aligned, test) changes by +20 %" in section
    assert section.count('<svg role="img"') == 1 and "run <code>ratefront allocate" not in section
    assert "composed: right hand" in section
    page = render(Findings(log, write_tables(swept)))
    assert page.count('<section id="allocation">') == 1 and 'href="#allocation"' in page
    assert page.index('id="allocation"') > page.index('id="bytes"')
    assert page.index('id="allocation"') < page.index('id="trials"')


def test_a_sweep_that_has_grown_says_so(swept: Path) -> None:
    points = _allocate(swept)
    table = pd.read_csv(swept / ALLOCATION_FILE).assign(points_counted=2)
    table.to_csv(swept / ALLOCATION_FILE, index=False)
    said = allocation_section(read_log(swept), points)
    assert "run <code>ratefront allocate</code> again" in said
