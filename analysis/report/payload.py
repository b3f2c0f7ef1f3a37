"""The numbers that the page draws, as plain JSON: columns of points, fronts, bounds, history.

What is compared was compared here (with moocore, in Python); the page only draws. Numbers keep six
significant digits, what is not finite becomes null, and order is fixed, so that the same sweep
gives the same page.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from analysis.findings import Findings, varied
from analysis.fronts import FULL_POSE, NOMINAL_RATE, RATES
from analysis.labels import codec_label, objective_label, part_label, point_label, unit_label
from analysis.palette import looks
from analysis.points import configuration_columns
from analysis.published import klezovich_hull
from analysis.rates import has_trivial
from analysis.report.arrays import evenly, packed_floats
from analysis.statistics import is_metric, is_rate
from search_spaces.objectives import (
    Direction,
    Metric,
    Objective,
    Scope,
    find_metric,
    in_unit,
    metrics,
)
from search_spaces.record import ALL_BLACK, MEAN_POSE, SETTING

SHOWN_SPLITS = ("val", "test")
MOST_POINTS = 10_000
"""Points that a page draws; a larger sweep shows those of fronts and an even choice of the rest."""
FEW_POINTS = 1_000
MOST_STEPS = 2_000
"""Of the hypervolume's history."""


def payload(findings: Findings, *, clips: bool = True) -> dict[str, Any]:
    """All numbers of the page.

    Args:
        findings: of the sweep.
        clips: whether motion of the recordings may stand on the page; the entry `clips` says so.
    """
    shown = shown_metrics(findings.means)
    rows = drawn_rows(findings)
    part_rates = _part_rates(findings)
    rates = {k: n for k, n in RATES.items() if Objective(n).column("val") in findings.means.columns}
    drawn = {n: find_metric(n)[0] for n in shown}
    return {
        "codecs": _codecs(findings),
        "points": _points(findings, [*shown, *rates.values(), *part_rates], rows),
        "points_left_out": len(findings.means) - len(rows),
        "rows": None if len(rows) == len(findings.means) else [int(i) for i in rows],
        "part_rates": [
            {"name": n, "key": key, "part": part_label(part), "label": objective_label(n)}
            for n, (key, part) in part_rates.items()
        ],
        "metrics": [_metric(n, m) for n, m in drawn.items()],
        "rates": [
            {
                "key": k,
                "name": n,
                "label": objective_label(n),
                "measured": n != NOMINAL_RATE,
                "trivial": has_trivial(n),
                "searched": n == findings.log.rate.name,
            }
            for k, n in rates.items()
        ],
        "rate": next((k for k, n in rates.items() if n == findings.log.rate.name), "nominal"),
        "fronts": {
            k: {n: _front(findings, n, rate, rows) for n, m in drawn.items() if _has_front(m)}
            for k, rate in rates.items()
        },
        "small": _small_multiples(findings, list(shown)),
        "full_pose": findings.full_pose,
        "leading": findings.leading,
        "judged": findings.judged_by,
        "bounds": _bounds(findings, [*shown, *rates.values()]),
        "baselines": [_values(row, [*shown, *rates.values()]) for row in findings.baselines],
        "trivial": _trivial(findings, [*shown, *rates.values()]),
        "published": _published(list(shown)),
        "references": _references(findings, list(shown)),
        "history": _history(findings),
        "dimensions": _dimensions(findings, rows),
        "seeds": findings.seeds,
        "clips": clips,
    }


def shown_metrics(points: pd.DataFrame) -> list[str]:
    """Objective names of the measured distortions and diagnostics that points have.

    In order of registration, full pose first, parts in the order of columns.
    """
    names = [c.removeprefix("val_") for c in points.columns if c.startswith("val_")]
    names = [n for n in names if is_metric(n) and not n.startswith("jerk_original")]
    rank = {m.stem: i for i, m in enumerate(metrics())}
    measured = [n for n in names if not is_rate(n)]
    return sorted(measured, key=lambda n: rank[find_metric(n)[0].stem])


def plain(value: Any) -> Any:
    """A value as JSON holds it."""
    if value is None or isinstance(value, str | bool | np.bool_):
        return bool(value) if isinstance(value, np.bool_) else value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            return None
        short = float(f"{value:.6g}")
        return int(short) if short.is_integer() and abs(short) < 1e15 else short
    return str(value)


def plains(values: pd.Series) -> list[Any]:
    """`plain` of each value; most columns hold few that differ."""
    if values.dtype == object:  # 1, 1.0 and True are alike to a hash
        return [*map(plain, values)]
    codes, known = pd.factorize(values)
    told = [*map(plain, known.tolist()), None]  # what is missing has the code -1
    return [told[code] for code in codes.tolist()]


