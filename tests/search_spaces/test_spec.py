"""What a resolved spec says of a proposal, and which objectives some data leave."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from search_spaces.errors import BadInput
from search_spaces.presets import load_spec
from search_spaces.spec import DataSpec, SweepSpec, check_spec, drop_objectives, parse_spec

BOTH = ("body", "right_hand", "left_hand")


def spec_with(objectives: list[str], **data: Any) -> SweepSpec:
    names = ",".join(objectives)
    settings = [f"objectives={names}", *(f"{k}={v}" for k, v in data.items())]
    return load_spec("klezovich/table1", settings=settings)


def test_fixed_values_lie_under_a_proposal_whose_codec_knows_them() -> None:
    spec = load_spec("klezovich/table1", settings=["iterations=7", "epochs=3"])
    kmeans = spec.configuration({"codec": "kmeans", "codebook_size": 8, "iterations": 9})
    assert kmeans["iterations"] == 9 and "epochs" not in kmeans
    assert spec.configuration(spec.space.cells[0])["iterations"] == 7
    assert spec.configuration(spec.space.cells[1])["epochs"] == 3


def test_no_objective_is_dropped_where_every_part_is_there() -> None:
    spec = load_spec("klezovich/table1")
    assert drop_objectives(spec, BOTH) == (spec.objectives, [])


def test_objectives_over_parts_that_the_skeletons_lack_are_dropped_and_named() -> None:
    names = ["rate_nominal_bps", "rmse_full_cm", "rmse_left_hand_cm", "rmse_hands_cm"]
    spec = spec_with(names)
    kept, said = drop_objectives(spec, ("body", "right_hand"))
    assert kept == ("rate_nominal_bps", "rmse_full_cm", "rmse_hands_cm")
    assert len(said) == 1 and "rmse_left_hand_cm" in said[0] and "no left_hand" in said[0]
    kept, said = drop_objectives(spec, ("body",))
    assert kept == ("rate_nominal_bps", "rmse_full_cm")
    assert ["no left_hand" in said[0], "no hands" in said[1]] == [True, True]


def test_a_rate_of_the_root_needs_a_coded_root() -> None:
    names = ["rate_nominal_root_bps", "rate_nominal_bps", "rmse_full_cm"]
    assert drop_objectives(spec_with(names, root="coded"), BOTH)[1] == []
    kept, said = drop_objectives(spec_with(names), BOTH)
    assert kept == ("rate_nominal_bps", "rmse_full_cm") and "root is removed" in said[0]


@pytest.mark.parametrize(
    "data",
    [
        {"shares": (math.nan, 0.5, 0.5)},
        {"shares": (1.2, -0.1, -0.1)},
        {"fps": math.inf},
        {"fps": math.nan},
        {"fps": True},
        {"gap_seconds": 0.5},
        {"frame_stride": 0},
        {"path": 3},
        {"rest_skeleton": 3},
        {"body_model": 3},
        {"rest_skeleton": "a.bvh", "body_model": "b.npz"},
    ],
)
def test_data_that_make_no_sense(data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DataSpec.model_validate(data)


def test_a_rest_skeleton_is_kept_and_may_be_left_out() -> None:
    assert DataSpec().rest_skeleton == ""
    document = load_spec("klezovich/table1").model_dump(mode="json")
    del document["data"]["rest_skeleton"], document["data"]["body_model"]  # an earlier release
    assert parse_spec(document, "here.yaml").data.rest_skeleton == ""
    assert parse_spec(document, "here.yaml").data.body_model == ""
    document["data"]["rest_skeleton"] = "bones.bvh"
    assert "rest_skeleton: bones.bvh" in parse_spec(document, "here.yaml").dump()


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_other_versions_are_refused(version: object) -> None:
    document = load_spec("klezovich/table1").model_dump(mode="json")
    with pytest.raises(BadInput, match=r"here\.yaml: spec version .* use the release"):
        parse_spec({**document, "spec_version": version}, "here.yaml")
    assert parse_spec(document, "here.yaml").spec_version == 1


def test_a_spec_is_checked_once_its_plugins_are_there() -> None:
    spec = load_spec("klezovich/table1")
    check_spec(spec)
    broken = spec.model_copy(update={"objectives": ("rate_nominal_bps", "beauty_points")})
    with pytest.raises(BadInput, match="no metric 'beauty_points'"):
        check_spec(broken)
