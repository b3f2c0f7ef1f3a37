"""The first paper's claims K1 to K9, judged on a sweep: held, did not hold, or cannot be said.

Every difference is tested twice (`paired.Difference`): over recordings and over trainings, both at
5 %. A claim about every rate is held only where each rate shows it by itself; such a conjunction
needs no correction, since the weakest test decides. It did not hold where a rate clearly shows the
opposite, corrected for how many rates were looked at (Holm). What rests on the paper's own
recordings, or on another sweep, cannot be said here, and why is told.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from analysis.claims import FAILED, HELD, OPEN
from analysis.published import published
from analysis.study.cells import Cell, Comparison
from analysis.study.paired import SIGNIFICANT, Difference, Summary, contrast, difference, holm
from analysis.study.paired import summary as summary_of

Key = TypeVar("Key", float, str)

HIGH_BITS = 10.0
"""Bits from which the paper's "higher rates" are counted."""


@dataclass(frozen=True)
class Evidence:
    """Tests that a verdict rests on.

    Attributes:
        title: what is set against what.
        unit: of the differences; "×" where they are logarithms of ratios.
        items: (label, test).
        digits: decimals that are shown.
    """

    title: str
    unit: str
    items: tuple[tuple[str, Difference], ...]
    digits: int = 2


@dataclass(frozen=True)
class Judged:
    """A verdict, the sentence that gives its reason, and the tests behind it."""

    verdict: str
    why: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """One claim judged.

    Attributes:
        claim: its identifier.
        text: what the paper says.
        source: where.
        verdict: `HELD`, `FAILED` or `OPEN`.
        why: the reason, in words.
        evidence: the tests.
    """

    claim: str
    text: str
    source: str
    verdict: str
    why: str
    evidence: tuple[Evidence, ...] = ()


def judge(comparison: Comparison) -> list[Verdict]:
    """Every claim of the paper, in its order."""
    table = published("claims")
    judged = []
    for row in table[table["paper"] == "klezovich"].to_dict("records"):
        found = _JUDGES[str(row["id"])](comparison)
        text = str(row["claim"])
        if row["id"] == "K2":
            text = text.replace("by this factor", f"by a factor of {float(row['value']):g}")
        judged.append(Verdict(str(row["id"]), text, str(row["source"]), found.verdict, found.why,
                              found.evidence))  # fmt: skip
    return judged


def differences(comparison: Comparison, stem: str) -> dict[float, Difference]:
    """Bits -> RQ-VAE less K-Means of the paper's pair."""
    metric = comparison.metric(stem)
    return {
        bits: difference(comparison.values(first, metric), comparison.values(second, metric))
        for bits, (first, second) in comparison.pairs.items()
    }


def _everywhere(comparison: Comparison, stem: str, sign: int) -> Judged:
    """Whether RQ-VAE less K-Means has a sign at every rate of the paper."""
    found = differences(comparison, stem)
    evidence = _by_bits(comparison, stem, found)
    if not found or _unmeasured(found):
        return Judged(OPEN, _nothing(comparison, stem))
    side, other = ("above", "below") if sign < 0 else ("below", "above")
    if against := _clearly(found, -sign):
        why = f"RQ-VAE is clearly {side} K-Means at {_bits(against)}"
        return Judged(FAILED, why + _but_missing(comparison), evidence)
    unclear = [b for b, d in found.items() if not (sign * d.mean > 0 and d.clear)]
    if unclear:
        why = f"RQ-VAE is not clearly {other} K-Means at {_bits(unclear)}"
        if turned := [b for b, d in found.items() if -sign * d.mean > 0 and d.clear]:
            why += f", and {side} it at {_bits(turned)}, not clearly among so many rates"
        return Judged(OPEN, why + _power(found.values()) + _but_missing(comparison), evidence)
    if missing := _but_missing(comparison):
        return Judged(OPEN, f"so at {_bits(list(found))}{missing}", evidence)
    return Judged(HELD, "each rate shows it by itself", evidence)


def _k1(comparison: Comparison) -> Judged:
    return _everywhere(comparison, "rmse_full", -1)


def _k5(comparison: Comparison) -> Judged:
    return _everywhere(comparison, "hull_pct", +1)


