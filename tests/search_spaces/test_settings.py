"""`--set` in all its forms."""

from __future__ import annotations

from typing import Any

import pytest

from search_spaces.consistency import check_space
from search_spaces.errors import BadInput
from search_spaces.families import codecs_of, family_of
from search_spaces.presets import load_spec
from search_spaces.settings import parse_setting, restricted, typed
from search_spaces.space import Space
from search_spaces.spec import SweepSpec

WIDE, TABLE = "rate_distortion", "klezovich/table1"
PARTS = ("body", "right_hand", "left_hand")


def wide(*settings: str, size: str | None = None) -> SweepSpec:
    return load_spec(WIDE, size=size, settings=settings)


def table(*settings: str) -> SweepSpec:
    return load_spec(TABLE, settings=settings)


def choices(spec: SweepSpec, name: str) -> list[Any]:
    return [p.choices for p in spec.space.parameters if p.name == name]


def cells(spec: SweepSpec) -> list[tuple[Any, ...]]:
    return [tuple(c.values()) for c in spec.space.cells]


# ---- texts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("64", 64), ("-3", -3), ("0.5", 0.5), (".5", 0.5), ("1.0", 1.0), ("1e-3", 0.001),
        ("2E5", 2e5), ("true", True), ("No", False), ("rqvae", "rqvae"), ("none", "none"),
        ("nan", "nan"), ("inf", "inf"), ("12:30", "12:30"), ("2024-01-02", "2024-01-02"),
        ("10.0.0.1:6379", "10.0.0.1:6379"), ("mixamorig:Head", "mixamorig:Head"),
    ],
)  # fmt: skip
def test_texts_as_values(text: str, value: object) -> None:
    assert typed(text) == value and type(typed(text)) is type(value)


def test_a_setting_is_taken_apart() -> None:
    assert parse_setting(" codebook_size = 8, 16 ") == ("codebook_size", ["8", "16"])
    assert parse_setting("name=a=b") == ("name", ["a=b"])


@pytest.mark.parametrize("setting", ["", "codec", "codec=", "=3", "codec=a,", "codec=,a", " = "])
def test_texts_that_are_no_setting(setting: str) -> None:
    with pytest.raises(BadInput, match="--set needs KEY=VALUE"):
        wide(setting)


# ---- configuration keys over parameters --------------------------------------------------------


def test_a_value_fixes_a_parameter_of_every_codec_that_has_it() -> None:
    spec = wide("codebook_size=64", "learning_rate=1e-3")
    assert choices(spec, "codebook_size") == [(64,), (64,)]
    assert choices(spec, "learning_rate") == [(0.001,)]


def test_values_are_choices() -> None:
    spec = wide("codec=rqvae", "codebook_size=16,8", "learning_rate=1e-3,1e-4")
    assert choices(spec, "codebook_size") == [(16, 8)]
    assert choices(spec, "learning_rate") == [(0.001, 0.0001)]
    assert choices(wide("codebook_size=8,8,16"), "codebook_size") == [(8, 16), (8, 16)]


def test_a_key_that_is_no_parameter_is_fixed() -> None:
    spec = wide("epochs=5", "iterations=9")
    kmeans = spec.configuration({"codec": "kmeans", "codebook_size": 8})
    rqvae = spec.configuration({"codec": "rqvae", "codebook_size": 8, "quantizer_depth": 1})
    assert (kmeans["iterations"], rqvae["epochs"]) == (9, 5)
    assert "epochs" not in kmeans and "iterations" not in rqvae


def test_what_is_set_stands_over_what_the_preset_fixes() -> None:
    assert wide(size="debug").space.fixed["epochs"] == 20
    assert wide("epochs=7", size="debug").space.fixed["epochs"] == 7
    spec = wide("epochs=7,9", size="debug")
    assert "epochs" not in spec.space.fixed and choices(spec, "epochs") == [(7, 9)]


def test_choices_of_a_new_key_are_for_the_codecs_that_know_it() -> None:
    spec = wide("epochs=5,10")
    (parameter,) = [p for p in spec.space.parameters if p.name == "epochs"]
    assert parameter.when == {"codec": ("rqvae", "temporal_rvq")}
    (shared,) = [p for p in wide("codebook_size.body=8,16").space.parameters if "body" in p.name]
    assert shared.when == {}


