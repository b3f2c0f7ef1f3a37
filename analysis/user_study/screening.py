"""Which raters answered by looking: the rule by which the others are left out.

EGGesture filters raters "with a random-like win rate" and does not say how. Here a rater is left
out who

* has less than two thirds of the checks right (pairs with a known answer, by preference),
* cannot be told from somebody who tosses a coin: the checks that are right and the repeated pairs
  whose preference stays with the same clip, taken together, are as many by chance with a
  probability of `ALPHA` or more (one-sided binomial test at one half), or
* answers more than a quarter of the pairs before half of the clip has passed.

Who always takes the same side fails too: of repeated pairs, whose sides are exchanged, nothing
stays. Repeats of clips that are alike tell nobody, which is why the checks have their own limit and
the test a mild one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.user_study.answers import Answer, Key, Rater
from analysis.user_study.design import QUESTIONS

ALPHA = 0.1
LEAST_CHECKS = 2 / 3
FAST, MOST_FAST = 0.5, 0.25
"""Share of a clip's length below which an answer is too fast; share of answers that may be so."""


@dataclass(frozen=True)
class Screened:
    """A rater and whether they count.

    Attributes:
        rater: whose answers.
        checks: right ones, and all.
        repeats: repeated pairs with the same preference, and all.
        p: of the binomial test over both; NaN where neither was there.
        seconds: median of an answer.
        fast: share of answers before half of the clip.
        why: reason for leaving the rater out; "" where they count.
    """

    rater: Rater
    checks: tuple[int, int]
    repeats: tuple[int, int]
    p: float
    seconds: float
    fast: float
    why: str

    @property
    def counts(self) -> bool:
        """Whether the rater's answers are used."""
        return not self.why


def screen(rater: Rater, key: Key) -> Screened:
    """Judges one rater."""
    first = QUESTIONS[0]
    checks = [a for a in rater.answers if any(key.clips[c]["spoiled"] for c in a.pair)]
    right = sum(not key.clips[a.chosen[first]]["spoiled"] for a in checks)
    before: dict[frozenset[str], Answer] = {}
    same = again = 0
    for answer in rater.answers:
        if answer.pair in before:
            again += 1
            same += before[answer.pair].chosen[first] == answer.chosen[first]
        else:
            before[answer.pair] = answer
    n, hits = len(checks) + again, right + same
    p = float(stats.binom.sf(hits - 1, n, 0.5)) if n else math.nan
    fast = [a.seconds < FAST * key.length(a.left) for a in rater.answers]
    share = float(np.mean(fast)) if fast else 0.0
    median = float(np.median([a.seconds for a in rater.answers])) if rater.answers else math.nan
    why = ""
    if not rater.answers:
        why = "no answers"
    elif not n:
        why = "no checks and no repeats to judge by"
    elif checks and right < LEAST_CHECKS * len(checks):
        why = f"{right} of {len(checks)} checks right"
    elif p >= ALPHA:
        why = f"{hits} of {n} checks and repeats: as a coin may (p = {p:.2f})"
    elif share > MOST_FAST:
        why = f"{100 * share:.0f} % of the answers before half of the clip"
    return Screened(rater, (right, len(checks)), (same, again), p, median, share, why)


def passes_by_chance(checks: int, repeats: int) -> float:
    """Probability that somebody who tosses a coin is not left out for it.

    >>> round(passes_by_chance(6, 4), 3)
    0.055
    """
    found = 0.0
    for right in range(checks + 1):
        for same in range(repeats + 1):
            few = right < LEAST_CHECKS * checks
            if few or stats.binom.sf(right + same - 1, checks + repeats, 0.5) >= ALPHA:
                continue
            found += stats.binom.pmf(right, checks, 0.5) * stats.binom.pmf(same, repeats, 0.5)
    return float(found)


def rule() -> Sequence[str]:
    """The rule in words, a sentence each."""
    return (
        f"Left out: less than {LEAST_CHECKS:.0%} of the checks right; checks and repeats together "
        f"as a coin may toss them (one-sided binomial test, p ≥ {ALPHA:g}); more than "
        f"{MOST_FAST:.0%} of the answers before half of the clip.",
    )
