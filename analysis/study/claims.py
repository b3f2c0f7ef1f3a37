"""The first paper's claims K1 to K9, judged on a sweep: held, did not hold, or cannot be said.

A claim of a difference is held only where a sign-flip test over recordings, corrected for the
rates it is made at (Holm), says so at 5 %; it did not hold where the test says the opposite. What
rests on the paper's own recordings, or on another sweep, cannot be said here, and why is told.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

from analysis.published import published
from analysis.study.cells import Comparison
from analysis.study.paired import Difference, Summary, difference, holm, ratio, summary

HELD, FAILED, OPEN = "held", "did not hold", "cannot be said"
SIGNIFICANT = 0.05
HIGH_BITS = 10.0
"""Bits from which the paper's "higher rates" are counted."""


@dataclass(frozen=True)
class Verdict:
    """One claim judged.

    Attributes:
        claim: its identifier.
        text: what the paper says.
        source: where.
        verdict: `HELD`, `FAILED` or `OPEN`.
        why: the evidence, in words.
    """

    claim: str
    text: str
    source: str
    verdict: str
    why: str


def judge(comparison: Comparison) -> list[Verdict]:
    """Every claim of the paper, in its order."""
    table = published("claims")
    judged = []
    for row in table[table["paper"] == "klezovich"].to_dict("records"):
        verdict, why = _JUDGES[str(row["id"])](comparison)
        judged.append(Verdict(str(row["id"]), str(row["claim"]), str(row["source"]), verdict, why))
    return judged


def differences(comparison: Comparison, metric: str) -> dict[float, Difference]:
    """Bits -> RQ-VAE less K-Means of the paper's pair."""
    return {
        bits: difference(comparison.values(first, metric), comparison.values(second, metric))
        for bits, (first, second) in comparison.pairs.items()
    }


def _everywhere(comparison: Comparison, metric: str, sign: int) -> tuple[str, str]:
    """Whether RQ-VAE less K-Means has a sign at every rate of the paper."""
    found = differences(comparison, metric)
    if len(found) < len(_paper_bits()):
        return OPEN, _missing(comparison)
    corrected = dict(zip(found, holm([d.p for d in found.values()]), strict=True))
    said = "; ".join(
        f"{bits:g} bits: {d.mean:+.3g} [{d.low:+.3g}, {d.high:+.3g}], p = {corrected[bits]:.2g}"
        for bits, d in found.items()
    )
    why = f"RQ-VAE less K-Means over {next(iter(found.values())).recordings} recordings: {said}"
    against = [b for b, d in found.items() if sign * d.mean < 0 and corrected[b] < SIGNIFICANT]
    if against:
        return FAILED, f"{why}; the opposite at {_bits(against)}"
    if all(sign * d.mean > 0 and corrected[b] < SIGNIFICANT for b, d in found.items()):
        return HELD, why
    least = next(iter(found.values())).least_p
    if least * len(found) >= SIGNIFICANT:
        why += f"; so few recordings cannot give p below {least * len(found):.2g}"
    return OPEN, why


def _k1(comparison: Comparison) -> tuple[str, str]:
    return _everywhere(comparison, "rmse_full_cm", -1)


def _k2(comparison: Comparison) -> tuple[str, str]:
    if len(comparison.pairs) < len(_paper_bits()):
        return OPEN, _missing(comparison)
    metric = "rmse_body_cm"
    tables = [
        tuple(comparison.values(cell, metric) for cell in pair)
        for pair in comparison.pairs.values()
    ]
    value, low, high = ratio([t[0] for t in tables], [t[1] for t in tables])
    apart = [not _overlap(summary(a), summary(b)) for a, b in tables]
    why = (
        f"K-Means over RQ-VAE is {value:.2f} [{low:.2f}, {high:.2f}] on average over the rates; "
        f"standard errors are apart at {sum(apart)} of {len(apart)} rates"
    )
    if math.isnan(value):
        return OPEN, why
    wanted = _value("K2")
    if high < wanted:
        return FAILED, why
    return (HELD, why) if low > 1 and all(apart) and low <= wanted else (OPEN, why)