def test_a_parameter_of_some_codecs_is_set_for_the_others_too() -> None:
    spaces = {
        "parameters": [
            {"name": "codec", "choices": ["rqvae", "temporal_rvq"]},
            {"name": "latent_dim", "when": {"codec": "rqvae"}, "choices": [16, 32]},
        ]
    }
    space = Space.model_validate(spaces)
    assert restricted(space, "latent_dim", [8]).fixed == {"latent_dim": 8}
    widened = restricted(space, "latent_dim", [8, 64]).parameters[1:]
    assert [(p.choices, p.when["codec"]) for p in widened] == [
        ((8, 64), ("rqvae",)),
        ((8, 64), ("temporal_rvq",)),
    ]


def test_a_key_for_one_part() -> None:
    spec = wide("codebook_size.body=64")
    assert spec.space.fixed["codebook_size.body"] == 64
    config = spec.configuration({"codec": "rqvae", "codebook_size": 8, "quantizer_depth": 1})
    alphabet = family_of(config).alphabet
    assert (alphabet(config, "body"), alphabet(config, "left_hand")) == ((64,), (8,))


def test_a_codec_alone_leaves_nothing_of_the_others() -> None:
    for size in ("debug", "reduced", "full"):
        spec = wide("codec=kmeans", size=size)
        known = {k.name for k in family_of({"codec": "kmeans"}).keys}
        assert {p.name for p in spec.space.parameters} <= {"codec", *known}
        assert set(spec.space.fixed) <= known
        assert len(choices(spec, "codebook_size")) == 1
    assert "compression" not in {p.name for p in wide("codec=kmeans,rqvae").space.parameters}


def test_a_condition_that_can_no_longer_hold_takes_its_parameters_along() -> None:
    space = Space.model_validate(
        {
            "fixed": {"codec": "temporal_rvq"},
            "parameters": [
                {"name": "compression", "choices": [1, 2, 4]},
                {"name": "window", "when": {"compression": [2, 4]}, "choices": [32, 64]},
                {"name": "epochs", "when": {"window": 32}, "choices": [5, 6]},
                {"name": "decay", "when": {"compression": 1}, "choices": [0.5, 0.9]},
            ],
        }
    )
    left = [p.name for p in restricted(space, "compression", [1]).parameters]
    assert left == ["compression", "decay"]
    left = [p.name for p in restricted(space, "compression", [4]).parameters]
    assert left == ["compression", "window", "epochs"]


def test_the_order_of_settings_is_no_matter() -> None:
    given = ["epochs=5", "codebook_size=8,32", "codec=rqvae"]
    assert wide(*given) == wide(*reversed(given))
    assert table("epochs=5", "codec=rqvae") == table("codec=rqvae", "epochs=5")


