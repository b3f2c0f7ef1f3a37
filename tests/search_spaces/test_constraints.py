"""What is refused before it costs anything, what is warned of, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from search_spaces import constraints
from search_spaces.constraints import (
    cautions,
    refusal,
    register_constraint,
    register_warning,
    window_fits_compression,
)
from search_spaces.data_facts import DataFacts
from search_spaces.families import complete
from search_spaces.space import Value
from tests.search_spaces.example_facts import facts


def kmeans(size: int, **more: Any) -> dict[str, Value]:
    return complete({"codec": "kmeans", "codebook_size": size, **more})


def temporal(**more: Any) -> dict[str, Value]:
    return complete({"codec": "temporal_rvq", "codebook_size": 16, "quantizer_depth": 2, **more})


def test_as_many_codes_as_frames_pass_and_one_more_does_not() -> None:
    data = facts(train=(60, 40))
    assert refusal(kmeans(100), data) is None
    assert refusal(kmeans(101), data) == "101 codes for body are more than its 100 training frames"


def test_tokens_count_where_time_is_compressed() -> None:
    data = facts(train=(61, 64))
    # 16 + 16 tokens, the tail of the first recording padded.
    assert refusal(temporal(codebook_size=32), data) is None
    reason = refusal(temporal(codebook_size=33), data)
    assert reason == "33 codes for body are more than its 32 training tokens"


def test_the_part_that_fails_is_named() -> None:
    data = facts(train=(100,))
    reason = refusal(kmeans(8, **{"codebook_size.left_hand": 200}), data)
    assert reason is not None and "200 codes for left_hand" in reason
    without = facts(train=(100,), parts=("body", "right_hand"))
    assert refusal(kmeans(8, **{"codebook_size.left_hand": 200}), without) is None


def test_few_frames_per_code_is_a_warning() -> None:
    data = facts(train=(1000,))
    assert cautions(kmeans(250), data) == []
    assert cautions(kmeans(400), data) == ["2.5 training tokens per code for body (fewer than 4)"]
    assert refusal(kmeans(400), data) is None
    assert cautions(kmeans(1001), data) == [], "what is refused needs no warning"


def test_without_a_loss_nothing_is_learnt() -> None:
    none = {"loss.angle": 0, "loss.position": 0}
    reason = refusal(temporal(**none), facts())
    assert reason == "loss.angle and loss.position are both 0 for body"
    assert refusal(temporal(**{"loss.angle": 0, "loss.position": 1}), facts()) is None
    one_part = {"loss.angle.right_hand": 0, "loss.position": 0}
    assert refusal(temporal(**one_part), facts()) == reason.replace("body", "right_hand")
    assert refusal(temporal(**one_part), facts(parts=("body",))) is None


def test_a_window_is_cut_into_whole_tokens() -> None:
    config: dict[str, Value] = {**temporal(), "window": 20, "compression": 8}
    reason = window_fits_compression(config, facts())
    assert reason == "window 20 is no multiple of compression 8 for body"
    config = {**temporal(), "window": 20, "compression": 4, "compression.left_hand": 8}
    reason = window_fits_compression(config, facts())
    assert reason is not None and reason.endswith("8 for left_hand")
    assert window_fits_compression({**config, "window": 24}, facts()) is None
    assert window_fits_compression(kmeans(8), facts()) is None


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"codec": "kmeans"}, "codec kmeans needs codebook_size"),
        ({"codec": "rqvea"}, "no codec 'rqvea'"),
        ({"codec": "kmeans", "codebook_size": 0}, "codebook_size must be"),
    ],
)
def test_what_is_no_configuration_is_refused_with_its_fault(
    config: dict[str, Value], reason: str
) -> None:
    said = refusal(config, facts())
    assert said is not None and said.startswith(reason)


@pytest.fixture
def own_rules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rules registered in a test end with it."""
    monkeypatch.setattr(constraints, "_CONSTRAINTS", list(constraints._CONSTRAINTS))
    monkeypatch.setattr(constraints, "_WARNINGS", list(constraints._WARNINGS))
    yield


@pytest.mark.usefixtures("own_rules")
def test_rules_of_a_plugin_are_asked_too() -> None:
    def odd(config: Mapping[str, Value], data: DataFacts) -> str | None:
        return f"odd codebook for {data.name}" if int(config["codebook_size"]) % 2 else None

    register_constraint(odd)
    register_warning(odd)
    assert refusal(kmeans(7), facts()) == "odd codebook for example"
    assert cautions(kmeans(7), facts()) == ["odd codebook for example"]
    assert refusal(kmeans(8), facts()) is None


