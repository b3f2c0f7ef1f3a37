"""The section of how sure the fronts are: intervals, seeds, knees, codec against codec."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from analysis.findings import Findings
from analysis.front_statistics import FEW_SEEDS, front_statistics
from analysis.labels import codec_label, number, objective_label, part_label, unit_label
from analysis.pages import filled

MOST_DISTORTIONS = 6
MANY_POINTS = 2_000
"""From so many points on, fewer resamples and no forests: the page must be there in seconds."""
RESAMPLES, FEW_RESAMPLES = 1_000, 100


def statistics_of(findings: Findings) -> dict[str, Any] | None:
    """`front_statistics` of the distortions that have a front; None without points."""
    points = findings.tables.points
    wanted = findings.distortions[:MOST_DISTORTIONS]
    if points.empty or not wanted or findings.log.rate.column("val") not in points.columns:
        return None
    many = len(points) > MANY_POINTS
    return front_statistics(
        points,
        findings.tables.clips,
        rate=findings.log.rate,
        distortions=wanted[:2] if many else wanted,
        reference=findings.log.sweep.get("reference_point"),
        trials=findings.tables.trials,
        resamples=FEW_RESAMPLES if many else RESAMPLES,
        with_importance=not many,
    )


def evidence_section(findings: Findings, found: Mapping[str, Any] | None) -> Markup:
    """HTML of the section; nothing where there are no statistics."""
    if not found or not found["distortions"]:
        return Markup("")
    importance = next(iter(found["importance"].values()), None)
    target = next((t for t in (importance or {}).get("targets", [])
                   if t["name"] == "hypervolume"), None)  # fmt: skip
    return filled(
        "analysis.report", "evidence.html.j2",
        {"number": number, "part": part_label, "codec": codec_label, "objective": objective_label,
         "unit": unit_label, "percent": percent, "signed": signed, "name": _parameter},
        s=found,
        few=FEW_SEEDS,
        bent=[(name, d) for name, d in found["distortions"].items() if d["front"]],
        target=target,
        parameters=(target or {}).get("parameters", [])[:10],
        widest=max((p["importance"] for p in (target or {}).get("parameters", [])), default=1.0),
    )  # fmt: skip


def attainment_payload(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Distortion -> what so many percent of the seeds reach, as [rate, value] steps."""
    result = {}
    for name, each in (found or {}).get("distortions", {}).items():
        told = each.get("attainment") or {}
        if told.get("surfaces") and not told.get("reason"):
            result[name] = {"surfaces": told["surfaces"], "needed": told.get("needed"),
                            "seeds": told.get("seeds")}  # fmt: skip
    return result


def percent(share: float | None) -> str:
    """A share as a percentage."""
    return "–" if share is None or not math.isfinite(share) else f"{100 * share:.1f} %"


def signed(value: float | None) -> str:
    """A difference with its sign.

    >>> signed(-3.21), signed(None)
    ('−3.21', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return ("−" if value < 0 else "+") + number(abs(value))


def _parameter(name: str) -> str:
    return name.replace("_", " ")
