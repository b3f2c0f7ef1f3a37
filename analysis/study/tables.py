"""Rows of the study's tables, as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from analysis.labels import codec_label
from analysis.published import published
from analysis.study.cells import Cell, Comparison
from analysis.study.claims import Verdict, differences
from analysis.study.figure import cells_of
from analysis.study.levels import (
    Effect,
    against_shallowest,
    effects,
    paper_steps,
    trained_or_prefix,
)
from analysis.study.paired import SIGNIFICANT, Difference, Summary, summary

Column = tuple[str, str, str, int]
COLUMNS: tuple[Column, ...] = (
    ("rmse_full", "full pose", "", 2),
    ("rmse_body", "body", "", 2),
    ("rmse_hands", "hands", "", 3),
    ("hull_pct", "hull", "%", 1),
    ("jerk_mps3", "jerk", "m/s³", 0),
)
"""Metric, heading, unit ("" is that of distances), decimals."""


def measured(comparison: Comparison, stem: str) -> bool:
    """Whether some cell has a finite value of a metric."""
    metric = comparison.metric(stem)
    return any(math.isfinite(summary(comparison.values(c, metric)).mean)
               for c in comparison.cells)  # fmt: skip


def cell_rows(comparison: Comparison, shown: Sequence[Column]) -> list[dict[str, Any]]:
    """Every cell by bits, the paper's first; those that are absent with the reason."""
    finished = [_row(comparison, cell, shown) for cell in cells_of(comparison)]
    absent = [
        {
            **_identity(a.cell),
            "values": None,
            "status": a.status,
            "reason": f"{a.status}: {a.reason}".rstrip(": "),
        }
        for a in comparison.absent
    ]
    ordered = sorted(
        [*finished, *absent],
        key=lambda r: (r["bits"], not r["of_paper"], r["family"] != "kmeans", r["depth"]),
    )
    for before, row in zip([None, *ordered], ordered, strict=False):
        row["first"] = before is None or before["bits"] != row["bits"]
    return ordered


def _identity(cell: Cell) -> dict[str, Any]:
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
        "depth": cell.depth,
        "of_paper": bool(len(same)),
        "paper_hull": float(same["hull_percent"].iloc[0]) if len(same) else None,
        "paper_rate": float(same["rate_nominal_bps_per_stream"].iloc[0]) if len(same) else None,
        "status": "done",
        "reason": "",
    }


def _row(comparison: Comparison, cell: Cell, shown: Sequence[Column]) -> dict[str, Any]:
    """One cell: ours with both errors, the paper's numbers where it has some."""
    found = {
        stem: _said(summary(comparison.values(cell, comparison.metric(stem))), digits)
        for stem, _, _, digits in shown
    }
    return {**_identity(cell), "values": found}


def pair_rows(comparison: Comparison, shown: Sequence[Column]) -> list[dict[str, Any]]:
    """RQ-VAE less K-Means at each rate of the paper's pairs."""
    found = [(differences(comparison, stem), digits) for stem, _, _, digits in shown]
    return [
        {"bits": bits, "values": [said_difference(by[bits], digits) for by, digits in found]}
        for bits in comparison.pairs
    ]


def claim_rows(verdict: Verdict) -> list[dict[str, Any]]:
    """The tests behind a verdict, as text; ratios instead of differences of logarithms."""
    return [
        {
            "title": group.title,
            "ratio": group.unit == "×",
            "items": [
                (label, _ratio(d) if group.unit == "×" else
                 said_difference(d, group.digits, group.unit))
                for label, d in group.items
            ],
        }
        for group in verdict.evidence
        if group.items
    ]  # fmt: skip


