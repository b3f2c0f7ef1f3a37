"""Figures inside a page: an SVG element in the page's own colours, light and dark, and its font.

Matplotlib writes fixed colours; those that the page has a name for become that name, so that a
figure follows the page from light to dark and onto paper.
"""

from __future__ import annotations

import io
import re

from matplotlib import rc_context
from matplotlib.figure import Figure

from analysis.figures import FAINT, INK, STYLE
from analysis.palette import FIXED, FURTHER

INLINE_STYLE = {**STYLE, "font.family": "DejaVu Sans", "text.color": INK}
"""Of figures that go inside a page; widths of letters are matplotlib's own font's."""

_NAMED = {INK: "var(--ink)", FAINT: "var(--faint)", str(STYLE["grid.color"]): "var(--grid)"}
_TWINS = {look.light: f"light-dark({look.light}, {look.dark})"
          for look in (*FIXED.values(), *FURTHER)}  # fmt: skip
_COLOURS = {colour.lower(): name for colour, name in {**_NAMED, **_TWINS}.items()}


def inline_svg(figure: Figure, name: str, label: str) -> str:
    """A figure as an SVG element with ids of its own, the same bytes for the same figure.

    Args:
        figure: drawn under `INLINE_STYLE`.
        name: sets its ids apart from those of other figures on the page.
        label: what it shows, for those who do not see it.
    """
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', "", text, count=1)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"#[0-9a-fA-F]{6}", lambda m: _COLOURS.get(m[0].lower(), m[0]), text)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--sans)", text)
    # Ids of groups (figure_1, axes_1, ...) are the same in every figure; nothing refers to them.
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    said = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return text.replace("<svg", f'<svg role="img" aria-label="{said}" class="figure"', 1)
