"""`gestures.html`: the paper's tables of motion from speech, from our runs and beside its rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib import rc_context

from analysis.claims import FAILED, HELD, claims_judged
from analysis.eggesture.gesture_claims import FID, judge_gestures
from analysis.eggesture.gesture_figure import size_of_codebook
from analysis.eggesture.gestures import Cell, GestureSweep
from analysis.eggesture.tradeoff import QUANTITIES, Weighted, lines, weights_of
from analysis.eggesture.tradeoff_figure import front_figure
from analysis.eggesture.usage import Estimate
from analysis.inline_svg import INLINE_STYLE, inline_svg
from analysis.log import Log, as_log
from analysis.pages import filled, stylesheet, write_page
from analysis.points import points_frame, trials_frame
from analysis.published import published
from search_spaces.record import GESTURES_FILE


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, which value of a point, and what it is read beside.

    Attributes:
        title: as it stands above it.
        stem, unit: of the metric, on test.
        original: whether the real motion has a value of its own.
        paper: column of the published table; "" where it has none.
    """

    title: str
    stem: str
    unit: str
    original: bool = True
    paper: str = ""


MOTION = (
    Column("Fréchet distance", "fid", "squared", paper="fid"),
    Column("beat alignment of gestures", "beat_alignment_gesture", "index", paper="beat_alignment"),
    Column("beat alignment of onsets", "beat_alignment_audio", "index"),
    Column("L1 diversity between clips (cm)", "l1div_pairwise_half", "cm", paper="l1_diversity"),
    Column("L1 diversity within clips (cm)", "l1div_frame_mean", "cm"),
)
CODES = (
    Column("accuracy (%)", "accuracy", "pct", original=False),
    Column("balanced accuracy (%)", "balanced_accuracy", "pct", original=False),
    Column("codes in what is made (%)", "made_utilisation", "pct", original=False),
    Column("codes of the body in use (%)", "utilisation_body", "pct", original=False),
    Column("RMSE of the codec (cm)", "codec_rmse_full", "cm", original=False),
    Column("model rate (bits/s)", "rate_model", "bps", original=False),
)


def build_gestures(source: Path | str | Log) -> Path | None:
    """Makes the page of a sweep anew; None where nothing was made from speech, or asked for."""
    log = as_log(source)
    order = [str(e.get("config_hash", "")) for e in log.of("proposed")]
    sweep = GestureSweep(points_frame(log), str(log.sweep.get("preset", "")), order)
    if not sweep.cells:
        return None
    return write_page(log.folder / GESTURES_FILE, render(log, sweep))


def render(log: Log, sweep: GestureSweep) -> str:
    """The page."""
    size = str(log.sweep.get("size", ""))
    plate = None
    if len({c.config["codebook_size"] for c in sweep.cells}) > 1:
        with rc_context(INLINE_STYLE):
            figure = size_of_codebook(sweep)
            plate = Markup(inline_svg(figure, "gestures_size", "Against the size of the codebook"))
    return filled(
        "analysis.eggesture/template",
        "gestures.html.j2",
        css=stylesheet(),
        name=log.name,
        title=str(log.sweep.get("title") or log.name),
        source=str(log.sweep.get("source") or ""),
        size=size,
        facts=log.facts,
        motion=[c.title for c in MOTION],
        codes=[c.title for c in CODES],
        rows=[_row(cell) for cell in sweep.cells],
        least_seeds=min(c.seeds for c in sweep.cells),
        original=_original(sweep),
        measured=_measured(sweep),
        order=_order(sweep),
        plate=plate,
        guidance=_guidance(weights_of(sweep)),
        quoted=_quoted(sweep),
        improvements=_improvements(sweep),
        verdicts=claims_judged("eggesture", judge_gestures(sweep, size)),
        held=HELD,
        failed=FAILED,
        refused=_refused(log),
        settings=_settings(log),
    )


def _guidance(cells: Sequence[Weighted]) -> dict[str, Any]:
    """The front of guidance and its table; {} where the sweep is about something else."""
    if not cells:
        return {}
    with rc_context(INLINE_STYLE):
        figure = front_figure(cells)
        plate = Markup(inline_svg(figure, "gestures_guidance", "Use against error, rate, accuracy"))
    rows = [
        {
            "label": line.label,
            "seeds": line.seeds,
            "on_front": line.on_front,
            "values": [_interval(v) for v in line.values],
            "changes": [
                {**_interval(c, signed=True), "said": said}
                for c, said in zip(line.changes, line.said, strict=True)
            ],
        }
        for line in lines(cells)
    ]
    return {"plate": plate, "titles": [q.title for q in QUANTITIES], "rows": rows}


def _interval(found: Estimate, *, signed: bool = False) -> dict[str, str]:
    """A mean and its interval, in words."""

    def number(value: float) -> str:
        return ("+" if signed and value > 0 else "") + _number(value)

    known = math.isfinite(found.low)
    interval = f"{number(found.low)} to {number(found.high)}" if known else ""
    return {"mean": number(found.mean), "interval": interval}


