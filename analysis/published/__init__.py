"""Published numbers to set beside ours, each row with its source; see the README in this folder."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

from search_spaces.errors import BadInput

TABLES = ("klezovich", "eggesture", "eggesture_table2", "vqgan", "claims")
KLEZOVICH_STREAMS = 3
"""Streams (body, right hand, left hand) that each spend the paper's rate per stream."""


def published(paper: str) -> pd.DataFrame:
    """Rows of a published table, with the column `source`.

    Args:
        paper: one of `TABLES`.

    Raises:
        BadInput: there is no such table.

    >>> float(published("klezovich")["hull_percent"].max())
    109.3
    """
    if paper not in TABLES:
        raise BadInput(f"no published numbers {paper!r}; there are {', '.join(TABLES)}")
    with (files(__name__) / f"{paper}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def klezovich_hull() -> pd.DataFrame:
    """Wrist hull % of the first paper, with the total rate over its three streams.

    Returns:
        Columns `codec`, `label`, `rate_total_bps`, `hull_percent`, `source`.
    """
    table = published("klezovich")
    size, depth = table["codebook_size"].astype(str), table["quantizers"].astype(str)
    table["label"] = size.where(depth == "1", size + "×" + depth)
    table["rate_total_bps"] = table["rate_nominal_bps_per_stream"] * KLEZOVICH_STREAMS
    return table[["codec", "label", "rate_total_bps", "hull_percent", "source"]]
