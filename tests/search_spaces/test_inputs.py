"""Generators' configurations: a codec's keys beside their own, and codecs from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search_spaces.constraints import refusal
from search_spaces.errors import BadInput
from search_spaces.families import (
    conditioning_codec,
    families,
    family_of,
    generators,
    is_generator,
)
from search_spaces.inputs import CodecInput, InputsSpec, codec_of, codec_trial, folder_hash, matches
from search_spaces.presets import load_spec
from search_spaces.rate import nominal_rate
from search_spaces.space import Config, config_hash, trial_id
from search_spaces.spec import parse_spec
from tests.search_spaces.example_facts import facts as example_facts

HASH = "0123456789abcdef"


def generator(conditioning: str = "kmeans", **keys: Any) -> Config:
    depth = {"quantizer_depth": 2} if conditioning != "kmeans" else {}
    config = {"codec": "flow_matching", "conditioning": conditioning, "codebook_size": 8}
    return family_of(config).complete({**config, **depth, **keys})


@pytest.mark.parametrize("conditioning", [f.name for f in families() if f.medium == "motion"])
def test_a_generator_has_the_rates_of_its_tokens(conditioning: str) -> None:
    config, facts = generator(conditioning), example_facts()
    codec = codec_of(config)
    assert is_generator(config) and not is_generator(codec)
    assert codec == family_of(codec).complete(conditioning_codec(config))
    assert nominal_rate(config, facts) == nominal_rate(codec, facts)


def test_no_key_of_a_generator_is_a_codecs() -> None:
    codecs = {k.name for family in families() for k in family.keys}
    for made in generators():
        assert not codecs & {k.name for k in made.keys}
        assert all(k.default is not None for k in made.keys)


def test_a_codec_is_the_same_trial_whatever_is_made_of_it() -> None:
    narrow, wide = generator(**{"flow.width": 16}), generator(**{"flow.width": 32})
    assert codec_trial(narrow, 3) == codec_trial(wide, 3) == trial_id(codec_of(narrow), 3)
    assert config_hash(narrow) != config_hash(wide)
    assert codec_trial(codec_of(narrow), 3) == ""


def test_a_codec_from_elsewhere_is_part_of_what_a_trial_is() -> None:
    own, other = generator(), generator(input=HASH)
    assert config_hash(own) != config_hash(other)
    assert codec_trial(other, 0) == ""
    with pytest.raises(BadInput, match="input"):
        generator(input="../elsewhere")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"quantizer_depth": 2}, "no parameter 'quantizer_depth'"),
        ({"flow.width": 12}, "flow.width must be"),
        ({"flow.guidance": -1.0}, "flow.guidance must be"),
        ({"conditioning": "flow_matching"}, "conditioned on"),
    ],
)
def test_what_a_configuration_cannot_say(keys: Config, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        generator(**keys)


def test_a_generators_key_is_given_for_no_part() -> None:
    config = generator(**{"flow.width.body": 16})
    assert "all parts" in str(refusal(config, example_facts()))
    assert refusal(generator(**{"codebook_size.body": 16}), example_facts()) is None


def test_the_papers_sweep_asks_for_every_size_of_the_figure() -> None:
    spec = load_spec("klezovich/jerk", size="reduced")
    configs = [spec.configuration(cell) for cell in spec.space.grid()]
    sizes = [c["codebook_size"] for c in configs if c["conditioning"] == "kmeans"]
    assert sizes == [64, 128, 256, 512, 1024, 2048, 4096]
    assert {c["conditioning"] for c in configs} == {"kmeans", "rqvae"}
    assert all("max_steps" not in c for c in configs if c["conditioning"] == "kmeans")
    narrowed = load_spec("klezovich/jerk", settings=("conditioning=kmeans", "flow.guidance=1,2"))
    assert len(list(narrowed.space.grid())) == 14


# ---- codecs from elsewhere -----------------------------------------------------------------


def document(**inputs: Any) -> dict[str, Any]:
    return {
        "name": "a", "preset": "a", "inputs": inputs, "search": {"sampler": "cells"},
        "space": {"cells": [{"codec": "flow_matching", "flow.width": 16}]},
    }  # fmt: skip


def found(**config: Any) -> dict[str, Any]:
    whole = family_of({"codec": "kmeans"}).complete({"codec": "kmeans", "codebook_size": 64})
    return {
        "sweep": "runs/a",
        "trial": "kmeans-1-s0",
        "sha256": HASH,
        "config": {**whole, **config},
    }


def test_a_codec_that_was_found_completes_every_generator() -> None:
    spec = parse_spec(document(codec=found()), "here")
    config = spec.configuration({"codec": "flow_matching", "flow.width": 16})
    assert (config["conditioning"], config["codebook_size"], config["input"]) == (
        "kmeans", 64, HASH,
    )  # fmt: skip
    assert parse_spec(spec.model_dump(mode="json"), "again") == spec
    codec = {"codec": "kmeans", "codebook_size": 8}
    assert spec.configuration(codec)["codebook_size"] == 8


def test_a_proposal_cannot_ask_for_another_codec_than_was_named() -> None:
    spec = parse_spec(document(codec=found()), "here")
    with pytest.raises(BadInput, match="codebook_size is 32"):
        spec.configuration({"codec": "flow_matching", "codebook_size": 32})


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"codec": {}}, "either sweep"),
        ({"codec": {"sweep": "a", "folder": "b"}}, "either sweep"),
        ({"codec": {"folder": "b", "choose": "codec=kmeans"}}, "one codec"),
        ({"codec": {"sweep": "a", "choose": "codec kmeans"}}, "KEY=VALUE"),
        ({"motion": {"sweep": "a"}}, "no such key|Extra inputs|motion"),
    ],
)
def test_inputs_that_say_too_little_or_too_much(inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words) as error:
        parse_spec(document(**inputs), "here")
    assert "\n" not in str(error.value)


def test_inputs_are_for_generators() -> None:
    wrong = {**document(codec={"sweep": "a"}), "space": {"cells": [found()["config"]]}}
    with pytest.raises(BadInput, match="space has none"):
        parse_spec(wrong, "here")


def test_a_choice_is_compared_by_value() -> None:
    config = {"codec": "kmeans", "codebook_size": 64, "learning_rate": 1e-3, "mirror": True}
    assert matches(config, {"codebook_size": "64.0", "learning_rate": "0.001", "mirror": "true"})
    assert not matches(config, {"codebook_size": "65"})
    assert not matches(config, {"codec": "rqvae"})
    with pytest.raises(BadInput, match="codebook_size"):
        matches(config, {"codebook": "64"})


def test_a_folders_hash_is_over_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "body").mkdir()
    file = tmp_path / "body" / "codec.json"
    file.write_text("one")
    first = folder_hash(tmp_path)
    assert len(first) == 16 and CodecInput(sweep="a", sha256=first).sha256 == first
    file.write_text("two")
    second = folder_hash(tmp_path)
    file.write_text("one")
    assert folder_hash(tmp_path) == first != second
    file.rename(tmp_path / "body" / "other.json")
    assert folder_hash(tmp_path) != first
    (tmp_path / "body" / "other.json").unlink()
    with pytest.raises(BadInput, match="no codec"):
        folder_hash(tmp_path)


def test_without_inputs_nothing_is_laid_under() -> None:
    proposal: Config = {"codec": "flow_matching", "conditioning": "kmeans", "codebook_size": 8}
    assert InputsSpec().laid_under(proposal) is proposal
