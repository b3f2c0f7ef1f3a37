"""A value of many clips at once, with what it takes to be read: n, the least n, and the truth's.

Unlike a clip metric, a corpus metric means nothing on a few clips; then there is no number to be
copied into a table, and what is said in its place is *cannot be said (n = …)*.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from search_spaces.objectives import Metric


@dataclass(frozen=True)
class CorpusScore:
    """One value of a corpus metric.

    Attributes:
        metric: its name, unit and direction.
        value: NaN where it is not defined or may not be said.
        truth: the value of the real motion itself on the same clips (for a distance: of one half of
            it from the other); NaN where it may not be said.
        n: clips or feature vectors that it is of.
        least: how many it needs.
        bias: what the value is expected to be at this n where both sides are alike; 0 for metrics
            without such a bias.
    """

    metric: Metric
    value: float
    truth: float
    n: int
    least: int
    bias: float = 0.0

    def __post_init__(self) -> None:
        if self.n < self.least:
            object.__setattr__(self, "value", math.nan)
            object.__setattr__(self, "truth", math.nan)

    @property
    def can_be_said(self) -> bool:
        """Whether there is a number."""
        return self.n >= self.least and math.isfinite(self.value)

    @property
    def said(self) -> str:
        """The value beside the truth's, or why there is none.

        >>> from search_spaces.speech_metrics import DIVERSITY_PAIRWISE as M
        >>> CorpusScore(M, 12.0, 14.0, 12, 40).said
        'cannot be said (n = 12, needs 40)'
        >>> CorpusScore(M, 12.0, 14.0, 40, 40).said
        '12 (truth 14, n = 40)'
        """
        if self.n < self.least:
            return f"cannot be said (n = {self.n}, needs {self.least})"
        if not math.isfinite(self.value):
            return f"cannot be said (n = {self.n}: not defined here)"
        bias = f", {self.bias:.4g} of it by n alone" if self.bias else ""
        return f"{self.value:.4g} (truth {self.truth:.4g}, n = {self.n}{bias})"
