"""Windows of rates, limits on results, and what stands for a reference."""

from __future__ import annotations

import math

import pytest

from search_spaces.errors import BadInput
from search_spaces.limits import (
    RateWindow,
    known_refusal,
    limits,
    parse_limit,
    rate_window,
    searched_as,
)
from search_spaces.presets import load_spec
from search_spaces.space import Config
from tests.cluster.searchers.sweeping import some_facts

FACTS = some_facts()
SPEC = load_spec("rate_distortion", size="debug")


def config(codec: str, **keys: float) -> Config:
    return SPEC.configuration({"codec": codec, **keys})


KMEANS = config("kmeans", codebook_size=16)  # 120 bits/s
DEEP = config("rqvae", codebook_size=32, quantizer_depth=3)  # 150, 300 and 450 bits/s


@pytest.mark.parametrize(
    ("window", "kmeans", "deep"),
    [
        (RateWindow(0, 120), True, False),
        (RateWindow(0, 149), True, False),
        (RateWindow(0, 150), True, True),
        (RateWindow(200, 310), False, True),
        (RateWindow(310, 440), False, False),
        (RateWindow(0, math.inf), True, True),
        (RateWindow(440, 900, "rate_model_bps"), False, True),
        (RateWindow(0, 10, "rate_model_bps"), True, True),
        (RateWindow(0, 10, "rate_stream_bps"), True, True),
    ],
)
def test_a_window_refuses_what_no_prefix_can_reach(
    window: RateWindow, kmeans: bool, deep: bool
) -> None:
    for one, wanted in ((KMEANS, kmeans), (DEEP, deep)):
        reason = window.refusal(one, FACTS)
        assert (reason is None) == wanted, reason


def test_the_window_is_of_the_nominal_rate_or_the_first_that_is_searched() -> None:
    assert rate_window(300, None, ["rate_model_bps", "rmse_full_cm"]).rate == "rate_model_bps"
    assert rate_window(300, None, ["rmse_full_cm", "rate_nominal_bps"]).rate == "rate_nominal_bps"
    for names in (["rate_stream_bps", "rate_nominal_bps"], ["rmse_full_cm", "jerk_error_mps3"]):
        window = rate_window(0, (200, 400), names)
        assert (window.low, window.high, window.rate) == (200, 400, "rate_nominal_bps")
    assert rate_window(0, None, ["rmse_full_cm"]).high == math.inf


def test_limits_on_known_rates_refuse_before_launch() -> None:
    wanted = limits(["rate_nominal_bps<=200", "rmse_full_cm<=1"])
    assert known_refusal(KMEANS, FACTS, wanted) is None
    assert known_refusal(DEEP, FACTS, wanted) is None, "its first level costs 150 bits/s"
    assert "<=100" in str(known_refusal(DEEP, FACTS, limits(["rate_nominal_bps<=100"])))
    assert known_refusal(KMEANS, FACTS, limits(["rate_nominal_body_bps>=121"])) is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rmse_hands_cm<4", "write METRIC<=NUMBER"),
        ("rmse_hands_cm<=", "write METRIC<=NUMBER"),
        ("rsme_full_cm<=4", "no metric 'rsme_full_cm'; did you mean rmse"),
        ("val_rmse_hands_cm<=4", "names a split; write rmse_hands_cm"),
        ("rmse_cm<=4", "needs a part, as in rmse_body_cm"),
    ],
)
def test_bad_limits_are_named_in_one_line(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        parse_limit(text)
    assert "\n" not in str(caught.value)


def test_a_limit_reads_its_column_and_knows_its_side() -> None:
    most, least = limits(["rmse_hands_cm <= 4", "hull_pct>=90"])
    assert most.column() == "val_rmse_hands_cm" and str(least) == "hull_pct>=90"
    assert most.kept(4.0) and not most.kept(4.1) and least.kept(95) and not least.kept(89)
    assert not most.kept(math.nan)


def test_what_is_best_at_a_reference_is_searched_by_its_distance() -> None:
    assert searched_as("jerk_mps3") == "jerk_error_mps3"
    assert searched_as("jerk_pxps3") == "jerk_error_pxps3", "in the unit of the data"
    assert searched_as("utilisation_body_pct") == "utilisation_body_pct"


def test_settings_reach_the_spec() -> None:
    given = ["between=200,400", "constraints=rmse_hands_cm<=4,hull_pct>=90"]
    spec = load_spec("rate_distortion", size="debug", settings=given)
    assert spec.search.between == (200, 400)
    assert spec.constraints == ("rmse_hands_cm<=4", "hull_pct>=90")
    for settings, said in (
        (["at=300", "between=1,2"], "at and between are both given"),
        (["between=400,200"], "a lower rate, then a higher one, got 400,200"),
        (["constraints=rmse_head_cm<=4"], "no part 'head'"),
        (["at=-3"], "search.at"),
    ):
        with pytest.raises(BadInput, match=said):
            load_spec("rate_distortion", size="debug", settings=settings)