def test_a_key_that_no_codec_left_knows_is_an_error_in_any_order() -> None:
    said = r"--set epochs: no codec of this space \(kmeans\) has that parameter; there are codebook"
    for given in (["codec=kmeans", "epochs=5"], ["epochs=5", "codec=kmeans"]):
        with pytest.raises(BadInput, match=said):
            wide(*given)
    with pytest.raises(BadInput, match=said):
        table("epochs=5", "codebook_size=64")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["codebok_size=8"], "no parameter 'codebok_size'; did you mean codebook_size or"),
        (["codebook_size=abc"], "--set codebook_size must be a whole number .*got 'abc'"),
        (["codebook_size=true"], "got True"),
        (["codebook_size=8,0"], "from 1 to 65536, got 0"),
        (["codebook_size.body=70000"], "codebook_size.body must be .*65536, got 70000"),
        (["codebook_size.tail=8"], "codebook_size.tail: no part 'tail'; there are body, right"),
        (["epochs=1.5"], "epochs must be a whole number from 1 to 1000000, got 1.5"),
        (["learning_rate=nan"], "learning_rate must be a number .*got 'nan'"),
        (["compression=3"], "compression must be one of 1, 2, 4, 8, got 3"),
        (["codec=vqvae"], "--set codec: no codec 'vqvae'; did you mean rqvae"),
        (["codec=3"], "no codec 3"),
        (["codec.body=kmeans"], "no codec of this space .* has that parameter"),
        (["epochs=3", "epochs=4"], "--set epochs is given twice; .*epochs=A,B"),
    ],
)  # fmt: skip
def test_bad_settings_of_a_configuration(settings: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        wide(*settings)
    assert "\n" not in str(caught.value)


# ---- configuration keys over cells ---------------------------------------------------------------


def test_cells_are_narrowed_to_a_codec() -> None:
    spec = table("codec=rqvae")
    assert codecs_of(spec.space) == ("rqvae",)
    assert [c[1:] for c in cells(spec)] == [(8, 2), (8, 3), (32, 2), (8, 4)]
    assert "iterations" not in spec.space.fixed


def test_cells_are_narrowed_to_values() -> None:
    assert cells(table("codebook_size=64,32")) == [("kmeans", 64), ("rqvae", 32, 2)]
    assert cells(table("codec=rqvae", "codebook_size=8", "quantizer_depth=3")) == [("rqvae", 8, 3)]


def test_cells_that_do_not_know_a_key_stay() -> None:
    kmeans = [("kmeans", k) for k in (64, 512, 1024, 4096)]
    assert cells(table("quantizer_depth=3")) == [*kmeans[:2], ("rqvae", 8, 3), *kmeans[2:]]


def test_a_value_that_no_cell_has() -> None:
    with pytest.raises(BadInput, match=r"no cell has 16; cells have 8, 32, 64, 512, 1024, 4096"):
        table("codebook_size=16")
    with pytest.raises(BadInput, match="no cell has 99"):
        table("codebook_size=64,99")
    with pytest.raises(BadInput, match="no cell has temporal_rvq; cells have kmeans, rqvae"):
        table("codec=temporal_rvq")


def test_choices_of_a_key_that_cells_leave_open_multiply_them() -> None:
    spec = table("codec=rqvae", "latent_dim=16,32")
    assert spec.space.size() == 8 and "latent_dim" not in spec.space.fixed
    assert {c["latent_dim"] for c in spec.space.cells} == {16, 32}
    both = table("latent_dim=16,32")
    assert both.space.size() == 4 + 8, "K-Means has no latent and is not doubled"


def test_a_value_of_a_key_that_cells_leave_open_is_fixed() -> None:
    spec = table("epochs=3", "codebook_size.body=16")
    assert spec.space.size() == 8
    assert (spec.space.fixed["epochs"], spec.space.fixed["codebook_size.body"]) == (3, 16)


def test_a_key_that_some_cells_leave_open_is_set_in_them() -> None:
    space = Space.model_validate(
        {
            "fixed": {"codec": "kmeans"},
            "cells": [{"codebook_size": 8, "iterations": 5}, {"codebook_size": 16}],
        }
    )
    left = restricted(space, "iterations", [5]).cells
    assert [(c["codebook_size"], c["iterations"]) for c in left] == [(8, 5), (16, 5)]


@pytest.mark.parametrize("size", ["debug", "reduced", "full"])
@pytest.mark.parametrize("codec", ["kmeans", "rqvae", "temporal_rvq"])
def test_any_codec_alone_is_a_whole_space(codec: str, size: str) -> None:
    spec = wide(f"codec={codec}", size=size)
    check_space(spec.space, PARTS)
    assert codecs_of(spec.space) == (codec,)


# ---- data, search, run ---------------------------------------------------------------------------


def test_keys_of_the_data() -> None:
    data = wide(
        "split=time", "shares=0.8,0.1,0.1", "fps=25", "mirror=yes", "split_seed=3", "root=coded"
    ).data
    assert (data.split, data.shares, data.fps) == ("time", (0.8, 0.1, 0.1), 25.0)
    assert (data.mirror, data.split_seed, data.root) == (True, 3, "coded")


def test_keys_of_the_search_and_the_run() -> None:
    spec = wide("trials=7", "seeds=3", "seed=5", "sampler=nsga2", "threads=2", "max_failures=1")
    search, run = spec.search, spec.run
    assert (search.trials, search.seeds, search.seed) == (7, 3, 5)
    assert (search.sampler, run.threads, run.max_failures) == ("nsga2", 2, 1)
    assert not {"seed", "seeds", "trials"} & {p.name for p in spec.space.parameters}


def test_settings_stand_over_options() -> None:
    spec = load_spec(WIDE, settings=["trials=7"], overrides={"search": {"trials": 3, "seeds": 2}})
    assert (spec.search.trials, spec.search.seeds) == (7, 2)


def test_objectives() -> None:
    assert wide("objectives=rate_nominal_bps,rmse_body_cm").objectives == (
        "rate_nominal_bps",
        "rmse_body_cm",
    )


def test_parts_keep_those_that_are_not_named() -> None:
    assert wide("parts.right_hand=required").data.parts == {
        "body": "required",
        "right_hand": "required",
        "left_hand": "optional",
    }


def test_joints_of_a_part_are_texts() -> None:
    spec = wide(
        "part_joints.right_hand=RightHand,mixamorig:Thumb1,1e5,007", "part_joints.left_hand=none"
    )
    assert spec.data.part_joints == {
        "right_hand": ("RightHand", "mixamorig:Thumb1", "1e5", "007"),
        "left_hand": (),
    }  # fmt: skip


def test_a_part_of_ones_own_may_have_its_own_values() -> None:
    spec = wide("part_joints.tail=Tail1,Tail2", "codebook_size.tail=8")
    assert spec.data.part_names == (*PARTS, "tail")
    assert spec.space.fixed["codebook_size.tail"] == 8


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["trials=abc"], "search.trials: must be a valid integer, got 'abc'"),
        (["trials=0"], "search.trials: .*greater than or equal to 1, got 0"),
        (["trials=1.5"], "search.trials: .*got 1.5"),
        (["trials=true"], "trials must be a number, got True"),
        (["trials=3,4"], "--set trials takes one value, got 3, 4"),
        (["split=random"], "data.split: must be 'auto', 'recording' or 'time', got 'random'"),
        (["fps=0"], "data.fps: .*greater than 0"),
        (["shares=0.8,0.1"], "--set shares needs train,val,test"),
        (["shares=0.8,0.1,0.2"], "must be positive and add up to 1"),
        (["shares=1,0,0"], "must be positive and add up to 1"),
        (["shares=a,b,c"], "data.shares.0: must be a valid number, got 'a'"),
        (["parts.body=dropped"], "data.parts.body: must be 'required' or 'optional'"),
        (["parts=body"], "no parameter 'parts'; .*parts.PART"),
        (["path=x"], "no parameter 'path'"),
        (["objectives=rmse_full_cm"], "two different objectives or more, got rmse_full_cm"),
        (["objectives=rmse_full_cm,rmse_full_cm"], "two different objectives"),
        (["objectives=rate_nominal_bps,rsme_full_cm"], "no metric 'rsme_full.*did you mean rmse"),
        (["objectives=rate_nominal_bps,rmse_ful_cm"], "no part 'ful'; did you mean full"),
        (["sampler=cells"], "needs a space with cells"),
        (["sampler=grid"], "learning_rate is continuous; add --set learning_rate=A,B"),
        (["sampler=best"], "search.sampler: must be 'tpe'"),
    ],
)  # fmt: skip
def test_bad_settings_of_data_search_and_run(settings: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        wide(*settings)
    assert "\n" not in str(caught.value)


def test_cells_leave_a_sampler_nothing_to_choose() -> None:
    with pytest.raises(BadInput, match="sampler tpe has nothing to choose"):
        table("sampler=tpe")
    assert table("sampler=grid").search.sampler == "grid"


def test_a_space_made_finite_has_a_grid() -> None:
    spec = wide("sampler=grid", "codec=rqvae", "learning_rate=1e-3", "commitment=0.1,0.25")
    one = wide("sampler=grid", "codec=rqvae", "learning_rate=1e-3", "commitment=0.1")
    assert spec.space.size() == 2 * one.space.size() == len(list(spec.space.grid()))
