"""The task `codecs`: trials are codecs that were really trained, and nothing is made up between.

A searcher proposes anywhere in `codec_space.space()`; what runs is the nearest recorded
configuration of the same codec and quantizer that this run has not had yet (`OnTable`), and the arm
is told which one (`moved`), before it is asked again. So every arm is restricted to the same rows
in the same way, no arm is told of one configuration the values of another, and none runs a row
twice. Rate and distortion enter by their logarithms, as in the product.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from benchmarks.search import codec_space
from cluster.replay.simulator import Arm, Report
from cluster.searchers.rate_aware.encoding import Encoding
from search_spaces.errors import BadInput
from search_spaces.families import family_of
from search_spaces.space import Config, Value, canonical

TABLE = Path(__file__).parent / "codec_table.parquet"
DISTORTION = "rmse_full_cm"
RATE_KEYS = frozenset({"codec", "quantizer", "codebook_size", "quantizer_depth", "compression"})
RATE_WEIGHT = 3.0
"""How much more a rate-determining key counts in what is near: a rate asked for stays about it."""
OTHER_QUANTIZER, OTHER_CODEC = 1e3, 1e6
"""Distance to rows that are taken only where the codec and quantizer asked for has none left."""


@dataclass(frozen=True, eq=False)
class Row:
    """One recorded codec.

    Attributes:
        proposal: its configuration, as a searcher proposes it.
        rates: (prefixes,) nominal, bits per second.
        shares: (rungs,) of its training budget.
        seconds: (rungs,) of the processor, training alone, from its start.
        distortion: (rungs, prefixes) infinite from where it diverged.
    """

    proposal: Config
    rates: np.ndarray
    shares: np.ndarray
    seconds: np.ndarray
    distortion: np.ndarray


class Codecs:
    """The recorded table as a task."""

    def __init__(self, path: Path | None = None) -> None:
        """Reads a packed table; the one that lies beside this file where none is named."""
        self.name = "codecs"
        self.space = codec_space.space()
        self.rows = read_rows(path or TABLE)
        self.levels = max(len(r.rates) for r in self.rows)
        self.shares = tuple(sorted({float(s) for r in self.rows for s in r.shares}))
        self._encoding = Encoding(self.space)
        self._x = self._weighted([r.proposal for r in self.rows])
        self._families = np.array([_family(r.proposal) for r in self.rows])
        self._at = {canonical(r.proposal): i for i, r in enumerate(self.rows)}
        self.known = Rates(self.rows)

    def nearest(self, proposal: Config, taken: Collection[int]) -> int | None:
        """The row to run for a proposal; None where all are taken."""
        codec, quantizer = _family(proposal)
        apart = np.linalg.norm(self._x - self._weighted([proposal]), axis=1)
        apart += OTHER_CODEC * (self._families[:, 0] != codec)
        apart += OTHER_QUANTIZER * (self._families[:, 1] != quantizer)
        apart[list(taken)] = math.inf
        best = int(np.argmin(apart))
        return best if math.isfinite(apart[best]) else None

    def row_of(self, config: Config) -> int:
        """The place of a recorded configuration; KeyError where it is none."""
        return self._at[canonical(config)]

    def run(self, config: Config, seed: int) -> Sequence[Report]:
        """A recorded configuration's curve."""
        row = self.rows[self.row_of(config)]
        rates = np.log(row.rates)
        return [
            Report(float(share), float(seconds), np.column_stack([rates, np.log(distortion)]))
            for share, seconds, distortion in zip(
                row.shares, row.seconds, row.distortion, strict=True
            )
        ]

    def sample(self, count: int, seed: int) -> tuple[list[Config], np.ndarray, np.ndarray]:
        """The whole table instead of a sample: so 1 is the volume of its true front."""
        points = [np.column_stack([np.log(r.rates), np.log(r.distortion[-1])]) for r in self.rows]
        seconds = np.array([r.seconds[-1] for r in self.rows])
        return [r.proposal for r in self.rows], np.concatenate(points), seconds

    def works(self, config: Config) -> bool:
        """Some row is run for every proposal."""
        return True

    def _weighted(self, proposals: Sequence[Config]) -> np.ndarray:
        weights = [
            RATE_WEIGHT if name in RATE_KEYS else 1.0
            for name in dict.fromkeys(p.name for p in self.space.parameters)
        ]
        groups = self._encoding.groups
        return self._encoding.encode_all(proposals) * np.array(weights)[groups]


