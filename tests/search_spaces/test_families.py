"""Codec families: defaults, limits, and the one line that says what is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from search_spaces.errors import BadInput
from search_spaces.families import (
    CodecFamily,
    codecs_of,
    complete,
    families,
    family_of,
    key,
    known_keys,
    register_family,
)
from search_spaces.space import Space

KMEANS: dict[str, Any] = {"codec": "kmeans", "codebook_size": 64}
RVQ: dict[str, Any] = {"codec": "temporal_rvq", "codebook_size": 8, "quantizer_depth": 2}


def test_defaults_are_filled_in_and_what_is_given_stands() -> None:
    full = complete({**RVQ, "window": 32})
    family = family_of(RVQ)
    assert set(full) == {"codec"} | {k.name for k in family.keys}
    assert (full["window"], full["compression"], full["codebook_size"]) == (32, 4, 8)
    assert complete(full) == full


def test_every_default_lies_within_its_limits() -> None:
    for family in families():
        for known in family.keys:
            if known.default is not None:
                assert family.checked(known.name, known.default) == known.default


def test_values_take_the_type_of_their_key() -> None:
    full = complete({**RVQ, "epochs": 20.0, "loss.angle": 2, "compression": 2.0})
    assert [(k, type(full[k])) for k in ("epochs", "loss.angle", "compression")] == [
        ("epochs", int),
        ("loss.angle", float),
        ("compression", int),
    ]


def test_alphabets_and_compression() -> None:
    rvq, kmeans = family_of(RVQ), family_of(KMEANS)
    config = complete({**RVQ, "quantizer_depth.body": 3, "compression.body": 8})
    assert rvq.alphabet(config, "body") == (8, 8, 8)
    assert rvq.alphabet(config, "left_hand") == (8, 8)
    assert (rvq.compression(config, "body"), rvq.compression(config)) == (8, 4)
    assert (kmeans.alphabet(KMEANS, ""), kmeans.compression(KMEANS)) == ((64,), 1)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "no codec is given; there are kmeans, rqvae"),
        ({"codec": "rqvea"}, "no codec 'rqvea'; did you mean rqvae?"),
        ({"codec": "kmeans"}, "codec kmeans needs codebook_size; add --set codebook_size="),
        ({"codec": "rqvae"}, "needs codebook_size, quantizer_depth"),
        ({**KMEANS, "epochs": 3}, "codec kmeans has no parameter 'epochs'; .*there are codebook"),
        ({**KMEANS, "iteration": 3}, "did you mean iterations"),
        ({**KMEANS, "codec.body": "rqvae"}, "no parameter 'codec.body'"),
        ({**KMEANS, "codebook_size": "abc"}, "codebook_size must be a whole number .*got 'abc'"),
        ({**KMEANS, "codebook_size": True}, "must be a whole number from 1 to 65536, got True"),
        ({**KMEANS, "codebook_size": 0}, "must be a whole number from 1 to 65536, got 0"),
        ({**KMEANS, "codebook_size.body": 70000}, "codebook_size.body must be .* got 70000"),
        ({**KMEANS, "feature_scaling": "z"}, "must be one of none, zscore.* got 'z'"),
        ({**RVQ, "epochs": 1.5}, "epochs must be a whole number from 1 to 1000000, got 1.5"),
        ({**RVQ, "compression": 3}, "compression must be one of 1, 2, 4, 8, got 3"),
        ({**RVQ, "compression": True}, "compression must be one of 1, 2, 4, 8, got True"),
        ({**RVQ, "learning_rate": float("nan")}, "learning_rate must be a number .* got nan"),
        ({**RVQ, "learning_rate": float("inf")}, "got inf"),
    ],
)
def test_bad_configurations(config: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        complete(config)
    assert "\n" not in str(caught.value)


def test_keys_without_a_default_always_count_for_the_rate() -> None:
    family = CodecFamily(
        name="unregistered",
        keys=(
            key("codes", None, "codes", low=2, high=9, integer=True),
            key("stride", 2, "frames per token", low=1, high=4, integer=True),
        ),
        alphabet=lambda config, part: (int(config["codes"]),),
        title="",
        compression_key="stride",
    )
    assert family.rate_keys == {"codec", "codes", "stride"}


def test_two_families_of_one_name() -> None:
    family = family_of(KMEANS)
    assert register_family(family) is family
    with pytest.raises(BadInput, match="two codec families are called 'kmeans'"):
        register_family(replace(family, keys=family.keys[:1]))
    assert family_of(KMEANS) is family


def test_codecs_of_a_space() -> None:
    parameter = {"name": "codec", "choices": ["rqvae", "kmeans"]}
    cells = [{"codec": "rqvae"}, {"codec": "kmeans", "iterations": 3}, {"codec": "kmeans"}]
    said = [
        {"parameters": [parameter]},
        {"cells": cells},
        {"cells": [{"iterations": 3}], "fixed": {"codec": "kmeans"}},
        {"fixed": {"codec": "rqvae"}},
        {},
    ]
    assert [codecs_of(Space.model_validate(s)) for s in said] == [
        ("rqvae", "kmeans"),
        ("rqvae", "kmeans"),
        ("kmeans",),
        ("rqvae",),
        (),
    ]


def test_all_keys() -> None:
    assert {"codec", "codebook_size", "loss.position", "iterations", "window"} <= known_keys()


def test_quantizers_decide_the_alphabet() -> None:
    rvq = family_of(RVQ)

    def alphabet(**more: Any) -> tuple[int, ...]:
        return rvq.alphabet(complete({**RVQ, "codebook_size": 256, **more}), "body")

    assert alphabet() == alphabet(quantizer="sim_vq") == (256, 256)
    assert alphabet(quantizer="residual_fsq") == (240, 240)
    assert alphabet(quantizer="fsq", quantizer_depth=1) == (240,)
    assert alphabet(quantizer="lfq", quantizer_depth=1) == (256,)
    assert alphabet(quantizer="grouped_residual_vq", groups=3) == (256,) * 6
    assert alphabet(groups=3) == (256, 256), "groups of another quantizer count for nothing"
    by_part = {"quantizer.body": "residual_fsq", "codebook_size.body": 4096}
    assert alphabet(**by_part) == (4375, 4375)


def test_a_configuration_from_before_quantizers_has_its_alphabet() -> None:
    assert family_of(RVQ).alphabet(RVQ, "body") == (8, 8)
