"""`codebooks.html`: how much of a motion VQ-VAE's codebook is used, and what guiding it costs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib import rc_context

from analysis.claims import FAILED, HELD, claims_judged
from analysis.eggesture.claims import SIZE, judge
from analysis.eggesture.figures import (
    distribution_figure,
    size_figure,
    tradeoff_figure,
    weight_label,
)
from analysis.eggesture.usage import Cell, CodebookSweep, Estimate
from analysis.inline_svg import INLINE_STYLE, inline_svg
from analysis.labels import unit_label
from analysis.log import Log, as_log
from analysis.pages import filled, stylesheet, write_page
from analysis.points import points_frame, trials_frame
from search_spaces.record import CODEBOOKS_FILE


def build_codebooks(source: Path | str | Log) -> Path | None:
    """Makes the page of a sweep anew; None where no motion VQ-VAE is finished."""
    log = as_log(source)
    sweep = read_sweep(log)
    if not sweep.cells:
        return None
    target = log.folder / CODEBOOKS_FILE
    return write_page(target, render(log, sweep))


def read_sweep(log: Log) -> CodebookSweep:
    """The cells of a sweep, from its log and the tokens that its trials kept."""
    rows = [{"trial": str(e["trial"]), **(e.get("row") or {})} for e in log.of("progress")]
    return CodebookSweep(log.folder, points_frame(log), pd.DataFrame(rows), log.bounds)


def render(log: Log, sweep: CodebookSweep) -> str:
    """The page."""
    shown = SIZE if SIZE in sweep.sizes else sweep.sizes[len(sweep.sizes) // 2]
    size = str(log.sweep.get("size", ""))
    return filled(
        "analysis.eggesture/template",
        "codebooks.html.j2",
        css=stylesheet(),
        name=log.name,
        size=size,
        facts=log.facts,
        shown=shown,
        plates=_plates(sweep, shown),
        verdicts=claims_judged("eggesture", judge(sweep, size)),
        held=HELD,
        failed=FAILED,
        rows=[_row(sweep, cell) for cell in sweep.cells],
        unit=unit_label(sweep.distortion) if sweep.distortion else "",
        refused=_refused(log),
        settings=_settings(log),
    )


def _plates(sweep: CodebookSweep, shown: int) -> dict[str, Markup]:
    drawn = {"distribution": (distribution_figure, (sweep, shown), "Use of codes by rank, and "
                              "along training")}  # fmt: skip
    if len(sweep.sizes) > 1:
        drawn["size"] = (size_figure, (sweep,), "Use against the size of the codebook")  # type: ignore[assignment]
    if len(sweep.weights) > 1 and sweep.distortion:
        drawn["tradeoff"] = (tradeoff_figure, (sweep, shown), "Error and rate against use")
    with rc_context(INLINE_STYLE):
        return {
            name: Markup(inline_svg(draw(*arguments), f"codebooks_{name}", said))
            for name, (draw, arguments, said) in drawn.items()
        }


def _row(sweep: CodebookSweep, cell: Cell) -> dict[str, Any]:
    columns = ("utilisation", "used", "perplexity", "balance", sweep.distortion,
               "test_rate_model_bps")  # fmt: skip
    return {
        "size": cell.size,
        "label": weight_label(cell.weight),
        "seeds": len(cell.seeds),
        "tokens": cell.tokens,
        "ceiling": f"{cell.of('ceiling').mean:.0f}",
        "values": [_said(cell.of(c)) for c in columns],
        "changes": [_said(sweep.change(cell, c), signed=True) for c in columns],
        "vanilla": cell.weight == 0,
    }


def _said(found: Estimate, *, signed: bool = False) -> dict[str, str]:
    """A mean and its interval, in words."""

    def number(value: float) -> str:
        digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 2
        return f"{value:{'+' if signed else ''}.{digits}f}"

    if not math.isfinite(found.mean):
        return {"mean": "–", "interval": "", "sign": "0"}
    known = math.isfinite(found.low)
    interval = f"{number(found.low)} to {number(found.high)}" if known else "one seed"
    return {"mean": number(found.mean), "interval": interval, "sign": str(found.sign)}


def _refused(log: Log) -> list[str]:
    trials = trials_frame(log)
    rows = trials[trials["status"].isin(["refused", "failed", "stopped"])]
    return [f"{r['status']}: {r['reason']}" for r in rows.to_dict("records")]


def _settings(log: Log) -> str:
    """What the paper leaves open, as it was set here."""
    fixed = log.sweep.get("spec", {}).get("space", {}).get("fixed", {})
    return ", ".join(f"{key} {value}" for key, value in fixed.items() if key != "codec")
