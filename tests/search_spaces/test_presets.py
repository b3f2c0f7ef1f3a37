"""Presets at every size, files of one's own, and what is wrong with them in one line."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from search_spaces.distributions import suggest
from search_spaces.errors import BadInput
from search_spaces.families import codecs_of, family_of
from search_spaces.objectives import Objective, Scope
from search_spaces.presets import lay_over, load_spec, preset_names
from search_spaces.rate import nominal_rate
from search_spaces.spec import SIZES, SweepSpec
from tests.search_spaces.example_facts import facts

EVERY = [(name, size) for name in preset_names() for size in SIZES]
Write = Callable[..., str]

OWN: dict[str, Any] = {
    "title": "one of my own",
    "space": {
        "parameters": [
            {"name": "codec", "choices": ["kmeans"]},
            {"name": "codebook_size", "choices": [8, 16]},
        ]
    },
    "search": {"sampler": "grid"},
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a preset of one's own (changes laid over `OWN`, or a text) and says where."""

    def _write(changes: dict[str, Any] | str = "", name: str = "mine.yaml") -> str:
        path = tmp_path / name
        text = changes if isinstance(changes, str) and changes else None
        document = lay_over(OWN, changes if isinstance(changes, dict) else {})
        path.write_text(text or yaml.safe_dump(document), encoding="utf-8")
        return str(path)

    return _write


def proposals(spec: SweepSpec) -> list[dict[str, Any]]:
    """The whole grid, or what a random sampler proposes in a space without one."""
    if spec.space.finite:
        return list(spec.space.grid())
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [suggest(spec.space, study.ask()) for _ in range(60)]


def test_names() -> None:
    assert {"klezovich/table1", "rate_distortion"} <= set(preset_names())


@pytest.mark.parametrize(("name", "size"), EVERY)
def test_every_preset_proposes_what_its_codecs_know(name: str, size: str) -> None:
    spec = load_spec(name, size=size)
    assert (spec.name, spec.preset, spec.size) == (name.replace("/", "-"), name, size)
    # So many clusters need as many training frames, which no smaller size has.
    most = name in ("klezovich/jerk", "eggesture/codebook_size") and size == "reduced"
    assert spec.data.embedded_size == ("full" if most else size)
    seen = set()
    for proposal in proposals(spec):
        config = spec.configuration(proposal)
        family = family_of(config)
        assert {k for k in config if k != "codec" and family.key_of(k) is None} == set()
        assert nominal_rate(config, facts()).total > 0
        seen.add(config["codec"])
    assert seen == set(codecs_of(spec.space))


@pytest.mark.parametrize(("name", "size"), EVERY)
def test_every_preset_weighs_a_rate_against_a_distortion(name: str, size: str) -> None:
    scopes = [Objective(o).metric.scope for o in load_spec(name, size=size).objectives]
    # What is synthesised has no pose that it must come back to, and heatmaps have none at all.
    posed = name != "klezovich/jerk" and not name.startswith("vqgan/")
    distortion = Scope.POSE if posed else Scope.TOTAL
    assert scopes.count(Scope.RATE) == 1 and distortion in scopes


@pytest.mark.parametrize("name", preset_names())
def test_debug_is_the_cheapest_and_full_the_dearest(name: str) -> None:
    steps = []
    for size in SIZES:
        spec = load_spec(name, size=size)
        cell = {"codec": "rqvae", "codebook_size": 8, "quantizer_depth": 2}
        steps.append(spec.configuration(cell)["max_steps"])
    assert steps == sorted(steps) and len(set(steps)) == 3


@pytest.mark.parametrize(("name", "size"), EVERY)
def test_a_resolved_spec_reads_back_as_itself(name: str, size: str, tmp_path: Path) -> None:
    spec = load_spec(
        name,
        size=size,
        name="night",
        settings=["codebook_size.body=32", "parts.body=required", "part_joints.tail=T1,007"],
        overrides={"data": {"path": "motion/"}, "search": {"seeds": 2}, "run": {}},
    ).model_copy(update={"plugins": ("/somewhere/mine.py",)})
    path = tmp_path / "sweep.yaml"
    path.write_text(spec.dump(), encoding="utf-8")
    again = load_spec(str(path))
    assert again == spec and again.dump() == spec.dump()
    assert [type(v) for v in again.space.fixed.values()] == [
        type(v) for v in spec.space.fixed.values()
    ]


def test_a_resolved_spec_keeps_its_size(write: Write, tmp_path: Path) -> None:
    path = write(load_spec("klezovich/table1", size="debug").dump(), "sweep.yaml")
    assert load_spec(path).size == load_spec(path, size="debug").size == "debug"
    with pytest.raises(BadInput, match=r"is resolved at size debug; ask its preset for size full"):
        load_spec(path, size="full")


def test_a_file_of_ones_own(write: Write) -> None:
    path = write({"sizes": {"full": {"search": {"seeds": 5}}}})
    spec = load_spec(path)
    assert (spec.name, spec.preset, spec.size, spec.search.seeds) == ("mine", path, "reduced", 1)
    assert load_spec(path, size="full").search.seeds == 5
    assert load_spec(path, name="other").name == "other"
    assert load_spec(write({"name": "said"})).name == "said"
    assert load_spec(path, settings=["codebook_size=8"]).space.size() == 1


def test_a_file_beside_is_named_after_itself(write: Write, monkeypatch: Any) -> None:
    monkeypatch.chdir(Path(write()).parent)
    assert load_spec("mine.yaml").name == "mine"


