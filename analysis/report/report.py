"""Builds `report.html` (one file, no request leaves it) and `figures/` from a sweep directory."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from analysis.findings import Findings, full_pose_front
from analysis.fronts import FULL_POSE
from analysis.labels import (
    codec_label,
    error_number,
    number,
    objective_label,
    part_label,
    point_label,
    quantity,
    unit_label,
)
from analysis.log import read_log
from analysis.palette import looks
from analysis.points import configuration_columns, write_tables
from analysis.report.payload import payload, plain
from search_spaces.record import FIGURES_FOLDER, REPORT_FILE

__all__ = ["build_report"]


def build_report(folder: Path | str) -> Path:
    """Makes the tables, figures and report of a sweep anew.

    The page depends on the log and the trials' folders alone: the same sweep gives the same bytes.

    Returns:
        Path of `report.html`.

    Raises:
        BadInput: `folder` is no sweep directory, or its log cannot be read.
    """
    # matplotlib takes over a second to import, and only this needs it.
    from analysis.figures import write_figures

    folder = Path(folder)
    tables = write_tables(folder)
    findings = Findings(read_log(folder), tables)
    write_figures(findings, folder / FIGURES_FOLDER)
    target = folder / REPORT_FILE
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.write_text(render(findings), encoding="utf-8")
    os.replace(temporary, target)
    return target


def render(findings: Findings) -> str:
    """The page."""
    # plotly is slow to import, and only this needs it.
    from plotly.offline import get_plotlyjs

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)  # fmt: skip
    environment.filters |= {"number": number, "codec": codec_label, "part": part_label,
                            "objective": objective_label, "duration": duration,
                            "quantity": quantity}  # fmt: skip
    template = environment.from_string(_own("template.html.j2"))
    return template.render(
        f=findings,
        log=findings.log,
        facts=findings.log.facts,
        sweep=findings.log.sweep,
        looks=looks(findings.codecs),
        front=full_pose_front(findings),
        table=front_table(findings),
        spec=yaml.safe_dump(findings.log.sweep.get("spec") or {}, sort_keys=False),
        versions=_versions(findings.log.sweep),
        css=Markup(_own("report.css")),
        scripts=[Markup(_own(name)) for name in ("plots.js", "page.js")],
        plotly=Markup(get_plotlyjs()),
        data=Markup(embedded(payload(findings))),
    )


def embedded(data: Any) -> str:
    """JSON that can stand inside a script element, whatever strings it holds."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def front_table(findings: Findings) -> dict[str, Any]:
    """Head and rows of the table of the front: each cell is (text, value to sort by)."""
    front = full_pose_front(findings)
    rate = findings.log.rate
    rates = [c for c in ("rate_nominal_bps", "val_rate_model_bps") if c in front.columns]
    names = [o.name for o in findings.distortions]
    columns = [c for n in names for c in (f"val_{n}", f"test_{n}") if c in front.columns]
    errors = findings.recordings
    tested = errors[(errors["split"] == "test") & (errors["metric"] == FULL_POSE)]
    spread = {r["point"]: r for r in tested.to_dict("records")}
    head = [("Codec", ""), ("Levels", "decoded of trained")]
    head += [(_short(c), "") for c in rates]
    head += [(_short(c), "test" if c.startswith("test_") else "validation") for c in columns]
    head += [("± over recordings", "test, full pose")] * bool(spread)
    head += [("Seeds", "")] * (findings.seeds > 1) + [("Training", "s"), ("Configuration", "")]
    config = [c for c in configuration_columns(findings.means) if c != "codec"]
    rows = []
    for row in front.to_dict("records"):
        cells = [
            (point_label(row), str(row["codec"])),
            (f"{row['depth']} of {row['levels']}", plain(row["depth"])),
        ]
        cells += [_cell(row, c) for c in [*rates, *columns]]
        if spread:
            each = spread.get(row["point"])
            shown = f"± {error_number(each['se'])} (n {each['recordings']})" if each else "–"
            cells.append((shown, plain(each["se"]) if each else None))
        if findings.seeds > 1:
            cells.append((str(int(row["seeds"])), plain(row["seeds"])))
        trained = row.get("train_seconds", math.nan)
        cells += [(number(trained), plain(trained)), (_configuration(config, row), "")]
        rows.append({"codec": str(row["codec"]), "cells": cells})
    return {"head": head, "rows": rows, "rate": objective_label(rate.name)}


def _short(column: str) -> str:
    return f"{objective_label(column)}, {unit_label(column)}"


def _cell(row: Mapping[Any, Any], column: str) -> tuple[str, Any]:
    text = number(float(row[column]))
    error = row.get(f"{column}_se")
    if error is not None and error == error:
        text += f" ± {error_number(float(error))}"
    return text, plain(row[column])


def _configuration(columns: Sequence[str], row: Mapping[Any, Any]) -> str:
    shown = {c: plain(row[c]) for c in columns}
    return ", ".join(f"{k} {_brief(v)}" for k, v in shown.items() if v is not None)


def _brief(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _versions(sweep: dict[str, Any]) -> dict[str, str]:
    said = sweep.get("versions") or sweep.get("version") or {}
    said = said if isinstance(said, dict) else {"ratefront": said}
    return {str(k): str(v) for k, v in said.items()}


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(7), duration(95), duration(7320)
    ('7 s', '1 min 35 s', '2 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _own(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