def _row(cell: Cell) -> dict[str, Any]:
    return {
        "label": cell.label,
        "seeds": cell.seeds,
        "motion": [_value(cell, column) for column in MOTION],
        "codes": [_value(cell, column) for column in CODES],
    }


def _value(cell: Cell, column: Column) -> dict[str, str]:
    """A value, its interval, and what it is to be read beside."""
    stem, unit = column.stem, column.unit
    found = cell.of(f"test_{stem}_{unit}")
    mean, notes = _number(found.mean), []
    if column.original and not math.isfinite(found.mean):
        n, least = (cell.of(f"test_{stem}_{k}").mean for k in ("n", "least_n"))
        if math.isfinite(n):
            mean = f"cannot be said (n = {n:.0f}{f', needs {least:.0f}' if n < least else ''})"
    if math.isfinite(found.low):
        notes.append(f"{_number(found.low)} to {_number(found.high)}")
    control = cell.of(f"test_{stem}_shuffled_{unit}")
    if math.isfinite(control.mean):
        notes.append(f"other's speech: {_number(control.mean)}")
    if stem == "accuracy":
        notes.append(f"commonest codes: {_number(cell.of('test_accuracy_majority_pct').mean)}")
    paper = _quote((cell.paper or {}).get(column.paper))
    return {"mean": mean, "notes": "; ".join(notes), "paper": paper}


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _quote(value: Any) -> str:
    return "" if value is None or not math.isfinite(float(value)) else f"{float(value):g}"


def _original(sweep: GestureSweep) -> list[str]:
    """The real motion's own values, in the order of the columns."""
    found = []
    for column in MOTION:
        name = f"test_{column.stem}_original_{column.unit}"
        known = [v for c in sweep.cells if math.isfinite(v := c.of(name).mean)]
        found.append(_number(known[0]) if known else "")
    return found


def _measured(sweep: GestureSweep) -> dict[str, str]:
    """What the Fréchet distances are of, and their bias at this n."""
    for cell in sweep.cells:
        name = next((n for n in cell.values if n.startswith("test_fid_") and "_n" in n
                     and "_d" in n and n.endswith("_squared")), "")  # fmt: skip
        if name:
            bias = cell.of("test_fid_bias_squared")
            return {"name": name.removeprefix("test_"), "bias": _number(bias.mean)}
    return {}


def _order(sweep: GestureSweep) -> dict[str, str]:
    """Cells by rising Fréchet distance, ours and the paper's; empty unless three can be ordered."""
    both = [
        c for c in sweep.cells if c.paper is not None and math.isfinite(c.of(FID).mean)
        and math.isfinite(float(c.paper["fid"]))
    ]  # fmt: skip
    if len(both) < 3:
        return {}
    ours = sorted(both, key=lambda c: c.of(FID).mean)
    theirs = sorted(both, key=lambda c: float(c.paper["fid"]) if c.paper else 0.0)
    return {"ours": " < ".join(c.label for c in ours), "paper": " < ".join(c.label for c in theirs)}


def _quoted(sweep: GestureSweep) -> list[dict[str, Any]]:
    """Rows of Table 1 that were not run here."""
    if sweep.table not in ("table1", "table2"):
        return []
    table = published("eggesture")
    return [
        {str(k): v for k, v in row.items()}
        for row in table[table["table"].astype(str) == "1"].to_dict("records")
    ]


def _improvements(sweep: GestureSweep) -> dict[str, Any]:
    """Table 2: the share by which a Fréchet distance is below the best before it."""
    if sweep.table != "table2":
        return {}
    best: Cell | None = None
    rows = []
    for cell in sorted(sweep.cells, key=lambda c: c.label == "EGGesture"):
        found = cell.of(FID).mean
        if not math.isfinite(found):
            continue
        before = best.of(FID).mean if best is not None else math.nan
        rows.append([cell.label, _number(found), _number(before),
                     _percent(100 * (before - found) / before)])  # fmt: skip
        if best is None or found < before:
            best = cell
    quoted = [
        [str(r["method"]), _quote(r["fid"]), _quote(r["previous_best"]),
         _percent(float(r["improvement_percent"]))]
        for r in published("eggesture_table2").to_dict("records")
    ]  # fmt: skip
    return {"ours": rows, "quoted": quoted}


def _percent(value: float) -> str:
    return f"{value:+.1f} %" if math.isfinite(value) else "–"


def _refused(log: Log) -> list[str]:
    trials = trials_frame(log)
    rows = trials[trials["status"].isin(["refused", "failed", "stopped"])]
    return list(dict.fromkeys(f"{r['status']}: {r['reason']}" for r in rows.to_dict("records")))


def _settings(log: Log) -> str:
    """What the paper leaves open, as it was set here."""
    fixed = log.sweep.get("spec", {}).get("space", {}).get("fixed", {})
    return ", ".join(f"{key} {value}" for key, value in fixed.items() if key != "codec")
