"""Parameters, conditions, grids and the identity of a configuration."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from search_spaces.errors import BadInput
from search_spaces.families import families, family_of
from search_spaces.keys import FreeText
from search_spaces.space import (
    Parameter,
    Space,
    base_key,
    config_hash,
    distinct,
    trial_id,
    value_for,
)

SPACE = Space.model_validate(
    {
        "parameters": [
            {"name": "codec", "choices": ["kmeans", "rqvae", "temporal_rvq"]},
            {"name": "codebook_size", "when": {"codec": "kmeans"}, "choices": [64, 512]},
            {
                "name": "codebook_size",
                "when": {"codec": ["rqvae", "temporal_rvq"]},
                "choices": [8, 16, 32],
            },
            {
                "name": "quantizer_depth",
                "when": {"codec": ["rqvae", "temporal_rvq"]},
                "low": 1,
                "high": 4,
                "integer": True,
            },
            {"name": "compression", "when": {"codec": "temporal_rvq"}, "choices": [1, 2]},
            {"name": "window", "when": {"compression": 2}, "choices": [32, 64]},
        ]
    }
)
CONFIG: dict[str, Any] = {"codec": "rqvae", "codebook_size": 32, "loss.angle": 1.0}


# ---- grids ---------------------------------------------------------------------------------


def test_a_grid_honours_conditions() -> None:
    grid = list(SPACE.grid())
    # K-Means 2; RQ-VAE 3 x 4; temporal RVQ 3 x 4 x (1 + 2 windows).
    assert len(grid) == SPACE.size() == 2 + 12 + 36
    assert len({config_hash(c) for c in grid}) == len(grid)
    keys = {f.name: {"codec"} | {k.name for k in f.keys} for f in families()}
    for config in grid:
        assert set(config) <= keys[str(config["codec"])]
        assert ("window" in config) == (config.get("compression") == 2)
        assert (config["codebook_size"] in (64, 512)) == (config["codec"] == "kmeans")


def test_a_grid_is_counted_without_being_listed() -> None:
    ranges = [{"name": f"p{i}", "low": 1, "high": 1000, "integer": True} for i in range(8)]
    assert Space.model_validate({"parameters": ranges}).size() == 1000**8


def test_a_continuous_parameter_has_no_grid() -> None:
    space = Space.model_validate({"parameters": [{"name": "x", "low": 0.1, "high": 1}]})
    assert not space.finite and space.size() == math.inf
    with pytest.raises(BadInput, match="x is continuous"):
        list(space.grid())


def test_steps_of_a_grid() -> None:
    stepped = Parameter(name="n", low=2, high=9, integer=True, step=3)
    assert stepped.values() == (2, 5, 8)
    assert [n for n in range(12) if stepped.contains(n)] == [2, 5, 8]


def test_a_fixed_codec_may_be_asked_for_in_conditions() -> None:
    space = Space.model_validate(
        {
            "fixed": {"codec": "rqvae"},
            "parameters": [
                {"name": "codebook_size", "when": {"codec": "rqvae"}, "choices": [8]},
                {"name": "window", "when": {"codec": "temporal_rvq"}, "choices": [16]},
            ],
        }
    )
    assert list(space.grid()) == [{"codec": "rqvae", "codebook_size": 8}]


def test_equal_cells_are_one() -> None:
    cells = [{"codec": "kmeans", "codebook_size": 64}, {"codebook_size": 64.0, "codec": "kmeans"}]
    space = Space.model_validate({"cells": cells})
    assert space.size() == 1 and list(space.grid()) == cells[:1]


# ---- what a rate depends on ------------------------------------------------------------------


def test_projection_leaves_out_what_no_rate_depends_on() -> None:
    keys = {"codec", "codebook_size", "quantizer_depth"}
    projected = list(SPACE.projected(keys))
    assert len(projected) == 2 + 12 + 12
    assert all(set(c) <= keys for c in projected)


def test_projection_keeps_parameters_of_one_part() -> None:
    space = Space.model_validate(
        {
            "parameters": [
                {"name": "codec", "choices": ["kmeans"]},
                {"name": "codebook_size", "choices": [8]},
                {"name": "codebook_size.body", "choices": [16, 64]},
                {"name": "iterations", "choices": [10, 20]},
            ]
        }
    )
    sizes = [c["codebook_size.body"] for c in space.projected({"codec", "codebook_size"})]
    assert sizes == [16, 64]


def test_projection_keeps_what_conditions_ask_for_in_turn() -> None:
    projected = list(SPACE.projected({"codec", "window"}))
    assert {c.get("window") for c in projected} == {None, 32, 64}
    assert {c.get("compression") for c in projected} == {None, 1, 2}
    assert not any("codebook_size" in c for c in projected)


def test_every_projected_rate_is_one_of_the_grid() -> None:
    keys = {"codec", "codebook_size", "quantizer_depth", "compression"}
    wanted = {config_hash({k: c[k] for k in c if k in keys}) for c in SPACE.grid()}
    assert {config_hash(c) for c in SPACE.projected(keys)} == wanted


# ---- what cannot be a parameter or a space ----------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "either choices or both"),
        ({"low": 1}, "either choices or both"),
        ({"low": 1, "high": 2, "choices": [1]}, "choices stand alone"),
        ({"choices": [1, 2], "log": True}, "choices stand alone"),
        ({"choices": []}, "empty"),
        ({"choices": [1, 2, 1.0]}, "twice"),
        ({"low": 3, "high": 2}, "above"),
        ({"low": 0, "high": 2, "log": True}, "low > 0"),
        ({"low": 0.5, "high": 2, "integer": True}, "whole"),
        ({"low": 1, "high": math.inf}, "finite"),
        ({"low": 1, "high": 9, "step": 2}, "step needs integer"),
        ({"low": 1, "high": 9, "integer": True, "step": 0}, "greater than or equal to 1"),
        ({"low": 1, "high": 9, "lgo": True}, "not permitted"),
    ],
)
def test_faults_of_a_parameter(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Parameter.model_validate({"name": "x", **fields})


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (
            {"parameters": [{"name": "b", "choices": [1], "when": {"a": 1}}]},
            "does not stand before it",
        ),
        (
            {"parameters": [{"name": "a", "choices": [1]}, {"name": "a", "choices": [2]}]},
            "a stands twice",
        ),
        (
            {
                "parameters": [
                    {"name": "c", "choices": ["x", "y"]},
                    {"name": "a", "choices": [1], "when": {"c": ["x", "y"]}},
                    {"name": "a", "choices": [2], "when": {"c": "y"}},
                ]
            },
            "a stands twice",
        ),
        ({"parameters": [{"name": "a", "choices": [1]}], "cells": [{"a": 1}]}, "either cells or"),
    ],
)
def test_faults_of_a_space(space: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Space.model_validate(space)


def test_a_switch_is_no_number() -> None:
    ones = Parameter(name="n", choices=(1, 2))
    assert ones.contains(1.0) and not ones.contains(True)
    assert not Parameter(name="n", low=0, high=1).contains(True)
    assert distinct([1, True, 1.0, "1", 2]) == (1, True, "1", 2)


# ---- identity --------------------------------------------------------------------------------


def test_identity_is_pinned() -> None:
    """A change of this value makes every stored trial a stranger: raise the record's version."""
    assert config_hash(CONFIG) == "509e76e29f42"


