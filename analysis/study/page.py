"""`study.html`: the first paper's Figure 1 and Tables 1 and 2 from our runs, its claims judged."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from analysis.claims import FAILED, HELD
from analysis.inline_svg import INLINE_STYLE, inline_svg
from analysis.log import Log, as_log
from analysis.pages import filled, stylesheet, write_page
from analysis.points import clips_frame, configuration_columns, points_frame, trials_frame
from analysis.report.allocation import allocation_section
from analysis.study.cells import CODECS, HELD_OUT, Comparison
from analysis.study.claims import judge
from analysis.study.figure import hull_figure, levels_figure, rmse_figure
from analysis.study.levels import ladders
from analysis.study.tables import (
    COLUMNS,
    cell_rows,
    claim_rows,
    hull_sentence,
    level_tables,
    measured,
    pair_rows,
)
from search_spaces.record import BOUNDS, FIGURES_FOLDER, STUDY_FILE

STUDIES = ("klezovich/table1", "klezovich/study")
"""Presets that hold the paper's paired comparison."""


def is_study(log: Log) -> bool:
    """Whether a sweep is one of the paper's comparisons."""
    return str(log.sweep.get("preset", "")) in STUDIES


def build_study(source: Path | str | Log) -> Path | None:
    """Makes the page of a sweep anew, and its figures; None where no cell is finished.

    It stands where cells are missing: they are named with the reason, and a claim that needs them
    cannot be said.
    """
    log = as_log(source)
    points = points_frame(log)
    if points.empty:
        return None
    space = log.sweep.get("spec", {}).get("space") or {}
    comparison = Comparison(points, clips_frame(log), trials_frame(log), space.get("cells") or ())
    if not comparison.cells:
        return None
    figures = _figures(log, comparison)
    _write_figures(figures, log.folder / FIGURES_FOLDER)
    target = log.folder / STUDY_FILE
    return write_page(target, render(log, comparison, points, figures))


Drawn = dict[str, tuple[Callable[[], Figure], str]]
"""Name -> how it is drawn, and what it shows."""


def render(log: Log, comparison: Comparison, points: pd.DataFrame, figures: Drawn) -> str:
    """The page."""
    facts = log.facts
    shown = [c for c in COLUMNS if measured(comparison, c[0])]
    return filled(
        "analysis.study/template",
        "study.html.j2",
        css=stylesheet(),
        name=log.name,
        size=str(log.sweep.get("size", "")),
        facts=facts,
        comparison=comparison,
        verdicts=[(v, claim_rows(v)) for v in judge(comparison)],
        held=HELD,
        failed=FAILED,
        figures={n: Markup(inline_svg(draw(), n, said)) for n, (draw, said) in figures.items()},
        columns=shown,
        rows=cell_rows(comparison, shown),
        pairs=pair_rows(comparison, shown),
        levels=level_tables(comparison),
        hull_words=hull_sentence(comparison),
        bounds=_bounds(log, comparison),
        fps=facts.fps if facts else math.nan,
        streams=len(facts.parts) if facts else 1,
        settings=_settings(log, comparison),
        allocation=allocation_section(log, points),
        unit=comparison.unit,
    )


def _figures(log: Log, comparison: Comparison) -> Drawn:
    found: Drawn = {}
    if comparison.pairs:
        bounds = _bounds(log, comparison)
        # The mean pose lies far above every codec and would flatten what is compared.
        near = {n: v for n, v in bounds.items() if n == BOUNDS[1]}
        found["study_rmse"] = (partial(rmse_figure, comparison, near),
                               "RMSE against bits of K-Means and RQ-VAE, and their paired "
                               "differences; the tables below hold the numbers")  # fmt: skip
        if measured(comparison, "hull_pct"):
            found["study_hull"] = (partial(hull_figure, comparison),
                                   "Wrist hull percentage beside the paper's, and jerk beside the "
                                   "original's")  # fmt: skip
    if ladders(comparison):
        found["study_levels"] = (partial(levels_figure, comparison),
                                 "RQ-VAE at equal bits by number of levels")  # fmt: skip
    return found


def _write_figures(figures: Drawn, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with rc_context(INLINE_STYLE):
        for name, (draw, _) in figures.items():
            draw().savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})


def _bounds(log: Log, comparison: Comparison) -> dict[str, dict[str, float]]:
    """Mean pose and nearest training frame -> metric -> mean over held-out recordings."""
    facts, found = log.facts, {}
    if facts is None:
        return {}
    weights = {s: len(getattr(facts, s).recordings) or 1 for s in HELD_OUT}
    for row in log.bounds:
        if row.get("codec") not in BOUNDS:
            continue
        values = {}
        for stem, *_ in COLUMNS:
            metric = comparison.metric(stem)
            known = [(s, row.get(f"{s}_{metric}")) for s in HELD_OUT]
            given = [(weights[s], float(v)) for s, v in known if v is not None]
            if given:
                values[metric] = sum(w * v for w, v in given) / sum(w for w, _ in given)
        found[str(row["codec"])] = values
    return found


def _settings(log: Log, comparison: Comparison) -> dict[str, str]:
    """What the paper leaves open, as it was here: codec -> settings that all of its cells share."""
    said = {}
    for codec in CODECS:
        rows = comparison.points[comparison.points["codec"] == codec]
        names = [c for c in configuration_columns(rows) if c not in _CELL_KEYS]
        alike = {c: rows[c].dropna().unique() for c in names}
        said[codec] = ", ".join(
            f"{c.replace('_', ' ')} {_brief(v[0])}" for c, v in alike.items() if len(v) == 1
        )
    return {codec: words for codec, words in said.items() if words}


_CELL_KEYS = ("codec", "codebook_size", "quantizer_depth")


def _brief(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
