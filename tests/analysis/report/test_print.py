"""The page on paper and in a narrow window: nothing is cut off, and the widest table turns."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from analysis.findings import Findings
from analysis.log import read_log
from analysis.points import write_tables
from analysis.report.report import render
from tests.analysis.make_sweep import FakeSweep
from tests.analysis.report.conftest import Browser, opened

# As wide as A4 and Letter are between margins; what is too wide, by name.
WIDER = """
(async () => {
  dispatchEvent(new Event("beforeprint"));
  await new Promise((done) => setTimeout(done, 600));
  const page = document.querySelector(".page"), left = page.getBoundingClientRect().left;
  const room = (e) => (e.closest("#table") ? 960 : 704);
  const end = (e) => e.getBoundingClientRect().right;
  const name = (e) => e.id || e.closest('[id]').id || e.tagName;
  return [...document.querySelectorAll("table, svg, canvas, .panel, .bars, .cards, .figures")]
    .filter((e) => e.checkVisibility() && end(e) - left > room(e) + 1)
    .map((e) => `${name(e)} ${e.tagName} ends at ${end(e) - left}`);
})()
"""
AXIS = """
(() => {
  const axis = document.querySelector("#bytes .bars .axis");
  const row = axis.nextElementSibling.getBoundingClientRect(), box = axis.getBoundingClientRect();
  return [Math.abs(box.width - row.width), row.top - box.bottom];
})()
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("printed") / "sweep"
    FakeSweep(trials=12, seeds=2, motion=True).write(folder, np.random.default_rng(6))
    return render(Findings(read_log(folder), write_tables(folder)))


def test_nothing_leaves_the_paper(browser: Browser, page: str, tmp_path: Path) -> None:
    tab = opened(browser, page, tmp_path, wide=704)
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.run(WIDER) == []
    assert not tab.run("document.querySelector('#front-table td.words').checkVisibility()")
    tab.close()


def test_the_widest_table_lies_across_its_page(browser: Browser, page: str, tmp_path: Path) -> None:
    tab = opened(browser, page, tmp_path)
    width = "document.querySelector('.page').clientWidth"
    before = tab.run(width)
    boxes = re.findall(rb"/MediaBox ?\[ ?0 0 ([\d.]+) ([\d.]+)", tab.printed())
    assert tab.run(width) == before
    tab.close()
    across = [float(wide) > float(high) for wide, high in boxes]
    assert 1 <= sum(across) < len(across) / 2
    assert 4 <= len(across) <= 30


def test_the_axis_of_rates_in_bytes_lies_over_its_bars(
    browser: Browser, page: str, tmp_path: Path
) -> None:
    tab = opened(browser, page, tmp_path)
    off, under = tab.run(AXIS)
    tab.close()
    assert off < 1 and 0 <= under < 10


def test_axes_that_fit_their_box_need_no_scrolling(
    browser: Browser, page: str, tmp_path: Path
) -> None:
    tab = opened(browser, page, tmp_path)
    beyond = tab.run("""
(() => {
  const box = document.getElementById("plot-parallel");
  box.style.width = `${PAD.left + PAD.right + 70 * (data.dimensions.length - 1)}px`;
  parallelPlot();
  return box.scrollWidth - box.clientWidth;
})()
""")
    tab.close()
    assert beyond <= 0
