"""The model from speech to codes by its keys: what is refused, and what its trials wait for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from search_spaces.constraints import cautions, refusal
from search_spaces.families import family_of
from search_spaces.inputs import CodecInput, InputsSpec, awaited_of, codec_trial
from search_spaces.rate import nominal_rate
from search_spaces.space import Config
from search_spaces.speech_families import FEATURES_INPUT, feature_codec
from tests.search_spaces.example_facts import facts

BASE: Config = {"codec": "speech_to_codes", "conditioning": "eg_vqvae"}


def config(**settings: Any) -> Config:
    named = {k.replace("__", "."): v for k, v in settings.items()}
    return family_of(BASE | named).complete(BASE | named)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"speech__audio": "encoder"}, "weights missing: no folder of audio weights.*hf download"),
        ({"speech__text": "encoder", "speech__text_weights": "/no/where"}, "weights missing: /no"),
        ({"speech__text": "vectors"}, r"weights missing.*\.vec.*fasttext"),
        ({"conditioning": "kmeans", "codebook_size": 8}, "not trained jointly"),
        ({"speech__system": "regression"}, "speech.joint=false"),
        ({"speech__width": 24, "speech__heads": 5}, "no multiple of speech.heads"),
        ({"speech__window": 8, "speech__seed_tokens": 8}, "fewer than speech.window"),
        ({"speech__text_finetune": True, "speech__text": "none"}, "none has nothing to be tuned"),
        ({"speech__audio_finetune": True}, "log_mel has nothing"),
        ({"frechet__latent_dim": 30}, "frechet.latent_dim to"),
        ({"compression.body": 8}, "one compression"),
        ({"speech.width.body": 16}, "all parts at once"),
    ],
)
def test_what_cannot_work_is_refused_with_the_way_out(
    settings: dict[str, Any], reason: str
) -> None:
    named = {k.replace("__", "."): v for k, v in settings.items()}
    said = refusal(family_of(BASE | named).complete(BASE | named), facts())
    assert said is not None and re.search(reason, said), said


def test_weights_that_are_there_are_not_refused(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    there = config(speech__audio="encoder", speech__audio_weights=str(tmp_path))
    assert refusal(there, facts()) is None


def test_a_printed_schedule_is_cautioned_against() -> None:
    said = " ".join(cautions(config(speech__schedule="as_printed"), facts()))
    assert "next to none of the steps" in said
    assert "schedule" not in " ".join(cautions(config(), facts()))


def test_what_is_waited_for() -> None:
    """A joint trial trains its codec itself; Fréchet distances of all seeds are of one encoder."""
    joint, frozen = config(), config(speech__joint=False)
    assert codec_trial(joint, 3) == ""
    assert [a.config["codec"] for a in awaited_of(joint)] == ["feature_autoencoder"]
    codec, encoder = awaited_of(frozen)
    assert codec.trial(3) == codec_trial(frozen, 3) and codec.config["codec"] == "eg_vqvae"
    assert encoder.trial(3) == encoder.trial(4) != "" and codec.trial(3) != codec.trial(4)
    assert (
        awaited_of(config(frechet__measured=False)) == ()
        and feature_codec(config(frechet__measured=False)) is None
    )
    named = config(**{FEATURES_INPUT: "0" * 16})
    assert awaited_of(named) == ()


def test_its_rate_is_that_of_its_codes() -> None:
    own = config(codebook_size=64)
    codec = {k: v for k, v in awaited_of(config(codebook_size=64, speech__joint=False))[0]
             .config.items()}  # fmt: skip
    assert nominal_rate(own, facts()) == nominal_rate(codec, facts())


def test_inputs_name_an_autoencoder() -> None:
    features = CodecInput(sweep="runs/a", sha256="a" * 16, config={"codec": "feature_autoencoder"})
    laid = InputsSpec(features=features).laid_under(dict(BASE))
    assert laid[FEATURES_INPUT] == "a" * 16
    assert InputsSpec(features=features).laid_under({"codec": "kmeans"}) == {"codec": "kmeans"}
