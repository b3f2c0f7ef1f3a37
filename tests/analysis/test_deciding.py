"""Which point to take: for a rate, for a distortion, at the knee, within some percent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.deciding import Question, decide, distortion_of
from analysis.fronts import NoAnswer
from search_spaces.errors import BadInput


def points(values: list[tuple[float, float]], unit: str = "cm") -> pd.DataFrame:
    """Points p0, p1, ... of one seed with rate and full-pose RMSE; test says the opposite."""
    rates, scores = np.array(values, dtype=float).reshape(-1, 2).T
    names = [f"p{i}" for i in range(len(rates))]
    return pd.DataFrame({
        "point": names, "trial": names, "config_hash": names, "codec": "kmeans", "seed": 0,
        "depth": 1, "rate_nominal_bps": rates, f"val_rmse_full_{unit}": scores,
        f"test_rmse_full_{unit}": -scores,
    })  # fmt: skip


CURVE = [(100.0, 9.0), (200.0, 4.0), (400.0, 3.5), (800.0, 3.0), (900.0, 3.6)]


def nominal(**asked: object) -> Question:
    return Question(rate="nominal", **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "point"),
    [
        (nominal(at=500.0), "p2"),
        (nominal(under="4cm"), "p1"),
        (nominal(under="3.99 cm"), "p2"),
        (nominal(under="9"), "p0"),
        (nominal(knee=True), "p1"),
        (nominal(within="0%"), "p3"),
        (nominal(within="20%"), "p2"),
        (nominal(within="34"), "p1"),
        (nominal(within="20%", at=400.0), "p1"),
    ],
)
def test_each_question_has_its_answer(question: Question, point: str) -> None:
    answer = decide(points(CURVE), question)
    assert answer.row["point"] == point and answer.why
    assert not [c for c in answer.row.index if c.startswith("test_")]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=9),
    st.integers(1, 9), st.integers(0, 100),
)  # fmt: skip
def test_answers_are_those_of_looking_at_every_point(
    values: list[tuple[int, int]], limit: int, percent: int
) -> None:
    frame = points([(float(r), float(d)) for r, d in values])
    good = [(r, d) for r, d in values if d <= limit]
    if good:
        row = decide(frame, nominal(under=str(limit))).row
        assert (row["rate_nominal_bps"], row["val_rmse_full_cm"]) == min(good)
    else:
        with pytest.raises(NoAnswer, match="nearest"):
            decide(frame, nominal(under=str(limit)))
    least = min(d for _, d in values)
    row = decide(frame, nominal(within=f"{percent}%")).row
    near = [(r, d) for r, d in values if d <= least * (1 + percent / 100)]
    assert (row["rate_nominal_bps"], row["val_rmse_full_cm"]) == min(near)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (nominal(), "one question"),
        (nominal(at=3.0, knee=True), "one question"),
        (nominal(under="3cm", within="2%"), "one question"),
        (nominal(under="3px"), "rmse_full_cm is in cm"),
        (nominal(under="near"), "--under near"),
        (nominal(within="2cm"), "not a percentage"),
        (nominal(at=300.0, objective="rate_model_bps"), "no distortion"),
        (nominal(at=300.0, objective="rmse_hands_cm"), "they have rmse_full_cm"),
        (Question(at=300.0), "--rate nominal"),
        (Question(knee=True, rate="zip"), "no rate"),
    ],
)
def test_a_wrong_question_is_one_line(question: Question, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        decide(points(CURVE), question)
    assert "\n" not in str(caught.value)


def test_where_nothing_answers_the_nearest_is_named() -> None:
    with pytest.raises(NoAnswer, match=r"p3 \(kmeans\) at 3.00 cm"):
        decide(points(CURVE), nominal(under="2.9cm"))
    with pytest.raises(NoAnswer, match=r"no knee.*3 points"):
        decide(points(CURVE[:2]), nominal(knee=True))
    with pytest.raises(NoAnswer, match="at or under 50"):
        decide(points(CURVE), nominal(within="2%", at=50.0))


def test_the_unit_is_that_of_the_data() -> None:
    frame = points(CURVE, "px")
    assert distortion_of(frame).name == "rmse_full_px"
    assert decide(frame, nominal(under="4px")).row["point"] == "p1"
    with pytest.raises(BadInput, match="in px"):
        decide(frame, nominal(under="4cm"))


def test_seeds_are_judged_by_their_mean() -> None:
    lucky = points([(100.0, 1.0), (200.0, 5.0), (100.0, 9.0)])
    lucky.loc[2, ["config_hash", "seed"]] = ["p0", 1]
    assert decide(lucky, nominal(within="0%")).row["val_rmse_full_cm"] == 5.0
