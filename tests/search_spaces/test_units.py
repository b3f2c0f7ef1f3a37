"""Names of metrics in pixels, shoulder widths and on bones of nobody."""

from __future__ import annotations

import pytest

from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.objectives import Objective, find_metric, in_unit, metrics
from search_spaces.presets import load_spec
from search_spaces.spec import objectives_in
from search_spaces.units import METRES, YARDSTICKS, Yardstick
from tests.search_spaces.example_facts import facts

PIXELS, APPROX = Yardstick("px"), Yardstick("m", approx_skeleton=True)


@pytest.mark.parametrize("yardstick", YARDSTICKS, ids=str)
def test_every_metric_is_found_in_every_unit_and_comes_back(yardstick: Yardstick) -> None:
    for metric in metrics():
        name = metric.objective("full" if metric.scope == "pose" else "")
        there = in_unit(name, yardstick)
        assert find_metric(there)[0].stem == metric.stem
        assert in_unit(there, METRES) == name
        if metric.unit == "bps":
            assert there == name
        elif metric.scope in ("pose", "total"):
            assert there.endswith("_approx_skeleton") is yardstick.approx_skeleton


def test_lengths_carry_the_unit_and_shares_do_not() -> None:
    assert in_unit("val_rmse_body_cm", PIXELS) == "val_rmse_body_px"
    assert in_unit("jerk_mps3", PIXELS) == "jerk_pxps3"
    assert in_unit("hull_pct", PIXELS) == "hull_pct"
    assert in_unit("hull_pct", APPROX) == "hull_pct_approx_skeleton"
    assert in_unit("utilisation_body_pct", APPROX) == "utilisation_body_pct"
    assert Objective("rmse_hands_sw").column() == "val_rmse_hands_sw"


def test_a_preset_is_read_in_the_unit_of_the_data() -> None:
    spec = load_spec("rate_distortion", size="debug")
    assert objectives_in(spec, METRES) == (spec.objectives, [])
    names, said = objectives_in(spec, PIXELS)
    assert names == ("rate_nominal_bps", "rmse_full_px")
    assert said == ["this motion is in pixels: rmse_full_cm is read as rmse_full_px"]


def test_an_objective_that_was_typed_is_not_renamed() -> None:
    typed = "objectives=rate_nominal_bps,rmse_full_{}"
    spec = load_spec("rate_distortion", settings=[typed.format("cm")])
    spec = spec.model_copy(update={"name": "other"})
    with pytest.raises(BadInput, match=r"rmse_full_cm: this motion is in pixels; name it rmse_fu"):
        objectives_in(spec, PIXELS)
    right = load_spec("rate_distortion", settings=[typed.format("px")])
    assert objectives_in(right, PIXELS) == (right.objectives, [])


def test_facts_of_usual_data_read_as_they_always_did() -> None:
    usual = facts()
    said = usual.model_dump(mode="json")
    assert not {"unit", "dimensions", "approx_skeleton", "unseen"} & {*said}
    assert "unseen" not in said["parts"][0]
    assert DataFacts.model_validate(said) == usual
    odd = usual.model_copy(update={"unit": "sw", "dimensions": 2, "unseen": 0.25})
    assert DataFacts.model_validate(odd.model_dump(mode="json")) == odd
    assert odd.yardstick == Yardstick("sw")
