"""What a study found: who counts, win rates by question, and each pair of systems."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.table import Table

from analysis.user_study.answers import Key, Rater
from analysis.user_study.design import QUESTIONS
from analysis.user_study.screening import Screened, passes_by_chance, rule, screen
from analysis.user_study.win_rates import PAPER, Rate, against, win_rates

TITLES = {"preference": "preference", "beats": "beat alignment", "diversity": "diversity"}
"""Of the questions, as the paper calls them."""


@dataclass(frozen=True, eq=False)
class Scores:
    """All of it.

    Attributes:
        key: of the study.
        raters: each with its reason for being left out, if any.
        rates: question -> system -> win rate.
        pairs: question -> (system, other) -> win rate of the first.
    """

    key: Key
    raters: Sequence[Screened]
    rates: Mapping[str, Mapping[str, Rate]]
    pairs: Mapping[str, Mapping[tuple[str, str], Rate]]

    @property
    def counted(self) -> list[Rater]:
        """Raters whose answers are used."""
        return [s.rater for s in self.raters if s.counts]

    def json(self) -> str:
        """As a document; what is not known is null."""
        told = {
            "study": self.key.study,
            "rule": " ".join(rule()),
            "raters": [
                {"rater": s.rater.name, "checks": s.checks, "repeats": s.repeats, "p": _known(s.p),
                 "median_seconds": _known(s.seconds), "fast": s.fast, "left_out": s.why}
                for s in self.raters
            ],
            "win_rates": {q: {k: _plain(r) for k, r in each.items()}
                          for q, each in self.rates.items()},
            "pairs": {q: [{"system": a, "other": b, **_plain(r)} for (a, b), r in each.items()]
                      for q, each in self.pairs.items()},
        }  # fmt: skip
        return json.dumps(told, indent=1)


def scores_of(raters: Sequence[Rater], key: Key, seed: int = 0) -> Scores:
    """Screens raters and counts the answers of the others; `seed` is of the resampling."""
    screened = [screen(rater, key) for rater in raters]
    kept = [s.rater for s in screened if s.counts]
    rng = np.random.default_rng(seed)
    rates = {q: win_rates(kept, key, q, rng) for q in QUESTIONS}
    pairs = {q: against(kept, key, q, rng) for q in QUESTIONS}
    return Scores(key, screened, rates, pairs)


def tables(found: Scores) -> list[Table | str]:
    """What is printed: raters, win rates, pairs of systems, and the paper's words."""
    out: list[Table | str] = [_raters(found)]
    lost = [s for s in found.raters if not s.counts]
    out += [f"left out: {s.rater.name}: {s.why}" for s in lost]
    chance = _chance(found.raters)
    out.append(f"{' '.join(rule())} Of people who toss a coin {100 * chance:.0f} % get through.")
    if found.counted:
        out += [_rates(found), _pairs(found), PAPER]
    else:
        out.append("no rater is left, so nothing can be said")
    return out


def _chance(raters: Sequence[Screened]) -> float:
    """Of the usual rater's numbers of checks and repeats."""
    sizes = [(s.checks[1], s.repeats[1]) for s in raters]
    return passes_by_chance(*max(set(sizes), key=sizes.count)) if sizes else math.nan


def _raters(found: Scores) -> Table:
    table = Table("rater", "checks right", "repeats alike", "p of a coin", "median, s", "too fast",
                  "counts", title="Raters")  # fmt: skip
    for s in found.raters:
        table.add_row(s.rater.name, "{} of {}".format(*s.checks), "{} of {}".format(*s.repeats),
                      _number(s.p, 3), _number(s.seconds, 1), f"{100 * s.fast:.0f} %",
                      "yes" if s.counts else "no")  # fmt: skip
    return table


def _rates(found: Scores) -> Table:
    table = Table("system", *(TITLES[q] for q in QUESTIONS), "comparisons",
                  title=f"Win rate, %, over {len(found.counted)} raters: mean ± standard deviation "
                        "[95 % of the mean, by resampling raters]")  # fmt: skip
    for system in found.key.systems:
        each = [found.rates[q][system] for q in QUESTIONS]
        table.add_row(system, *map(_said, each), str(each[0].comparisons))
    return table


def _pairs(found: Scores) -> Table:
    table = Table("system", "against", *(TITLES[q] for q in QUESTIONS), "comparisons",
                  title="Pair by pair")  # fmt: skip
    for i, a in enumerate(found.key.systems):
        for b in found.key.systems[i + 1 :]:
            each = [found.pairs[q][a, b] for q in QUESTIONS]
            table.add_row(a, b, *map(_said, each), str(each[0].comparisons))
    return table


def _said(rate: Rate) -> str:
    if not math.isfinite(rate.mean):
        return "–"
    if not math.isfinite(rate.deviation):
        return f"{rate.mean:.1f} (one rater)"
    return f"{rate.mean:.1f} ± {rate.deviation:.1f} [{rate.low:.1f}, {rate.high:.1f}]"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _plain(rate: Rate) -> dict[str, float | None]:
    return {k: _known(float(v)) for k, v in asdict(rate).items()}