def _k2(comparison: Comparison) -> Judged:
    stem = "rmse_body"
    found = differences(comparison, stem)
    if not found or _unmeasured(found):
        return Judged(OPEN, _nothing(comparison, stem))
    logs = [
        _logs(comparison, cells, stem) for cells in zip(*comparison.pairs.values(), strict=True)
    ]
    wanted = _value("K2")
    ratio = contrast(logs[1], logs[0])
    under = contrast(logs[1], logs[0], less=math.log(wanted))
    said = f"K-Means over RQ-VAE is {math.exp(ratio.mean):.2f} on average"
    if math.isfinite(ratio.low):
        said += f" [{math.exp(ratio.low):.2f}, {math.exp(ratio.high):.2f}]"
    evidence = (
        *_by_bits(comparison, stem, found),
        Evidence("K-Means over RQ-VAE, mean over rates", "×", (("as it is", ratio),
                 (f"as a share of {wanted:g}", under))),
    )  # fmt: skip
    if against := _clearly(found, +1):
        why = f"RQ-VAE is clearly above K-Means at {_bits(against)}; {said}"
        return Judged(FAILED, why + _but_missing(comparison), evidence)
    if missing := _but_missing(comparison):
        return Judged(OPEN, said + missing, evidence)
    if under.mean < 0 and under.clear:
        return Judged(FAILED, f"{said}, clearly less than {wanted:g}", evidence)
    touching = [b for b, pair in _summaries(comparison, stem).items() if _overlap(*pair)]
    unclear = [b for b, d in found.items() if not (d.mean < 0 and d.clear)]
    if touching or unclear:
        why = f"{said}; standard errors overlap at {_bits(touching) or 'no rate'}"
        why += f", no clear difference at {_bits(unclear)}" if unclear else ""
        return Judged(OPEN, why + _power(found.values()), evidence)
    return Judged(HELD, f"{said}; standard errors are apart at every rate", evidence)


def _k3(comparison: Comparison) -> Judged:
    stem = "rmse_hands"
    found = differences(comparison, stem)
    if not found or _unmeasured(found):
        return Judged(OPEN, _nothing(comparison, stem))
    metric = comparison.metric(stem)
    sides = [[comparison.values(c, metric) for c in cells]
             for cells in zip(*comparison.pairs.values(), strict=True)]  # fmt: skip
    average = contrast(sides[0], sides[1])
    evidence = (
        *_by_bits(comparison, stem, found),
        Evidence("Mean over rates", comparison.unit, (("RQ-VAE less K-Means", average),), 3),
    )
    if missing := _but_missing(comparison):
        side = "above" if average.mean > 0 else "below"
        so_far = f"; RQ-VAE is clearly {side} K-Means on average of {_bits(list(found))}"
        why = (so_far if average.clear else "") + missing
        return Judged(OPEN, why.removeprefix("; "), evidence)
    high = {b: _overlap(*p) for b, p in _summaries(comparison, stem).items() if b >= HIGH_BITS}
    apart = _bits([b for b, o in high.items() if not o])
    meet = _bits([b for b, o in high.items() if o])
    said = [f"overlap at {meet}"] * bool(meet) + [f"are apart at {apart}"] * bool(apart)
    why = f"standard errors {' and '.join(said)}"
    if average.clear and average.mean > 0:
        return Judged(FAILED, f"RQ-VAE is clearly above K-Means on average; {why}", evidence)
    if not any(high.values()):
        return Judged(FAILED, why, evidence)
    if average.clear and all(high.values()):
        return Judged(HELD, f"RQ-VAE is clearly below K-Means on average; {why}", evidence)
    unclear = "" if average.clear else f"no clear difference on average{_power([average])}; "
    return Judged(OPEN, unclear + why, evidence)


def _k4(comparison: Comparison) -> Judged:
    stem = "hull_pct"
    if not comparison.pairs or _unmeasured(differences(comparison, stem)):
        return Judged(OPEN, _nothing(comparison, stem))
    kmeans, rqvae = (
        steps(comparison, cells, stem) for cells in zip(*comparison.pairs.values(), strict=True)
    )
    evidence = (
        Evidence("K-Means, step by step", "points", tuple(kmeans.items()), 1),
        Evidence("RQ-VAE, step by step", "points", tuple(rqvae.items()), 1),
    )
    if falls := _clearly(kmeans, -1):
        return Judged(FAILED, f"K-Means clearly falls from {_listed(falls)} bits", evidence)
    if missing := _but_missing(comparison):
        return Judged(OPEN, missing.removeprefix("; "), evidence)
    if all(d.mean > 0 and d.clear for d in rqvae.values()):
        return Judged(FAILED, "RQ-VAE clearly rises at every step", evidence)
    flat = [s for s, d in kmeans.items() if not (d.mean > 0 and d.clear)]
    dips = _clearly(rqvae, -1)
    if flat or not dips:
        why = f"K-Means does not clearly rise from {_listed(flat)} bits; " if flat else ""
        why += f"RQ-VAE clearly falls from {_listed(dips)} bits" if dips else (
            "no fall of RQ-VAE is clear")  # fmt: skip
        return Judged(OPEN, why, evidence)
    return Judged(HELD, f"RQ-VAE clearly falls from {_listed(dips)} bits", evidence)


