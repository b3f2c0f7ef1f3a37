"""Win rates of systems over raters, with their deviation and intervals by resampling raters.

A rater's win rate of a system is the share of its comparisons in which the rater chose it. What
stands in the table is the mean over raters and, as in the paper's Figure 4, the standard deviation
over them; the interval is of the mean, by resampling raters, since answers of one person are not
independent. Checks do not count, and of a repeated pair the first answer does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.user_study.answers import Answer, Key, Rater, first_of_each

RESAMPLES = 4_000
PAPER = (
    "The paper's Figure 4 shows EGGesture above DisCo, HA2G, TalkSHOW and QPGesture in preference "
    "and diversity, and most of them alike in beat alignment; it is a bar chart and prints no "
    "numbers."
)


@dataclass(frozen=True)
class Rate:
    """A win rate in percent.

    Attributes:
        mean: over raters.
        deviation: standard deviation over raters; NaN with one.
        low, high: 95 % interval of the mean; NaN with one rater.
        raters: that compared it.
        comparisons: of all of them.
    """

    mean: float
    deviation: float
    low: float
    high: float
    raters: int
    comparisons: int


def win_rates(
    raters: Sequence[Rater], key: Key, question: str, rng: np.random.Generator
) -> dict[str, Rate]:
    """System -> its win rate against all others."""
    return {
        system: _rate(raters, key, question, rng, _involves(key, system), system)
        for system in key.systems
    }


def against(
    raters: Sequence[Rater], key: Key, question: str, rng: np.random.Generator
) -> dict[tuple[str, str], Rate]:
    """(System, other) -> the win rate of the first where these two were compared."""
    found = {}
    for system in key.systems:
        for other in key.systems:
            if system != other:
                both = {system, other}

                def these(answer: Answer, both: set[str] = both) -> bool:
                    return {key.system(c) for c in answer.pair} == both

                found[system, other] = _rate(raters, key, question, rng, these, system)
    return found


def _involves(key: Key, system: str) -> Callable[[Answer], bool]:
    def holds(answer: Answer) -> bool:
        shown = [key.system(clip) for clip in answer.pair]
        return system in shown and "" not in shown

    return holds


def _rate(
    raters: Sequence[Rater],
    key: Key,
    question: str,
    rng: np.random.Generator,
    counts: Callable[[Answer], bool],
    system: str,
) -> Rate:
    each, comparisons = [], 0
    for rater in raters:
        own = [a for a in first_of_each(rater.answers) if counts(a)]
        comparisons += len(own)
        if own:
            won = [key.system(a.chosen[question]) == system for a in own]
            each.append(100 * float(np.mean(won)))
    if not each:
        return Rate(math.nan, math.nan, math.nan, math.nan, 0, 0)
    values = np.array(each)
    if len(values) < 2:
        return Rate(float(values[0]), math.nan, math.nan, math.nan, 1, comparisons)
    drawn = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Rate(float(values.mean()), float(values.std(ddof=1)), float(low), float(high),
                len(values), comparisons)  # fmt: skip
