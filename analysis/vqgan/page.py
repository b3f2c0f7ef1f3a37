"""`heatmaps.html`: claims V1 to V6, and ours beside the paper's table and its repository's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.claims import FAILED, HELD, claim_number, claims_judged
from analysis.labels import objective_label
from analysis.log import Log, as_log
from analysis.media import of_heatmaps
from analysis.pages import filled, stylesheet, write_page
from analysis.points import trials_frame
from analysis.published import published
from analysis.vqgan.cells import FLOORS, Cell, Effect, HeatmapSweep, read_sweep
from analysis.vqgan.claims import (
    IOU,
    KINDS,
    L1_FG,
    LEVELS,
    QLOSS,
    SSIM,
    TSTD,
    denoising,
    judge,
)
from search_spaces.heatmap_metrics import FLICKER, L1, PSNR, SSIM_FG
from search_spaces.record import HEATMAPS_FILE

PRINTED = {SSIM: "ssim", PSNR.objective(): "psnr_db", L1.objective(): "l1", TSTD: "tstd_code",
           QLOSS: "qloss"}  # fmt: skip
"""Scores that the papers print -> their column in `published("vqgan")`."""
OURS = (IOU, SSIM_FG.objective(), FLICKER.objective())
"""Scores that say something, of which the papers print none."""
README = "README"


def build_heatmaps(source: Path | str | Log) -> Path | None:
    """Makes the page of a sweep anew; None where it is not of heatmaps or has no point."""
    log = as_log(source)
    if not of_heatmaps(log):
        return None
    sweep = read_sweep(log)
    if not sweep.cells:
        return None
    return write_page(log.folder / HEATMAPS_FILE, render(log, sweep))


def render(log: Log, sweep: HeatmapSweep) -> str:
    """The page."""
    return filled(
        "analysis.vqgan/template",
        "heatmaps.html.j2",
        css=stylesheet(),
        name=log.name,
        size=str(log.sweep.get("size", "")),
        facts=log.facts,
        splits=" and ".join({"val": "validation"}.get(s, s) for s in sweep.splits),
        sweep=sweep,
        verdicts=claims_judged("vqgan", judge(sweep), _number),
        held=HELD,
        failed=FAILED,
        heads=[objective_label(n) for n in (*OURS, *PRINTED)],
        rows=[_row(sweep, cell) for cell in sweep.cells],
        floors=_floors(sweep),
        spoilt=[_spoilt(sweep, c, found) for c in sweep.cells if (found := denoising(sweep, c))],
        kinds=KINDS,
        levels=LEVELS,
        refused=_refused(log),
    )


def _number(claim: Mapping[str, Any]) -> str:
    return "" if str(claim["id"]) == "V3" else claim_number(claim)  # its words hold it


def _row(sweep: HeatmapSweep, cell: Cell) -> dict[str, Any]:
    row = cell.row
    columns = (*OURS, *PRINTED)
    return {
        "label": f"{'VQ-GAN' if cell.codec == 'vqgan' else 'dVAE'} {cell.dimension[0]}-D",
        "factor": cell.factor,
        "codes": cell.codes,
        "more": _settings(sweep, cell),
        "seeds": cell.seeds,
        "bps": f"{row['rate_nominal_bps']:,.0f}",
        "bits": f"{row['bits_window']:,.0f}",
        "elements": f"{row['ratio_elements']:,.0f}",
        "ratio": f"{row['ratio_bits']:,.0f}",
        "values": [said(sweep.score(cell, n)) for n in columns],
        "floors": [
            (words, [said(sweep.floor(cell, floor, n)) for n in columns])
            for floor, words in FLOORS.items()
            if math.isfinite(sweep.floor(cell, floor, IOU))
        ],
        "printed": [
            (source, ["", "", "", *(said(v) for v in values)])
            for source, values in _published(cell)
        ],
        "learnt": sweep.learnt(cell),
    }


def _published(cell: Cell) -> list[tuple[str, Sequence[float]]]:
    """What paper and repository print of a cell; a dVAE stands in the paper alone."""
    table = published("vqgan")
    own = table[
        (table["model"] == cell.codec)
        & (table["dimension"] == cell.dimension)
        & (table["compression"] == f"F{cell.factor}")
        & (table["codebook_size"] == cell.codes)
    ]
    return [
        ("its repository" if README in str(r["source"]) else "the paper",
         [float(r[c]) for c in PRINTED.values()])
        for r in own.to_dict("records")
    ]  # fmt: skip


def _settings(sweep: HeatmapSweep, cell: Cell) -> str:
    """What else tells a cell from the others."""
    known = {"codec", "pair", "compression", "codebook_size"}
    varied = [
        k for k in cell.config
        if k not in known
        and len({str(c.config.get(k)) for c in sweep.cells if c.codec == cell.codec}) > 1
    ]  # fmt: skip
    return ", ".join(f"{k} {cell.config[k]}" for k in varied)


def _floors(sweep: HeatmapSweep) -> bool:
    return any(math.isfinite(sweep.floor(c, "all_zero", IOU)) for c in sweep.cells)


def _spoilt(
    sweep: HeatmapSweep, cell: Cell, found: dict[tuple[str, int, str], Effect]
) -> dict[str, Any]:
    """A codec's line: of each kind and level, input, output, and which is clearly nearer."""
    cells = []
    for kind in KINDS:
        for level in LEVELS:
            pair = []
            for score, better in ((IOU, 1), (L1_FG, -1)):
                head = f"denoise_{kind}{level}"
                one = sweep.score(cell, f"{head}_input_{score}")
                two = sweep.score(cell, f"{head}_output_{score}")
                sign = found[kind, level, score].sign * better
                pair.append((f"{one:.2f}", f"{two:.2f}", sign))
            cells.append(pair)
    return {"label": _row(sweep, cell)["label"] + f" F{cell.factor}, {cell.codes} codes",
            "more": _settings(sweep, cell), "cells": cells}  # fmt: skip


def _refused(log: Log) -> list[str]:
    trials = trials_frame(log)
    rows = trials[trials["status"].isin(["refused", "failed", "stopped"])]
    return [f"{r['status']}: {r['reason']}" for r in rows.to_dict("records")]


def said(value: float) -> str:
    """A score in three digits; a dash for what does not apply.

    >>> said(0.97512), said(31.23), said(0.0013), said(float("nan"))
    ('0.975', '31.2', '0.0013', '–')
    """
    if not math.isfinite(value):
        return "–"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.3f}" if abs(value) >= 0.1 or value == 0 else f"{value:.4f}"