def rqvae(**more: Any) -> dict[str, Value]:
    return complete({"codec": "rqvae", "codebook_size": 16, "quantizer_depth": 2, **more})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantizer": "fsq"}, "fsq has one level, quantizer_depth is 2 for body"),
        ({"quantizer": "lfq"}, "lfq has one level, quantizer_depth is 2 for body"),
        (
            {"quantizer": "fsq", "quantizer_depth": 1, "codebook_size": 2},
            "fsq needs a codebook_size of at least 3, not 2, for body",
        ),
        (
            {"quantizer": "residual_fsq", "codebook_size": 1},
            "residual_fsq needs a codebook_size of at least 2, not 1, for body",
        ),
        (
            {"quantizer": "lfq", "quantizer_depth": 1, "codebook_size": 24},
            "lfq gives each code as signs, so codebook_size must be a power of 2, not 24",
        ),
        (
            {"quantizer": "lfq", "quantizer_depth": 1, "codebook_size": 1},
            "lfq gives each code as signs, so codebook_size must be a power of 2, not 1",
        ),
        (
            {"quantizer": "grouped_residual_vq", "groups": 3},
            "latent_dim 64 cannot be cut into 3 equal groups for body",
        ),
        ({"groups": 2}, "groups need the quantizer grouped_residual_vq, not residual_vq, for body"),
        (
            {"quantizer": "sim_vq", "codebook_distance": "cosine"},
            "codebook_distance cosine needs codes that move; those of sim_vq do not",
        ),
        (
            {"quantizer": "residual_fsq", "dead_codes": "cvq_closest"},
            "dead_codes cvq_closest needs codes that move; those of residual_fsq do not",
        ),
        (
            {"quantizer": "sim_vq", "codebook_init": "random"},
            "codebook_init random needs codes that move; those of sim_vq do not",
        ),
        (
            {"quantizer": "sim_vq", "codebook_update": "gradient"},
            "codebook_update gradient needs codes that move; those of sim_vq do not",
        ),
        (
            {"codebook_update": "gradient", "codebook_distance": "cosine"},
            "a gradient takes codes off the unit sphere that cosine needs them on (body)",
        ),
        (
            {"quantizer_depth": 1, "quantizer_dropout": 0.2},
            "quantizer_dropout drops the later levels, and body has one",
        ),
        (
            {"codebook_distance": "cosine", "latent_dim": 1},
            "a line has 2 directions, so cosine has no use for 16 codes (body)",
        ),
        (
            {
                "codebook_distance": "cosine", "quantizer": "grouped_residual_vq",
                "groups": 4, "latent_dim": 4,
            },
            "a line has 2 directions, so cosine has no use for 16 codes (body)",
        ),
    ],
)  # fmt: skip
def test_options_that_cannot_go_together(changes: dict[str, Any], reason: str) -> None:
    # tests/trainables/quantizers/test_family.py shows that the library or the maths cannot.
    assert refusal(rqvae(**changes), facts()) == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"quantizer": "fsq", "quantizer_depth": 1, "codebook_size": 3},
        {"quantizer": "residual_fsq", "codebook_size": 2, "quantizer_dropout": 0.2},
        {"quantizer": "lfq", "quantizer_depth": 1},
        {"quantizer": "grouped_residual_vq", "groups": 4, "dead_codes": "cvq_random"},
        {"quantizer": "sim_vq", "rotation_trick": False, "dead_codes": "none"},
        {"codebook_distance": "cosine", "codebook_init": "random"},
        {"codebook_distance": "cosine", "latent_dim": 1, "codebook_size": 2},
        {"optimiser": "adamw", "weight_decay": 0.01, "loss.geodesic": 1.0},
    ],
)
def test_options_that_go_together(changes: dict[str, Any]) -> None:
    assert refusal(rqvae(**changes), facts()) is None


def test_an_autoencoder_of_features_may_have_more_codes_than_a_short_folder_has_tokens() -> None:
    few = facts(train=(40,))
    assert "are more than its" in str(refusal(rqvae(codebook_size=256), few))
    assert refusal(complete({"codec": "feature_autoencoder"}), few) is None


@pytest.mark.parametrize(
    ("changes", "works"),
    [
        ({}, False),
        ({"codebook_update": "gradient"}, True),
        ({"codebook_update": "gradient", "commitment": 0.0}, False),
    ],
)
def test_beta_on_the_codes_needs_codes_that_the_loss_moves(
    changes: dict[str, Any], works: bool
) -> None:
    config = complete({"codec": "eg_vqvae", "codebook_size": 16, "beta_on": "codebook", **changes})
    reason = refusal(config, facts())
    assert reason is None if works else "it needs codebook_update gradient" in str(reason)


def test_one_part_with_an_impossible_quantizer_is_enough() -> None:
    reason = refusal(rqvae(**{"quantizer.left_hand": "fsq"}), facts())
    assert reason == "fsq has one level, quantizer_depth is 2 for left_hand"
    alone = {"quantizer.left_hand": "fsq", "quantizer_depth.left_hand": 1}
    assert refusal(rqvae(**alone), facts()) is None


def test_only_rotations_have_an_angle() -> None:
    positions = facts().model_copy(update={"features": "position"})
    config = rqvae(**{"loss.geodesic": 1.0})
    assert refusal(config, positions) == (
        "loss.geodesic compares rotations, and features are positions"
    )
    assert refusal(rqvae(), positions) is None
    alone = rqvae(**{"loss.geodesic": 1.0, "loss.angle": 0.0})
    assert refusal(alone, facts()) is None, "an angle alone is a loss"