def level_tables(comparison: Comparison) -> list[dict[str, Any]]:
    """Per metric: both effects, the paper's steps, and deeper cells against the shallowest."""
    tables = []
    for stem, title, unit, digits in COLUMNS[:4]:
        found = effects(comparison, stem)
        if found is None or not measured(comparison, stem):
            continue
        unit = unit or comparison.unit
        unit = "points" if unit == "%" else unit
        tables.append(
            {
                "title": title,
                "unit": unit,
                "cells": found.cells,
                "bit": _effect(found.bit, digits + 1),
                "level": _effect(found.level, digits + 1),
                "unexplained": f"{found.unexplained:.{digits}f}",
                "steps": [
                    {
                        "words": f"{s.start.label} to {s.end.label}",
                        "measured": said_difference(s.measured, digits),
                        "by_bits": _signed(s.by_bits, digits),
                        "by_levels": _signed(s.by_levels, digits),
                    }
                    for s in paper_steps(comparison, stem, found)
                ],
                "prefixes": [
                    {
                        "bits": cell.bits,
                        "cell": cell.label,
                        "levels": levels,
                        "value": said_difference(d, digits),
                    }
                    for cell, deeper in trained_or_prefix(comparison, stem)
                    for levels, d in deeper
                ],
                "deeper": [
                    {"bits": bits, "cell": cell.label, "value": said_difference(d, digits)}
                    for bits, cells in against_shallowest(comparison, stem).items()
                    for cell, d in cells
                ],
            }
        )
    return tables


def hull_sentence(comparison: Comparison) -> str:
    """Whether depth can be behind the paper's hull percentages, by what it does here."""
    found = effects(comparison, "hull_pct")
    if found is None or not math.isfinite(found.level.mean):
        return ""
    level = found.level
    said = (
        f"one more level at equal bits changes the hull by {_signed(level.mean, 1)} points "
        f"({_signed(level.low, 1)} to {_signed(level.high, 1)}, p {_p(level.p)})"
    )
    if not math.isfinite(level.low):
        said = f"one more level at equal bits changes the hull by {_signed(level.mean, 1)} points"
    theirs = "The paper's percentage falls where a level goes and rises where two come; here "
    if not level.p < SIGNIFICANT:
        return f"{theirs}{said}, which may be chance."
    if level.mean > 0:
        return f"{theirs}{said}: depth, not rate alone, can make such a pattern."
    return f"{theirs}{said}: on this motion depth would make the opposite pattern."


def said_difference(found: Difference, digits: int, unit: str = "") -> dict[str, Any]:
    """A difference as text: mean, interval, share, d, and both p."""
    bounded = math.isfinite(found.low)
    return {
        "mean": _signed(found.mean, digits) + (f" {unit}" if unit else ""),
        "interval": f"{_signed(found.low, digits)} to {_signed(found.high, digits)}"
        if bounded else "unbounded",
        "relative": f"{_signed(100 * found.relative, 0)} %",
        "d": _signed(found.standardised, 1),
        "p_recordings": _p(found.p_recordings),
        "p_seeds": _p(found.p_seeds),
        "passes": found.clear,
    }  # fmt: skip


def _ratio(found: Difference) -> dict[str, Any]:
    bounded = math.isfinite(found.low)
    return {
        "mean": f"× {math.exp(found.mean):.2f}" if math.isfinite(found.mean) else "–",
        "interval": f"{math.exp(found.low):.2f} to {math.exp(found.high):.2f}"
        if bounded else "unbounded",
        "relative": "",
        "d": _signed(found.standardised, 1),
        "p_recordings": _p(found.p_recordings),
        "p_seeds": _p(found.p_seeds),
        "passes": found.clear,
    }  # fmt: skip


def _effect(found: Effect, digits: int) -> dict[str, str]:
    bounded = math.isfinite(found.low)
    return {
        "mean": _signed(found.mean, digits),
        "interval": f"{_signed(found.low, digits)} to {_signed(found.high, digits)}"
        if bounded else "unbounded",
        "p": _p(found.p),
        "seeds": _number(found.se_seeds, digits),
    }  # fmt: skip


def _said(found: Summary, digits: int) -> dict[str, str]:
    return {
        "mean": _number(found.mean, digits),
        "recordings": _number(found.se_recordings, digits + 1 if digits < 3 else digits),
        "seeds": _number(found.se_seeds, digits + 1 if digits < 3 else digits),
    }


def _p(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _signed(value: float, digits: int) -> str:
    """With its sign, unless all digits that are shown are 0."""
    if not math.isfinite(value):
        return "–"
    said = f"{value:+.{digits}f}".replace("-", "−")
    return said if said.strip("+−0.") else said[1:]


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
