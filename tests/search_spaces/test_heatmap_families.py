"""Codecs of heatmaps before training: rates in closed form, and what is refused and why."""

from __future__ import annotations

import pytest

from search_spaces.constraints import cautions, refusal
from search_spaces.data_facts import DataFacts, PartFacts, SplitFacts
from search_spaces.errors import BadInput
from search_spaces.families import complete
from search_spaces.heatmap_families import PART
from search_spaces.heatmap_rate import heatmap_rate
from search_spaces.heatmaps import PAIRS
from search_spaces.keys import Key
from search_spaces.rate import nominal_rate, tokens_per_code
from search_spaces.space import Config, Value
from tests.search_spaces.example_facts import facts as example_facts


def facts(longest: int = 200, features: str = "heatmaps") -> DataFacts:
    split = SplitFacts(
        frames=2 * longest,
        seconds=2 * longest / 29.97,
        recordings=("a", "b"),
        lengths=(longest, longest),
    )
    part = PartFacts(name=PART, joints=19, dimensions=17, scored_joints=19)
    return DataFacts(
        name="x", fps=29.97, source_fps=(29.97,), parts=(part,), features=features,
        train=split, val=split, test=split, joints=19,
    )  # fmt: skip


def vqgan(**given: Value) -> Config:
    return complete({"codec": "vqgan", "codebook_size": 512, **given})


@pytest.mark.parametrize("factor", [4, 8, 16, 32])
def test_the_nominal_rate_is_that_of_the_grid(factor: int) -> None:
    config = vqgan(compression=factor)
    expected = heatmap_rate(factor, 512, window=64, size=128, fps=29.97)
    assert nominal_rate(config, facts()).total == pytest.approx(expected.bps)
    assert tokens_per_code(config, facts(), 1024.0) == pytest.approx(2.0)


def test_finite_scalar_codebooks_have_the_codes_that_they_have() -> None:
    plain, rounded = (nominal_rate(vqgan(codebook_size=256, codebook=c), facts()).total
                      for c in ("plain", "fsq"))  # fmt: skip
    assert rounded < plain  # 8 x 6 x 5 = 240 codes


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"window": 16, "compression": 32}, "F32 does not divide a window of 16"),
        ({"picture": 16, "compression": 32, "window": 32}, "F32 does not divide a size of 16"),
        ({"window": 8, "picture": 32}, "a discriminator needs 16 frames"),
        ({"max_steps": 100}, "disc_start 2000 is not before the last of 100 steps"),
        ({"codebook_start": 210_000}, "codebook_start 210000 is not before the last of 210000"),
        ({"batch_windows": 3, "accumulate": 2}, "cannot be cut into 2 equal pieces"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(given: dict[str, Value], said: str) -> None:
    assert said in (refusal(vqgan(**given), facts()) or "")


def test_a_window_longer_than_every_recording_is_refused() -> None:
    assert refusal(vqgan(adversarial=False), facts(64)) is None
    said = refusal(vqgan(adversarial=False), facts(20))
    assert said == "no training recording has a window of 64 frames; the longest has 20"


def test_codecs_are_of_what_the_data_are_prepared_as() -> None:
    assert refusal(vqgan(), facts(features="expmap")) is not None
    motion = complete({"codec": "kmeans", "codebook_size": 8})
    assert refusal(motion, example_facts()) is None
    assert "kmeans codes motion" in (refusal(motion, facts()) or "")


def test_more_codes_than_tokens_warn_and_do_not_refuse() -> None:
    config = vqgan(compression=32, window=32, codebook_size=1024)
    assert refusal(config, facts(40)) is None
    assert any("training tokens per code" in said for said in cautions(config, facts(40)))


def test_an_absent_perceptual_term_is_said() -> None:
    assert any("no perceptual term" in s for s in cautions(vqgan(adversarial=False), facts()))
    assert not any("perceptual" in s for s in cautions(vqgan(), facts()))


def test_a_generator_takes_no_tokens_of_pictures() -> None:
    with pytest.raises(BadInput, match="no codec 'vqgan' to be conditioned on"):
        complete({"codec": "flow_matching", "conditioning": "vqgan"})


def test_pairs_are_those_that_can_be_drawn() -> None:
    from search_spaces.families import family_of

    key = family_of({"codec": "vqgan"}).key_of("pair")
    assert isinstance(key, Key)
    assert key.parameter.choices == tuple(PAIRS)
