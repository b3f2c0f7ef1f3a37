"""The closed-form rate, against the paper's own figures and against counting by hand."""

from __future__ import annotations

import math

import pytest

from search_spaces.families import complete
from search_spaces.presets import load_spec
from search_spaces.rate import bits, nearest_frame_rate, nominal_rate, tokens_per_second
from tests.search_spaces.example_facts import THREE, facts

PAPER = (180.0, 270.0, 300.0, 360.0)
"""Klezovich et al., Table 1: bits/s of one stream at 30 fps."""


@pytest.mark.parametrize(
    ("cells", "rate"), [((0, 1), 180), ((2, 3), 270), ((4, 5), 300), ((6, 7), 360)]
)
def test_paired_cells_have_the_papers_rate(cells: tuple[int, int], rate: float) -> None:
    spec = load_spec("klezovich/table1")
    pair = [spec.configuration(spec.space.cells[i]) for i in cells]
    assert [config["codec"] for config in pair] == ["kmeans", "rqvae"]
    for config in pair:
        assert nominal_rate(config, facts(parts=("body",))).total == rate
        assert nominal_rate(config, facts()).per_part == dict.fromkeys(THREE, rate)
        assert nominal_rate(config, facts()).total == 3 * rate


def test_all_four_rates_of_the_table_are_there() -> None:
    spec = load_spec("klezovich/table1")
    rates = {
        nominal_rate(spec.configuration(c), facts(parts=("body",))).total for c in spec.space.cells
    }
    assert sorted(rates) == list(PAPER)


def test_rate_follows_the_frame_rate() -> None:
    config = complete({"codec": "kmeans", "codebook_size": 64})
    assert nominal_rate(config, facts(fps=15.0)).total == 3 * 6 * 15


def test_levels_decoded_set_the_rate_of_a_prefix() -> None:
    config = complete(
        {"codec": "rqvae", "codebook_size": 8, "quantizer_depth": 4, "quantizer_depth.body": 2}
    )
    rates = [nominal_rate(config, facts(), depth).per_part["right_hand"] for depth in (1, 2, 3, 4)]
    assert rates == [90, 180, 270, 360]
    # The body has two levels, whatever is asked for.
    assert [nominal_rate(config, facts(), d).per_part["body"] for d in (1, 2, 3)] == [90, 180, 180]


def test_padded_tails_are_counted_as_whole_tokens() -> None:
    config = complete(
        {"codec": "temporal_rvq", "codebook_size": 16, "quantizer_depth": 2, "compression": 4}
    )
    data = facts(parts=("body",), train=(8, 9), val=(3,), test=(4,))
    # 2 + 3 tokens of train, 1 of validation, 1 of test, over 24 frames.
    assert nominal_rate(config, data).total == pytest.approx(8 * 7 / 24 * 30)
    assert tokens_per_second(data, 4) > data.fps / 4
    assert tokens_per_second(facts(train=(8,), val=(4,), test=(4,)), 4) == 7.5


def test_compression_of_one_part_alone() -> None:
    config = complete(
        {
            "codec": "temporal_rvq",
            "codebook_size": 16,
            "quantizer_depth": 1,
            "compression": 1,
            "compression.body": 2,
        }
    )
    data = facts(train=(100,), val=(10,), test=(10,))
    assert nominal_rate(config, data).per_part == {
        "body": 60,
        "right_hand": 120,
        "left_hand": 120,
    }


def test_a_part_may_have_its_own_codebook() -> None:
    config = complete({"codec": "kmeans", "codebook_size": 64, "codebook_size.body": 512})
    rate = nominal_rate(config, facts())
    assert rate.per_part == {"body": 270, "right_hand": 180, "left_hand": 180}
    assert rate.total == 630


def test_a_coded_root_adds_its_stream() -> None:
    config = complete({"codec": "kmeans", "codebook_size": 64})
    rate = nominal_rate(config, facts(root_alphabet=(16, 16, 16, 8)))
    assert rate.per_part["root"] == (4 + 4 + 4 + 3) * 30
    assert rate.total == 3 * 180 + 450


def test_codebooks_that_are_no_power_of_two() -> None:
    assert bits((10, 10)) == pytest.approx(2 * math.log2(10))
    assert bits(()) == 0


def test_naming_a_training_frame() -> None:
    data = facts(train=(1024, 1024), root_alphabet=(4,))
    assert nearest_frame_rate(data).per_part == {**dict.fromkeys(THREE, 330.0), "root": 60.0}
