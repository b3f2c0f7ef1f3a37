"""Metrics own their name, version, unit and direction; nothing else in the code says "min" or "cm".

A metric is defined once here (or by a plugin, through `register_metric`) and measured in
`trainables.metrics`. A *column* is where its value stands in a record: measured metrics carry the
split (`val_rmse_full_cm`), metrics known before training do not (`rate_nominal_bps`). An
*objective* is a column name without its split: `rmse_body_cm`, `rate_nominal_bps`. Metrics are
defined for metres; on data in another unit they go by names of their own (`rmse_body_px`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from functools import cache, lru_cache

from search_spaces.errors import BadInput
from search_spaces.units import YARDSTICKS, Yardstick

SPLITS = ("train", "val", "test")


class Direction(StrEnum):
    """Which values are better."""

    MIN = "min"
    MAX = "max"
    REFERENCE = "closest to the reference"
    NONE = "diagnostic"


class Scope(StrEnum):
    """What a metric's values are about.

    TOTAL: one value (`hull_pct`). PARTS: one per part (`utilisation_body_pct`).
    POSE: the full pose, and each part (`rmse_full_cm`, `rmse_body_cm`, `rmse_hands_cm`).
    RATE: the total without a name, and each part (`rate_nominal_bps`, `rate_nominal_body_bps`).
    """

    TOTAL = "total"
    PARTS = "parts"
    POSE = "pose"
    RATE = "rate"


@dataclass(frozen=True)
class Metric:
    """What a number means.

    Attributes:
        stem: the name without scope and unit (`rmse`).
        unit: as it stands in column names (`cm`, `bps`, `pct`).
        direction: which values are better.
        known: True where the value follows from configuration and facts of the data.
        scope: see `Scope`.
        version: raised whenever the definition changes; values of two versions are not compared.
        source: paper, section or equation that defines it.
        pooling: how values of recordings become one.
        title: for axes and tables.
    """

    stem: str
    unit: str
    direction: Direction
    scope: Scope
    source: str
    title: str
    known: bool = False
    version: int = 1
    pooling: str = "mean over recordings"

    @property
    def of_positions(self) -> bool:
        """Whether it hangs on where joints are; rates and the use of codes do not."""
        return self.scope in (Scope.POSE, Scope.TOTAL) and self.unit != "bps"

    def measured_in(self, yardstick: Yardstick) -> Metric:
        """The same metric on data of another unit; itself where nothing of it changes."""
        unit = yardstick.unit_of(self.unit) if self.of_positions else self.unit
        return self if unit == self.unit else replace(self, unit=unit)

    def objective(self, scope_name: str = "") -> str:
        """Name of the value for a part, `full`, `hands`, or the total where left out."""
        return "_".join(p for p in (self.stem, scope_name, self.unit) if p)

    def column(self, split: str, scope_name: str = "") -> str:
        """Column of a record that holds it."""
        return column_of(self.objective(scope_name), split, known=self.known)


def column_of(objective: str, split: str, *, known: bool) -> str:
    """Column name of an objective on a split; the split is left out of known ones."""
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, got {split!r}")
    return objective if known else f"{split}_{objective}"


_REGISTRY: dict[str, Metric] = {}
LISTED = 32
"""Metrics at most that a refusal names: Fréchet distances have a name for every encoder."""


def register_metric(metric: Metric) -> Metric:
    """Makes a metric known by its stem. Registering the same definition twice is harmless."""
    key = f"{metric.stem}|{metric.unit}"
    if _REGISTRY.get(key, metric) != metric:
        raise BadInput(f"two different metrics are called {metric.objective()!r}; rename one")
    _REGISTRY[key] = metric
    _find.cache_clear()
    return metric


def metrics() -> tuple[Metric, ...]:
    """All registered metrics, in order of registration."""
    return tuple(_REGISTRY.values())


def find_metric(objective: str) -> tuple[Metric, str]:
    """The metric of an objective or column name, and the scope named in it ("" for the total).

    Raises:
        BadInput: no metric has that name; the message lists those that exist, the first `LISTED`.
    """
    return _find(objective, len(_REGISTRY))


@cache  # names are asked for at every recording and every depth
def _find(objective: str, registered: int) -> tuple[Metric, str]:
    head, _, tail = objective.partition("_")
    name = tail if head in SPLITS else objective
    # Longest stem first: `rate_nominal` must not be read as scope `nominal` of a stem `rate`.
    for metric in _in_all_units(metrics()):
        if name == metric.objective():
            return metric, ""
        head, tail = f"{metric.stem}_", f"_{metric.unit}"
        named = name.startswith(head) and name.endswith(tail) and len(name) > len(head + tail)
        if named and metric.scope is not Scope.TOTAL:
            return metric, name[len(head) : -len(tail)]
    known = [_example_name(m) for m in _REGISTRY.values()]
    near = get_close_matches(name, known, n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    listed = ", ".join(known[:LISTED]) + (
        f" and {len(known) - LISTED} more" if known[LISTED:] else ""
    )
    raise BadInput(
        f"no metric {objective!r}; {guess}there are {listed} (of a part: its name in place of full "
        "or body)"
    )


@lru_cache(maxsize=4)
def _in_all_units(registered: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """Metrics in every unit that data may have, longest stem first."""
    found = [each for m in registered for each in map(m.measured_in, YARDSTICKS)]
    return tuple(sorted(dict.fromkeys(found), key=lambda m: -len(m.stem)))


def in_unit(objective: str, yardstick: Yardstick) -> str:
    """The objective or column of the same metric and part on data measured otherwise.

    >>> in_unit("rmse_full_cm", Yardstick("px")), in_unit("val_jerk_swps3", Yardstick())
    ('rmse_full_px', 'val_jerk_mps3')
    >>> in_unit("rate_nominal_bps", Yardstick("px"))
    'rate_nominal_bps'

    Raises:
        BadInput: no metric has that name.
    """
    metric, scope = find_metric(objective)
    head, _, _ = objective.partition("_")
    split = f"{head}_" if head in SPLITS else ""
    for defined in _REGISTRY.values():
        if defined.stem == metric.stem and metric in map(defined.measured_in, YARDSTICKS):
            return split + defined.measured_in(yardstick).objective(scope)
    return objective


def _example_name(metric: Metric) -> str:
    example = {Scope.POSE: "full", Scope.PARTS: "body"}.get(metric.scope, "")
    return metric.objective(example)


def _instead_of(metric: Metric) -> str:
    """What may be optimised where a metric may not: its error, else any that has a direction."""
    optimised = [m for m in metrics() if m.direction in (Direction.MIN, Direction.MAX)]
    errors = [m.objective() for m in optimised if m.stem == f"{metric.stem}_error"]
    return errors[0] if errors else ", ".join(map(_example_name, optimised))


@dataclass(frozen=True)
class Objective:
    """A metric (and part) that a search optimises, by name."""

    name: str

    def __post_init__(self) -> None:
        metric, scope = find_metric(self.name)
        split, _, bare = self.name.partition("_")
        if split in SPLITS:
            raise BadInput(f"objective {self.name!r} names a split; selection is told as {bare!r}")
        if metric.scope in (Scope.POSE, Scope.PARTS) and not scope:
            raise BadInput(f"{self.name!r} needs a part, as in {_example_name(metric)}")
        if metric.scope in (Scope.RATE, Scope.PARTS) and scope in ("full", "hands"):
            example = metric.objective("body")
            raise BadInput(f"{self.name!r} does not exist; {metric.title} is of a part: {example}")
        if metric.direction in (Direction.NONE, Direction.REFERENCE):
            raise BadInput(
                f"{self.name!r} is {metric.direction}, so it cannot be optimised; use "
                f"{_instead_of(metric)}"
            )

    @property
    def metric(self) -> Metric:
        """Its definition."""
        return find_metric(self.name)[0]

    @property
    def scope(self) -> str:
        """Part, `full`, `hands`, or "" for a total."""
        return find_metric(self.name)[1]

    def column(self, split: str = "val") -> str:
        """The column that selection reads: validation, unless known beforehand."""
        return column_of(self.name, split, known=self.metric.known)

    @property
    def sign(self) -> int:
        """+1 where lower is better, -1 where higher is: sign * value is always minimised."""
        return -1 if self.metric.direction is Direction.MAX else 1


def objectives(names: Iterable[str]) -> tuple[Objective, ...]:
    """Objectives by name, in order."""
    return tuple(Objective(name) for name in names)


_KLEZOVICH = "Klezovich et al., Comparison of Low Bitrate Quantizers, "

RATE_NOMINAL = register_metric(
    Metric(
        "rate_nominal",
        "bps",
        Direction.MIN,
        Scope.RATE,
        _KLEZOVICH + "section 3.3; summed over parts",
        "nominal rate",
        known=True,
        pooling="closed form",
    )
)
RATE_ENTROPY = register_metric(
    Metric(
        "rate_entropy",
        "bps",
        Direction.MIN,
        Scope.RATE,
        "plug-in order-0 entropy of each level's tokens on the split itself, summed over levels",
        "empirical entropy rate",
        pooling="pooled over recordings",
    )
)
RATE_MODEL = register_metric(
    Metric(
        "rate_model",
        "bps",
        Direction.MIN,
        Scope.RATE,
        "code length of the split's tokens under the coder's own integer tables: fitted on train, "
        "and where it pays for its larger tables of order 1, which look at the token before and at "
        "the coarser level and go on counting within a recording; or uniform where that is "
        "shorter; plus one flag bit per recording, part and level",
        "model rate",
        version=2,
        pooling="pooled over recordings",
    )
)
RATE_STREAM = register_metric(
    Metric(
        "rate_stream",
        "bps",
        Direction.MIN,
        Scope.TOTAL,
        "8 x bytes of one container per recording, header included, over seconds",
        "stream rate",
        pooling="pooled over recordings",
    )
)
RATE_HEADER = register_metric(
    Metric(
        "rate_header",
        "bps",
        Direction.NONE,
        Scope.TOTAL,
        "the part of the stream rate that is not entropy-coded payload",
        "header rate",
        pooling="pooled over recordings",
    )
)
RATE_ZLIB = register_metric(
    Metric(
        "rate_zlib",
        "bps",
        Direction.NONE,
        Scope.TOTAL,
        "8 x bytes of zlib (level 9) over a recording's tokens in their smallest integer type",
        "tokens under zlib",
        pooling="pooled over recordings",
    )
)
RATE_LZMA = register_metric(
    Metric(
        "rate_lzma",
        "bps",
        Direction.NONE,
        Scope.TOTAL,
        "8 x bytes of raw LZMA2 (preset 9) over a recording's tokens in their smallest integer "
        "type",
        "tokens under LZMA",
        pooling="pooled over recordings",
    )
)
RMSE = register_metric(
    Metric(
        "rmse",
        "cm",
        Direction.MIN,
        Scope.POSE,
        _KLEZOVICH + "section 3.4: root of the mean squared joint distance per recording; raw for "
        "the full pose, per-frame Kabsch-aligned for parts",
        "RMSE",
    )
)
MPJPE = register_metric(
    Metric(
        "mpjpe",
        "cm",
        Direction.MIN,
        Scope.POSE,
        "mean joint distance per recording; unaligned, for the full pose and for parts",
        "MPJPE",
    )
)
HULL = register_metric(
    Metric(
        "hull",
        "pct",
        Direction.REFERENCE,
        Scope.TOTAL,
        _KLEZOVICH + "Table 2: convex hull volume of both wrists in one cloud, of the original's",
        "wrist hull",
    )
)
HULL_ERROR = register_metric(
    Metric(
        "hull_error",
        "pct",
        Direction.MIN,
        Scope.TOTAL,
        "mean over recordings of |100 - wrist hull percentage|",
        "wrist hull error",
    )
)
JERK = register_metric(
    Metric(
        "jerk",
        "mps3",
        Direction.REFERENCE,
        Scope.TOTAL,
        "GENEA: norm of the third forward difference times fps^3, mean over frames and joints",
        "jerk",
    )
)
JERK_ERROR = register_metric(
    Metric(
        "jerk_error",
        "mps3",
        Direction.MIN,
        Scope.TOTAL,
        "mean over recordings of |jerk - jerk of the original|",
        "jerk error",
    )
)
_USE = (Direction.MAX, Scope.PARTS)
_POOLED = "pooled over recordings"
UTILISATION = register_metric(
    Metric("utilisation", "pct", *_USE,
           "share of codes used at least once on the split, mean over levels",
           "codebook utilisation", pooling=_POOLED)
)  # fmt: skip
PERPLEXITY = register_metric(
    Metric("perplexity", "codes", *_USE,
           "exp of the entropy of code use on the split, mean over levels",
           "codebook perplexity", pooling=_POOLED)
)  # fmt: skip
CODE_ENTROPY = register_metric(
    Metric("code_entropy", "bits", *_USE,
           "plug-in entropy of code use on the split, mean over levels",
           "entropy of code use", pooling=_POOLED)
)  # fmt: skip
