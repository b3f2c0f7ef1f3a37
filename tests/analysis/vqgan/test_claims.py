"""Claims V1 to V6 on invented scores: each verdict can come out, and what forbids one does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from analysis.vqgan.claims import FAILED, HELD, OPEN, judge
from tests.analysis.vqgan.make_heatmaps import FLOOR, cell, sweep

V1_CELLS = [cell("vqgan", "3d_3d", 8, 1024), cell("dvae", "3d_3d", 8, 2048)]
F16 = [cell("vqgan", "c2d_2d", 16, k) for k in (512, 256, 128)]
VOCABULARY = [
    cell("vqgan", pair, 16, k) for pair in ("c2d_2d", "3d_3d") for k in (128, 256, 512, 1024)
]


def scores(of: Mapping[str, Any], name: str, rng: Any) -> float:
    return 0.8 if name == "iou_index" else FLOOR.get(name, 0.1)


@pytest.mark.parametrize(("gap", "verdict"), [(0.2, HELD), (0.001, FAILED), (-0.1, FAILED)])
def test_v1_is_judged_by_the_gap_to_the_dvae(gap: float, verdict: str) -> None:
    def ssim(of: Mapping[str, Any], name: str, rng: Any) -> float:
        better = gap if of["codec"] == "vqgan" else 0.0
        return 0.7 + better if name == "ssim_index" else scores(of, name, rng)

    found = judge(sweep(V1_CELLS, ssim))["V1"]
    assert found[0] == verdict and "black picture has 0.800" in found[1]


def test_v2_cannot_be_said_whatever_comes_out() -> None:
    found = judge(sweep(V1_CELLS, scores))["V2"]
    assert found[0] == OPEN and "0.151" in found[1] and "0.210" in found[1] and "0.22" in found[1]


@pytest.mark.parametrize(("more", "verdict"), [(0.0, HELD), (0.05, FAILED), (0.0097, OPEN)])
def test_v3_asks_what_more_codes_bring(more: float, verdict: str) -> None:
    def better(of: Mapping[str, Any], name: str, rng: Any) -> float:
        gain = more if of["codebook_size"] > 128 else 0.0
        return scores(of, name, rng) + (gain if name == "iou_index" else 0.0)

    assert judge(sweep(F16, better))["V3"][0] == verdict


@pytest.mark.parametrize(("wanted", "verdict"), [((128, 1024), OPEN), ((128, 512), FAILED)])
def test_v4_sets_the_least_codebooks_of_both_dimensions_side_by_side(
    wanted: tuple[int, int], verdict: str
) -> None:
    def better(of: Mapping[str, Any], name: str, rng: Any) -> float:
        least = wanted[0] if of["pair"] == "c2d_2d" else wanted[1]
        lost = 0.1 if of["codebook_size"] < least else 0.0
        return scores(of, name, rng) - (lost if name == "iou_index" else 0.0)

    found = judge(sweep(VOCABULARY, better))["V4"]
    assert found[0] == verdict and f"a ratio of {wanted[1] / wanted[0]:g}" in found[1]


@pytest.mark.parametrize(("left", "verdict"), [(0.02, HELD), (0.5, FAILED), (1.5, FAILED)])
def test_v5_asks_by_how_much_q_loss_falls(left: float, verdict: str) -> None:
    def falls(of: Mapping[str, Any], name: str, rng: Any) -> float:
        if name == "qloss_latent2":
            return 1.0 if of["codebook_size"] == 512 else left
        return scores(of, name, rng)

    found = judge(sweep(F16, falls))["V5"]
    assert found[0] == verdict and "relative error" in found[1]


SPOILT = [
    f"denoise_{kind}{level}_{which}_{score}"
    for kind in ("jitter", "dropped", "blur")
    for level in (1, 2, 3, 4)
    for which in ("input", "output")
    for score in ("iou_index", "l1_fg_intensity")
]


@pytest.mark.parametrize(("gain", "verdict"), [(0.1, HELD), (-0.1, FAILED), (0.0, OPEN)])
def test_v6_sets_output_beside_input(gain: float, verdict: str) -> None:
    def cleans(of: Mapping[str, Any], name: str, rng: Any) -> float:
        if not name.startswith("denoise_"):
            return scores(of, name, rng)
        grows = 1 if name.endswith("iou_index") else -1
        return 0.5 + (grows * gain if "_output_" in name else 0.0)

    cells = [cell("vqgan", "2d_2d", 8, 512, spoilt=SPOILT, corrupted_training=True)]
    found = judge(sweep(cells, cleans))["V6"]
    assert found[0] == verdict and "512 codes, trained on spoilt input: jitter" in found[1]
    assert "vqgan/denoise has them" in judge(sweep(F16, scores))["V6"][1]


def test_nothing_is_said_of_too_few_seeds_or_of_codecs_that_have_not_learnt() -> None:
    few = judge(sweep(F16, scores, seeds=2))
    assert all(few[c][0] == OPEN for c in ("V3", "V5")) and "needs 3 seeds" in few["V3"][1]

    def black(of: Mapping[str, Any], name: str, rng: Any) -> float:
        return 0.1 if name == "iou_index" else scores(of, name, rng)

    for claim, (verdict, why) in judge(sweep([*F16, *V1_CELLS], black)).items():
        assert verdict == OPEN, claim
        if claim in ("V1", "V3", "V5"):
            assert "has not learnt enough" in why and "0.40" in why


def test_an_effect_needs_both_intervals_on_one_side() -> None:
    def noisy(of: Mapping[str, Any], name: str, rng: Any) -> float:
        # seeds differ by more than the cells do, alike on every recording
        return 0.8 + (0.01 if of["codec"] == "vqgan" else 0.0) + 0.1 * rng.normal()

    made = sweep(V1_CELLS, noisy, noise=1e-4)
    effect = made.effect(made.cells[1], made.cells[0], "ssim_index")
    assert math.isfinite(effect.low) and (effect.low > 0 or effect.high < 0)
    assert effect.seeds.sign == 0 and effect.sign == 0
    assert effect.recordings == 8 and effect.seeds.seeds == 3
