"""A composed operating point as it leaves the sweep: each part's codec from the trial it came from.

`ratefront allocate` found it and verified it by decoding; those numbers are in `allocation.csv`.
What it costs as files is measured here, by encoding validation and test recordings with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

    from analysis.allocated import Allocation
    from analysis.log import Log
    from search_spaces.data_facts import DataFacts
    from trainables.bitstream.token_model import TokenModel
    from trainables.exported.codec_folder import ExportedCodec
    from trainables.motion.dataset import MotionData


@dataclass(frozen=True)
class ComposedPoint:
    """A row of `allocation.csv`.

    Attributes:
        row: its number, 1 being the first below the head.
        points: part -> the record's row of the point that the part was taken from.
        scores: what decoding it gave, `val_` and `test_` columns.
    """

    row: int
    points: dict[str, dict[str, Any]]
    scores: dict[str, float]


def composed_point(
    log: Log, points: pd.DataFrame, at: float | None, row: int | None, rate: str
) -> ComposedPoint:
    """The composed point that is meant.

    Args:
        log: of the sweep.
        points: the sweep's rows as in `points.csv`.
        at: bits per second of the shared rate that it may cost at most, where `row` is None.
        row: its number in `allocation.csv`.
        rate: what `at` speaks of; the rate that was shared where "".

    Raises:
        NoAnswer: every row costs more.
        BadInput: nothing was allocated, by another rate, or of points that are gone; no such row.
    """
    from analysis.allocated import RATES, read_allocation

    found = read_allocation(log.folder, points)
    if found is None:
        raise BadInput(f"{log.folder}: no parts were composed; run 'ratefront allocate' first")
    if rate not in ("", found.which):
        again = f", or run 'ratefront allocate --rate {rate}' first" if rate in RATES else ""
        raise BadInput(
            f"--rate {rate}: the parts of {log.folder} were composed by their {found.which} rate; "
            f"leave --rate out{again}"
        )
    number = _cheap_enough(found, at) if row is None else row
    if not 1 <= number <= len(found.table):
        raise BadInput(f"--row {number}: allocation.csv has rows 1 to {len(found.table)}")
    chosen = found.table.iloc[number - 1]
    known = {str(r["point"]): r for r in points.to_dict("records")}
    of = {part: str(chosen[f"{part}_point"]) for part in found.parts}
    gone = [point for point in of.values() if point not in known]
    if gone or (log.facts is not None and found.parts != log.facts.part_names):
        raise BadInput(
            f"{log.folder}: allocation.csv composes what the sweep does not hold"
            f"{f' ({gone[0]})' if gone else ''}; run 'ratefront allocate' again"
        )
    scores = {
        str(name): float(value)
        for name, value in chosen.items()
        if str(name).startswith(("val_", "test_")) and math.isfinite(value)
    }
    rows = {part: {str(k): v for k, v in known[p].items()} for part, p in of.items()}
    return ComposedPoint(number, rows, scores)


def _cheap_enough(found: Allocation, at: float | None) -> int:
    """Number of the row of least validation error at or under a rate."""
    from analysis.allocated import error_column
    from analysis.fronts import NoAnswer

    if at is None:
        raise BadInput("--composed needs --at BITS_PER_SECOND or --row NUMBER of allocation.csv")
    rates = found.table[found.rate_column]
    affordable = found.table[rates <= at * (1 + 1e-9)]
    if affordable.empty:
        raise NoAnswer(
            f"no composed point at or under {at:g} bits/s ({found.which}); the cheapest is at "
            f"{math.ceil(10 * rates.min()) / 10:g}"
        )
    errors = affordable[error_column(found.table, "val")].to_numpy()
    return 1 + int(affordable.index.to_numpy()[errors.argmin()])


def motion_of(log: Log, folder: Path) -> MotionData:
    """The motion that a sweep was run on, prepared again.

    Raises:
        BadInput: it is not there, or not what it was.
    """
    from search_spaces.spec import parse_spec
    from trainables.motion.dataset import prepare

    data = prepare(parse_spec(log.sweep["spec"], str(folder)).data)
    if log.facts is None or data.facts.data_hash != log.facts.data_hash:
        was = "unknown" if log.facts is None else log.facts.data_hash
        raise BadInput(
            f"{folder}: the motion is not what it was (data_hash {data.facts.data_hash}, was "
            f"{was}); put back what the sweep was run on"
        )
    return data


def nominal_rates(codec: ExportedCodec, facts: DataFacts) -> dict[str, float]:
    """Nominal rates by column, of all parts and of each.

    Args:
        codec: whose parts may be of several trials.
        facts: of the sweep's data, lengths of recordings included.
    """
    from trainables.exported.evaluation import coded_nominal_rate

    nominal = coded_nominal_rate(codec.coding, facts, max(codec.depths.values()))
    each = {f"rate_nominal_{part}_bps": rate for part, rate in nominal.per_part.items()}
    return {"rate_nominal_bps": nominal.total, **each}


def measured_rates(
    codec: ExportedCodec, data: MotionData, root_model: TokenModel
) -> dict[str, float]:
    """Rates and use of codebooks of a codec on validation and test: recordings are encoded.

    As for every point of the sweep, the root is in them where the sweep itself coded it.

    Args:
        codec: whose parts may be of several trials.
        data: the sweep's motion.
        root_model: of the sweep's root.
    """
    from trainables.bitstream.recording import ROOT
    from trainables.token_rates import encode_split, split_sizes, token_metrics

    codecs, deepest = codec.coding, max(codec.depths.values())
    models = {**codec.models, ROOT: root_model}
    found: dict[str, float] = {}
    for split in ("val", "test"):
        encoded = encode_split(codecs, data, split)
        sizes = split_sizes(codecs, data, encoded, models)
        found |= token_metrics(codecs, data, encoded, deepest, models, sizes)
    return found


def origin_of(points: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What a card says of where parts came from: trial and point of each."""
    return {
        "point": "+".join(str(row["point"]) for row in points.values()),
        "parts": {
            part: {"trial": str(row["trial"]), "point": str(row["point"])}
            for part, row in points.items()
        },
    }