def test_two_mappings_are_laid_over_one_another() -> None:
    under = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert lay_over(under, {"a": {"c": [3]}, "e": 2}) == {"a": {"b": 1, "c": [3]}, "d": 1, "e": 2}
    assert under == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


# ---- what is wrong -----------------------------------------------------------------------------


def said_of(*args: Any, **named: Any) -> str:
    with pytest.raises(BadInput) as caught:
        load_spec(*args, **named)
    said = str(caught.value)
    assert "\n" not in said
    return said


def test_no_such_preset(tmp_path: Path) -> None:
    said = said_of("klezovich/tabel1")
    assert "no preset 'klezovich/tabel1'" in said and "did you mean klezovich/table1" in said
    assert "klezovich/study" in said
    assert "no file" in said_of(str(tmp_path / "none.yaml"))
    assert "no preset" in said_of(str(tmp_path))


def test_no_such_size(write: Write) -> None:
    assert said_of("rate_distortion", size="big") == (
        "--size must be one of debug, reduced, full, got 'big'"
    )
    assert "sizes has 'huge'" in said_of(write({"sizes": {"huge": {}}}))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("title: [a\nspace: {}\n", "mine.yaml, line 2: not valid YAML"),
        ("title: a\n\ttitle: b\n", "mine.yaml, line 2: not valid YAML"),
        ("title: a\nsearch: {trials: 3}\ntitle: b\n", "line 3: .*the key 'title' stands twice"),
        ("- a\n- b\n", "mine.yaml: must hold a mapping"),
        ("data: 3\n", "mine.yaml: data must be a mapping of keys to values, got 3"),
        ("sizes: {debug: 3}\nsize: debug\n", "sizes.debug must be a mapping"),
        ("space: [1]\n", "space must be a mapping"),
    ],
)
def test_files_that_are_no_preset(write: Write, text: str, fault: str) -> None:
    path = write(text)
    with pytest.raises(BadInput, match=fault) as caught:
        load_spec(path)
    assert "\n" not in str(caught.value)
    assert Path(path).name in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("title: Körper".encode("latin-1"))
    assert "latin.yaml: cannot be read" in said_of(str(path))


def params(*more: dict[str, Any]) -> dict[str, Any]:
    return {"space": {"parameters": [*OWN["space"]["parameters"], *more]}}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"spec_version": 2}, "spec version 2 is not 1, which this release reads"),
        ({"titel": "x"}, "titel: no such key; did you mean title"),
        ({"data": {"split_sed": 3}}, "data.split_sed: no such key; did you mean split_seed"),
        ({"run": {"worker": 3}}, "run.worker: no such key; did you mean workers"),
        ({"search": {"trials": "many"}}, "search.trials: must be a valid integer, got 'many'"),
        (params({"name": "iterations", "chioces": [1]}), "parameters.2.chioces: .*mean choices"),
        (params({"choices": [1]}), "space.parameters.2.name: is missing"),
        (params({"name": "iterations", "choices": [[1]]}), "must be a number, a text or a switch"),
        (params({"name": "iterations", "low": 5, "high": 3}), "iterations: low 5.0 is above high"),
        (params({"name": "epochs", "choices": [3]}), "codec kmeans has no such parameter"),
        (params({"name": "iterations", "choices": [0]}), "iterations must be a whole number"),
        (params({"name": "iterations", "low": 1, "high": 9}), "a whole number; add integer: true"),
        (params({"name": "iterations", "low": 0, "high": 9, "integer": True}), "got 0"),
        (
            params({"name": "iterations", "choices": [3], "when": {"codec": "kmaens"}}),
            "its condition never holds",
        ),
        (
            params({"name": "iterations", "choices": [3], "when": {"codebook_size": 9}}),
            "its condition never holds",
        ),
        ({"space": {"parameters": OWN["space"]["parameters"][:1]}}, "kmeans needs codebook_size"),
        ({"space": {"parameters": OWN["space"]["parameters"][1:]}}, "needs the parameter 'codec'"),
        ({"space": {"fixed": {"hidden_dim": 8}}}, "fixed hidden_dim: no codec of this space"),
        ({"space": {"fixed": {"iterations": 0}}}, "iterations must be a whole number"),
        ({"space": {"fixed": {"codebook_size.hand": 8}}}, "no part 'hand'; did you mean left_hand"),
        (
            {"space": {"parameters": [], "cells": [{"codec": "kmeans"}]}},
            "cell 1: codec kmeans needs codebook_size",
        ),
        (
            {"space": {"parameters": [], "cells": [{"codec": "kmean", "codebook_size": 4}]}},
            "no codec 'kmean'; did you mean kmeans",
        ),
        ({"objectives": ["rate_nominal_bps", "rmse_cm"]}, "needs a part, as in rmse_full_cm"),
    ],
)  # fmt: skip
def test_faults_of_a_preset(write: Write, changes: dict[str, Any], fault: str) -> None:
    path = write(changes)
    with pytest.raises(BadInput, match=fault) as caught:
        load_spec(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ") and "\n" not in said


def test_a_preset_of_plugins_waits_until_they_are_loaded(write: Write) -> None:
    unknown = params() | {"objectives": ["rate_nominal_bps", "beauty_points"]}
    assert "no metric 'beauty_points'" in said_of(write(unknown))
    assert load_spec(write({**unknown, "plugins": ["mine.py"]})).plugins == ("mine.py",)
    wrong = params({"name": "epochs", "choices": [3]}) | {"plugins": ["mine.py"]}
    assert "no such parameter" in said_of(write(wrong))


def test_size_of_presets() -> None:
    assert load_spec("klezovich/table1").space.size() == 8
    assert load_spec("rate_distortion").space.size() == math.inf
