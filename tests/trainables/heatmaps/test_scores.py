"""Metrics of heatmaps: pins of each, agreement with torchmetrics, and the floors beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from search_spaces import heatmap_metrics
from search_spaces.heatmaps import heatmap_spec
from search_spaces.objectives import Direction, find_metric
from tests.trainables.heatmaps.motion import waving
from trainables.heatmaps.dataset import HeatmapData, prepare_heatmaps
from trainables.heatmaps.foreground import chamfer, iou, masked_l1, masked_ssim
from trainables.heatmaps.keypoints import keypoint_error, locate
from trainables.heatmaps.latents import q_error, q_loss
from trainables.heatmaps.rasterise import keypoint_maps
from trainables.heatmaps.scores import (
    FLOORS,
    SCORED,
    floors,
    lit_share,
    mean_scores,
    score_heatmaps,
    score_window,
)
from trainables.heatmaps.similarity import (
    CAP_DB,
    l1_frames,
    psnr_frames,
    ssim_frames,
    ssim_map,
)
from trainables.heatmaps.stability import flicker, temporal_std_err, tstd_code, tstd_paper


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    """Values in 0..1."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def full(value: float, frames: int = 3) -> torch.Tensor:
    """One channel of one brightness."""
    return torch.full((1, frames, 16, 16), value)


def waves(**settings: object) -> HeatmapData:
    """Waving bodies, small."""
    small = {"size": 32, "window": 16, "stride": 8, "intensity": "random"}
    return prepare_heatmaps(heatmap_spec({**small, **settings}), [waving(n) for n in "abc"])


