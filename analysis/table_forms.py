"""A table as text: LaTeX (booktabs), Markdown, CSV.

LaTeX is at home in two-column papers: what does not fit a column becomes a `table*` across the
page, which in one column is a `table` like any other.
"""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata

from analysis.labels import error_number, number, objective_label, unit_label
from analysis.statistics import error_column
from analysis.tables import FEW_SEEDS, Cell, Table
from search_spaces.errors import BadInput

FORMATS = ("latex", "markdown", "csv")
COLUMN_POINTS = 227.0
"""Width that two-column classes give a column at the least, in points of TeX."""
_SIGN, _GAP = 4.5, 8.0
"""Points of a sign of a table in 9 pt Computer Modern, and between columns."""


def written(table: Table, form: str) -> str:
    """A table as text.

    Raises:
        BadInput: no such form.
    """
    writers = {"latex": latex, "markdown": markdown, "csv": as_csv}
    if form not in writers:
        raise BadInput(f"no format {form!r}; there are {', '.join(FORMATS)}")
    return writers[form](table)


def latex(table: Table) -> str:
    r"""Booktabs; needs `\usepackage{booktabs}` and nothing else."""
    grouped = any(math.isfinite(r.group) for r in table.rows)
    heads = [("At most", "(bits/s)")] * grouped + [("Codec", ""), ("Rate", "(bits/s)")]
    heads += [_two_lines(c) for c in table.columns]
    rows, before = [], None
    for row in table.rows:
        first = row.group != before
        cells = [_budget(row.group).replace(",", r"\,") if first else ""] * grouped
        cells += [_tex(row.label) + (r"\,$^\dagger$" if row.seeds < FEW_SEEDS else "")]
        cells += [number(row.rate).replace(",", r"\,")]
        cells += [_tex_cell(c) for c in row.cells]
        rows.append((grouped and first and before is not None, cells))
        before = row.group
    plain = [[*pair] for pair in zip(*heads, strict=True)] + [cells for _, cells in rows]
    star = "*" if _points(plain) > COLUMN_POINTS else ""
    align = "r" * grouped + "lr" + "r" * len(table.columns)
    lines = [
        rf"\begin{{table{star}}}", r"  \centering", r"  \small", r"  \setlength{\tabcolsep}{4pt}",
        r"  \setlength{\abovetopsep}{1ex}", rf"  \caption{{{_tex(table.caption)}}}",
        rf"  \label{{tab:{_key(table.name)}}}", rf"  \begin{{tabular}}{{@{{}}{align}@{{}}}}",
        r"    \toprule", *("    " + " & ".join(map(_tex, h)) + r" \\" for h in plain[:2]),
        r"    \midrule",
    ]  # fmt: skip
    for apart, cells in rows:
        lines += [r"    \addlinespace"] * apart + ["    " + " & ".join(cells) + r" \\"]
    lines += [r"    \bottomrule", r"  \end{tabular}", rf"\end{{table{star}}}"]
    return "\n".join(lines) + "\n"


def markdown(table: Table) -> str:
    """A table of GitHub's Markdown, its caption under it."""
    grouped = any(math.isfinite(r.group) for r in table.rows)
    heads = ["≤ bits/s"] * grouped + ["codec", "bits/s"]
    heads += [f"{objective_label(c)} ({unit_label(c)})" for c in table.columns]
    rules = ["---:"] * grouped + ["---", "---:"] + ["---:"] * len(table.columns)
    lines = ["| " + " | ".join(heads) + " |", "|" + "|".join(rules) + "|"]
    before = None
    for row in table.rows:
        cells = [_budget(row.group) if row.group != before else ""] * grouped
        cells += [row.label + (" †" if row.seeds < FEW_SEEDS else ""), number(row.rate)]
        cells += [_plain_cell(c) for c in row.cells]
        lines.append("| " + " | ".join(c.replace("|", r"\|") for c in cells) + " |")
        before = row.group
    return "\n".join([*lines, "", table.caption]) + "\n"


def as_csv(table: Table) -> str:
    """One row per point, every value and error in a column of its own, at full precision."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    pairs = [n for c in table.columns for n in (c, error_column(c))]
    writer.writerow(["at_most_bps", "point", "codec", table.rate, "seeds", *pairs, "best_in"])
    for row in table.rows:
        best = " ".join(n for n, c in zip(table.columns, row.cells, strict=True) if c.best)
        values = [_raw(v) for c in row.cells for v in (c.value, c.error)]
        head = [_raw(row.group), row.point, row.label, _raw(row.rate), row.seeds]
        writer.writerow([*head, *values, best])
    return out.getvalue()


def _two_lines(column: str) -> tuple[str, str]:
    """An objective over two lines of a heading, its unit at the end."""
    *words, last = objective_label(column).split(" ")
    unit = f"({unit_label(column)})"
    return (" ".join(words), f"{last} {unit}") if words else (last, unit)


def _points(rows: list[list[str]]) -> float:
    """About how wide a table is set, in points."""
    # What is set, in place of the commands that set it.
    shown = [[re.sub(r"\\[a-z]+|[\\{}$^]", "", c.replace(r"\pm", "±")) for c in r] for r in rows]
    wide = sum(max(len(r[i]) for r in shown) for i in range(len(rows[0])))
    return _SIGN * wide + _GAP * (len(rows[0]) - 1)


def _key(name: str) -> str:
    """A name as the key of a label: small letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "sweep"


def _digits(cell: Cell) -> tuple[str, str]:
    """Value and error to the same place: two digits of the error, at most four of the value."""
    if not math.isfinite(cell.error) or cell.error <= 0:
        return number(cell.value), ""
    if not math.isfinite(cell.value):
        return "–", ""
    places = len(error_number(cell.error).partition(".")[2])
    if cell.value:  # seeds that hardly differ would ask for more digits than anyone reads
        places = min(places, max(0, 3 - math.floor(math.log10(abs(cell.value)))))
    error = f"{cell.error:.{places}f}"
    least = f"{10.0**-places:.{places}f}"
    return f"{cell.value:,.{places}f}", f"<{least}" if float(error) == 0 else error


def _tex_cell(cell: Cell) -> str:
    value, error = (t.replace(",", r"\,").replace("–", "--") for t in _digits(cell))
    if value == "--":
        return value
    shown = rf"\mathbf{{{value}}}" if cell.best else value
    return f"${shown} \\pm {error}$" if error else f"${shown}$"


def _budget(rate: float) -> str:
    return f"{rate:,.0f}" if rate.is_integer() else f"{rate:,g}"


def _plain_cell(cell: Cell) -> str:
    value, error = _digits(cell)
    shown = f"**{value}**" if cell.best else value
    return f"{shown} ± {error}" if error else shown


def _raw(value: float) -> str:
    return repr(float(value)) if math.isfinite(value) else ""


_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "×": r"$\times$", "÷": r"$\div$", "±": r"$\pm$", "≤": r"$\leq$", "†": r"$^\dagger$",
    "³": r"$^3$", "²": r"$^2$", "≥": r"$\geq$", "<": r"$<$", ">": r"$>$", "|": r"$|$",
    "·": r"$\cdot$", "→": r"$\to$", "–": "--", "—": "---", "−": "$-$", "…": r"\ldots{}",
    "’": "'", '"': "''", "µ": r"$\mu$",
}  # fmt: skip


def _tex(text: str) -> str:
    return "".join(_TEX.get(sign, sign) for sign in text)
