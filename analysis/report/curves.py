"""Learning curves of the trials: validation at each rung, and where a trial was stopped."""

from __future__ import annotations

from typing import Any

from analysis.findings import Findings
from analysis.report.arrays import evenly
from analysis.report.payload import plain

MOST_CURVES = 1_500


def curves_payload(findings: Findings) -> dict[str, Any]:
    """One curve a trial that reported on its way.

    Returns:
        `column`, and of each trial `trial`, `codec`, `status`, `share`, `seconds`, `value`;
        `left_out` counts those that had no room.
    """
    column = f"val_{findings.leading}"
    curves: dict[str, dict[str, Any]] = {}
    codecs = {str(e["trial"]): str(e.get("codec") or (e.get("config") or {}).get("codec"))
              for e in findings.log.of("proposed")}  # fmt: skip
    for event in findings.log.of("progress"):
        row = event.get("row") or {}
        value = row.get(column)
        if value is None or row.get("share") is None:
            continue
        trial = str(event.get("trial"))
        curve = curves.setdefault(trial, {"steps": {}})
        curve["steps"][float(row["share"])] = (plain(row.get("train_seconds")), plain(value))
    points = findings.tables.points
    whole = points[~points["is_prefix"].astype(bool)] if "is_prefix" in points.columns else points
    for row in whole[whole["trial"].isin(list(curves))].to_dict("records"):
        step = (plain(row.get("train_seconds")), plain(row.get(column)))
        curves[str(row["trial"])]["steps"][float(row.get("share", 1.0))] = step
        codecs.setdefault(str(row["trial"]), str(row["codec"]))
    ends = findings.tables.trials.set_index("trial")["status"].to_dict()
    names = [*curves]
    shown = [names[int(i)] for i in evenly(len(names), MOST_CURVES)]
    found = []
    for trial in shown:
        steps = sorted(curves[trial]["steps"].items())
        found.append({
            "trial": trial,
            "codec": codecs.get(trial, ""),
            "status": str(ends.get(trial, "unfinished")),
            "share": [plain(100 * s) for s, _ in steps],
            "seconds": [v[0] for _, v in steps],
            "value": [v[1] for _, v in steps],
        })  # fmt: skip
    return {"curves": found, "left_out": len(names) - len(shown), "column": column}
