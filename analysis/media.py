"""What the medium of a sweep's codecs changes in questions that are asked of it.

Codecs of heatmaps give a grid of tokens and write no entropy-coded files, so their points have no
stream and no model rate; and what they lose is scored in pictures, not in poses.
"""

from __future__ import annotations

from analysis.fronts import DEFAULT_RATE
from analysis.log import Log
from search_spaces.data_facts import HEATMAPS
from search_spaces.errors import BadInput

NO_FILES = ("stream", "model")
"""Rates that are of files or of the coder's tables."""


def of_heatmaps(log: Log) -> bool:
    """Whether a sweep is one of codecs of heatmaps."""
    return log.facts is not None and log.facts.features == HEATMAPS


def asked_rate(log: Log, rate: str) -> str:
    """The rate that a question speaks of: the one it names, else what files cost, else nominal.

    Args:
        log: of the sweep.
        rate: a key of `analysis.fronts.RATES`, or "".

    Raises:
        BadInput: a rate of files, of codecs that write none.
    """
    if not of_heatmaps(log):
        return rate or DEFAULT_RATE
    if rate in NO_FILES:
        raise BadInput(
            f"--rate {rate}: codecs of heatmaps write no entropy-coded files, so their points have "
            "no such rate; use --rate nominal or --rate entropy"
        )
    return rate or "nominal"
