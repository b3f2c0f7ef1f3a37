"""Figures for papers: vector, of the right width, with fonts that publishers take."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from analysis.front_statistics import front_statistics
from analysis.log import read_log
from analysis.paper_figures import KINDS, WIDTHS, overlay, paper_figure, save
from analysis.points import clips_frame, points_frame
from search_spaces.errors import BadInput


@pytest.fixture(scope="module")
def said(three_seeds: Path) -> dict:
    log = read_log(three_seeds)
    return front_statistics(points_frame(log), clips_frame(log), rate=log.rate, resamples=50,
                            reference=log.sweep["reference_point"], distortions=["rmse_full_cm"],
                            with_importance=False)  # fmt: skip


def content(path: Path) -> bytes:
    """A PDF with its streams unpacked."""
    data = path.read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)endstream", data, re.S)
    unpacked = []
    for stream in streams:
        try:
            unpacked.append(zlib.decompress(stream))
        except zlib.error:
            unpacked.append(stream)
    return data + b"".join(unpacked)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", ["front", "attainment"])
def test_a_pdf_is_vector_at_paper_width_with_embedded_fonts(
    said: dict, kind: str, width: str, tmp_path: Path
) -> None:
    path = save(paper_figure(said, "rmse_full_cm", kind, width), tmp_path / "sub" / "front.pdf")
    data = content(path)
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", data)
    assert box and float(box.group(1)) == pytest.approx(72 * WIDTHS[width], abs=0.01)
    assert b"/CIDFontType2" in data and b"/FontFile2" in data and b"/Type3" not in data
    assert b"/Image" not in data.replace(b"/ImageC", b"").replace(b"/ImageB", b"").replace(
        b"/ImageI", b""
    )
    assert path.stat().st_size < 200_000 and not list(path.parent.glob(".*"))


def test_the_same_numbers_give_the_same_bytes(said: dict, tmp_path: Path) -> None:
    first = save(paper_figure(said, "rmse_full_cm"), tmp_path / "a.pdf").read_bytes()
    assert first == save(paper_figure(said, "rmse_full_cm"), tmp_path / "b.pdf").read_bytes()


def test_everything_drawn_lies_within_the_page(said: dict) -> None:
    figure = paper_figure(said, "rmse_full_cm")
    FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    assert axes.get_xlabel() == "Nominal rate (bits/s)"
    assert axes.get_ylabel() == "Full pose RMSE (cm)"
    for label in (axes.xaxis.label, axes.yaxis.label):
        box = label.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0
        assert box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
    legend = [t.get_text() for t in axes.get_legend().get_texts()]
    assert "front" in legend and len(legend) == len(set(legend))


def test_few_seeds_are_drawn_open_and_said_so(said: dict, one_seed: Path) -> None:
    def words(given: dict) -> list[str]:
        figure = paper_figure(given, "rmse_full_cm")
        return [t.get_text() for t in figure.axes[0].get_legend().get_texts()]

    log = read_log(one_seed)
    one = front_statistics(points_frame(log), clips_frame(log), resamples=0, with_importance=False)
    assert any("fewer than 3 seeds" in w for w in words(one))
    if not any(r["few_seeds"] for r in said["distortions"]["rmse_full_cm"]["front"]):
        assert not any("fewer than 3" in w for w in words(said))


def test_fronts_stand_over_one_another_with_their_names(said: dict, tmp_path: Path) -> None:
    front = said["distortions"]["rmse_full_cm"]["front"]
    moved = [{**row, "value": row["value"] + 1} for row in front]
    figure = overlay([("first", front), ("second", moved), ("none", [])], "rate_nominal_bps",
                     "rmse_full_cm")  # fmt: skip
    texts = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert texts == ["first", "second"]
    assert save(figure, tmp_path / "over.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(("kind", "width", "words"), [
    ("pie", "column", "front, attainment, importance"), ("front", "poster", "column, page"),
    ("importance", "column", "not computed"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_one_line(said: dict, kind: str, width: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        paper_figure(said, "rmse_full_cm", kind, width)
    assert "importance" in KINDS


def test_another_ending_is_refused(said: dict, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"\.doc"):
        save(paper_figure(said, "rmse_full_cm"), tmp_path / "front.doc")
