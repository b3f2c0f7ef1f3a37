"""`study.html`: the first paper's Figure 1 and Tables 1 and 2 from our runs, its claims judged."""

from __future__ import annotations

import math
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from analysis.labels import codec_label
from analysis.log import Log, read_log
from analysis.points import clips_frame, points_frame
from analysis.published import KLEZOVICH_STREAMS, published
from analysis.study.cells import Cell, Comparison
from analysis.study.claims import FAILED, HELD, differences, judge
from analysis.study.figure import cells_of, hull_figure, rmse_figure, svg
from analysis.study.paired import Difference, Summary, summary
from search_spaces.record import STUDY_FILE

COLUMNS = (
    ("rmse_full_cm", "full, cm", 2),
    ("rmse_body_cm", "body, cm", 2),
    ("rmse_hands_cm", "hands, cm", 3),
    ("hull_pct", "hull, %", 1),
    ("jerk_mps3", "jerk, m/s³", 0),
)


def is_study(log: Log) -> bool:
    """Whether a sweep is one of the paper's comparisons."""
    return str(log.sweep.get("preset", "")).startswith("klezovich/")


def build_study(folder: Path | str) -> Path | None:
    """Makes the page of a sweep anew; None where no pair of the paper's is finished."""
    log = read_log(folder)
    points = points_frame(log)
    if points.empty:
        return None
    comparison = Comparison(points, clips_frame(log))
    if not comparison.pairs:
        return None
    target = log.folder / STUDY_FILE
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.write_text(render(log, comparison), encoding="utf-8")
    os.replace(temporary, target)
    return target


def render(log: Log, comparison: Comparison) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("analysis.study", "template"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (files("analysis.report") / "report.css").read_text(encoding="utf-8")
    facts = log.facts
    shown = [c for c in COLUMNS if _measured(comparison, c[0])]
    has_hull = _measured(comparison, "hull_pct")
    hull = Markup(svg(hull_figure(comparison), "hull")) if has_hull else ""
    return environment.get_template("study.html.j2").render(
        css=Markup(style),
        name=log.name,
        size=str(log.sweep.get("size", "")),
        facts=facts,
        comparison=comparison,
        verdicts=judge(comparison),
        held=HELD,
        failed=FAILED,
        rmse=Markup(svg(rmse_figure(comparison), "rmse")),
        hull=hull,
        columns=shown,
        rows=[_row(comparison, cell, shown) for cell in cells_of(comparison)],
        pairs=_pairs(comparison, shown),
        fps=facts.fps if facts else math.nan,
        streams=KLEZOVICH_STREAMS,
        config=_training(log),
    )


def _measured(comparison: Comparison, metric: str) -> bool:
    first = next(iter(comparison.pairs.values()))[0]
    return not math.isnan(summary(comparison.values(first, metric)).mean)


def _row(comparison: Comparison, cell: Cell, shown: list[tuple[str, str, int]]) -> dict[str, Any]:
    """One cell of Tables 1 and 2: ours with both errors, the paper's hull where it has it."""
    theirs = published("klezovich")
    same = theirs[
        (theirs["codec"] == cell.codec)
        & (theirs["codebook_size"] == cell.codebook_size)
        & (theirs["quantizers"] == cell.depth)
    ]
    return {
        "bits": cell.bits,
        "codec": codec_label(cell.codec),
        "family": cell.codec,
        "label": cell.label,
        "paper": float(same["hull_percent"].iloc[0]) if len(same) else None,
        "of_paper": bool(len(same)),
        "values": [_said(summary(comparison.values(cell, m)), digits) for m, _, digits in shown],
    }


def _pairs(comparison: Comparison, shown: list[tuple[str, str, int]]) -> list[dict[str, Any]]:
    found = [(differences(comparison, metric), digits) for metric, _, digits in shown]
    return [
        {"bits": bits, "values": [_difference(by[bits], digits) for by, digits in found]}
        for bits in comparison.pairs
    ]


def _said(found: Summary, digits: int) -> dict[str, str]:
    return {
        "mean": _number(found.mean, digits),
        "recordings": _number(found.se_recordings, digits + 1),
        "seeds": _number(found.se_seeds, digits + 1),
    }


def _difference(found: Difference, digits: int) -> dict[str, Any]:
    return {
        "mean": f"{found.mean:+.{digits}f}",
        "interval": f"{found.low:+.{digits}f} to {found.high:+.{digits}f}",
        "p": f"{found.p:.2g}",
        "clear": found.p < 0.05,
    }


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _training(log: Log) -> str:
    """What the paper leaves open, as it was set here."""
    fixed = log.sweep.get("spec", {}).get("space", {}).get("fixed", {})
    return ", ".join(f"{key} {value}" for key, value in fixed.items())