def torchmetrics_ssim(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """torchmetrics' SSIM map within valid windows; its own mean takes in mirrored edges as well."""
    _, whole = structural_similarity_index_measure(
        y, x, data_range=1.0, sigma=1.5, k1=0.01, k2=0.03, return_full_image=True
    )
    return whole[..., 5:-5, 5:-5]


class TestSsim:
    def test_agrees_with_torchmetrics_in_valid_windows(self) -> None:
        x, y = noise(2, 3, 32, 24), (noise(2, 3, 32, 24) + noise(2, 3, 32, 24, seed=1)) / 2
        other = torchmetrics_ssim(x, y)
        assert torch.allclose(ssim_map(x, y), other, atol=2e-5)
        assert torch.allclose(ssim_frames(x, y), other.mean(dim=(0, 2, 3)), atol=2e-6)

    def test_agrees_with_torchmetrics_on_heatmaps(self) -> None:
        made = waves()
        x = made.pair(made.windows["val"][0]).target
        assert torch.allclose(ssim_map(x, x * 0.7), torchmetrics_ssim(x, x * 0.7), atol=2e-5)

    def test_pins(self) -> None:
        c1 = 1e-4
        assert ssim_frames(full(0.3), full(0.3)).numpy() == pytest.approx(1.0)
        assert ssim_frames(full(0.0), full(0.0)).numpy() == pytest.approx(1.0)
        a, b = 0.6, 0.2
        expected = (2 * a * b + c1) / (a * a + b * b + c1)
        assert ssim_frames(full(a), full(b)).numpy() == pytest.approx(expected, rel=1e-4)

    def test_pictures_smaller_than_its_window_are_refused(self) -> None:
        with pytest.raises(ValueError, match="11 pixels"):
            ssim_frames(noise(1, 1, 10, 10), noise(1, 1, 10, 10))

    def test_black_around_changes_the_edge_alone(self) -> None:
        x, y = noise(1, 2, 20, 20), noise(1, 2, 20, 20, seed=1)
        inside = ssim_map(x, y, black_around=True)
        assert inside.shape == x.shape
        assert torch.allclose(inside[..., 5:-5, 5:-5], ssim_map(x, y), atol=1e-6)


class TestPsnrAndL1:
    def test_pins(self) -> None:
        assert psnr_frames(full(0.5), full(0.6)).numpy() == pytest.approx(20.0, abs=1e-4)
        assert psnr_frames(full(0.5), full(0.51)).numpy() == pytest.approx(40.0, abs=1e-3)
        assert l1_frames(full(0.0), full(0.37)).numpy() == pytest.approx(0.37)

    def test_a_perfect_frame_is_capped_and_no_infinity(self) -> None:
        assert psnr_frames(full(0.5), full(0.5)).tolist() == [CAP_DB] * 3
        assert psnr_frames(full(0.5), full(0.5), math.inf).tolist() == [math.inf] * 3

    def test_is_the_mean_of_decibels_over_frames(self) -> None:
        x = full(0.5, 2)
        y = x.clone()
        y[:, 0] += 0.1
        y[:, 1] += 0.01
        scores = score_heatmaps(x, y, limbs=True)
        assert scores["psnr_db"] == pytest.approx(30.0, abs=1e-3)  # not 22.97 of the mean error
        other = [peak_signal_noise_ratio(y[:, f], x[:, f], data_range=1.0) for f in range(2)]
        assert scores["psnr_db"] == pytest.approx(float(sum(other)) / 2, abs=1e-3)

    def test_what_leaves_the_range_is_clipped_first(self) -> None:
        x = noise(1, 3, 16, 16).round()
        scores = score_heatmaps(x, x * 3 - 1, limbs=True)
        assert scores["l1_intensity"] == 0 and scores["ssim_index"] == pytest.approx(1.0)


class TestForeground:
    def test_black_is_nearly_perfect_by_the_picture_and_worthless_by_what_is_drawn(self) -> None:
        made = waves(size=64)
        x = made.pair(made.windows["val"][0]).target
        scores = score_window(made, x, torch.zeros_like(x))
        assert scores["ssim_index"] > 0.6 and scores["l1_intensity"] < 0.06
        assert scores["ssim_fg_index"] < 0.02 and scores["iou_index"] == 0
        assert scores["l1_fg_intensity"] == pytest.approx(float(x[x >= 0.1].mean()))
        assert scores["chamfer_px"] == pytest.approx(64 * math.sqrt(2))

    def test_pins(self) -> None:
        x, y = torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 16)
        x[..., 4, 2:10] = 1.0
        y[..., 7, 2:10] = 0.5
        assert iou(x, x) == 1 and iou(x, y) == 0 and chamfer(x, x) == 0
        assert chamfer(x, y) == pytest.approx(3.0)
        assert masked_l1(x, y) == pytest.approx(0.75)  # 8 pixels lost and 8 made up
        y[..., 4, 2:6] = 1.0
        assert iou(x, y) == pytest.approx(4 / 16)
        assert masked_ssim(x, x) == pytest.approx(1.0)

    def test_made_up_limbs_cost_as_much_as_lost_ones(self) -> None:
        x, y = torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 16)
        x[..., 8, 3:12] = 1.0
        y[..., 8, 3:12] = 1.0
        y[..., 3, 3:12] = 1.0
        assert iou(x, y) == iou(y, x) == 0.5
        assert masked_l1(x, y) == masked_l1(y, x) == pytest.approx(0.5)
        assert chamfer(x, y) == pytest.approx(1.25)  # half its pixels are 5 away, one way of two

    def test_nothing_drawn_and_nothing_made_up_has_no_score(self) -> None:
        black = torch.zeros(1, 2, 16, 16)
        for metric in (iou, chamfer, masked_l1, masked_ssim):
            assert math.isnan(metric(black, black))


