"""Builds `report.html` (one file, no request leaves it) and `figures/` from a sweep directory."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from analysis.costs import costs
from analysis.evaluations import read_evaluations
from analysis.findings import Findings, leading_front
from analysis.labels import (
    codec_label,
    duration,
    number,
    objective_label,
    part_label,
    quantity,
)
from analysis.log import Log, read_log
from analysis.motion_shown import clips_asked, notice
from analysis.pages import Filters, filled, write_page
from analysis.palette import looks
from analysis.points import Tables, write_tables
from analysis.report.allocation import allocation_section
from analysis.report.codebooks import codebooks_payload
from analysis.report.curves import curves_payload
from analysis.report.errors import errors_payload
from analysis.report.evidence import attainment_payload, evidence_section, statistics_of
from analysis.report.heatmap_player import windows_payload, windows_section
from analysis.report.motion import looked_at, motion_payload
from analysis.report.payload import payload
from analysis.report.rates import rate_bars, rate_table
from analysis.report.tables import evaluation_table, front_table
from search_spaces.rate import TOKENS_PER_CODE
from search_spaces.record import FIGURES_FOLDER, REPORT_FILE

__all__ = ["build_report", "written"]

STYLES = ("report.css", "close.css", "heatmap_player.css")
SCRIPTS = (
    "data.js", "state.js", "cloud.js", "plots.js", "search.js", "parallel.js", "table.js",
    "scene.js", "player.js", "heatmap_player.js", "errors.js", "codebook.js", "page.js",
)  # fmt: skip


def build_report(
    folder: Path | str, *, clips: bool = True, findings: Findings | None = None
) -> Path:
    """Makes the tables, figures and report of a sweep anew.

    The page depends on the log and the folders of trials and evaluations alone: the same sweep
    gives the same bytes.

    Args:
        folder: the sweep directory.
        clips: whether the page may hold motion; never where the sweep was run with `--no-clips`.
        findings: of its log as it stands, where `written` gave them already.

    Returns:
        Path of `report.html`.

    Raises:
        BadInput: `folder` is no sweep directory, or its log cannot be read.
    """
    folder = Path(folder)
    if findings is None:
        findings = written(read_log(folder))
    return write_page(folder / REPORT_FILE, render(findings, clips=clips))


def written(log: Log) -> Findings:
    """What a sweep found, its tables and figures made anew.

    Raises:
        BadInput: a file of a trial cannot be read.
    """
    # matplotlib takes over a second to import, and only this needs it.
    from analysis.figures import write_figures

    def draw(tables: Tables) -> None:
        write_figures(Findings(log, tables), log.folder / FIGURES_FOLDER)

    return Findings(log, write_tables(log, meanwhile=draw))


def render(findings: Findings, *, clips: bool = True) -> str:
    """The page; without motion where `clips` is False or the sweep was run so."""
    # plotly is slow to import, and only this needs it.
    from plotly.offline import get_plotlyjs

    evaluations = read_evaluations(findings.log.folder)
    clips = clips and clips_asked(findings.log)
    said = statistics_of(findings)
    close = looked_at(findings)
    data = payload(findings, clips=clips) | {
        "motion": motion_payload(findings, close) if clips else None,
        "windows": windows_payload(findings, close) if clips else None,
        "errors": errors_payload(findings, close),
        "codebooks": codebooks_payload(findings, close),
        "curves": curves_payload(findings),
        "attainment": attainment_payload(said),
        "folder": findings.log.name,
    }
    return filled(
        "analysis.report", "template.html.j2", FILTERS,
        f=findings,
        log=findings.log,
        facts=findings.log.facts,
        sweep=findings.log.sweep,
        looks=looks(findings.codecs),
        front=leading_front(findings),
        table=front_table(findings),
        tokens_per_code=TOKENS_PER_CODE,
        motion_notice=notice(findings.log, clips),
        rates=rate_table(findings),
        bars=rate_bars(findings),
        allocation=allocation_section(findings.log, findings.tables.points),
        evaluations=[evaluation_table(findings, e) for e in evaluations.read],
        damaged=evaluations.damaged,
        spec=yaml.safe_dump(findings.log.sweep.get("spec") or {}, sort_keys=False),
        versions=_versions(findings.log.sweep),
        motion=data["motion"],
        windows=windows_section(data["windows"]),
        errors=data["errors"],
        curves=data["curves"],
        budget=_budget(findings),
        cost=costs(findings.log),
        evidence=evidence_section(findings, said),
        css=Markup("\n".join(map(_own, STYLES))),
        scripts=[Markup(_own(name)) for name in SCRIPTS],
        plotly=Markup(get_plotlyjs()),
        data=Markup(embedded(data)),
    )  # fmt: skip


def embedded(data: Any) -> str:
    """JSON that can stand inside a script element, whatever strings it holds."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _budget(findings: Findings) -> int:
    """Bits/s at which the player first sets codecs side by side: the middle of the front."""
    front = leading_front(findings)
    rate = findings.log.rate.column("val")
    return round(float(front[rate].astype(float).median())) if len(front) else 0


def _versions(sweep: dict[str, Any]) -> dict[str, str]:
    said = sweep.get("versions") or sweep.get("version") or {}
    said = said if isinstance(said, dict) else {"ratefront": said}
    return {str(k): str(v) for k, v in said.items()}


FILTERS: Filters = {
    "number": number, "codec": codec_label, "part": part_label, "objective": objective_label,
    "duration": duration, "quantity": quantity,
}  # fmt: skip


def _own(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