class Rates:
    """The nominal rate, by the codec's alphabets and the tokens that its compression leaves.

    Recordings end in a whole token, so tokens per second follow from the data; here, from any row
    with the same compression.
    """

    names = RATE_KEYS

    def __init__(self, rows: Sequence[Row]) -> None:
        """Learns tokens per second for each compression of a table."""
        self._per_second: dict[int, float] = {}
        for row in rows:
            bits, compression = _bits(row.proposal)
            self._per_second[compression] = float(row.rates[-1] / bits[-1])

    def __call__(self, config: Config) -> np.ndarray:
        """(prefixes,) logarithms, ascending."""
        bits, compression = _bits(config)
        return np.log(bits * self._per_second[compression])


def _bits(proposal: Config) -> tuple[np.ndarray, int]:
    """Bits per token of each prefix of a proposal, and its compression."""
    config = codec_space.whole(proposal)
    family = family_of(config)
    bits = np.cumsum(np.log2(np.array(family.alphabet(config, ""), float)))
    return (bits if family.residual else bits[-1:]), family.compression(config)


@runtime_checkable
class Movable(Protocol):
    """An arm that models what it asks for."""

    def moved(self, config: Config) -> None:
        """The proposal asked for last runs as this configuration instead."""


class OnTable:
    """An arm restricted to rows of a table."""

    def __init__(self, arm: Arm, table: Codecs) -> None:
        """Around a fresh arm."""
        self._arm, self._table = arm, table
        self._taken: set[int] = set()

    def ask(self) -> Config | None:
        """The nearest row that this run has not had; None where it had them all.

        A trial that an arm paused goes on as it is.
        """
        proposal = self._arm.ask()
        if proposal is None or getattr(self._arm, "resumed", 0.0) > 0:
            return proposal
        place = self._table.nearest(proposal, self._taken)
        if place is None:
            return None
        self._taken.add(place)
        config = self._table.rows[place].proposal
        if isinstance(self._arm, Movable) and canonical(config) != canonical(proposal):
            self._arm.moved(dict(config))
        return dict(config)

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        """As the arm says."""
        return self._arm.report(ask, share, points)

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        """To the arm."""
        self._arm.tell(ask, points)


def read_rows(path: Path) -> list[Row]:
    """Rows of a packed table.

    Raises:
        BadInput: there is no such file.
    """
    import pyarrow.parquet

    if not path.is_file():
        raise BadInput(
            f"{path}: no recorded codecs; make them with "
            "`python -m benchmarks.search.codec_table record FOLDER`, then `pack FOLDER`"
        )
    columns = [
        "number", "proposal", "share", "depth", "fit_seconds", "rate_nominal_bps", DISTORTION,
        "diverged",
    ]  # fmt: skip
    table = pyarrow.parquet.read_table(path, columns=columns).to_pydict()
    each: dict[int, list[int]] = {}
    for place, number in enumerate(table["number"]):
        each.setdefault(number, []).append(place)
    return [_row(table, places) for _, places in sorted(each.items())]


def _row(table: Mapping[str, Sequence[Any]], places: Sequence[int]) -> Row:
    first = places[0]
    depths = sorted({table["depth"][i] for i in places})
    shares = sorted({table["share"][i] for i in places})
    values = np.full((len(shares), len(depths)), math.inf)
    seconds, rates = np.zeros(len(shares)), np.zeros(len(depths))
    for i in places:
        at, of = shares.index(table["share"][i]), depths.index(table["depth"][i])
        rates[of] = table["rate_nominal_bps"][i]
        seconds[at] = table["fit_seconds"][i]
        values[at, of] = math.inf if table["diverged"][i] else table[DISTORTION][i]
    proposal: dict[str, Value] = json.loads(table["proposal"][first])
    return Row(proposal, rates, np.array(shares), seconds, values)


def _family(proposal: Config) -> tuple[str, str]:
    return str(proposal["codec"]), str(proposal.get("quantizer", ""))
