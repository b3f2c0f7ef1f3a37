"""Colours and markers of codecs: fixed per family, so that two reports can be laid side by side.

Okabe and Ito's palette for colour-blind readers (https://jfly.uni-koeln.de/color/), with a lighter
twin of each colour for dark pages; families differ in their marker too, for print in grey.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """How a codec is drawn: colours on light and dark paper, plotly and matplotlib marker."""

    light: str
    dark: str
    symbol: str
    marker: str


FIXED = {
    "kmeans": Look("#0072B2", "#56B4F2", "circle", "o"),
    "rqvae": Look("#D55E00", "#FF8F45", "square", "s"),
    "temporal_rvq": Look("#009E73", "#35D0A2", "diamond", "D"),
}
FURTHER = (
    Look("#AA4499", "#E08FCB", "triangle-up", "^"),
    Look("#B98B00", "#F0C23C", "triangle-down", "v"),
    Look("#5B5BD6", "#A5A5FF", "pentagon", "p"),
    Look("#7A4B2A", "#D0A07C", "hexagon", "h"),
    Look("#5F6B73", "#B4C0C8", "star-diamond", "*"),
)


def looks(codecs: Iterable[str]) -> dict[str, Look]:
    """A look per codec: families keep theirs, unknown ones get further ones by name.

    >>> list(looks(["vqgan", "kmeans"]))
    ['kmeans', 'vqgan']
    """
    names = sorted(set(codecs), key=lambda n: (list(FIXED).index(n) if n in FIXED else 99, n))
    unknown = [n for n in names if n not in FIXED]
    further = {n: _further(i) for i, n in enumerate(unknown)}
    return {n: FIXED.get(n) or further[n] for n in names}


def _further(index: int) -> Look:
    """After the last colour the first comes again, with the next marker."""
    again, place = divmod(index, len(FURTHER))
    colour, mark = FURTHER[place], FURTHER[(place + again) % len(FURTHER)]
    return Look(colour.light, colour.dark, mark.symbol, mark.marker)