class TestKeypoints:
    def test_soft_argmax_finds_places_between_pixels(self) -> None:
        rng = np.random.default_rng(0)
        places = torch.tensor(rng.uniform(4, 27, (40, 2, 2)))
        strengths = torch.tensor(rng.uniform(0.2, 1, (40, 2)))
        maps = keypoint_maps(places, strengths, 32).transpose(0, 1)
        found, shown = locate(maps)
        assert shown.all() and float((found.transpose(0, 1) - places).norm(dim=-1).max()) < 0.05

    def test_a_faint_veil_draws_nothing_to_the_middle(self) -> None:
        maps = keypoint_maps(torch.tensor([[[5.0, 6.0]]]), torch.ones(1, 1), 64)
        found, _ = locate((maps + 0.02).clamp(0, 1))
        assert found[0, 0].tolist() == pytest.approx([5.0, 6.0], abs=0.02)

    def test_pins(self) -> None:
        one = keypoint_maps(torch.tensor([[[5.0, 6.0]]]), torch.ones(1, 1), 32)
        off = keypoint_maps(torch.tensor([[[8.0, 10.0]]]), torch.ones(1, 1), 32)
        assert keypoint_error(one, one) == (0.0, 0.0)
        assert keypoint_error(one, off)[0] == pytest.approx(5.0, abs=1e-3)
        gone = keypoint_error(one, torch.zeros_like(one))
        assert gone == (pytest.approx(math.hypot(32, 32)), 100.0)
        # what the original does not show is not asked for
        assert all(math.isnan(v) for v in keypoint_error(torch.zeros_like(one), one))

    def test_limb_maps_have_none(self) -> None:
        made = waves()
        x = made.pair(made.windows["val"][0]).target
        assert math.isnan(score_window(made, x, x)["keypoint_px"])
        named = waves(heatmap="keypoints", channels="each")
        x = named.pair(named.windows["val"][0]).target
        scores = score_window(named, x, x)
        assert scores["keypoint_px"] == 0 and math.isnan(scores["chamfer_px"])
        mixed = waves(heatmap="keypoints", channels="one")
        x = mixed.pair(mixed.windows["val"][0]).target
        assert math.isnan(score_window(mixed, x, x)["keypoint_px"])


class TestStability:
    def test_tstd_of_the_code_is_scale_free_and_noise_has_the_published_value(self) -> None:
        ramp = torch.linspace(0, 1, 64)
        assert tstd_code([ramp] * 3) == pytest.approx(0.2955, abs=2e-4)
        assert tstd_code([1e-6 * ramp, 40 * ramp, 3 - ramp]) == pytest.approx(0.2955, abs=2e-4)
        rng = np.random.default_rng(0)
        drawn = [tstd_code([torch.tensor(rng.normal(size=64))] * 3) for _ in range(200)]
        assert np.mean(drawn) == pytest.approx(0.215, abs=0.03)

    def test_tstd_of_the_code_is_undefined_where_nothing_is_wrong(self) -> None:
        x = noise(1, 8, 16, 16)
        assert math.isnan(score_heatmaps(x, x, limbs=True)["tstd_code_score"])
        # one perfect frame is enough: its PSNR is infinite
        y = (x + 0.1 * noise(1, 8, 16, 16, seed=1)).clamp(0, 1)
        assert math.isfinite(score_heatmaps(x, y, limbs=True)["tstd_code_score"])
        y[:, 0] = x[:, 0]
        assert math.isnan(score_heatmaps(x, y, limbs=True)["tstd_code_score"])
        assert math.isnan(tstd_code([torch.ones(1)] * 3))

    def test_tstd_of_the_paper(self) -> None:
        assert tstd_paper(full(0.7, 5)) == 0
        two = torch.cat([full(0.0, 1), full(1.0, 1)], dim=1)
        assert tstd_paper(two) == pytest.approx(0.5 / 16**2)

    def test_flicker_and_spread_ask_the_original(self) -> None:
        x = noise(1, 6, 16, 16) / 2
        assert flicker(x, x) == 0 and temporal_std_err(x, x) == 0
        assert flicker(x, x + 0.3) == pytest.approx(0.0, abs=1e-6)  # steadily wrong, no flicker
        blinking = x.clone()
        blinking[:, ::2] += 0.25
        assert flicker(x, blinking) == pytest.approx(0.25, abs=1e-6)
        still = x[:, :1].expand_as(x)
        assert temporal_std_err(x, still) == pytest.approx(
            float(x.double().std(dim=1, correction=0).mean())
        )
        assert math.isnan(flicker(x[:, :1], x[:, :1]))


class TestLatents:
    def test_pins(self) -> None:
        z = noise(2, 4, 3) + 1
        assert q_loss(z, z) == 0 and q_error(z, z) == 0
        pins = {"code": 1.25, "paper": 2.0, "mse": 1.0}
        for weighting, expected in pins.items():
            found = q_loss(z, z - 1, weighting)  # type: ignore[arg-type]
            assert found == pytest.approx(expected, abs=1e-5)

    def test_smaller_latents_shrink_the_loss_and_not_the_relative_error(self) -> None:
        z, e = noise(5, 4), noise(5, 4, seed=1)
        assert q_loss(0.1 * z, 0.1 * e) == pytest.approx(0.01 * q_loss(z, e), rel=1e-5)
        assert q_error(0.1 * z, 0.1 * e) == pytest.approx(q_error(z, e), rel=1e-5)


