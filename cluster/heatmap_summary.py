"""What a finished sweep over heatmaps prints: its front, each score between its floors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.table import Table

from analysis.labels import codec_label
from search_spaces.objectives import find_metric

if TYPE_CHECKING:
    import pandas as pd

_SETTINGS = (
    ("codec", "codec"), ("pair", "pair"), ("F", "compression"), ("codes", "codebook_size"),
    ("bits/s", "rate_nominal_bps"),
)  # fmt: skip
_FLOORS = (
    ("black", "all_zero"), ("first frame", "repeat_frame"), ("noise ceiling", "noise_ceiling"),
)  # fmt: skip


def heatmap_front(front: pd.DataFrame, objective: str) -> Table:
    """The front of one score beside the nominal rate.

    Args:
        front: rows of points that are not dominated, by rising rate.
        objective: the score, `iou_index` say.
    """
    title = find_metric(objective)[0].title
    columns = [
        *_SETTINGS,
        (f"{title} val", f"val_{objective}"),
        (f"{title} test", f"test_{objective}"),
        *((said, f"val_floor_{floor}_{objective}") for said, floor in _FLOORS),
    ]
    there = [c for c in columns if c[1] in front]
    table = Table(
        title=f"rate–distortion front: {title} beside the nominal rate, chosen on validation; "
        "what needs no codec scores",
        title_justify="left",
    )
    for said, name in there:
        table.add_column(said, justify="left" if name in ("codec", "pair") else "right")
    for row in front.to_dict("records"):
        table.add_row(*(_cell(row[name], name) for _, name in there))
    return table


def _cell(value: Any, name: str) -> str:
    if name == "codec":
        return codec_label(str(value))
    if not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return "–"
    return f"{value:.4g}" if name.startswith("val_") or name.startswith("test_") else f"{value:.0f}"
