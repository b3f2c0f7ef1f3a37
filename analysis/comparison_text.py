"""A comparison of sweeps as text: verdict, Bjøntegaard deltas, tests at equal rates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from analysis.compare import Comparison, as_dict, title
from analysis.labels import number, unit_label


def delta_cell(delta: Mapping[str, Any], unit: str) -> str:
    """A delta with its interval, or *n/a* with the reason."""
    if delta["value"] is None or not math.isfinite(delta["value"]):
        return f"n/a: {delta['reason']}"
    words = f"{_signed(delta['value'])} {unit}"
    if delta["low"] is not None and math.isfinite(delta["low"]):
        words += f" [{_signed(delta['low'])}, {_signed(delta['high'])}]"
    return words


def markdown(comparison: Comparison) -> str:
    """A comparison as Markdown: verdict first, then the numbers that it rests on."""
    said = as_dict(comparison)
    unit = unit_label(comparison.distortion.name)
    lines = [f"# {title(comparison)}", "", *(f"* {s}" for s in comparison.verdict), ""]
    names = ", ".join(f"{s['name']} ({s['folder']})" for s in said["sides"])
    lines += [f"Sweeps: {names}. Footing: {said['footing']}.", ""]
    if said["pairs"]:
        lines += ["| anchor | test | BD-rate | BD-distortion | hypervolume, test / anchor | "
                  "test ahead |", "|---|---|---:|---:|---:|---:|"]  # fmt: skip
        for pair in said["pairs"]:
            volume = pair["hypervolume"]
            ratio = volume["test"] / volume["anchor"] if volume["anchor"] else math.nan
            ahead = volume["test_ahead"]
            lines.append(
                f"| {pair['anchor']} | {pair['test']} | {delta_cell(pair['bd']['rate'], '%')} | "
                f"{delta_cell(pair['bd']['distortion'], unit)} | {number(ratio)} | "
                f"{'–' if ahead is None else f'{100 * ahead:.0f} %'} |"
            )
        lines += ["", "Negative deltas favour the test; 95 % intervals over resampled recordings."]
    for test in said["tests"]:
        if not test["at"]:
            continue
        lines += ["", f"{test['test']} less {test['anchor']} at equal rates, on test recordings:",
                  "", f"| at most, bits/s | {test['anchor']} | {test['test']} | "
                  f"difference ({unit}) | p |", "|---:|---|---|---:|---:|"]  # fmt: skip
        for row in test["at"]:
            difference = "–" if row["difference"] is None else _signed(row["difference"])
            p = "–" if row["p"] is None else number(row["p"])
            lines.append(f"| {number(row['rate'])} | {row['first']} | {row['second']} | "
                         f"{difference} | {p} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{number(abs(value))}"