def _optimised(metric: Metric) -> bool:
    return metric.direction is Direction.MIN and metric.scope in (Scope.POSE, Scope.TOTAL)


def _has_front(metric: Metric) -> bool:
    """Scores of which more is better have a front too, though no axis that is to be small."""
    total = metric.direction is Direction.MAX and metric.scope is Scope.TOTAL
    return _optimised(metric) or total


def _metric(name: str, metric: Metric) -> dict[str, Any]:
    scope = find_metric(name)[1]
    aligned = metric.stem == "rmse" and scope not in ("full", "")
    return {
        "name": name,
        "label": objective_label(name) + (" (Kabsch-aligned)" if aligned else ""),
        "short": objective_label(name),
        "unit": unit_label(name),
        "group": part_label(scope).capitalize() if scope else "Wrists and dynamics",
        "optimised": _optimised(metric),
        "grows": metric.direction is Direction.MAX,
        "source": metric.source,
    }


def _codecs(findings: Findings) -> list[dict[str, Any]]:
    return [
        {"name": n, "label": codec_label(n), "light": k.light, "dark": k.dark, "symbol": k.symbol}
        for n, k in looks(findings.codecs).items()
    ]


def drawn_rows(findings: Findings) -> np.ndarray:
    """Rows of `means` that the page holds: all, or those of fronts and an even choice of others."""
    many = len(findings.means)
    if many <= MOST_POINTS:
        return np.arange(many)
    kept = {int(i) for o in findings.distortions for i in findings.front_of(o.name).index}
    for rate in (Objective(n) for n in RATES.values()):
        if rate.column("val") in findings.means.columns:
            kept |= {int(i) for i in findings.front_of(findings.leading, rate).index}
    return np.array(sorted(kept | {int(i) for i in evenly(many, MOST_POINTS - len(kept))}))


def _part_rates(findings: Findings) -> dict[str, tuple[str, str]]:
    """Objective name of each part's own rate -> key of the rate and the part."""
    parts = findings.log.facts.part_names if findings.log.facts else ()
    found = {}
    for key, name in RATES.items():
        for part in parts:
            own = name.replace("_bps", f"_{part}_bps")
            if is_metric(own) and Objective(own).column("val") in findings.means.columns:
                found[own] = key, part
    return found


def _front(findings: Findings, name: str, rate: str, rows: np.ndarray) -> list[int]:
    front = np.asarray(findings.front_of(name, Objective(rate)).index, dtype=np.int64)
    if len(rows) == len(findings.means):
        return [int(i) for i in front]
    place = np.searchsorted(rows, front)
    held = (place < len(rows)) & (rows[np.minimum(place, len(rows) - 1)] == front)
    return [int(i) for i in place[held]]


def _points(findings: Findings, names: list[str], drawn: np.ndarray) -> dict[str, Any]:
    means = findings.means.iloc[drawn]
    columns = [
        c
        for name in names
        for split in SHOWN_SPLITS
        if (c := Objective(name).column(split) if _known(name) else f"{split}_{name}") in means
    ]
    columns = list(dict.fromkeys(columns))
    errors = [f"{c}_se" for c in columns if f"{c}_se" in means.columns]
    config = {c: plains(means[c]) for c in configuration_columns(means) if c != "codec"}
    rows = means.to_dict("records")
    none = [None] * len(rows)
    return {
        "label": [point_label(r) for r in rows],
        "config": [
            {k: v for k, v in zip(config, each, strict=True) if v is not None}
            for each in zip(*config.values(), strict=True)
        ] if config else [{} for _ in rows],
        **{k: plains(means[k]) if k in means else none for k in
           ("codec", "trial", "config_hash", "depth", "levels", "is_prefix", "seed", "share")},
        "seeds": plains(means["seeds"]) if "seeds" in means else [1] * len(rows),
        "point": [str(r["point"]) for r in rows],
        "values": {c: _column(means[c]) for c in [*columns, *errors]},
    }  # fmt: skip


def _column(values: pd.Series) -> list[Any] | str:
    """A column of numbers; packed where there are many, to stay short and quick to read."""
    column = values.astype(float)
    return packed_floats(column.to_numpy()) if len(column) > FEW_POINTS else [*map(plain, column)]


def _known(name: str) -> bool:
    return find_metric(name)[0].known


def _small_multiples(findings: Findings, shown: list[str]) -> list[str]:
    names = [o.name for o in findings.distortions if o.name != findings.leading]
    more = (_here(findings, "hull_pct"), _here(findings, "jerk_mps3"))
    return [n for n in dict.fromkeys([*names, *more]) if n in shown]


def _here(findings: Findings, objective: str) -> str:
    """An objective, named for metres, as the unit of the sweep's data names it."""
    facts = findings.log.facts
    return objective if facts is None else in_unit(objective, facts.yardstick)


