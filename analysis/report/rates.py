"""Rates of the front in bytes: the table of every way to count them, and how they relate.

Judged on validation as ever, counted on test: what a file of motion costs that nothing was fitted
to. Parts of it that an older sweep has not measured are left out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from analysis.findings import Findings, leading_front
from analysis.fronts import NOMINAL_RATE
from analysis.labels import number, point_label, quantity
from analysis.rates import few_tokens, ratio_column, share_column
from analysis.report.payload import plain
from analysis.report.tables import Row, baseline_name, cell, heading, identity
from search_spaces.objectives import (
    RATE_ENTROPY,
    RATE_HEADER,
    RATE_LZMA,
    RATE_MODEL,
    RATE_STREAM,
    RATE_ZLIB,
    Metric,
)

SPLIT = "test"
COUNTED = (RATE_ENTROPY, RATE_MODEL, RATE_STREAM, RATE_HEADER, RATE_ZLIB, RATE_LZMA)
FEW = "†"
WIDEST = 2.0
"""Times the nominal rate at which the axis of the bars ends at the latest."""


def rate_table(findings: Findings) -> dict[str, Any] | None:
    """Every rate of the front's points and of the baselines; None where only one was counted."""
    front = leading_front(findings)
    counted = [c for c in (m.column(SPLIT) for m in COUNTED) if c in front.columns]
    if not len(front) or not counted:
        return None
    columns = [NOMINAL_RATE, *counted]
    distortion = f"{SPLIT}_{findings.leading}"
    tokens = f"{SPLIT}_tokens"
    head = [("Codec", "")]
    head += [(_bare(heading(c)[0]), _note(c)) for c in columns]
    head += [("Tokens", "")] * (tokens in front.columns)
    head += [heading(distortion)]
    few = few_tokens(front, findings.log.facts, SPLIT)
    rows = []
    for row, scarce in zip(front.to_dict("records"), few, strict=True):
        cells = [identity(row)[0]]
        for column in columns:
            text, value = cell(row, column)
            low = bool(scarce) and column == RATE_ENTROPY.column(SPLIT)
            cells.append((f"{text} {FEW}" if low else text, value))
        if tokens in front.columns:
            counted_tokens = plain(row[tokens])
            cells.append(
                ("–" if counted_tokens is None else f"{counted_tokens:,.0f}", counted_tokens)
            )
        cells.append(cell(row, distortion))
        rows.append({"codec": str(row["codec"]), "cells": cells})
    floats = [
        [baseline_name(b), *(cell(b, c)[0] for c in columns), *[""] * (tokens in front),
         cell(b, distortion)[0]]
        for b in findings.baselines
    ]  # fmt: skip
    return {
        "head": head,
        "rows": rows,
        "baselines": floats,
        "few": int(few.sum()),
        "streamed": RATE_STREAM.column(SPLIT) in front.columns,
        "verdict": _verdict(findings),
    }


def rate_bars(findings: Findings) -> dict[str, Any] | None:
    """Each point's rates in % of its nominal one; None where fewer than two can be compared.

    A bar is the stream rate, payload and header; marks stand on it. What lies beyond the axis is
    drawn at its end and said to.
    """
    front = leading_front(findings)
    counted = [m for m in COUNTED if m.column(SPLIT) in front.columns]
    if not len(front) or not counted:
        return None
    rows = [_bar(r, counted) for r in front.to_dict("records") if float(r[NOMINAL_RATE]) > 0]
    if not rows:
        return None
    seen = [v for r in rows for v in r["share"].values()]
    end = min(max([1.0, *seen]) * 1.06, WIDEST)
    for row in rows:
        row["at"] = {k: f"{100 * min(v, end) / end:.2f}" for k, v in row["share"].items()}
        row["beyond"] = [k for k, v in row["share"].items() if v > end]
    step = 0.25 if end < 1.3 else 0.5
    ticks = np.arange(0, end, step)
    return {
        "rows": rows,
        "ticks": [(f"{100 * t / end:.2f}", f"{100 * t:.0f}") for t in ticks],
        "nominal": f"{100 / end:.2f}",
        "end": f"{100 * end:.0f}",
        "streamed": RATE_STREAM in counted,
        "marks": [m.stem.removeprefix("rate_") for m in counted
                  if m not in (RATE_STREAM, RATE_HEADER)],
    }  # fmt: skip


def _bar(row: Row, counted: list[Metric]) -> dict[str, Any]:
    nominal = float(row[NOMINAL_RATE])
    rates = {
        m.stem.removeprefix("rate_"): float(row[m.column(SPLIT)])
        for m in counted
        if math.isfinite(row[m.column(SPLIT)])
    }
    share = {k: v / nominal for k, v in rates.items()}
    if "stream" in share:
        share["payload"] = share["stream"] - share.pop("header", 0.0)
    said = [f"nominal {quantity(nominal, NOMINAL_RATE)}"]
    said += [f"{k} {number(v)} ({100 * v / nominal:.0f} %)" for k, v in rates.items()]
    return {
        "label": point_label(row),
        "codec": str(row["codec"]),
        "nominal": number(nominal),
        "stream": number(rates["stream"]) if "stream" in rates else "",
        "ratio": f"{share['stream']:.2f}" if "stream" in share else "",
        "share": share,
        "said": ", ".join(said),
    }


def _verdict(findings: Findings) -> str:
    """The front in one sentence: how files compare with the formula."""
    front = leading_front(findings)
    ratio = front.get(ratio_column(SPLIT))
    if ratio is None or not np.isfinite(ratio.astype(float)).any():
        return ""
    low, mid, high = np.nanquantile(ratio.astype(float), [0, 0.5, 1])
    words = f"A file takes {low:.2f} to {high:.2f} times its nominal rate (median {mid:.2f})"
    share = front.get(share_column(SPLIT))
    if share is not None and np.isfinite(share.astype(float)).any():
        least, most = np.nanquantile(share.astype(float), [0, 1])
        words += f"; {number(least)} to {number(most)} % of it is the header"
    return words + "."


def _bare(title: str) -> str:
    """Without the unit, which is said once for all."""
    short = title.removesuffix(", bits/s").removesuffix(" rate").removeprefix("Empirical ")
    return short.removeprefix("Tokens under ").capitalize().replace("Lzma", "LZMA")


def _note(column: str) -> str:
    return {NOMINAL_RATE: "closed form", RATE_ENTROPY.column(SPLIT): "order 0",
            RATE_MODEL.column(SPLIT): "coder's tables", RATE_STREAM.column(SPLIT): "files",
            RATE_HEADER.column(SPLIT): "within stream", RATE_ZLIB.column(SPLIT): "of raw tokens",
            RATE_LZMA.column(SPLIT): "of raw tokens"}.get(column, "")  # fmt: skip
