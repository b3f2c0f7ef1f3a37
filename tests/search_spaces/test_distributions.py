"""Spaces as Optuna sees them: conditions hold in every proposal, and there is a way back."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces.distributions import distribution, suggest, to_trial
from search_spaces.presets import load_spec, preset_names
from search_spaces.space import Parameter, Space, config_hash

UNSORTED = (64, 8, 512.0, 16)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Spaces of every kind of parameter, each under a condition or none."""
    parameters = [Parameter(name="codec", choices=("a", "b", "c"))]
    for i in range(draw(st.integers(1, 5))):
        listed = [p for p in parameters if p.choices is not None]
        asked = draw(st.sampled_from([None, *listed]))
        when: dict[str, Any] = {}
        if asked is not None:
            values = asked.choices or ()
            when = {asked.name: draw(st.sets(st.sampled_from(values), min_size=1))}
            when = {k: tuple(v) for k, v in when.items()}
        numbers = st.one_of(st.integers(-50, 50), st.floats(-5, 5))
        texts = st.text("xyz", min_size=1, max_size=2)
        low, span = draw(st.integers(1, 20)), draw(st.integers(0, 30))
        log, integer = draw(st.booleans()), draw(st.booleans())
        limits: dict[str, Any] = draw(
            st.one_of(
                st.lists(numbers, min_size=1, max_size=6, unique=True).map(
                    lambda v: {"choices": v}
                ),
                st.lists(texts, min_size=1, max_size=4, unique=True).map(lambda v: {"choices": v}),
                st.just({"low": low, "high": low + span, "log": log, "integer": integer}),
                st.just({"low": low, "high": low + 3 * span, "integer": True, "step": 3}),
            )
        )
        parameters.append(Parameter.model_validate({"name": f"p{i}", "when": when, **limits}))
    return Space(parameters=tuple(parameters))


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 2**31))
def test_conditions_hold_in_every_proposal_and_there_is_a_way_back(space: Space, seed: int) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    for _ in range(3):
        trial = study.ask()
        config = suggest(space, trial)
        active = space.active(config)
        assert set(config) == {p.name for p in active}
        assert all(p.contains(config[p.name]) for p in active)
        params, distributions = to_trial(space, config)
        assert params == trial.params
        assert distributions == trial.distributions
        fixed = optuna.trial.FixedTrial(params)
        assert suggest(space, fixed) == config


@pytest.mark.parametrize("name", preset_names())
def test_a_study_takes_up_what_another_proposed(name: str) -> None:
    space = load_spec(name, size="debug").space
    study, other = (
        optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1)) for _ in range(2)
    )
    for number in range(12):
        trial = study.ask()
        config = suggest(space, trial)
        study.tell(trial, float(number))
        params, distributions = to_trial(space, config)
        other.add_trial(
            optuna.create_trial(params=params, distributions=distributions, value=float(number))
        )
    assert [t.params for t in other.trials] == [t.params for t in study.trials]


def test_ordered_choices_are_suggested_by_their_place_in_order() -> None:
    space = Space(parameters=(Parameter(name="size", choices=UNSORTED),))
    assert distribution(space.parameters[0]) == IntDistribution(0, 3)
    found = [suggest(space, optuna.trial.FixedTrial({"size": i}))["size"] for i in range(4)]
    assert found == [8, 16, 64, 512]
    for value in UNSORTED:
        params, _ = to_trial(space, {"size": value})
        assert suggest(space, optuna.trial.FixedTrial(params)) == {"size": value}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"choices": [8, 16]}, CategoricalDistribution((8, 16))),
        ({"choices": ["a", "b", "c"]}, CategoricalDistribution(("a", "b", "c"))),
        ({"choices": [True, False]}, CategoricalDistribution((True, False))),
        ({"low": 1, "high": 8, "integer": True}, IntDistribution(1, 8)),
        ({"low": 1, "high": 9, "integer": True, "step": 4}, IntDistribution(1, 9, step=4)),
        ({"low": 1, "high": 64, "integer": True, "log": True}, IntDistribution(1, 64, log=True)),
        ({"low": 1e-4, "high": 1e-2, "log": True}, FloatDistribution(1e-4, 1e-2, log=True)),
        ({"low": 0, "high": 1}, FloatDistribution(0.0, 1.0)),
    ],
)
def test_kinds_of_distributions(fields: dict[str, Any], expected: object) -> None:
    assert distribution(Parameter.model_validate({"name": "x", **fields})) == expected


def test_one_name_under_two_conditions_is_two_distributions() -> None:
    space = load_spec("rate_distortion").space
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    sizes: dict[str, set[Any]] = {}
    for _ in range(200):
        config = suggest(space, study.ask())
        sizes.setdefault(str(config["codec"]), set()).add(config["codebook_size"])
    assert max(sizes["kmeans"]) > max(sizes["rqvae"])
    labels = {name for trial in study.trials for name in trial.params if "codebook" in name}
    assert labels == {"codebook_size|codec=kmeans", "codebook_size|codec=rqvae/temporal_rvq"}


def test_a_fixed_codec_opens_its_parameters() -> None:
    space = Space.model_validate(
        {
            "fixed": {"codec": "rqvae"},
            "parameters": [
                {"name": "codebook_size", "when": {"codec": "rqvae"}, "choices": [8]},
                {"name": "iterations", "when": {"codec": "kmeans"}, "choices": [5]},
            ],
        }
    )
    config = suggest(space, optuna.create_study().ask())
    assert config == {"codec": "rqvae", "codebook_size": 8}
    assert config_hash(config) == config_hash(next(space.grid()))