def _k3(comparison: Comparison) -> tuple[str, str]:
    if len(comparison.pairs) < len(_paper_bits()):
        return OPEN, _missing(comparison)
    metric = "rmse_hands_cm"
    found = {
        bits: tuple(summary(comparison.values(cell, metric)) for cell in pair)
        for bits, pair in comparison.pairs.items()
    }
    if any(math.isnan(s.mean) for pair in found.values() for s in pair):
        return OPEN, "the motion has no hands that are scored"
    gaps = [second.mean - first.mean for first, second in found.values()]
    high = {bits: _overlap(*pair) for bits, pair in found.items() if bits >= HIGH_BITS}
    why = (
        f"RQ-VAE less K-Means on average {sum(gaps) / len(gaps):+.3g} cm; standard errors overlap "
        f"at {_bits([b for b, o in high.items() if o]) or 'none'} of {_bits(list(high))}"
    )
    return (HELD if sum(gaps) < 0 and all(high.values()) else FAILED), why


def _k4(comparison: Comparison) -> tuple[str, str]:
    if len(comparison.pairs) < len(_paper_bits()):
        return OPEN, _missing(comparison)
    curves = [
        [summary(comparison.values(pair[i], "hull_pct")) for pair in comparison.pairs.values()]
        for i in (0, 1)
    ]
    if any(math.isnan(s.mean) for curve in curves for s in curve):
        return OPEN, "the motion has no wrists whose hull could be measured"
    grows, wavers = ([_step(a, b) for a, b in itertools.pairwise(c)] for c in curves)
    why = (
        f"K-Means {_chain(curves[0])} %; RQ-VAE {_chain(curves[1])} % at "
        f"{_bits(list(comparison.pairs))}"
    )
    if -1 in grows:
        return FAILED, f"{why}; K-Means falls by more than its standard error"
    if 0 in grows:
        return OPEN, f"{why}; a step of K-Means is within its standard error"
    return (HELD if -1 in wavers else FAILED if 0 not in wavers else OPEN), why


def _k5(comparison: Comparison) -> tuple[str, str]:
    return _everywhere(comparison, "hull_pct", +1)


def _not_here(why: str) -> Callable[[Comparison], tuple[str, str]]:
    return lambda _: (OPEN, why)


_JUDGES: dict[str, Callable[[Comparison], tuple[str, str]]] = {
    "K1": _k1,
    "K2": _k2,
    "K3": _k3,
    "K4": _k4,
    "K5": _k5,
    "K6": _not_here("a property of the paper's own recordings, which are not published"),
    "K7": _not_here("a property of the paper's own recordings; it gives neither unit nor rate"),
    "K8": _not_here("needs generated motion: the sweep klezovich/jerk"),
    "K9": _not_here("the paper's count, which about four hours at 30 fps do not give"),
}


def _paper_bits() -> list[float]:
    table = published("klezovich")
    return sorted({float(b) for b in table["bits_per_frame"]})


def _missing(comparison: Comparison) -> str:
    missing = [b for b in _paper_bits() if b not in comparison.pairs]
    return f"no finished pair at {_bits(missing)}"


def _value(claim: str) -> float:
    table = published("claims")
    row = table[(table["paper"] == "klezovich") & (table["id"] == claim)].iloc[0]
    return float(row["value"])


def _overlap(first: Summary, second: Summary) -> bool:
    return first.low <= second.high and second.low <= first.high


def _step(first: Summary, second: Summary) -> int:
    """1 up, -1 down, 0 where the step is within the larger standard error."""
    change = second.mean - first.mean
    within = max(first.high - first.mean, second.high - second.mean)
    return 0 if abs(change) <= within else (1 if change > 0 else -1)


def _chain(curve: list[Summary]) -> str:
    return ", ".join(f"{s.mean:.1f}" for s in curve)


def _bits(bits: list[float]) -> str:
    return ", ".join(f"{b:g}" for b in bits) + (" bits" if bits else "")
