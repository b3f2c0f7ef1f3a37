"""Tables for papers: what is chosen, what is bold, and that each form says the same."""

from __future__ import annotations

import csv
import io
import math
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.deciding import distortion_of
from analysis.front_statistics import front_statistics
from analysis.log import Log, read_log
from analysis.paper_figures import paper_figure, save
from analysis.points import clips_frame, points_frame
from analysis.table_forms import as_csv, latex, markdown, written
from analysis.tables import Cell, Row, Table, front_table
from search_spaces.errors import BadInput

Loaded = tuple[Log, pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def loaded(three_seeds: Path) -> Loaded:
    log = read_log(three_seeds)
    return log, points_frame(log), clips_frame(log)


def made(loaded: Loaded, **options: object) -> Table:
    log, points, clips = loaded
    return front_table(log, points, clips, which="nominal", distortion=distortion_of(points),
                       **options)  # type: ignore[arg-type]  # fmt: skip


BY_HAND = Table(
    ("rmse_full_cm", "hull_pct"),
    "rate_nominal_bps",
    (
        Row(300.0, "a-d1", "RQ-VAE 32×2", 299.5, (Cell(1.2345, 0.0123, True), Cell(88.0)), 3),
        Row(300.0, "b-d1", "a_b & 5 %", 1200.0, (Cell(12.5, math.nan), Cell(math.nan)), 1),
    ),
    "Motion of 100 %: ±.",
)


NARROW = replace(
    BY_HAND,
    columns=BY_HAND.columns[:1],
    rows=tuple(replace(r, cells=r.cells[:1]) for r in BY_HAND.rows),
    name="narrow",
)

NASTY = replace(
    BY_HAND,
    columns=(*BY_HAND.columns, "jerk_mps3"),
    rows=tuple(
        replace(
            r,
            label=f"{{a}}_b\\c #1 & 5 % ~ ^ $x$ < > | {r.label}",
            cells=(*r.cells, Cell(1e6, 2e4)),
        )
        for r in BY_HAND.rows
    ),
    caption="α_0: 100 % ± 3 ≤ 4 × 2 ÷ 8 … “fast” → {slow} – m/s³ & #1 ~ ^ \\",
    name="CMU iClone_2 (é)",
)
"""Every sign that TeX takes for itself."""


def test_latex_is_booktabs_with_what_is_special_escaped() -> None:
    text = latex(BY_HAND)
    assert r"$\mathbf{1.234} \pm 0.012$" in text or r"$\mathbf{1.235} \pm 0.012$" in text
    assert r"a\_b \& 5 \%\,$^\dagger$ & 1\,200 & $12.5$ & --" in text
    assert r"RQ-VAE 32$\times$2 & 300" in text
    assert r"\caption{Motion of 100 \%: $\pm$.}" in text and r"\label{tab:sweep}" in text
    assert r"At most & Codec & Rate & Full pose & Wrist \\" in text
    assert r"(bits/s) &  & (bits/s) & RMSE (cm) & hull (\%) \\" in text


@pytest.mark.parametrize("table", [BY_HAND, NASTY], ids=["plain", "nasty"])
def test_latex_is_whole_without_asking_tex(table: Table) -> None:
    text = latex(table)
    begun = re.findall(r"\\begin\{([a-z*]+)\}", text)
    assert begun == re.findall(r"\\end\{([a-z*]+)\}", text)[::-1] and len(begun) == 2
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\caption", r"\label"):
        assert text.count(rule) == 1
    assert text.index(r"\caption") < text.index(r"\label") < text.index(r"\toprule")
    bare = re.sub(r"\\.", "", text)  # without what is escaped
    assert not re.search(r"[%#~|<>]", re.sub(r"\$[^$]*\$", "", bare))
    assert bare.count("$") % 2 == 0 and "_" not in bare
    depth = np.cumsum([(sign == "{") - (sign == "}") for sign in bare])
    assert depth.min() >= 0 and depth[-1] == 0
    columns = 3 + len(table.columns)
    assert r"\begin{tabular}{@{}rl" + "r" * (columns - 2) + "@{}}" in text
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")].splitlines()
    ended = [line for line in body if line.endswith(r"\\")]
    assert len(ended) == 2 + len(table.rows)
    assert {len(re.findall(r"(?<!\\)&", line)) for line in ended} == {columns - 1}


def test_what_a_column_cannot_hold_goes_across_the_page() -> None:
    assert r"\begin{table*}" in latex(NASTY) and r"\label{tab:cmu-iclone-2-e}" in latex(NASTY)
    assert r"\begin{table*}" in latex(BY_HAND) and r"\begin{table}" in latex(NARROW)


ARTICLE = r"""\documentclass[10pt,twocolumn]{article}
\usepackage{booktabs,graphicx}
\begin{document}
\input{plain}\input{narrow}\input{nasty}
Tables~\ref{tab:sweep}, \ref{tab:narrow} and~\ref{tab:cmu-iclone-2-e}.
\begin{figure}\includegraphics[width=\columnwidth]{front}\caption{A front.}\end{figure}
\end{document}
"""


@pytest.mark.long
def test_tex_sets_it_in_two_columns(loaded: Loaded, tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    log, points, clips = loaded
    said = front_statistics(points, clips, rate=log.rate, resamples=0, with_importance=False)
    save(paper_figure(said, "rmse_full_cm"), tmp_path / "front.pdf")
    for name, table in (("plain", BY_HAND), ("narrow", NARROW), ("nasty", NASTY)):
        # The Greek letter and the quotation marks need fonts of their own, in any paper.
        text = latex(table).replace("α", "a").replace("“", "``").replace("”", "''")
        (tmp_path / f"{name}.tex").write_text(text, encoding="utf-8")
    (tmp_path / "paper.tex").write_text(ARTICLE, encoding="utf-8")
    for _ in range(2):  # the second run knows the references
        ran = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"],
                             cwd=tmp_path, capture_output=True, text=True)  # fmt: skip
        assert ran.returncode == 0, ran.stdout[-2000:]
    said_of_it = (tmp_path / "paper.log").read_text(encoding="latin-1")
    assert "Overfull" not in said_of_it and "undefined" not in said_of_it
    assert b"/Type3" not in (tmp_path / "paper.pdf").read_bytes()


def test_markdown_has_as_many_cells_in_every_row() -> None:
    lines = markdown(BY_HAND).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    assert "**1.234** ± 0.012" in lines[2] or "**1.235** ± 0.012" in lines[2]
    assert "a_b & 5 % †" in lines[3] and lines[-1] == BY_HAND.caption


def test_csv_keeps_every_digit() -> None:
    first, second = csv.DictReader(io.StringIO(as_csv(BY_HAND)))
    assert float(first["rmse_full_cm"]) == 1.2345 and first["best_in"] == "rmse_full_cm"
    assert first["rmse_full_cm_se"] == "0.0123" and second["hull_pct"] == ""


def test_each_codec_has_its_best_at_every_rate(loaded: Loaded) -> None:
    table = made(loaded, budgets=[400.0, 1500.0])
    from analysis.statistics import seed_means

    means = seed_means(loaded[1]).set_index("point")
    assert {r.group for r in table.rows} == {400.0, 1500.0}
    for row in table.rows:
        same = means[(means["codec"] == means["codec"][row.point])
                     & (means["rate_nominal_bps"] <= row.group)]  # fmt: skip
        assert row.rate <= row.group
        assert row.cells[0].value == same["val_rmse_full_cm"].min()
    for group in (400.0, 1500.0):
        own = [r for r in table.rows if r.group == group]
        if len(own) > 1:
            (bold,) = [r for r in own if r.cells[0].best]
            assert bold.cells[0].value == min(r.cells[0].value for r in own)


def test_the_best_hull_is_the_nearest_to_a_hundred(loaded: Loaded) -> None:
    table = made(loaded, columns=["hull_pct"], budgets=[2000.0])
    away = {abs(100 - r.cells[0].value): r.cells[0].best for r in table.rows}
    assert len(away) > 1 and away[min(away)] and sum(away.values()) == 1


def test_the_front_is_a_table_too(loaded: Loaded) -> None:
    table = made(loaded, rows="front")
    values = np.array([(r.rate, r.cells[0].value) for r in table.rows])
    assert (np.diff(values[:, 0]) >= 0).all() and (np.diff(values[:, 1]) <= 0).all()
    assert all(math.isnan(r.group) for r in table.rows) and "the front of" in table.caption
    assert "≤" not in markdown(table)


def test_rates_may_all_be_nothing(loaded: Loaded) -> None:
    log, points, clips = loaded
    still = points.assign(val_rate_entropy_bps=0.0)
    table = front_table(log, still, clips, which="entropy", distortion=distortion_of(still))
    assert table.rows


def test_errors_are_over_seeds_and_else_over_recordings(loaded: Loaded, one_seed: Path) -> None:
    several = made(loaded)
    assert "3 seeds" in several.caption and "†" not in several.caption
    log = read_log(one_seed)
    single = made((log, points_frame(log), clips_frame(log)))
    assert "over 4 recordings" in single.caption and "†" in single.caption
    assert single.rows[0].cells[0].error > 0 and " †" in markdown(single)
    without = made((log, points_frame(log), clips_frame(log).iloc[:0]))
    assert "without errors" in without.caption and math.isnan(without.rows[0].cells[0].error)


def test_test_scores_are_shown_for_what_validation_chose(loaded: Loaded) -> None:
    val, test = made(loaded), made(loaded, split="test")
    assert [r.point for r in val.rows] == [r.point for r in test.rows]
    assert [r.cells[0].value for r in val.rows] != [r.cells[0].value for r in test.rows]
    assert "chosen on validation" in test.caption


@pytest.mark.parametrize(("options", "words"), [
    ({"rows": "all"}, "no rows 'all'"), ({"columns": ["beauty"]}, "no column 'beauty'"),
])  # fmt: skip
def test_what_there_is_not_is_named(loaded: Loaded, options: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        made(loaded, **options)
    with pytest.raises(BadInput, match="latex, markdown, csv"):
        written(BY_HAND, "html")