def _bounds(findings: Findings, names: list[str]) -> list[dict[str, Any]]:
    found = []
    facts = findings.log.facts
    bits = f"log₂ {facts.train.frames:,} bits a frame and part" if facts else ""
    for row in findings.bounds:
        note = "0 bits" if row.get("codec") in (MEAN_POSE, ALL_BLACK) else bits
        found.append({**_values(row, names), "note": note})
    return found


def _values(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """A row of the bounds with those of its values that are drawn."""
    values = {k: plain(v) for k, v in row.items() if is_metric(k)}
    kept = {k: v for k, v in values.items() if any(k.endswith(n) for n in names)}
    return {"name": str(row.get("codec")), "values": kept}


def _trivial(findings: Findings, names: list[str]) -> list[dict[str, Any]]:
    """Curves of the trivial codecs, their points by rising rate."""
    return [
        {
            "name": name,
            "points": [{**_values(row, names), "name": str(row.get(SETTING, ""))} for row in rows],
        }
        for name, rows in findings.trivial.items()
    ]


def _published(shown: list[str]) -> dict[str, Any]:
    """The paper's own points, by the metric that they can stand beside."""
    if "hull_pct" not in shown:
        return {}
    table = klezovich_hull()
    return {
        "hull_pct": {
            "title": "Klezovich et al., Table 2",
            "note": "The paper's points (Klezovich et al., Tables 1 and 2) were measured on other "
            "data, Swedish Sign Language. It gives the rate per stream; here it is times its three "
            "streams, to stand on the same axis of total bits.",
            "points": [
                {
                    "codec": row["codec"],
                    "label": f"{codec_label(row['codec'])} {row['label']}",
                    "rate": plain(row["rate_total_bps"]),
                    "value": plain(row["hull_percent"]),
                }
                for row in table.to_dict("records")
            ],
        }
    }


def _references(findings: Findings, shown: list[str]) -> dict[str, Any]:
    """Lines that a metric should come close to, per split."""
    found: dict[str, Any] = {}
    hull, jerk = _here(findings, "hull_pct"), _here(findings, "jerk_mps3")
    if hull in shown:
        found[hull] = {"label": "the original's hull", "val": 100, "test": 100}
    column = f"{{}}_{jerk.replace('jerk_', 'jerk_original_', 1)}".format
    if jerk in shown and column("val") in findings.means.columns:
        means = {s: findings.means.get(column(s), pd.Series(dtype=float)) for s in SHOWN_SPLITS}
        lines = {s: plain(v.astype(float).mean()) for s, v in means.items()}
        found[jerk] = {"label": "the original's jerk", **lines}
    return found


def _history(findings: Findings) -> dict[str, Any] | None:
    history = findings.history
    if history is None:
        return None
    last = float(history.value[-1])
    scale = findings.box_share / last if findings.box_share and last else math.nan
    steps = evenly(len(history.value), MOST_STEPS)
    return {
        "value": [plain(v) for v in history.value[steps]],
        "share": [plain(v * scale) for v in history.value[steps]],
        "trials": [int(t) for t in history.trials[steps]],
        "seconds": [plain(s) for s in history.seconds[steps]],
        "unit": " · ".join(unit_label(o.name) for o in findings.objectives),
    }


def _dimensions(findings: Findings, rows: np.ndarray) -> list[dict[str, Any]]:
    """Axes of the parallel coordinates: what was varied, then what came of it."""
    means = findings.means.iloc[rows]
    if means.empty:
        return []
    config = varied(means, [*configuration_columns(means), "depth"])
    config.sort(key=lambda c: (c != "codec", c == "depth"))
    scored = [_here(findings, n) for n in (FULL_POSE, "rmse_hands_cm", "hull_error_pct")]
    scored = [*dict.fromkeys([findings.leading, *scored])]
    outcomes = [findings.log.rate.column("val"), *(f"val_{n}" for n in scored), "train_seconds"]
    return [_dimension(means, c) for c in [*config, *varied(means, outcomes)]]


def _dimension(means: pd.DataFrame, column: str) -> dict[str, Any]:
    values = plains(means[column])
    given = [v for v in values if v is not None]
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in given)
    label = f"{objective_label(column)} ({unit_label(column)})" if is_metric(column) else column
    axis: dict[str, Any] = {"key": column, "label": label, "values": values}
    if not numeric:
        texts = [None if v is None else codec_label(str(v)) for v in values]
        axis["values"] = texts
        return axis | {"kind": "category", "ticks": sorted({t for t in texts if t is not None})}
    wide = min(given) > 0 and max(given) / min(given) >= 20
    few = sorted(set(given)) if len(set(given)) <= 6 else [min(given), max(given)]
    return axis | {"kind": "log" if wide else "linear", "ticks": few}