def steps(comparison: Comparison, cells: Sequence[Cell], stem: str) -> dict[str, Difference]:
    """ "6 to 9" -> what the next cell has more, paired by recording."""
    metric = comparison.metric(stem)
    return {
        f"{a.bits:g} to {b.bits:g}": difference(
            comparison.values(a, metric), comparison.values(b, metric)
        )
        for a, b in itertools.pairwise(cells)
    }


def _not_here(why: str) -> Callable[[Comparison], Judged]:
    return lambda _: Judged(OPEN, why)


_JUDGES: dict[str, Callable[[Comparison], Judged]] = {
    "K1": _k1,
    "K2": _k2,
    "K3": _k3,
    "K4": _k4,
    "K5": _k5,
    "K6": _not_here("a property of the paper's own recordings, which are not published"),
    "K7": _not_here("a property of the paper's own recordings; it gives neither unit nor rate"),
    "K8": _not_here("needs generated motion: the sweep klezovich/jerk"),
    "K9": _not_here("the paper's own count, which about four hours at 30 fps do not give"),
}

_DIGITS = {"rmse_full": 2, "rmse_body": 2, "rmse_hands": 3, "hull_pct": 1}
_NONE = {"rmse_hands": "no hands that are scored", "hull_pct": "no wrists whose hull is measured"}


def _by_bits(
    comparison: Comparison, stem: str, found: Mapping[float, Difference]
) -> tuple[Evidence, ...]:
    unit = "points" if stem == "hull_pct" else comparison.unit
    items = tuple((f"{bits:g} bits", d) for bits, d in found.items())
    return (Evidence("RQ-VAE less K-Means", unit, items, _DIGITS[stem]),)


def _clearly(found: Mapping[Key, Difference], sign: int) -> list[Key]:
    """Where a difference has a sign, at 5 % over all that were looked at (Holm)."""
    corrected = holm([d.p for d in found.values()])
    return [
        key
        for (key, d), p in zip(found.items(), corrected, strict=True)
        if sign * d.mean > 0 and p < SIGNIFICANT
    ]


def _unmeasured(found: Mapping[float, Difference]) -> bool:
    return all(math.isnan(d.mean) for d in found.values())


def _nothing(comparison: Comparison, stem: str) -> str:
    if not comparison.pairs:
        return _but_missing(comparison).removeprefix("; ")
    return f"the motion has {_NONE.get(stem, 'nothing of the kind')}"


def _power(tests: Iterable[Difference]) -> str:
    """Why so little data could not have said more, where that is so."""
    found = list(tests)
    if max(d.least_recordings for d in found) >= SIGNIFICANT:
        d = max(found, key=lambda d: d.least_recordings)
        if d.recordings == 1:
            return "; one recording tells nothing of others"
        return f"; {d.recordings} recordings cannot give p below {d.least_recordings:.2g}"
    if max(d.least_seeds for d in found) >= SIGNIFICANT:
        d = max(found, key=lambda d: d.least_seeds)
        if d.seeds < 2:
            return "; one training of a cell tells nothing of others (--seeds 5)"
        return f"; {d.seeds} seeds cannot give p below {d.least_seeds:.2g}"
    return ""


def _but_missing(comparison: Comparison) -> str:
    table = published("klezovich")
    bits = sorted({float(b) for b in table["bits_per_frame"]})
    missing = [b for b in bits if b not in comparison.pairs]
    return f"; no finished pair at {_bits(missing)}" if missing else ""


def _value(claim: str) -> float:
    table = published("claims")
    row = table[(table["paper"] == "klezovich") & (table["id"] == claim)].iloc[0]
    return float(row["value"])


def _logs(comparison: Comparison, cells: Sequence[Cell], stem: str) -> list[pd.DataFrame]:
    tables = [comparison.values(cell, comparison.metric(stem)) for cell in cells]
    return [t.where(t > 0).map(np.log) for t in tables]


def _summaries(comparison: Comparison, stem: str) -> dict[float, tuple[Summary, Summary]]:
    metric = comparison.metric(stem)
    return {
        bits: (summary_of(comparison.values(a, metric)), summary_of(comparison.values(b, metric)))
        for bits, (a, b) in comparison.pairs.items()
    }


def _overlap(first: Summary, second: Summary) -> bool:
    return first.low <= second.high and second.low <= first.high


def _listed(found: Sequence[str]) -> str:
    return ", ".join(found)


def _bits(bits: Sequence[float]) -> str:
    return ", ".join(f"{b:g}" for b in bits) + (" bits" if bits else "")