class TestScores:
    def test_every_metric_is_defined_and_found_by_name(self) -> None:
        for metric in (*SCORED, heatmap_metrics.QLOSS, heatmap_metrics.QERROR):
            assert find_metric(metric.column("val")) == (metric, "")
            assert metric.source and not metric.known
        for metric in (
            heatmap_metrics.TSTD_CODE,
            heatmap_metrics.TSTD_PAPER,
            heatmap_metrics.QLOSS,
        ):
            assert metric.direction is Direction.NONE

    def test_a_diverged_reconstruction_has_no_score(self) -> None:
        x = noise(2, 4, 16, 16)
        for named in (False, True):
            broken = x.clone()
            broken[0, 1, 3, 3] = math.nan
            scores = score_heatmaps(x, broken, limbs=True, names_keypoints=named)
            assert all(math.isnan(v) for v in scores.values()), scores

    def test_inputs_stay_and_shapes_must_agree(self) -> None:
        x, y = noise(1, 4, 16, 16) * 2, noise(1, 4, 16, 16, seed=1) - 0.5
        before = x.clone(), y.clone()
        first = score_heatmaps(x, y, limbs=True, names_keypoints=True)
        assert torch.equal(before[0], x) and torch.equal(before[1], y)
        assert first == score_heatmaps(x, y, limbs=True, names_keypoints=True)
        with pytest.raises(ValueError, match="both alike"):
            score_heatmaps(x, y[:, :3], limbs=True)

    def test_noise_is_worse_in_the_direction_of_each_metric(self) -> None:
        made = waves(heatmap="keypoints", channels="each")
        x = made.pair(made.windows["val"][0]).target
        y = (x + 0.3 * (noise(*x.shape) - 0.5)).clamp(0, 1)
        kwargs = {"limbs": True, "names_keypoints": True}
        best, worse = score_heatmaps(x, x, **kwargs), score_heatmaps(x, y, **kwargs)
        for metric in SCORED:
            sign = {Direction.MIN: 1, Direction.MAX: -1}.get(metric.direction)
            if sign and metric is not heatmap_metrics.KEYPOINT_LOST:
                assert sign * worse[metric.objective()] > sign * best[metric.objective()], metric

    def test_floors_stand_in_their_order(self) -> None:
        made = waves(size=64)
        windows = made.windows["val"]
        found = [floors(made, w) for w in windows]
        table = {name: mean_scores([f[name] for f in found]) for name in FLOORS}
        for key in ("ssim_index", "psnr_db", "ssim_fg_index", "iou_index"):
            values = [table[n][key] for n in ("all_zero", "repeat_frame", "noise_ceiling")]
            assert values == sorted(values) and values[1] > values[0], key
        # random intensities leave an error that no codec can undo, though the pose is the true one
        ceiling = table["noise_ceiling"]
        assert ceiling["psnr_db"] < 40 and 0.02 < ceiling["l1_fg_intensity"] < 0.15
        assert ceiling["psnr_db"] > table["second_draw"]["psnr_db"]
        assert 0.15 < ceiling["tstd_code_score"] < 0.35  # "as unstable" as the published codecs
        assert 0.01 < lit_share(made.pair(windows[0]).target) < 0.3

    def test_the_repeated_frame_itself_is_no_prediction(self) -> None:
        """Its perfect score would lift the mean over frames: by 6 dB in a window of 16."""
        made = waves(size=64)
        window = made.windows["val"][0]
        target = made.pair(window).target
        found = floors(made, window)["repeat_frame"]
        frames = psnr_frames(target, target[:, :1].expand_as(target))
        assert float(frames[0]) == CAP_DB
        assert found["psnr_db"] == pytest.approx(float(frames[1:].mean()))
        assert math.isfinite(found["tstd_code_score"])

    def test_without_noise_the_ceiling_is_perfect_and_not_listed(self) -> None:
        made = waves(intensity="constant")
        assert set(floors(made, made.windows["val"][0])) == {"all_zero", "repeat_frame"}
        target = made.pair(made.windows["val"][0]).target
        assert torch.equal(target, made.second_draw(made.windows["val"][0]))