def test_order_and_spelling_do_not_matter() -> None:
    same = {"loss.angle": 1, "codebook_size": 32.0, "codec": "rqvae"}
    assert config_hash(same) == config_hash(CONFIG)


def test_the_seed_is_no_part_of_it_but_of_the_trial() -> None:
    ids = [trial_id(CONFIG, seed) for seed in (0, 1)]
    assert ids == [f"rqvae-{config_hash(CONFIG)}-s{seed}" for seed in (0, 1)]


@pytest.mark.parametrize("family", families(), ids=lambda f: f.name)
def test_every_value_counts(family: Any) -> None:
    given_ = {k.name: _other(k, None) for k in family.keys if k.default is None}
    base = family.complete({"codec": family.name, **given_})
    seen = {config_hash(base)}
    for key in family.keys:
        changed = family.complete({**base, key.name: _other(key, base[key.name])})
        seen.add(config_hash(changed))
        seen.add(config_hash(family.complete({**base, f"{key.name}.body": changed[key.name]})))
    assert len(seen) == 1 + 2 * len(family.keys)


def _other(key: Any, value: Any) -> Any:
    parameter = key.parameter
    if isinstance(parameter, FreeText):
        return f"{value}+more"
    if parameter.choices is not None:
        return next(c for c in parameter.choices if c != value)
    return parameter.low if parameter.low != value else parameter.high


def test_a_part_that_says_what_all_say_is_no_other_configuration() -> None:
    kmeans = family_of({"codec": "kmeans"})
    tied = kmeans.complete({"codec": "kmeans", "codebook_size": 64})
    said = kmeans.complete({"codec": "kmeans", "codebook_size": 64, "codebook_size.body": 64.0})
    assert config_hash(tied) == config_hash(said)


@given(
    st.dictionaries(
        st.sampled_from(["a", "b.c", "d"]),
        st.one_of(st.integers(-9, 9), st.floats(-2, 2), st.booleans(), st.text("abc", max_size=3)),
    )
)
def test_identity_is_that_of_the_sorted_items(config: dict[str, Any]) -> None:
    for order in itertools.permutations(config):
        assert config_hash({k: config[k] for k in order}) == config_hash(config)
    for key in config:
        assert config_hash({**config, key: "something else"}) != config_hash(config)


# ---- keys of one part --------------------------------------------------------------------------


def test_a_key_for_one_part_stands_before_the_key_of_all() -> None:
    config: dict[str, Any] = {"codebook_size": 8, "codebook_size.body": 64}
    found = [value_for(config, "codebook_size", part) for part in ("body", "left_hand", "")]
    assert found == [64, 8, 8]
    with pytest.raises(KeyError):
        value_for(config, "quantizer_depth", "body")


def test_a_dot_in_a_key_is_no_part() -> None:
    keys = {"loss.angle", "codebook_size"}
    names = ["loss.angle", "loss.angle.body", "codebook_size.tail", "other.body"]
    assert [base_key(n, keys) for n in names] == [
        "loss.angle",
        "loss.angle",
        "codebook_size",
        "other.body",
    ]
