"""`jerk.html`: the paper's Figure 3 from our runs, its knee, and claims K7 and K8 judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib import rc_context

from analysis.claims import FAILED, HELD, claims_judged
from analysis.inline_svg import INLINE_STYLE, inline_svg
from analysis.labels import codec_label, unit_label
from analysis.log import Log, as_log
from analysis.pages import filled, stylesheet, write_page
from analysis.points import clips_frame, points_frame, trials_frame
from analysis.study.jerk import (
    TOLERANCE,
    Conditioned,
    Synthesis,
    judge,
    knee,
    reached_from,
)
from analysis.study.jerk_figure import jerk_figure
from search_spaces.record import JERK_FILE, MEAN_POSE


def build_jerk(source: Path | str | Log) -> Path | None:
    """Makes the page of a sweep anew; None where no generator is finished."""
    log = as_log(source)
    points = points_frame(log)
    if points.empty or "conditioning" not in points:
        return None
    synthesis = Synthesis(points, clips_frame(log))
    if not synthesis:
        return None
    target = log.folder / JERK_FILE
    return write_page(target, render(log, synthesis))


def render(log: Log, synthesis: Synthesis) -> str:
    """The page."""
    size = str(log.sweep.get("size", ""))
    found = knee(synthesis)
    with rc_context(INLINE_STYLE):
        figure = jerk_figure(synthesis, found)
        plate = inline_svg(figure, "jerk", "Jerk of synthesised motion against codes and rate")
    return filled(
        "analysis.study/template", "jerk.html.j2",
        css=stylesheet(),
        name=log.name,
        size=size,
        facts=log.facts,
        synthesis=synthesis,
        unit=unit_label(synthesis.metric),
        length=_length(synthesis),
        reference=_interval(synthesis.reference.mean, synthesis.reference.low,
                            synthesis.reference.high),
        verdicts=claims_judged("klezovich", judge(synthesis, size), _claimed),
        held=HELD,
        failed=FAILED,
        plate=Markup(plate),
        rows=[_row(c) for c in synthesis.cells],
        knee=found,
        tolerance=TOLERANCE,
        reached=reached_from(synthesis),
        mean_pose=_mean_pose(log, synthesis),
        refused=_refused(log),
        config=_training(log),
    )  # fmt: skip


def _claimed(claim: Mapping[str, Any]) -> str:
    return f": {float(claim['value']):g}"


def _row(cell: Conditioned) -> dict[str, Any]:
    return {
        "codec": codec_label(cell.codec),
        "label": cell.label,
        "bits": cell.bits,
        "rate": cell.rate,
        "seeds": cell.seeds,
        "jerk": _interval(cell.jerk.mean, cell.jerk.low, cell.jerk.high),
        "excess": _interval(cell.excess.mean, cell.excess.low, cell.excess.high, signed=True),
        "between_seeds": _number(cell.between_seeds),
        "reached": cell.reached,
        "decoded": _number(cell.decoded),
        "to_original": _number(cell.to_original),
        "to_decoded": _number(cell.to_decoded),
    }


def _interval(mean: float, low: float, high: float, *, signed: bool = False) -> dict[str, str]:
    sign = "+" if signed else ""
    return {
        "mean": _number(mean, sign),
        "interval": f"{_number(low, sign)} to {_number(high, sign)}",
    }


def _number(value: float, sign: str = "") -> str:
    if not math.isfinite(value):
        return "–"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:{sign}.{digits}f}"


def _length(synthesis: Synthesis) -> str:
    """Unit of the diagnostics' columns: what the jerk's becomes without time."""
    return {"mps3": "cm"}.get(synthesis.metric.removeprefix("jerk_"), "data's unit")


def _mean_pose(log: Log, synthesis: Synthesis) -> dict[str, str] | None:
    """Jerk of the mean pose, and how far it is from the original."""
    row = next((r for r in log.bounds if r.get("codec") == MEAN_POSE), None)
    column = next((c for c in row or {} if c.startswith("val_rmse_full_")), "")
    if row is None or not column or row.get(f"val_{synthesis.metric}") is None:
        return None
    return {"jerk": _number(row[f"val_{synthesis.metric}"]), "distance": _number(row[column])}


def _refused(log: Log) -> list[str]:
    trials = trials_frame(log)
    rows = trials[trials["status"].isin(["refused", "failed"])]
    return [f"{r['trial']}: {r['status']}, {r['reason']}" for r in rows.to_dict("records")]


def _training(log: Log) -> str:
    """What the paper leaves open, as it was set here."""
    fixed = log.sweep.get("spec", {}).get("space", {}).get("fixed", {})
    return ", ".join(f"{key} {value}" for key, value in fixed.items() if key != "codec")
