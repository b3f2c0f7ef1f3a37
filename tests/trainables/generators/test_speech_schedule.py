"""How joint training shares its steps; the printed schedule never lets classifying count."""

from __future__ import annotations

import numpy as np
import pytest

from search_spaces.speech_families import SCHEDULES
from trainables.generators.speech_schedule import PAPER_EPOCHS, budgets, weights

ALONG = np.linspace(0, 1, 21)


def test_as_printed_classification_never_counts() -> None:
    ratios = [np.divide(*weights("as_printed", s, 500.0)) for s in ALONG]
    assert ratios[0] == pytest.approx(4e-6) and ratios[-1] == pytest.approx(0.0576)
    assert max(ratios) < 0.06
    assert budgets("as_printed", 12, 500.0)[-1][0] < 0.03


def test_the_mix_goes_over_from_the_codec_to_the_classifier() -> None:
    ratios = [np.divide(*weights("linear_mix", s, 500.0)) for s in ALONG[1:-1]]
    assert ratios[0] < 0.1 and ratios[-1] > 10 and (np.diff(ratios) > 0).all()
    assert weights("linear_mix", 0.5, 500.0) == (1.0, 1.0)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_steps_add_up(schedule: str) -> None:
    shares = np.array(budgets(schedule, 7, 500.0))
    assert (np.diff(shares, axis=0) > 0).all() and (shares > 0).all()
    assert shares[-1, 1] == pytest.approx(1.0), "the codec does all of its steps"
    if schedule != "as_printed":
        assert shares[-1, 0] == pytest.approx(1.0)


def test_epochs_are_the_papers() -> None:
    """It counts epochs to 120; from 0, as printed, it would divide by it."""
    assert PAPER_EPOCHS == 120
    with pytest.raises(ValueError, match="no schedule"):
        weights("cosine", 0.5, 1.0)
