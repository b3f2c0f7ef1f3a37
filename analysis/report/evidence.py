"""The section of how sure the fronts are: intervals, seeds, knees, codec against codec."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
MOST_ADDING = 20
"""Points of the front whose contributions are listed."""


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
    bent = [(n, d) for n, d in (found or {}).get("distortions", {}).items() if d["front"]]
    if not found or not bent:
        return Markup("")
    importance = next(iter(found["importance"].values()), None)
    target = next((t for t in (importance or {}).get("targets", [])
                   if t["name"] == "hypervolume"), None)  # fmt: skip
    return Markup(filled(
        "analysis.report", "evidence.html.j2",
        {"number": number, "part": part_label, "codec": codec_label, "objective": objective_label,
         "unit": unit_label, "percent": percent, "signed": signed, "small": small,
         "name": _parameter},
        s=found,
        few=FEW_SEEDS,
        bent=bent,
        target=target,
        added=_adding_most(bent[0][1]["front"]),
        parameters=(target or {}).get("parameters", [])[:10],
        widest=max((p["importance"] for p in (target or {}).get("parameters", [])), default=1.0),
    ))  # fmt: skip


def attainment_payload(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Distortion -> what so many percent of the seeds reach, as [rate, value] steps."""
    result = {}
    for name, each in (found or {}).get("distortions", {}).items():
        told = each.get("attainment") or {}
        if told.get("surfaces") and not told.get("reason"):
            result[name] = {"surfaces": told["surfaces"], "needed": told.get("needed"),
                            "seeds": told.get("seeds")}  # fmt: skip
    return result


def _adding_most(front: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Points of a front without which most is lost, by rising rate."""
    order = sorted(range(len(front)), key=lambda i: -(front[i]["contribution"] or 0.0))
    return [front[i] for i in sorted(order[:MOST_ADDING])]


def small(value: float | None) -> str:
    """An indicator in units of the box.

    >>> small(0.01234), small(0.0)
    ('0.0123', '0')
    """
    return "–" if value is None or not math.isfinite(value) else f"{value:.3g}"


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
