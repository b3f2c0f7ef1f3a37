"""What the bytes of files cost beside the nominal rate, and where a rate is not to be trusted.

Works on rows of any age: a sweep that was recorded before files were measured has no stream rate,
and then nothing is added.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.statistics import is_score
from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.families import family_of
from search_spaces.objectives import (
    RATE_HEADER,
    RATE_MODEL,
    RATE_NOMINAL,
    RATE_STREAM,
    find_metric,
)
from search_spaces.rate import TOKENS_PER_CODE, tokens_per_code
from search_spaces.record import POINT_KEYS, QUANTISED_FLOATS, TRIVIAL_CODECS
from search_spaces.space import base_key

MEASURED_SPLITS = ("val", "test")


def ratio_column(split: str) -> str:
    """Stream rate over nominal rate, without unit."""
    return f"{split}_rate_stream_over_nominal"


def share_column(split: str) -> str:
    """Share of the stream rate that is header, in %."""
    return f"{split}_header_share_pct"


def is_baseline(row: Mapping[str, Any]) -> bool:
    """Whether a row of the bounds is one of plainly quantised floats."""
    return str(row.get("codec")).startswith(QUANTISED_FLOATS)


def is_trivial(row: Mapping[str, Any]) -> bool:
    """Whether a row of the bounds is an operating point of a trivial codec."""
    return row.get("codec") in TRIVIAL_CODECS


def has_trivial(rate: str) -> bool:
    """Whether trivial codecs stand over a rate: one that was measured, of the coder's own tables.

    Args:
        rate: an objective or column of the total.
    """
    return find_metric(rate)[0] in (RATE_MODEL, RATE_STREAM)


def beside_nominal(points: pd.DataFrame) -> pd.DataFrame:
    """Points with the stream rate beside the nominal one, their ratio and the header's share.

    These columns stand directly after the keys of a point; without a stream rate the frame is
    given back as it is.
    """
    nominal, measured = RATE_NOMINAL.objective(), [RATE_STREAM.column(s) for s in MEASURED_SPLITS]
    if nominal not in points.columns or not set(measured) & set(points.columns):
        return points
    added: dict[str, Any] = {nominal: points[nominal]}
    for split, column in zip(MEASURED_SPLITS, measured, strict=True):
        if column not in points.columns:
            continue
        stream = points[column].astype(float)
        added[column] = stream
        # One code costs nothing in closed form, and no file is so many times nothing.
        added[ratio_column(split)] = stream / points[nominal].astype(float).replace(0.0, math.nan)
        header = points.get(RATE_HEADER.column(split))
        if header is not None:
            added[share_column(split)] = 100 * header.astype(float) / stream
    keys = [c for c in POINT_KEYS if c in points.columns]
    rest = [c for c in points.columns if c not in keys and c not in added]
    block = pd.DataFrame(added, index=points.index)
    return pd.concat([points[keys], block, points[rest]], axis=1)


def header_share(row: Mapping[Hashable, Any] | pd.Series, split: str) -> float:
    """Header in % of a point's stream rate; not a number where it was not measured."""
    stream, header = row.get(RATE_STREAM.column(split)), row.get(RATE_HEADER.column(split))
    if stream is None or header is None or not float(stream) > 0:
        return math.nan
    return 100 * float(header) / float(stream)


def few_tokens(points: pd.DataFrame, facts: DataFacts | None, split: str) -> np.ndarray:
    """Points whose plug-in entropy on a split rests on too few tokens: bool (points,).

    The rule is `search_spaces.rate.TOKENS_PER_CODE`, applied to the level that has the fewest
    tokens for each code. Points that do not say how many tokens they have are not judged.
    """
    column = f"{split}_tokens"
    if facts is None or column not in points.columns:
        return np.zeros(len(points), dtype=bool)
    asked = points[[c for c in points.columns if not is_score(str(c)) or c == column]]
    few = np.zeros(len(points), dtype=bool)
    codecs = asked["codec"].to_numpy(dtype=object) if "codec" in asked else np.full(len(few), None)
    for codec in pd.unique(codecs):
        own = np.flatnonzero(codecs == codec) if codec == codec else np.flatnonzero(pd.isna(codecs))
        # Thousands of trials differ in what no rate follows from: alike ones are judged once.
        rows = asked.iloc[own].reset_index(drop=True)
        alike = rows.groupby([c for c in rows if _counts(codec, str(c), column)], dropna=False,
                             sort=False).ngroup().to_numpy()  # fmt: skip
        first = rows[~pd.Series(alike).duplicated()].to_dict("records")
        few[own] = np.array([_few(row, facts, row[column]) for row in first], dtype=bool)[alike]
    return few


def _counts(codec: Any, column: str, tokens: str) -> bool:
    """Whether the tokens for each code may follow from a column of points."""
    if column in (tokens, "depth", "codebook_size"):
        return True
    try:
        family = family_of({"codec": codec})
    except BadInput:  # a plugin's codec, without the plugin
        return False
    return base_key(column, family.rate_keys) in family.rate_keys


def _few(row: Mapping[Hashable, Any], facts: DataFacts, tokens: Any) -> bool:
    if tokens is None or not math.isfinite(float(tokens)):
        return False
    depth = int(row["depth"])
    # Columns of other configurations are empty here, and an empty key is none.
    given = {str(k): v for k, v in row.items() if v is not None and v == v}
    try:
        each = tokens_per_code(given, facts, float(tokens), depth)
    except (BadInput, KeyError, ValueError):  # a plugin's codec, without the plugin
        size = float(given.get("codebook_size", math.nan))
        each = float(tokens) / (depth * len(facts.parts)) / size
    return each < TOKENS_PER_CODE
