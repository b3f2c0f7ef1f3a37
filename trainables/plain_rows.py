"""Rows of numbers as JSON can say them: what is not finite is null there, and NaN again here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def plain(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with None for every number that is not finite.

    >>> plain([{"a": float("nan"), "b": 1}])
    [{'a': None, 'b': 1}]
    """
    return [
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        for row in rows
    ]


def unplain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with NaN for every None."""
    return {k: math.nan if v is None else v for k, v in row.items()}
